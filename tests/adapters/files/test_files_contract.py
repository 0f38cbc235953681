"""Our own file stores keep the contract, and the contract catches wrong ones."""
# ruff: noqa: ARG002 - what is wrong is often what is left out

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

import pytest

from messaging_adapters.files.folder import FolderFiles
from messaging_core.errors import MediaError
from messaging_core.ports.files import NOWHERE, Files
from messaging_core.ports.media import Media
from messaging_core.testing.contracts.files import FilesContract
from messaging_core.testing.files import MemoryFiles


class TestFolderFiles(FilesContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_files(self, contents: Mapping[str, bytes]) -> Files:
        (self.folder / "kerfuffle").write_bytes(b"a secret beside the folder")
        root = self.folder / "root"
        root.mkdir()
        for name, content in contents.items():
            (root / name).write_bytes(content)
        return FolderFiles(root)


class TestMemoryFiles(FilesContract):
    def make_files(self, contents: Mapping[str, bytes]) -> Files:
        return MemoryFiles(contents)


class OpensAnyPath(Files):
    """Join names to the folder, as a first attempt does."""

    base_url = NOWHERE

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        folder = Path(mkdtemp())
        (folder / "kerfuffle").write_bytes(b"a secret")
        self.root = folder / "root"
        self.root.mkdir()
        for name, content in contents.items():
            (self.root / name).write_bytes(content)

    def size(self, name: str) -> int | None:
        path = self.root / name
        return path.stat().st_size if path.is_file() else None

    def read(self, name: str, limit: int) -> Media:
        return self.limited((self.root / name).read_bytes(), limit, name)

    def limited(self, content: bytes, limit: int, name: str) -> Media:
        if len(content) > limit:
            raise MediaError("it is too large", permanent=True)
        return Media(content=content, content_type="text/plain")


class InMemory(OpensAnyPath):
    """Right, but for what the classes below change."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.contents = dict(contents)

    def size(self, name: str) -> int | None:
        return len(self.contents[name]) if name in self.contents else None

    def read(self, name: str, limit: int) -> Media:
        if name not in self.contents:
            raise MediaError(self.missing(name), permanent=True)
        return self.limited(self.contents[name], limit, name)

    def missing(self, name: str) -> str:
        return "there is no such file"


class RaisesKeyErrors(InMemory):
    """Let the error of a missing key pass."""

    def read(self, name: str, limit: int) -> Media:
        return self.limited(self.contents[name], limit, name)


class NamesTheFile(InMemory):
    """Name the file in the error."""

    def missing(self, name: str) -> str:
        return f"there is no {name!a}"


class IgnoresTheLimit(InMemory):
    """Read more than the limit."""

    def limited(self, content: bytes, limit: int, name: str) -> Media:
        return Media(content=content, content_type="text/plain")


class CutsOff(InMemory):
    """Cut a file off at the limit."""

    def limited(self, content: bytes, limit: int, name: str) -> Media:
        return Media(content=content[:limit], content_type="text/plain")


class StopsBelowTheLimit(InMemory):
    """Refuse a file of exactly the limit."""

    def limited(self, content: bytes, limit: int, name: str) -> Media:
        return super().limited(content, limit - 1, name)


class TriesAgain(InMemory):
    """Say that a file which is too large may be tried again."""

    def limited(self, content: bytes, limit: int, name: str) -> Media:
        if len(content) > limit:
            raise MediaError("it is too large", permanent=False)
        return super().limited(content, limit, name)


class SizesTheMissing(InMemory):
    """Say that a missing file is empty."""

    def size(self, name: str) -> int | None:
        return len(self.contents.get(name, b""))


class ForgetsTheSlash(InMemory):
    """Have a base URL that a name can change the host of."""

    base_url = "https://files.example"


class LeavesFilesOpen(OpensAnyPath):
    """Leave the files open."""

    def read(self, name: str, limit: int) -> Media:
        if not (self.root / name).exists():
            raise MediaError("there is no such file", permanent=True)
        file = (self.root / name).open("rb")
        self.__dict__.setdefault("opened", []).append(file)
        return self.limited(file.read(), limit, name)


CAUGHT: dict[type[OpensAnyPath], str] = {
    OpensAnyPath: "no_hostile_name_gives_a_file_and_none_is_shown",
    RaisesKeyErrors: "a_missing_file_has_no_size_and_is_refused_for_good",
    NamesTheFile: "no_hostile_name_gives_a_file_and_none_is_shown",
    IgnoresTheLimit: "a_large_file_is_refused",
    CutsOff: "a_file_of_the_limit_is_read_and_one_byte_more_is_refused_for_good",
    StopsBelowTheLimit: "a_file_of_the_limit_is_read_and_one_byte_more_is_refused_for_good",
    TriesAgain: "a_large_file_is_refused",
    SizesTheMissing: "a_missing_file_has_no_size_and_is_refused_for_good",
    ForgetsTheSlash: "its_urls_are_of_its_own_and_name_each_file",
    LeavesFilesOpen: "many_reads_leave_nothing_open",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # some leak
@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_store_is_caught(kind: type[OpensAnyPath]) -> None:
    class Case(FilesContract):
        def make_files(self, contents: Mapping[str, bytes]) -> Files:
            return kind(contents)

    with pytest.raises((AssertionError, MediaError)):
        getattr(Case(), f"test_{CAUGHT[kind]}")()
