"""Put the files of incoming messages into the media store, and delete those that are removed."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Final

from attrs import evolve

from messaging_core.context import EngineContext
from messaging_core.decisions.acceptance.received_files import after_failure
from messaging_core.errors import MediaError, StorageError
from messaging_core.host_code import HostCode, fault_of
from messaging_core.lazy import logger
from messaging_core.models.messages.received_file import FileClaim, FileState, ReceivedFile
from messaging_core.ports.media import Media
from messaging_core.ports.media_store import MediaFile
from messaging_core.receipts.inbox import MOST_FAILURES, pause_after
from messaging_core.receipts.incoming_media import IncomingMedia

_log = logger(__name__)

_PAUSE: Final = 0.5  # seconds between looks
_TOGETHER: Final = 4  # files that are fetched at the same time, each in memory
_PAGE: Final = 50  # files that are deleted between two transactions
_LEASE: Final = timedelta(minutes=10)
_ANY_TYPE: Final = "application/octet-stream"


class MediaFetcher:
    """Move files in steps that can each be repeated after a crash.

    The id of a file is made when its message is stored, and is also its id in the media store. So a
    worker that claims the file again finds what a crashed one has stored, and the store keeps one
    file of an id. A file is deleted before its record is: a crash leaves no file without a record.
    """

    def __init__(self, context: EngineContext, media: IncomingMedia) -> None:
        self._context = context
        self._media = media

    def run(self, over: threading.Event) -> None:
        """Look again and again, until `over` is set."""
        while not over.wait(_PAUSE):
            try:
                self.run_once(over.is_set)
            except StorageError:
                _log.exception("the storage failed; trying again")
            except BaseException as error:  # noqa: BLE001 - the next look may do better
                _log.error("fetching media failed: %s", fault_of(error))

    def run_once(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Delete and fetch what is due now.

        Raises:
            StorageError: The storage failed.
        """
        self.remove_due()
        while not is_over() and (claims := self._claim(FileState.WAITING, _TOGETHER)):
            self._fetch_all(claims)

    def remove_due(self) -> None:
        """Delete the files of messages that were deleted or redacted.

        Raises:
            StorageError: The storage failed.
        """
        while claims := self._claim(FileState.REMOVED, _PAGE):
            done = [(claim, self._after_removal(claim)) for claim in claims]
            with self._context.storage.begin() as tx:
                for claim, after in done:
                    tx.received_files.settle(claim, after)

    def _claim(self, state: FileState, limit: int) -> list[FileClaim]:
        now, storage = self._context.now(), self._context.storage
        with storage.begin(read_only=True) as tx:
            if not tx.received_files.has_due(state, now):
                return []
        with storage.begin() as tx:
            return tx.received_files.claim(state, now=now, lease=_LEASE, limit=limit)

    def _fetch_all(self, claims: Sequence[FileClaim]) -> None:
        """Fetch files at the same time, so that a slow server delays few others."""
        threads = [
            threading.Thread(
                target=self._fetch, args=(claim,), name="messaging-media-file", daemon=True
            )
            for claim in claims[1:]
        ]
        for thread in threads:
            thread.start()
        self._fetch(claims[0])
        for thread in threads:
            thread.join()

    def _fetch(self, claim: FileClaim) -> None:
        """Put one file into the store and record it; a failure is recorded or logged."""
        try:
            after = self._after_attempt(claim)
            if not self._settle(claim, after) and after.state is FileState.STORED:
                self._delete_unlisted(claim.file)
        except Exception as error:  # noqa: BLE001 - its lease ends, and it is claimed again
            _log.error("file %s waits: %s", claim.file.id, fault_of(error))

    def _after_attempt(self, claim: FileClaim) -> ReceivedFile:
        now = self._context.now
        try:
            with HostCode("the media store"):
                stored = self._stored(claim)
        except StorageError:
            raise
        except MediaError as error:
            return self._failed(claim, error.reason, permanent=error.permanent)
        except Exception as error:  # noqa: BLE001 - code of the host
            _log.error("file %s cannot be fetched: %s", claim.file.id, fault_of(error))
            return self._failed(claim, type(error).__name__, permanent=False)
        return evolve(
            claim.file,
            state=FileState.STORED,
            url=None,
            content_type=stored.content_type,
            size=stored.size,
            due_at=now(),
            reason=None,
        )

    def _failed(self, claim: FileClaim, reason: str, *, permanent: bool) -> ReceivedFile:
        after = after_failure(
            claim,
            reason,
            is_last=permanent or claim.attempts >= MOST_FAILURES,
            pause=pause_after(claim.attempts),
            now=self._context.now(),
        )
        if after.state is FileState.FAILED:
            _log.warning("file %s of message %s is given up: %s", *_names(claim), reason)
        elif claim.attempts == 1:
            _log.warning("file %s of message %s is tried again: %s", *_names(claim), reason)
        return after

    def _stored(self, claim: FileClaim) -> MediaFile:
        """Return the file as it is in the store, and put it there unless it is.

        Raises:
            MediaError: It cannot be fetched, or not be stored.
        """
        store = self._media.store
        stored = store.find(claim.file.id)
        if stored is not None:  # by a worker that crashed before it could record it
            return stored
        if claim.attempts > MOST_FAILURES:
            raise MediaError("each attempt ended in a crash", permanent=True)
        began = monotonic()
        media = self._read(claim)
        file = MediaFile(
            id=claim.file.id,
            content_type=_type_of(media, claim.file),
            workspace=claim.file.workspace_id,
            size=len(media.content),
        )
        writer = store.begin(file, self._media.max_bytes)
        try:
            writer.write(media.content)
            # A message that is purged meanwhile has its file deleted when the lease has ended.
            if monotonic() - began > _LEASE.total_seconds() / 2:
                raise MediaError("it took too long", permanent=False)
            writer.commit()
        finally:
            writer.abort()
        return file

    def _read(self, claim: FileClaim) -> Media:
        url = claim.file.url
        if url is not None:
            return self._media.source.read(url, self._media.max_bytes)
        with self._context.storage.begin(read_only=True) as tx:
            content = tx.received_files.content(claim)
        if content is None:
            raise MediaError("its message was deleted", permanent=True)
        return Media(content=content, content_type=_ANY_TYPE)

    def _settle(self, claim: FileClaim, after: ReceivedFile | None) -> bool:
        with self._context.storage.begin() as tx:
            return tx.received_files.settle(claim, after)

    def _delete_unlisted(self, file: ReceivedFile) -> None:
        """Delete a file whose message was deleted meanwhile; another worker may have it, too."""
        with self._context.storage.begin(read_only=True) as tx:
            files = tx.received_files.of_message(file.workspace_id, file.message_id)
        if file.id not in {listed.id for listed in files}:
            self._media.store.delete(file.id)

    def _after_removal(self, claim: FileClaim) -> ReceivedFile | None:
        """Delete one file from the store; return its record if it has to be tried again."""
        try:
            with HostCode("the media store"):
                self._media.store.delete(claim.file.id)
        except Exception as error:  # noqa: BLE001 - code of the host; it is tried again
            _log.error("file %s cannot be deleted: %s", claim.file.id, fault_of(error))
            return evolve(claim.file, due_at=self._context.now() + pause_after(claim.fence))
        return None


def _names(claim: FileClaim) -> tuple[str, str]:
    return str(claim.file.id), str(claim.file.message_id)


def _type_of(media: Media, file: ReceivedFile) -> str:
    """Return the content type that the server named, or else the webhook."""
    if media.content_type != _ANY_TYPE:
        return media.content_type
    return file.content_type or _ANY_TYPE
