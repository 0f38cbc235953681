"""Workers that are killed while they fetch or delete media lose no file and leave none behind."""

import base64
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Keep, Messenger, Worker
from messaging_core.models import Attachment, FileState, HtmlBody, IncomingMessage
from messaging_core.ports.media import Media, MediaSource
from messaging_core.ports.media_store import MediaFile, MediaWriter
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.testing import MONDAY_MORNING, ManualClock, RecordingTransport, a_channel

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

MAIL: Final = a_channel("mail", platform="email")
FETCHED, INSIDE = b"\x89PNG", b"%PDF"
BODY: Final = HtmlBody(
    html="<p>hi</p>",
    attachments=(
        Attachment(filename="a.png", media_url="https://acme.example/a"),
        Attachment(filename="b.pdf", content=base64.b64encode(INSIDE).decode()),
    ),
)
_FEWEST_STEPS: Final = 12

Step = Callable[[], None]


def no_step() -> None:
    """Go on."""


def killed_at(number: int) -> Step:
    """Return a function whose call of this number kills the process."""
    calls = count(1)

    def step() -> None:
        if next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


class SteppedStorage(Storage):
    """Can be killed before and after each transaction, and before each commit."""

    def __init__(self, storage: SqliteStorage, step: Step) -> None:
        self._storage, self._step = storage, step

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        self._step()
        with self._storage.begin(connection, read_only=read_only) as tx:
            yield tx
            if not read_only:
                self._step()
        self._step()


class SteppedWriter(MediaWriter):
    """Can be killed before and after each call."""

    def __init__(self, writer: MediaWriter, step: Step) -> None:
        self._writer, self._step = writer, step

    def write(self, chunk: bytes) -> None:
        self._writer.write(chunk)
        self._step()

    def commit(self) -> bool:
        is_new = self._writer.commit()
        self._step()
        return is_new

    def abort(self) -> None:
        self._writer.abort()


class SteppedStore(FolderMediaStore):
    """Can be killed around each change."""

    step: Step = staticmethod(no_step)

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        return SteppedWriter(super().begin(file, limit), self.step)

    def delete(self, file_id: UUID) -> bool:
        is_deleted = super().delete(file_id)
        self.step()
        return is_deleted


class Shelf(MediaSource):
    """Serves one picture, and notes in a file that it was asked."""

    def __init__(self, notes: Path, step: Step) -> None:
        self._notes, self._step = notes, step

    def read(self, url: str, limit: int) -> Media:  # noqa: ARG002 - the port's
        with self._notes.open("a") as notes:
            notes.write(f"{url}\n")
        self._step()
        return Media(content=FETCHED, content_type="image/png")


class Shop:
    """A folder with a database and a media store, opened by one process after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hours = 0

    @contextmanager
    def messenger(self, step: Step = no_step) -> Iterator[Messenger]:
        """Open it, as a process does that begins."""
        store = SteppedStore(self._folder / "media")
        store.step = step
        with SqliteStorage(self._folder / "shop.db", exclusive=True) as storage:
            yield Messenger(
                storage=SteppedStorage(storage, step),
                channels={MAIL: RecordingTransport()},
                clock=ManualClock(MONDAY_MORNING + timedelta(hours=self._hours)),
                incoming_media=IncomingMedia(
                    store=store,
                    source=Shelf(self._folder / "asked", step),
                    base_url="https://shop.example",
                ),
            )

    def receive(self) -> None:
        with self.messenger() as messenger:
            messenger.receive(
                IncomingMessage(
                    source="acme",
                    at=MONDAY_MORNING,
                    channel_id=MAIL.id,
                    sender="ada@shop.example",
                    body=BODY,
                )
            )

    def wait(self) -> "Shop":
        """Let the leases of every process end that was killed."""
        self._hours += 1
        return self

    def copy(self, target: Path) -> "Shop":
        shutil.copytree(self._folder, target)
        copied = Shop(target)
        copied._hours = self._hours
        return copied

    def fetch(self, step: Step = no_step) -> None:
        with self.messenger(step) as messenger:
            Worker(messenger).drain()

    def purge(self, step: Step = no_step, keep: Keep = Keep.NOTHING) -> None:
        with self.messenger(step) as messenger:
            messenger.purge(before=messenger.clock.now(), keep=keep)

    def stored(self) -> set[str]:
        files = self._folder / "media" / "files"
        return {path.name for path in files.iterdir()} if files.exists() else set()

    def recorded(self) -> dict[str, str]:
        """Return the states of files by their ids."""
        with closing(sqlite3.connect(self._folder / "shop.db")) as connection:
            rows = connection.execute("SELECT id, state FROM messaging_received_files").fetchall()
        return {str(UUID(bytes=file_id)): state for file_id, state in rows}

    def asked(self) -> int:
        notes = self._folder / "asked"
        return len(notes.read_text().splitlines()) if notes.exists() else 0

    def contents(self) -> list[bytes]:
        with self.messenger() as messenger:
            (message,) = messenger.find().results
            files = messenger.received_files(message.id)
            assert [file.state for file in files] == [FileState.STORED] * 2
            return [b"".join(messenger.media(message.id, file.id).read()) for file in files]


def is_killed(act: Callable[[], object]) -> bool:
    """Do something in a forked child, and return whether it was killed."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    _, ending = os.waitpid(pid, 0)
    if os.WIFSIGNALED(ending):
        assert os.WTERMSIG(ending) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(ending) == 0
    return False


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path / "shop")
    (tmp_path / "shop").mkdir()
    shop.receive()
    return shop


def test_a_worker_killed_at_any_step_loses_no_file_and_stores_none_twice(
    shop: Shop, tmp_path: Path
) -> None:
    for number in count(1):
        killed = shop.copy(tmp_path / f"{number}")
        was_killed = is_killed(lambda: killed.fetch(killed_at(number)))  # noqa: B023 - at once
        assert killed.stored() <= set(killed.recorded())
        purged = killed.wait().copy(tmp_path / f"purged-{number}")

        killed.fetch()
        assert killed.contents() == [FETCHED, INSIDE]
        assert killed.stored() == set(killed.recorded())
        assert killed.asked() <= 2

        purged.purge()
        purged.wait().fetch()
        assert (purged.stored(), purged.recorded()) == (set(), {})
        if not was_killed:
            break
    assert number > _FEWEST_STEPS


def test_a_purge_killed_at_any_step_leaves_no_file_behind(shop: Shop, tmp_path: Path) -> None:
    shop.fetch()
    shop.wait()
    for number, keep in zip(count(1), cycle(Keep), strict=False):
        killed = shop.copy(tmp_path / f"{number}")
        was_killed = is_killed(lambda: killed.purge(killed_at(number), keep))  # noqa: B023 - at once
        assert killed.stored() <= set(killed.recorded())

        killed.wait().purge(keep=keep)
        killed.fetch()
        assert (killed.stored(), killed.recorded()) == (set(), {})
        if not was_killed:
            break
    assert number > _FEWEST_STEPS
