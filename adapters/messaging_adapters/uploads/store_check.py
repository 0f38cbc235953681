"""Checks that a store of media can be used, by using it."""

from typing import Final

from messaging_core.errors import MediaError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.clock import Clock, Ids, SystemClock, TimeOrderedIds
from messaging_core.ports.media_store import MediaFile, MediaStore

_CONTENT: Final = b"written by messaging check"


def check_media_store(
    store: MediaStore, *, clock: Clock | None = None, ids: Ids | None = None
) -> MediaError | None:
    """Write a small file, read and delete it, and return what went wrong, if something did."""
    now = (clock or SystemClock()).now()
    file = MediaFile(
        id=(ids or TimeOrderedIds()).new(now),
        content_type="text/plain",
        workspace=DEFAULT_WORKSPACE,
    )
    try:
        _try_out(store, file)
    except MediaError as error:
        return error
    return None


def _try_out(store: MediaStore, file: MediaFile) -> None:
    if store.find(file.id) is not None:
        raise MediaError("it has files that were never written", permanent=True)
    writer = store.begin(file, len(_CONTENT))
    try:
        writer.write(_CONTENT)
        is_written = writer.commit()
    finally:
        writer.abort()
    try:
        if not is_written or b"".join(store.read(file.id)) != _CONTENT:
            raise MediaError("it does not give back what is written", permanent=True)
    finally:
        is_deleted = store.delete(file.id)
    if not is_deleted:
        raise MediaError("it does not delete", permanent=True)
