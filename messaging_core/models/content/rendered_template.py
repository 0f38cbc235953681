"""What a template becomes once its values are filled in, and what is known of it before."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.content.body import Body
from messaging_core.models.content.template import TemplateShortLinks


@frozen(kw_only=True)
class TemplateSource:
    """Name what was rendered; with the same values it gives the same bytes again.

    Attributes:
        locale: Of the content that was chosen.
        platform: Whose content it was; absent for generic content.
    """

    project_id: str
    version_id: UUID
    locale: str
    platform: str | None = None


@frozen(kw_only=True)
class RenderedTemplate:
    """The content of a message, made from a template.

    Attributes:
        body: With subject or title, actions and attachments, as in a request without template.
        source: What it was made from.
        subtitle: Of a push message.
        data: What a push gateway gets instead of title, subtitle and text.
        short_links: The template's own setting.
    """

    body: Body = field(repr=False)
    source: TemplateSource
    subtitle: str | None = field(default=None, repr=False)
    data: Mapping[str, Any] | None = field(default=None, repr=False)
    short_links: TemplateShortLinks | None = None


@frozen(kw_only=True)
class ContentReport:
    """Tell what one content of a template takes, and how long it becomes.

    Attributes:
        platform: Whose content it is; absent for generic content.
        placeholders: Paths of the values it takes, in order of appearance.
        undeclared: Placeholders that no variable covers.
        unused: Variables that it does not use.
        parts: Parts as SMS with every default and nothing for the others.
        longest_parts: The same with each value at its limit, in characters of GSM-7; absent
            where a value has no limit.
        longest_unicode_parts: The same where one value forces UCS-2.
    """

    locale: str
    platform: str | None = None
    placeholders: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    parts: int | None = None
    longest_parts: int | None = None
    longest_unicode_parts: int | None = None
