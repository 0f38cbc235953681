"""Our own media stores keep the contract, and the contract catches wrong ones."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import attrs
import pytest

from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_core.ports.media_store import MediaFile, MediaStore, MediaWriter
from messaging_core.testing.contracts.media_store import MediaStoreContract


class TestMemory(MediaStoreContract):
    kind: type[MemoryMediaStore] = MemoryMediaStore

    def make_store(self) -> MediaStore:
        return self.kind()


class TestFolder(MediaStoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "media"

    def make_store(self) -> MediaStore:
        return FolderMediaStore(self.folder)


class Wrapped(MediaWriter):
    """Pass everything on."""

    def __init__(self, writer: MediaWriter) -> None:
        self.writer = writer

    def write(self, chunk: bytes) -> None:
        self.writer.write(chunk)

    def commit(self) -> bool:
        return self.writer.commit()

    def abort(self) -> None:
        self.writer.abort()


class Overwrites(MemoryMediaStore):
    """Let the last writer win."""

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        store = self

        class Writer(Wrapped):
            def commit(self) -> bool:
                store.delete(file.id)
                return super().commit()

        return Writer(super().begin(file, limit))


class NoLimit(MemoryMediaStore):
    """Ignore the limit."""

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        return super().begin(file, limit * 1000)


class ShowsPartialFiles(MemoryMediaStore):
    """Let a file be there as soon as it is begun."""

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        super().begin(file, limit).commit()
        return super().begin(file, limit)


class ForgetsTheChannel(MemoryMediaStore):
    """Keep no channel."""

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        return super().begin(attrs.evolve(file, channel=None), limit)


class ReadsInOnePiece(MemoryMediaStore):
    """Hold a whole file in memory."""

    def read(self, file_id: UUID) -> Iterator[bytes]:
        return iter([b"".join(super().read(file_id))])


class KeepsWhatIsDeleted(MemoryMediaStore):
    """Delete nothing."""

    def delete(self, file_id: UUID) -> bool:
        return self.find(file_id) is not None


CAUGHT: dict[type[MemoryMediaStore], str] = {
    Overwrites: "a_file_never_changes",
    NoLimit: "a_file_of_the_limit_is_kept_and_one_byte_more_is_refused_for_good",
    ShowsPartialFiles: "a_file_does_not_exist_before_it_is_complete",
    ForgetsTheChannel: "a_restricted_file_serves_its_channel_only",
    ReadsInOnePiece: "a_large_file_is_read_in_pieces",
    KeepsWhatIsDeleted: "a_deleted_file_does_not_exist",
}


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_store_is_caught(kind: type[MemoryMediaStore]) -> None:
    case = TestMemory()
    case.kind = kind

    with pytest.raises(AssertionError):
        getattr(case, f"test_{CAUGHT[kind]}")()
