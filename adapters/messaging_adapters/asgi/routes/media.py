"""Ask for uploads of media, and find the media of a message."""

import asyncio
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.asgi.call import Call, answer
from messaging_adapters.asgi.parameters import read_parameters
from messaging_adapters.asgi.problems import NOT_FOUND, ProblemError
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.errors import MediaError, UnknownMediaError
from messaging_core.models.messages.message import Message
from messaging_core.ports.http import HttpResponse
from messaging_core.wire import dump, dump_message, load

_FOUND: Final = 302
_UNAVAILABLE: Final = 503
_NO_STORE: Final = "the store of media is not available; try again"
_GIVEN_UP: Final = "the file could not be fetched from its provider"


@frozen(kw_only=True)
class UploadRequest:
    """The body of a request for an upload."""

    content_type: str


@frozen(kw_only=True)
class MediaQuery:
    """How a medium of a message is answered."""

    redirect: bool = False


@frozen(kw_only=True)
class MediaLocation:
    """Where a medium of a message is fetched; the URL works for a while without an access key."""

    location: str


async def presign_upload(call: Call) -> HttpResponse:
    """Give a form to upload a file that every channel may send."""
    return await _presigned(call, workspace=call.workspace)


async def presign_channel_upload(call: Call) -> HttpResponse:
    """Give a form to upload a file that one channel may send."""
    return await _presigned(call, channel=call.channel())


async def get_message_media(call: Call) -> HttpResponse:
    """Tell where a medium of a message is fetched."""
    query = read_parameters(MediaQuery, call.query)
    message_id, file_id = call.id("messageId"), call.id("fileId")
    if not await _is_received(call, message_id, file_id):
        message = await call.messenger.get(message_id, workspace=call.workspace)
        await _check_named(call, message, file_id)
    location = _uploads(call).link(file_id)
    if query.redirect:
        return HttpResponse(status=_FOUND, headers={"location": location})
    return answer(dump(MediaLocation(location=location)))


async def _presigned(call: Call, **owner: Any) -> HttpResponse:
    request = load(UploadRequest, call.request.body)
    create = partial(_uploads(call).create, request.content_type, **owner)
    try:
        # A store that makes forms of its own may have to find its credentials first.
        return answer(dump(await asyncio.to_thread(create)))
    except MediaError:
        raise ProblemError(_UNAVAILABLE, _NO_STORE) from None


async def _is_received(call: Call, message_id: UUID, file_id: UUID) -> bool:
    """Return whether a file came with an incoming message, and was fetched.

    Raises:
        StateError: It is not fetched yet.
        ProblemError: It was given up.
    """
    try:
        await call.messenger.media(message_id, file_id, workspace=call.workspace)
    except UnknownMediaError:
        return False
    except MediaError:
        raise ProblemError(NOT_FOUND, _GIVEN_UP) from None
    return True


async def _check_named(call: Call, message: Message, file_id: UUID) -> None:
    """Refuse a file that a message does not name, or may not name.

    Any text of a message may be the URL of a file that another workspace has uploaded.

    Raises:
        ProblemError: It is such a file, or the store is not available.
    """
    uploads = _uploads(call)
    if file_id not in _files_of(dump_message(message), uploads):
        raise ProblemError(NOT_FOUND)
    try:
        file = await asyncio.to_thread(uploads.store.find, file_id)
    except MediaError:
        raise ProblemError(_UNAVAILABLE, _NO_STORE) from None
    if file is None or file.workspace != call.workspace:
        raise ProblemError(NOT_FOUND)
    if file.channel not in {None, message.channel_id}:
        raise ProblemError(NOT_FOUND)


def _uploads(call: Call) -> Uploads:
    uploads = call.service.uploads
    assert uploads is not None  # noqa: S101 - without them there is no such route
    return uploads


def _files_of(values: Any, uploads: Uploads) -> Iterator[UUID]:
    """Yield the ids of the uploaded files that a document names, wherever it does."""
    if isinstance(values, str):
        file_id = uploads.file_id_of(values)
        if file_id is not None:
            yield file_id
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _files_of(value, uploads)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _files_of(value, uploads)
