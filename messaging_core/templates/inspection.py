"""What a template takes, and how long it becomes."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from messaging_core.errors import TemplateError
from messaging_core.models.common.channel import SMS
from messaging_core.models.content.rendered_template import ContentReport
from messaging_core.models.content.template_project import (
    TemplateContent,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)
from messaging_core.rules.formats.sms import split_sms, with_plain_numbers
from messaging_core.templates.checking import undeclared
from messaging_core.templates.interpolation.paths import place, touches
from messaging_core.templates.sources import (
    DEFAULT_ENGINES,
    FORMS,
    Engines,
    Source,
    compiled,
    contents_of,
    engine_of,
    platform_of,
    sources_of,
)

# What the longest value of each type measures where no limit is set: a text has none.
_LONGEST: Final = {VariableType.NUMBER: 24, VariableType.BOOLEAN: 5, VariableType.DATE_TIME: 35}


def inspect(
    version: TemplateVersion, *, engines: Engines = DEFAULT_ENGINES
) -> tuple[ContentReport, ...]:
    """Tell of each content what it takes, what is undeclared or unused, and its length as SMS.

    The lengths are there for content that may go as SMS. With conditions and loops the longest
    case is that of these values, no bound.

    Raises:
        TemplateSyntaxError: A source is broken.
    """
    return tuple(_report(version, content, engines) for content, _ in contents_of(version))


def _report(version: TemplateVersion, content: TemplateContent, engines: Engines) -> ContentReport:
    engine = engine_of(version, engines)
    placeholders = tuple(
        dict.fromkeys(
            name
            for source in sources_of(content)
            for name in compiled(source, version, engine).placeholders
        )
    )
    text = content.text if platform_of(content) in {None, SMS} else None
    names = set(placeholders)
    used = [variable for variable in version.variables if touches(variable.key, names)]
    parts = [
        _parts(text, version, content.locale, values, engines)
        for values in (_defaults(used), _longest(used, "x"), _longest(used, "\N{SNOWMAN}"))
    ]
    return ContentReport(
        locale=content.locale,
        platform=platform_of(content),
        placeholders=placeholders,
        undeclared=undeclared(placeholders, version.variables),
        unused=tuple(variable.key for variable in version.variables if variable not in used),
        parts=parts[0],
        longest_parts=parts[1],
        longest_unicode_parts=parts[2],
    )


def _parts(
    text: str | None,
    version: TemplateVersion,
    locale: str,
    values: Mapping[str, Any] | None,
    engines: Engines,
) -> int | None:
    if text is None or values is None:
        return None
    source = Source("/text", "text", text, FORMS["text"])
    ready = compiled(source, version, engine_of(version, engines))
    try:
        rendered = ready.render(values, locale=locale, blank=lambda _: True)
        return split_sms(with_plain_numbers(rendered)).count
    except TemplateError:
        return None


def _defaults(variables: Iterable[TemplateVariable]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable in variables:
        if variable.default is not None:
            place(values, variable.key, variable.default)
    return values


def _longest(variables: Iterable[TemplateVariable], character: str) -> dict[str, Any] | None:
    """Return values as long as they may be, or nothing if one has no limit."""
    values: dict[str, Any] = {}
    for variable in variables:
        is_text = variable.type is VariableType.STRING
        length = variable.character_limit or _LONGEST.get(variable.type)
        if length is None:
            return None
        place(values, variable.key, (character if is_text else "0") * length)
    return values
