"""The sources of a template, each with its form and its place."""

from collections.abc import Iterator, Mapping
from typing import Final

from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, PUSH, SMS
from messaging_core.models.content.template_project import (
    Form,
    PlatformContent,
    TemplateContent,
    TemplateVersion,
)
from messaging_core.ports.templates import CompiledTemplate, TemplateEngine
from messaging_core.rules.formats.platforms import ACTION_TYPES
from messaging_core.templates.interpolation.engine import InterpolationEngine

Engines = Mapping[str, TemplateEngine]
"""Engines by name, as template versions name them."""

DEFAULT_ENGINES: Final[Engines] = {InterpolationEngine.name: InterpolationEngine()}

FORMS: Final = {
    "subject": Form.LINE,
    "subtitle": Form.LINE,
    "text": Form.TEXT,
    "html": Form.HTML,
    "data": Form.JSON,
}
"""What each field of a content becomes."""

ACTION_FORMS: Final = {"text": Form.LINE, "url": Form.LINE, "payload": Form.TEXT}
"""What each field of an action becomes; others are as they stand."""

_USED: Final = {
    SMS: ("text",),
    EMAIL: ("subject", "text", "html"),
    PUSH: ("subject", "subtitle", "text", "data"),
}


@frozen
class Source:
    """One source of a content.

    Attributes:
        path: JSON pointer from the content.
        action: The type of the action that it is part of.
    """

    path: str
    field: str
    text: str
    form: Form
    action: str | None = None


def sources_of(content: TemplateContent) -> Iterator[Source]:
    """Yield every source of a content, those of its actions included."""
    for name, form in FORMS.items():
        text = getattr(content, name)
        if text is not None:
            yield Source(f"/{name}", name, text, form)
    for index, action in enumerate(content.actions):
        for name, form in ACTION_FORMS.items():
            text = getattr(action, name, None)
            if text is not None:
                path = f"/actions/{index}/{action.type}/{name}"
                yield Source(path, name, text, form, action.type)


def used_sources(content: TemplateContent, platform: str) -> Iterator[Source]:
    """Yield the sources of a content that a platform makes use of."""
    fields = _USED.get(platform, FORMS)
    carried = ACTION_TYPES.get(platform)
    for source in sources_of(content):
        if source.action is None:
            if source.field in fields:
                yield source
        elif carried is None or source.action in carried:
            yield source


def contents_of(version: TemplateVersion) -> Iterator[tuple[TemplateContent, str]]:
    """Yield every content of a version with its place."""
    for index, content in enumerate(version.generic_content):
        yield content, f"/genericContent/{index}"
    for index, own in enumerate(version.platform_content):
        yield own, f"/platformContent/{index}"


def platform_of(content: TemplateContent) -> str | None:
    """Return whose content it is."""
    return content.platform if isinstance(content, PlatformContent) else None


def engine_of(version: TemplateVersion, engines: Engines) -> TemplateEngine:
    """Return the engine that a version names.

    Raises:
        ConfigurationError: The host brings no such engine.
    """
    if version.engine not in engines:
        names = ", ".join(sorted(engines))
        message = f"no template engine {version.engine!r}; there are: {names}"
        raise ConfigurationError(message)
    return engines[version.engine]


def compiled(source: Source, version: TemplateVersion, engine: TemplateEngine) -> CompiledTemplate:
    """Compile one source of a version."""
    return engine.compile(source.text, source.form, line_breaks=version.line_breaks)
