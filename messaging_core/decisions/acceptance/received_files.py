"""Which pictures and files a message brought, and what the message names them by."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs

from messaging_core.lazy import define
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.received_file import (
    FileClaim,
    FileState,
    NewFile,
    ReceivedFile,
)

MOST_FILES: Final = 100
"""How many files of one message go to the media store; the others stay as they came."""

_FETCHED: Final = ("https://", "http://")


def take_files(  # noqa: PLR0913 - what a file is made of, each once
    message: Message,
    *,
    workspace: UUID,
    source: str,
    base_url: str,
    new_id: Callable[[], UUID],
    now: datetime,
) -> tuple[Message, list[NewFile]]:
    """Return a message that names its files by URLs of ours, and the files.

    Args:
        message: Its body has files inside it, or names them by URLs of the provider.
        workspace: Its tenant.
        source: The name of the provider.
        base_url: What the URLs begin with.
        new_id: Makes the ids of the files.
        now: The present.
    """
    files: list[NewFile] = []

    def take(part: Any, content: bytes | None) -> str:
        file = ReceivedFile(
            id=new_id(),
            workspace_id=workspace,
            message_id=message.id,
            number=len(files),
            source=source,
            url=part.media_url,
            name=getattr(part, "filename", None),
            content_type=getattr(part, "content_type", None),
            created_at=now,
            due_at=now,
        )
        files.append(NewFile(file=file, content=content))
        return media_url(base_url, file)

    body = _Walk(take=take, left=MOST_FILES).through(message.body)
    return (attrs.evolve(message, body=body) if files else message), files


def media_url(base_url: str, file: ReceivedFile) -> str:
    """Return the URL of a file, in the form of the Bird Channels API (section 13)."""
    workspace, message = file.workspace_id, file.message_id
    return f"{base_url}/workspaces/{workspace}/messages/{message}/media/{file.id}"


@define(kw_only=True)
class _Walk:
    """Goes through a body, and replaces what brought a file.

    Attributes:
        take: Makes the file of a picture, card or attachment, and returns the URL to name it by.
        left: How many files may still be taken.
    """

    take: Callable[[Any, bytes | None], str]
    left: int

    def through(self, value: Any) -> Any:
        """Return a part of a body with the new URLs; without files it is the same object."""
        if isinstance(value, tuple):
            items = tuple(map(self.through, value))
            is_same = all(new is item for new, item in zip(items, value, strict=True))
            return value if is_same else items
        if not attrs.has(type(value)):
            return value
        changed = self._taken(value)
        for field in attrs.fields(type(value)):
            part = getattr(value, field.name)
            new = self.through(part)
            if new is not part:
                changed[field.name] = new
        return attrs.evolve(value, **changed) if changed else value

    def _taken(self, value: Any) -> dict[str, Any]:
        """Return what changes where a part of a body is itself a file."""
        if not self.left or not hasattr(value, "media_url"):
            return {}
        if value.media_url is not None:
            if not value.media_url.lower().startswith(_FETCHED):
                return {}
            self.left -= 1
            return {"media_url": self.take(value, None)}
        content = _decoded(getattr(value, "content", None))
        if content is None:
            return {}
        self.left -= 1
        return {"media_url": self.take(value, content), "content": None}


def _decoded(content: str | None) -> bytes | None:
    """Return what a file inside a message is; nothing for what is no base64."""
    try:
        return None if content is None else base64.b64decode(content, validate=True)
    except ValueError:
        return None


def restarted(file: ReceivedFile, fence: int, now: datetime) -> ReceivedFile:
    """Return a file that was given up as it waits again.

    Args:
        file: The file.
        fence: How often it was leased.
        now: The present.
    """
    return attrs.evolve(
        file, state=FileState.WAITING, due_at=now, reason=None, earlier_claims=fence
    )


def after_failure(
    claim: FileClaim, reason: str, *, is_last: bool, pause: timedelta, now: datetime
) -> ReceivedFile:
    """Return a file that could not be fetched: it waits for a pause, or was given up."""
    if is_last:
        return attrs.evolve(claim.file, state=FileState.FAILED, due_at=now, reason=reason)
    return attrs.evolve(claim.file, due_at=now + pause, reason=reason)
