"""The contract of file stores: tests that the tests of every store inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit

from messaging_core.errors import MediaError
from messaging_core.ports.files import Files, StoredMedia, name_of, url_of
from messaging_core.ports.media import Media
from messaging_core.testing.contracts.bounds import nothing_left_open, within

_MANY: Final = 10
_LARGE: Final = 4 * 1024 * 1024

HOSTILE_NAMES: Final = (
    *("../kerfuffle", "a/../../kerfuffle", "/etc/passwd", "//kerfuffle", "..", ".", "", "a.txt/.."),
    *("C:\\kerfuffle", "..\\kerfuffle", "\\\\kerfuffle\\a", "a.txt\x00kerfuffle", "~/kerfuffle"),
    *("file:///etc/passwd", "https://kerfuffle.example/a", "k" * 5000, "\ud800kerfuffle"),
    *("%2e%2e/kerfuffle", "a.txt\n", " a.txt", "CON", "kerfuffle/a.txt"),
)
"""Names out of a hostile request; no store has a file of any of them."""


class FilesContract:
    """Inherit this in a test class, and say how your store gets its files.

    ```python
    class TestBucket(FilesContract):
        def make_files(self, contents: Mapping[str, bytes]) -> Files:
            return BucketFiles(bucket_with(contents))
    ```

    - `patience`: seconds in which every call must end.
    """

    patience: float = 30.0

    def make_files(self, contents: Mapping[str, bytes]) -> Files:
        """Return a store that has these files, and no other."""
        raise NotImplementedError

    def size(self, files: Files, name: str) -> int | None:
        """Return a size; fails if that does not end within `patience`."""
        return within(self.patience, lambda: files.size(name))

    def read(self, files: Files, name: str, limit: int = _LARGE) -> Media:
        """Read a file; fails if that does not end within `patience`."""
        return within(self.patience, lambda: files.read(name, limit))

    def test_a_file_is_read_and_has_its_size(self) -> None:
        files = self.make_files({"terms.txt": b"Be nice."})

        media = self.read(files, "terms.txt")

        assert media.content == b"Be nice."
        assert "/" in media.content_type
        assert self.size(files, "terms.txt") == len(media.content)

    def test_each_name_gives_its_own_file(self) -> None:
        contents = {f"{number}.txt": b"%d" % number for number in range(_MANY)}
        files = self.make_files(contents)

        with ThreadPoolExecutor(_MANY) as pool:
            read = list(pool.map(lambda name: self.read(files, name), contents))

        assert [media.content for media in read] == list(contents.values())

    def test_an_empty_file_is_a_file(self) -> None:
        files = self.make_files({"empty.txt": b""})

        assert self.size(files, "empty.txt") == 0
        assert self.read(files, "empty.txt").content == b""

    def test_a_missing_file_has_no_size_and_is_refused_for_good(self) -> None:
        files = self.make_files({"a.txt": b"a"})

        assert self.size(files, "b.txt") is None
        assert self._refused(files, "b.txt").permanent

    def test_a_file_of_the_limit_is_read_and_one_byte_more_is_refused_for_good(self) -> None:
        files = self.make_files({"a.txt": b"12345", "b.txt": b"123456"})

        media = self.read(files, "a.txt", 5)
        error = self._refused(files, "b.txt", 5)

        assert media.content == b"12345"
        assert error.permanent

    def test_a_large_file_is_refused(self) -> None:
        files = self.make_files({"large.bin": bytes(_LARGE)})

        assert self._refused(files, "large.bin", 1000).permanent

    def test_no_hostile_name_gives_a_file_and_none_is_shown(self) -> None:
        files = self.make_files({"a.txt": b"a"})
        for name in HOSTILE_NAMES:
            assert self.size(files, name) is None, f"there is a file of the name {name!a}"

            error = self._refused(files, name)

            assert "kerfuffle" not in str(error), "an error says why, without the name"

    def test_its_urls_are_of_its_own_and_name_each_file(self) -> None:
        names = ("a.txt", "annual report.pdf", "über uns.txt", "100%.txt", "a+b&c=d#e?.txt")
        files = self.make_files(dict.fromkeys(names, b"a"))

        assert files.base_url.endswith("/"), "without it a name could change the host"
        for name in names:
            url = url_of(files, name)
            assert urlsplit(url).netloc == urlsplit(files.base_url).netloc
            assert name_of(files, url) == name

    def test_a_transport_reads_files_by_their_urls_and_no_others(self) -> None:
        files = self.make_files({"a.txt": b"a"})
        media = StoredMedia(files)

        read = within(self.patience, lambda: media.read(url_of(files, "a.txt"), 10))

        assert read.content == b"a"
        try:
            media.read("https://elsewhere.example/a.txt", 10)
        except MediaError as error:
            assert error.permanent  # noqa: PT017 - a kit needs no pytest
        else:
            raise AssertionError("a URL of elsewhere was opened")

    def test_many_reads_leave_nothing_open(self) -> None:
        files = self.make_files({"a.txt": b"12345"})
        self.read(files, "a.txt")
        with nothing_left_open():
            for _ in range(_MANY):
                self.read(files, "a.txt")
                self._refused(files, "a.txt", 1)
                self._refused(files, "b.txt")

    def _refused(self, files: Files, name: str, limit: int = _LARGE) -> MediaError:
        try:
            media = self.read(files, name, limit)
        except MediaError as error:
            return error
        except Exception as error:
            raised = f"{type(error).__name__} instead of MediaError"
            raise AssertionError(f"{name!a} raised {raised}") from error
        raise AssertionError(f"{name!a} gave {len(media.content)} bytes")
