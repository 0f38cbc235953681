"""What a template must be to be saved."""

from collections.abc import Iterator, Sequence
from typing import Final

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.models.common.channel import EMAIL, PUSH, SMS
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Attachment
from messaging_core.models.content.template_project import (
    Form,
    TemplateContent,
    TemplateProject,
    TemplateVariable,
    TemplateVersion,
)
from messaging_core.ports.templates import CompiledTemplate
from messaging_core.rules.content.actions import check_actions
from messaging_core.rules.content.attachments import check_attachments
from messaging_core.rules.content.headers import check_subject
from messaging_core.rules.content.template import MAX_NAME_LENGTH, check_locale
from messaging_core.rules.formats.text import check_line, check_text
from messaging_core.rules.links.links import check_domain
from messaging_core.templates.interpolation.parser import is_path
from messaging_core.templates.interpolation.paths import touches
from messaging_core.templates.interpolation.values import type_fault
from messaging_core.templates.rendering import json_object
from messaging_core.templates.sources import (
    DEFAULT_ENGINES,
    Engines,
    Source,
    compiled,
    contents_of,
    platform_of,
    sources_of,
)

MAX_SOURCE_LENGTH: Final = 500_000
MAX_VARIABLES: Final = 200
MAX_CHARACTER_LIMIT: Final = 100_000

_NEEDED: Final = {SMS: ("text",), EMAIL: ("text", "html"), PUSH: ("text", "data")}
_SIMPLE_PUSH: Final = ("subject", "subtitle", "text")


def check_project(project: TemplateProject, path: str = "") -> list[Violation]:
    """Refuse a project that could not be named in a request."""
    violations = []
    for value, name in ((project.id, "id"), (project.name, "name")):
        here = f"{path}/{name}"
        violations += check_line(value, here, required=True, longest=MAX_NAME_LENGTH)
    return violations


def check_version(
    version: TemplateVersion, *, engines: Engines = DEFAULT_ENGINES, path: str = ""
) -> list[Violation]:
    """Find everything that is wrong with a version, so that sending it later cannot fail by it.

    A broken source is named with line and column. Each language stands there once for generic
    content and for each platform, the default one among them (Bird Channels API). Push data
    excludes title, subtitle and text, and is a JSON object whatever is filled in (Mia-Platform
    Messaging Service).
    """
    violations = list(_check_languages(version, path))
    violations += _check_variables(version.variables, f"{path}/variables")
    if version.short_links is not None and version.short_links.domain is not None:
        violations += check_domain(version.short_links.domain, f"{path}/shortLinks/domain")
    for content, place in contents_of(version):
        violations += _check_content(content, f"{path}{place}")
    if version.engine in engines:
        violations += _check_sources(version, engines, path)
    else:
        message = f"one of {', '.join(sorted(engines))}"
        violations.append(Violation(f"{path}/engine", "template.unknown_engine", message))
    return violations


def _check_languages(version: TemplateVersion, path: str) -> Iterator[Violation]:
    yield from check_locale(version.default_locale, f"{path}/defaultLocale")
    locales: dict[str | None, set[str]] = {}
    for content, place in contents_of(version):
        yield from check_locale(content.locale, f"{path}{place}/locale")
        seen = locales.setdefault(platform_of(content), set())
        if content.locale.lower() in seen:
            message = "there is content in this language already"
            yield Violation(f"{path}{place}/locale", "template.duplicate_locale", message)
        seen.add(content.locale.lower())
    if not locales:
        message = "at least one of genericContent and platformContent"
        yield Violation(path, "template.no_content", message)
    for platform, seen in locales.items():
        if version.default_locale.lower() not in seen:
            message = f"no content in this language, {platform or 'generic'}"
            yield Violation(f"{path}/defaultLocale", "template.no_default_content", message)


def _check_variables(variables: Sequence[TemplateVariable], path: str) -> Iterator[Violation]:
    if len(variables) > MAX_VARIABLES:
        message = f"at most {MAX_VARIABLES} variables, not {len(variables)}"
        yield Violation(path, "template.too_many_variables", message)
        return
    seen = set()
    for index, variable in enumerate(variables):
        here = f"{path}/{index}"
        if not is_path(variable.key):
            message = "letters, digits, _ and -, joined by dots"
            yield Violation(f"{here}/key", "template.bad_key", message)
        if variable.key in seen:
            message = "this variable is there already: declare it once"
            yield Violation(f"{here}/key", "template.duplicate_key", message)
        seen.add(variable.key)
        yield from _check_variable(variable, here)


def _check_variable(variable: TemplateVariable, path: str) -> Iterator[Violation]:
    limit = variable.character_limit
    if limit is not None and not 1 <= limit <= MAX_CHARACTER_LIMIT:
        message = f"1 to {MAX_CHARACTER_LIMIT}"
        yield Violation(f"{path}/characterLimit", "template.bad_limit", message)
    fault = None if variable.default is None else type_fault(variable, variable.default)
    if fault is not None:
        yield Violation(f"{path}/default", *fault)


def _check_content(content: TemplateContent, path: str) -> list[Violation]:
    platform = platform_of(content)
    violations = []
    needed = _NEEDED.get(platform or "", ("text", "html", "data"))
    if not any(getattr(content, name) for name in needed):
        message = f"at least one of {', '.join(needed)}"
        violations.append(Violation(path, "template.no_text", message))
    if platform == PUSH and content.data is not None:
        for name in _SIMPLE_PUSH:
            if getattr(content, name) is not None:
                message = "push data stands instead of title, subtitle and text: give either"
                violations.append(Violation(f"{path}/{name}", "template.two_contents", message))
    if content.subject is not None:
        violations += check_subject(content.subject, f"{path}/subject")
    if content.subtitle is not None:
        violations += check_subject(content.subtitle, f"{path}/subtitle")
    violations += check_actions(content.actions, platform or "", f"{path}/actions")
    violations += _check_attachments(content.attachments, platform, f"{path}/attachments")
    return violations


def _check_attachments(
    attachments: Sequence[Attachment], platform: str | None, path: str
) -> list[Violation]:
    return check_attachments(attachments, platform or EMAIL, path)


def _check_sources(version: TemplateVersion, engines: Engines, path: str) -> Iterator[Violation]:
    engine = engines[version.engine]
    for content, place in contents_of(version):
        for source in sources_of(content):
            here = f"{path}{place}{source.path}"
            if len(source.text) > MAX_SOURCE_LENGTH:
                message = f"at most {MAX_SOURCE_LENGTH} characters, not {len(source.text)}"
                yield Violation(here, "text.too_long", message)
                continue
            yield from check_text(source.text, here)
            try:
                ready = compiled(source, version, engine)
            except TemplateSyntaxError as error:
                yield Violation(here, "template.syntax", str(error))
                continue
            yield from _check_placeholders(ready, version, here)
            yield from _check_data(ready, source, here)


def _check_placeholders(
    ready: CompiledTemplate, version: TemplateVersion, path: str
) -> Iterator[Violation]:
    for name in undeclared(ready.placeholders, version.variables):
        message = f"{name} is no variable of the template: declare it"
        yield Violation(path, "template.undeclared_variable", message)


def undeclared(
    placeholders: Sequence[str], variables: Sequence[TemplateVariable]
) -> tuple[str, ...]:
    """Return the placeholders that no variable covers, and that hold none."""
    keys = {variable.key for variable in variables}
    return tuple(name for name in placeholders if not touches(name, keys))


def _check_data(ready: CompiledTemplate, source: Source, path: str) -> Iterator[Violation]:
    """Refuse push data that is broken even with nothing filled in."""
    if source.form is not Form.JSON:
        return
    try:
        is_object = json_object(ready.render({}, blank=lambda _: True)) is not None
    except TemplateValueError:  # needs values; then rendering is what finds it
        return
    if not is_object:
        message = "a JSON object, whatever is filled in"
        yield Violation(path, "template.data_not_json", message)
