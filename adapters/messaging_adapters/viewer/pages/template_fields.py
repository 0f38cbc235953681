"""The form of a template: its variables, with what is missing and what is not used."""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.template_data import PREFIX, Given
from messaging_adapters.viewer.template_preview import MISSING, Preview
from messaging_core.models.common.channel import SMS
from messaging_core.models.content.rendered_template import ContentReport
from messaging_core.models.content.template_project import (
    TemplateVariable,
    TemplateVersion,
    VariableType,
)

_EMPTY: Final = Given(words="")


@frozen(kw_only=True)
class FieldView:
    """A variable in the form.

    Attributes:
        name: Of the field.
        words: What stands in it.
        faults: What is wrong with the value.
        is_long: Whether it takes several lines.
        is_example: Whether the value is an example.
        is_unused: Whether no language uses it.
    """

    name: str
    key: str
    type: str
    words: str
    description: str | None
    is_required: bool
    is_missing: bool
    is_unused: bool
    is_example: bool
    is_long: bool
    limit: int | None
    faults: tuple[str, ...]


@frozen(kw_only=True)
class Notes:
    """What is known of a template before values are filled in.

    Attributes:
        undeclared: Placeholders that no variable covers.
        longest: How many parts the longest SMS may have, if that is known.
    """

    undeclared: tuple[str, ...] = ()
    longest: str | None = None


def fields_of(
    version: TemplateVersion,
    given: Mapping[str, Given],
    previews: Sequence[Preview],
    reports: Sequence[ContentReport],
) -> tuple[FieldView, ...]:
    """Return the form."""
    return tuple(
        _field(variable, given.get(variable.key, _EMPTY), previews, reports)
        for variable in version.variables
    )


def _field(
    variable: TemplateVariable,
    given: Given,
    previews: Sequence[Preview],
    reports: Sequence[ContentReport],
) -> FieldView:
    place = f"/data/{variable.key}"
    own = [
        violation
        for preview in previews
        for violation in preview.violations
        if violation.message.startswith(f"{variable.key} ") or violation.path == place
    ]
    faults = [violation.message for violation in own if violation.code != MISSING]
    unused = [variable.key in report.unused for report in reports]
    return FieldView(
        name=f"{PREFIX}{variable.key}",
        key=text.line(variable.key, 100),
        type=variable.type,
        words=given.words,
        description=text.line(variable.description) if variable.description else None,
        is_required=variable.required and variable.default is None,
        is_missing=any(violation.code == MISSING for violation in own),
        is_unused=bool(unused) and all(unused),
        is_example=given.is_example,
        is_long=variable.type is VariableType.OBJECT or "\n" in given.words,
        limit=variable.character_limit,
        faults=tuple(
            text.line(fault)
            for fault in dict.fromkeys([*([given.fault] if given.fault else ()), *faults])
        ),
    )


def notes_of(reports: Sequence[ContentReport], platform: str) -> Notes:
    """Return what is known of the contents of a platform."""
    own = [report for report in reports if report.platform == platform]
    used = own or [report for report in reports if report.platform is None]
    undeclared = dict.fromkeys(name for report in used for name in report.undeclared)
    return Notes(
        undeclared=tuple(text.line(name, 100) for name in undeclared),
        longest=_longest(used) if platform == SMS else None,
    )


def _longest(reports: Sequence[ContentReport]) -> str | None:
    plain = [report.longest_parts for report in reports]
    other = [report.longest_unicode_parts for report in reports]
    if not reports or None in plain or None in other:
        return "A variable has no character limit, so the text may have any number of parts."
    most, most_other = (max(filter(None, parts), default=1) for parts in (plain, other))
    return (
        f"With the longest values it has {most} parts; with a character beyond GSM-7 {most_other}."
    )
