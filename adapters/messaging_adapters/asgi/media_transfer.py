"""Carries the bytes of media: uploads into the store, and files out of it; none in memory."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from messaging_adapters.asgi.problems import NOT_FOUND, ProblemError, answer_problem
from messaging_adapters.asgi.upload_form import FORM_OVERHEAD, UploadForm
from messaging_adapters.uploads.presigned import UploadGrant, UploadRefusedError, Uploads
from messaging_core.errors import MediaError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.ports.media_store import MediaWriter

_log = logger(__name__)

_FOUND: Final = 302
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_TIMEOUT: Final = 408
_CONFLICT: Final = 409
_TOO_LARGE: Final = 413
_UNAVAILABLE: Final = 503
_NOT_ALLOWED: Final = 405
_NO_CONTENT: Final = 204
_BLOCK: Final = 256 * 1024
"""How many bytes go to the store at once: each call takes a thread."""

_USED: Final = "this form was used before: ask for a new one"
_TOO_SLOW: Final = "the upload was not complete before its form expired"
_SILENT: Final = "the upload was silent for too long: send it again"
_NO_STORE: Final = "the store of media is not available; nothing was kept, try again"


def media_routes(uploads: Uploads) -> list[Route]:
    """Return the routes that are called without an access key: a signature stands in for it."""

    async def upload(request: Request) -> Response:
        """Take one file with a form that `presigned-upload` gave."""
        if request.method != "POST":  # all methods come here, or a short link would take them
            return _refused(ProblemError(_NOT_ALLOWED, headers={"allow": "POST"}))
        try:
            await _Upload(uploads).receive(request)
        except ClientDisconnect:
            return Response(status_code=_BAD_REQUEST)  # the caller is gone
        except Exception as error:  # noqa: BLE001 - answered, and logged without content
            return _refused(error)
        return Response(status_code=_NO_CONTENT)

    async def download(request: Request) -> Response:
        """Give a file to the owner of a signed link."""
        try:
            return await _file(uploads, request)
        except Exception as error:  # noqa: BLE001 - answered, and logged without content
            return _refused(error)

    return [
        Route("/uploads", upload, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/media/{fileId}", download, methods=["GET"]),
    ]


class _Upload:
    """One upload: its form is checked before the first byte of its file is kept."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._ends_at = asyncio.get_running_loop().time() + uploads.lifetime.total_seconds()
        self._grant: UploadGrant | None = None
        self._writer: MediaWriter | None = None
        self._size = 0

    async def receive(self, request: Request) -> None:
        form = UploadForm(request.headers.get("content-type", ""))
        try:
            async for data in self._in_time(request.stream()):
                form.feed(data)
                await self._take(form, len(data))
            form.check_complete()
            await self._finish(form)
        finally:
            if self._writer is not None:
                await asyncio.to_thread(self._writer.abort)

    async def _in_time(self, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what comes before the form expires, if it comes without long pauses."""
        loop, idle = asyncio.get_running_loop(), self._uploads.idle_timeout.total_seconds()
        while True:
            rest = self._ends_at - loop.time()
            try:
                yield await asyncio.wait_for(anext(stream), min(rest, idle))
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ProblemError(_TIMEOUT, _TOO_SLOW if rest < idle else _SILENT) from None

    async def _take(self, form: UploadForm, size: int) -> None:
        """Keep what a piece of the request added to the file."""
        self._size += size
        if form.has_file and self._writer is None:
            await self._begin(form)
        if self._grant is not None and self._size > self._grant.max_bytes + 2 * FORM_OVERHEAD:
            raise ProblemError(_TOO_LARGE, f"the file is larger than {self._grant.max_bytes} bytes")
        if self._writer is not None and form.pending >= _BLOCK:
            await asyncio.to_thread(self._writer.write, form.take())

    async def _begin(self, form: UploadForm) -> None:
        grant = self._grant = self._uploads.authorize(form.fields)
        store = self._uploads.store
        if await asyncio.to_thread(store.find, grant.file.id) is not None:
            raise ProblemError(_CONFLICT, _USED)
        self._writer = await asyncio.to_thread(store.begin, grant.file, grant.max_bytes)
        rest: timedelta = grant.expires_at - self._uploads.clock.now()
        self._ends_at = min(self._ends_at, asyncio.get_running_loop().time() + rest.total_seconds())

    async def _finish(self, form: UploadForm) -> None:
        assert self._writer is not None  # noqa: S101 - a complete form has a file
        await asyncio.to_thread(self._writer.write, form.take())
        if not await asyncio.to_thread(self._writer.commit):
            raise ProblemError(_CONFLICT, _USED)


async def _file(uploads: Uploads, request: Request) -> Response:
    file_id = _id(request.path_params["fileId"])
    query = request.query_params
    uploads.check_link(
        file_id, expires=query.get("expires", ""), signature=query.get("signature", "")
    )
    file = await asyncio.to_thread(uploads.store.find, file_id)
    if file is None:
        raise ProblemError(NOT_FOUND)
    url = await asyncio.to_thread(uploads.direct_url, file) if request.method == "GET" else None
    if url is not None:
        return RedirectResponse(url, _FOUND, headers={"cache-control": "no-store"})
    headers = {
        "content-type": file.content_type,
        "content-length": str(file.size),
        # A stranger chose content and type: a browser must not run it as a page of this host.
        "content-disposition": "attachment",
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "private, immutable",
    }
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(uploads.store.read(file_id), headers=headers)


def _refused(error: Exception) -> Response:
    """Answer an error in the form of all errors."""
    match error:
        case UploadRefusedError():
            error = ProblemError(_FORBIDDEN, str(error))
        case MediaError(permanent=True):
            error = ProblemError(_TOO_LARGE, error.reason)
        case MediaError():
            error = ProblemError(_UNAVAILABLE, _NO_STORE)
        case ProblemError():
            pass
        case _:
            _log.error("media: %s", fault_of(error))
    answer = answer_problem(error)
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


def _id(text: str) -> UUID:
    try:
        file_id = UUID(text)
    except ValueError:
        raise ProblemError(NOT_FOUND) from None
    if str(file_id) != text:  # UUID takes braces and prefixes too
        raise ProblemError(NOT_FOUND)
    return file_id
