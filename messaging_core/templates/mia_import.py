"""Templates of the Mia-Platform Messaging Service, seen from either side."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote
from uuid import UUID

from messaging_core.models.common.channel import EMAIL, PUSH, SMS
from messaging_core.models.content.body import Attachment
from messaging_core.models.content.template_project import (
    Missing,
    PlatformContent,
    TemplateProject,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)

VOICE: Final = "voice"

_TEXTS: Final = {
    EMAIL: {"emailTitle": "subject", "emailMessage": "text", "emailHtmlMessage": "html"},
    SMS: {"smsMessage": "text"},
    VOICE: {"voiceMessage": "text"},
    PUSH: {"pushTitle": "subject", "pushSubtitle": "subtitle", "pushMessage": "text"},
}


def from_mia(
    document: Mapping[str, Any],
    version_id: UUID,
    *,
    locale: str = "en",
    files: str = "",
    engine: str = "interpolation",
) -> TemplateProject:
    """Turn a template of the Messaging Service into a project with one draft.

    Its values are two objects, `user` and `data`, and what is missing in them stays empty; line
    breaks in values become `<br/>` in HTML. Where both mail texts are given the plain one is
    ignored, and where push data is given the simple push fields are, so they are left out. Every
    source is kept as it is. Its helpers and blocks need an engine that knows them; without one,
    `check_version` names each place that uses one.

    Args:
        document: As its collection holds it, in JSON.
        version_id: Of the draft.
        locale: The language that it is in.
        files: What the name of a stored file is appended to, to make its URL.
        engine: Which engine renders it: `handlebars` for templates with helpers or blocks.
    """
    identifier = _id(document.get("_id"))
    variables = tuple(
        TemplateVariable(key=key, type=VariableType.OBJECT, required=False)
        for key in ("user", "data")
    )
    version = TemplateVersion(
        id=version_id,
        project_id=identifier,
        default_locale=locale,
        platform_content=tuple(_contents(document, locale, files)),
        variables=variables,
        engine=engine,
        missing=Missing.BLANK,
        line_breaks=True,
    )
    name = str(document.get("name") or identifier)
    return TemplateProject(id=identifier, name=name, versions=(version,))


def to_mia(
    project: TemplateProject,
    version: TemplateVersion,
    *,
    locale: str | None = None,
    files: str = "",
) -> dict[str, Any]:
    """Turn a version into a template of the Messaging Service, in one language.

    Content of other platforms and what that service has no field for is left out.
    """
    language = (locale or version.default_locale).lower()
    document: dict[str, Any] = {"_id": project.id, "name": project.name}
    for content in version.platform_content:
        if content.locale.lower() != language:
            continue
        for key, name in _TEXTS.get(content.platform, {}).items():
            if getattr(content, name) is not None:
                document[key] = getattr(content, name)
        if content.platform == PUSH and content.data is not None:
            document["pushData"] = content.data
        if content.platform == EMAIL and content.attachments:
            document["emailAttachments"] = [
                _file(attachment, files) for attachment in content.attachments
            ]
    return document


def _id(value: Any) -> str:
    """Return an id, which extended JSON writes as `{"$oid": …}`."""
    return str(value["$oid"]) if isinstance(value, Mapping) and "$oid" in value else str(value)


def _contents(document: Mapping[str, Any], locale: str, files: str) -> Iterator[PlatformContent]:
    data = document.get("pushData")
    for platform, keys in _TEXTS.items():
        fields = {name: document[key] for key, name in keys.items() if document.get(key)}
        if platform == PUSH and data:
            fields = {"data": data}
        if "html" in fields:
            fields.pop("text", None)
        if platform == EMAIL and fields:
            fields["attachments"] = _attachments(document.get("emailAttachments") or (), files)
        if fields:
            yield PlatformContent(platform=platform, locale=locale, **fields)


def _attachments(entries: Sequence[Any], files: str) -> tuple[Attachment, ...]:
    """Turn file objects, or the mere names of older templates, into attachments."""
    objects = [entry if isinstance(entry, Mapping) else {"file": entry} for entry in entries]
    return tuple(
        Attachment(
            filename=str(entry.get("name") or entry["file"]),
            media_url=files + quote(str(entry["file"]), safe="/"),
        )
        for entry in objects
    )


def _file(attachment: Attachment, files: str) -> dict[str, str]:
    name = unquote((attachment.media_url or "").removeprefix(files))
    file = {"file": name}
    return file if attachment.filename == name else file | {"name": attachment.filename}
