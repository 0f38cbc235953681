"""Uploaded media in a folder of this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO, Final
from uuid import UUID

import attrs
import orjson

from messaging_core.arguments import checked_init, path
from messaging_core.errors import MediaError
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock
from messaging_core.ports.media_store import MediaFile, MediaStore, MediaWriter

_PIECE: Final = 256 * 1024
_CONTENT: Final = "content"
_ABOUT: Final = "about.json"
_ABANDONED_AFTER: Final = timedelta(days=1)


@checked_init(root=path, clock=a_clock)
@attrs.define(eq=False)
class FolderMediaStore(MediaStore):
    """Keep files in a folder: each in a folder of its own below `files`, named by its id.

    Several processes may use the folder, if they are on one machine. It is made if it does not
    exist. What a process left unfinished when it was killed is removed after a day.

    Attributes:
        root: The folder; give no other program access to it.
        clock: Tells when what was left unfinished is old enough.
    """

    root: Path = attrs.field(converter=Path)
    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        with _translated():
            for folder in (self._files, self._partial):
                folder.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            return _Writer(Path(mkdtemp(dir=self._partial)), self._folder(file.id), file, limit)

    def find(self, file_id: UUID) -> MediaFile | None:
        with _translated():
            try:
                text = (self._folder(file_id) / _ABOUT).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _file_of(orjson.loads(text))

    def read(self, file_id: UUID) -> Iterator[bytes]:
        with _translated(), _opened(self._folder(file_id) / _CONTENT) as content:
            while piece := content.read(_PIECE):
                yield piece

    def delete(self, file_id: UUID) -> bool:
        with _translated():
            if not self._folder(file_id).exists():
                return False
            # A file that is moved away is gone at once; removing takes several steps.
            target = Path(mkdtemp(dir=self._partial)) / "deleted"
            try:
                self._folder(file_id).rename(target)
            except FileNotFoundError:  # another thread was faster
                return False
            finally:
                shutil.rmtree(target.parent, ignore_errors=True)
            return True

    @property
    def _files(self) -> Path:
        return self.root / "files"

    @property
    def _partial(self) -> Path:
        return self.root / "partial"

    def _folder(self, file_id: UUID) -> Path:
        return self._files / str(file_id)

    def _remove_abandoned(self) -> None:
        oldest = self.clock.now() - _ABANDONED_AFTER
        for folder in self._partial.iterdir():
            try:
                made_at = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
            except FileNotFoundError:  # it was finished meanwhile
                continue
            if made_at < oldest:
                shutil.rmtree(folder, ignore_errors=True)


class _Writer(MediaWriter):
    """Writes into a folder that is renamed when it is complete."""

    def __init__(self, partial: Path, target: Path, file: MediaFile, limit: int) -> None:
        self._partial, self._target, self._file, self._limit = partial, target, file, limit
        self._size = 0
        self._content = (partial / _CONTENT).open("wb")

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise MediaError(f"it is larger than {self._limit} bytes", permanent=True)
        with _translated():
            self._content.write(chunk)

    def commit(self) -> bool:
        about = orjson.dumps(_values_of(attrs.evolve(self._file, size=self._size)))
        with _translated():
            self._content.flush()
            os.fsync(self._content.fileno())
            self._content.close()
            with (self._partial / _ABOUT).open("wb") as target:
                target.write(about)
                target.flush()
                os.fsync(target.fileno())
            return self._publish()

    def abort(self) -> None:
        self._content.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _publish(self) -> bool:
        """Rename the folder; the system refuses it where a folder with files has that name."""
        try:
            self._partial.rename(self._target)
        except OSError:
            if self._target.exists():
                return False
            raise
        _sync_folder(self._target.parent)
        return True


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the errors of the system as those of the port."""
    try:
        yield
    except OSError as error:
        raise MediaError("the folder of media is not available", permanent=False) from error


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise MediaError("there is no such file", permanent=True) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call, and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _values_of(file: MediaFile) -> dict[str, Any]:
    return {
        "id": str(file.id),
        "contentType": file.content_type,
        "workspace": str(file.workspace),
        "channel": None if file.channel is None else str(file.channel),
        "size": file.size,
    }


def _file_of(values: dict[str, Any]) -> MediaFile:
    channel = values["channel"]
    return MediaFile(
        id=UUID(values["id"]),
        content_type=values["contentType"],
        workspace=UUID(values["workspace"]),
        channel=None if channel is None else UUID(channel),
        size=values["size"],
    )
