"""Stored templates: projects, their versions, and the content of each language and platform."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, tuple_of
from messaging_core.models.content.action import Action
from messaging_core.models.content.body import Attachment
from messaging_core.models.content.template import TemplateShortLinks


class TemplateStatus(StrEnum):
    """Say whether a version may be edited (`draft`), sent (`active`) or neither (`inactive`)."""

    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"


class VariableType(StrEnum):
    """Say what the value of a variable is; a `dateTime` is a text of RFC 3339."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE_TIME = "dateTime"
    OBJECT = "object"


class Missing(StrEnum):
    """Say what becomes of a variable without a value: a violation, or nothing in its place."""

    ERROR = "error"
    BLANK = "blank"


class Form(StrEnum):
    """Say what a source becomes, which decides how values are written into it."""

    TEXT = "text"
    LINE = "line"
    HTML = "html"
    JSON = "json"


@frozen(kw_only=True)
class TemplateVariable:
    """Declare one value that a template takes.

    Attributes:
        key: Where it is among the values: `name`, or `order.total` for a part of an object. An
            object covers everything below its key.
        default: Stands in where no value is given.
        required: Whether a value without default must be given; else its place stays empty.
        character_limit: Most characters of the value as text.
    """

    key: str
    type: VariableType = VariableType.STRING
    description: str | None = field(default=None, repr=False)
    default: Any = field(default=None, metadata=NULLABLE, repr=False)
    required: bool = True
    character_limit: int | None = field(default=None, metadata=NULLABLE)


@frozen(kw_only=True)
class TemplateContent:
    """Hold the content in one language, as sources with placeholders.

    Attributes:
        locale: BCP 47 tag.
        subject: Subject of an email, title of a push message.
        subtitle: Of a push message.
        text: The text, or what a reader without HTML sees.
        html: HTML of an email.
        data: A JSON object for push, with the keys `android` and `apns`; instead of title,
            subtitle and text.
        attachments: Named by URL; placeholders in them are not filled.
    """

    locale: str
    subject: str | None = field(default=None, repr=False)
    subtitle: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    data: str | None = field(default=None, repr=False)
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    attachments: tuple[Attachment, ...] = field(
        default=(), converter=tuple_of[Attachment], metadata=NULLABLE
    )


@frozen(kw_only=True)
class PlatformContent(TemplateContent):
    """Hold the content of one platform in one language; it replaces the generic content."""

    platform: str


@frozen(kw_only=True)
class TemplateVersion:
    """One state of a template; once active it never changes.

    Attributes:
        id: What `version` of a request names.
        default_locale: The language of last resort; occurs among the contents of each platform.
        generic_content: For every platform without content of its own, one entry a language.
        engine: What renders it: `interpolation`, or one that the host brings.
        missing: What becomes of a variable without value and default.
        line_breaks: Whether line breaks in values become `<br/>` in HTML.
        activated_at: When it became active; of several active ones the last is `latest`.
    """

    id: UUID
    project_id: str
    default_locale: str
    status: TemplateStatus = TemplateStatus.DRAFT
    description: str | None = field(default=None, repr=False)
    generic_content: tuple[TemplateContent, ...] = field(
        default=(), converter=tuple_of[TemplateContent]
    )
    platform_content: tuple[PlatformContent, ...] = field(
        default=(), converter=tuple_of[PlatformContent]
    )
    variables: tuple[TemplateVariable, ...] = field(
        default=(), converter=tuple_of[TemplateVariable]
    )
    short_links: TemplateShortLinks | None = field(default=None, metadata=NULLABLE)
    engine: str = "interpolation"
    missing: Missing = Missing.ERROR
    line_breaks: bool = False
    created_at: datetime | None = None
    activated_at: datetime | None = None


@frozen(kw_only=True)
class TemplateProject:
    """A template under its name, with everything it was and is about to be.

    Attributes:
        id: What `projectId` of a request names; a UUID, or an id of the host's own.
        name: For people, and for requests that name no project.
        versions: In the order in which they were made; at most one is a draft.
    """

    id: str
    name: str = field(repr=False)
    description: str | None = field(default=None, repr=False)
    versions: tuple[TemplateVersion, ...] = field(default=(), converter=tuple_of[TemplateVersion])
    created_at: datetime | None = None
    updated_at: datetime | None = None
