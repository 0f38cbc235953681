"""The contract of media sources: tests that the tests of every source inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

from messaging_core.errors import MediaError
from messaging_core.ports.media import Media, MediaSource
from messaging_core.testing.contracts.bounds import nothing_left_open, within

_PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
_LARGE: Final = 4 * 1024 * 1024
_MANY: Final = 10

PRIVATE_URLS: Final = (
    *("http://127.0.0.1:1/kerfuffle", "https://localhost/kerfuffle", "https://[::1]/kerfuffle"),
    *("https://10.0.0.1/kerfuffle", "https://192.168.0.1/kerfuffle", "https://0/kerfuffle"),
    *("https://169.254.169.254/latest/kerfuffle", "https://[::ffff:10.0.0.1]/kerfuffle"),
    *("file:///etc/passwd?kerfuffle", "ftp://127.0.0.1/kerfuffle", "gopher://127.0.0.1/kerfuffle"),
    *("kerfuffle", "//kerfuffle", "/etc/passwd", "data:text/plain,kerfuffle", ""),
    *("https://\x00kerfuffle/", "https://a.example/\r\nHost: kerfuffle", "https://\ud800.example/"),
)
"""URLs out of a hostile request; no source may open any of them."""


class MediaContract:
    """Inherit this in a test class, and say how your source gets its files.

    ```python
    class TestVault(MediaContract):
        def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
            return VaultMedia(vault_with(files), base_url="https://vault.example/")

        def url_of(self, name: str) -> str:
            return f"https://vault.example/{quote(name)}"
    ```

    - `patience`: seconds in which every call must end.
    """

    patience: float = 30.0

    def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
        """Return a source that has these files, and no other."""
        raise NotImplementedError

    def url_of(self, name: str) -> str:
        """Return the URL of a file of that source."""
        raise NotImplementedError

    def hostile_urls(self) -> Iterator[str]:
        """Yield URLs that must lead nowhere; add those that only your source could mistake."""
        yield from PRIVATE_URLS
        base = self.url_of("a.png").removesuffix("a.png")
        for path in (
            "../kerfuffle",
            "%2e%2e/kerfuffle",
            "..%2fkerfuffle",
            "a.png%00.txt",
            "..",
            "",
        ):
            yield base + path

    def read(self, source: MediaSource, url: str, limit: int = _LARGE) -> Media:
        """Read a URL; fails if that does not end within `patience`."""
        return within(self.patience, lambda: source.read(url, limit))

    def test_a_file_is_read_with_its_type(self) -> None:
        media = self.read(self.make_source({"a.png": _PICTURE}), self.url_of("a.png"))

        assert media.content == _PICTURE
        assert media.content_type == "image/png", "a media type without parameters"

    def test_each_url_gives_its_own_file(self) -> None:
        files = {f"{number}.txt": b"%d" % number for number in range(_MANY)}
        source = self.make_source(files)

        with ThreadPoolExecutor(_MANY) as pool:
            contents = list(pool.map(lambda name: self.read(source, self.url_of(name)), files))

        assert [media.content for media in contents] == list(files.values())

    def test_an_empty_file_is_a_file(self) -> None:
        media = self.read(self.make_source({"empty.txt": b""}), self.url_of("empty.txt"))

        assert media.content == b""

    def test_a_file_of_the_limit_is_read_and_one_byte_more_is_refused_for_good(self) -> None:
        source = self.make_source({"a.bin": b"12345", "b.bin": b"123456"})

        media = self.read(source, self.url_of("a.bin"), 5)
        error = self._refused(source, self.url_of("b.bin"), 5)

        assert media.content == b"12345"
        assert error.permanent, "a file that is too large today is too large tomorrow"

    def test_a_large_file_is_refused(self) -> None:
        source = self.make_source({"large.bin": bytes(_LARGE)})

        assert self._refused(source, self.url_of("large.bin"), 1000).permanent

    def test_a_file_that_is_missing_is_refused_for_good(self) -> None:
        source = self.make_source({"a.png": _PICTURE})

        assert self._refused(source, self.url_of("b.png")).permanent

    def test_no_hostile_url_is_opened_and_none_is_shown(self) -> None:
        source = self.make_source({"a.png": _PICTURE})
        for url in self.hostile_urls():
            error = self._refused(source, url)

            assert "kerfuffle" not in str(error), "an error says why, without the URL"

    def test_many_reads_leave_nothing_open(self) -> None:
        source = self.make_source({"a.png": _PICTURE})
        url, missing = self.url_of("a.png"), self.url_of("b.png")
        self.read(source, url)
        with nothing_left_open():
            for _ in range(_MANY):
                self.read(source, url)
                self._refused(source, missing)
                self._refused(source, url, 1)

    def _refused(self, source: MediaSource, url: str, limit: int = _LARGE) -> MediaError:
        try:
            media = self.read(source, url, limit)
        except MediaError as error:
            return error
        except Exception as error:
            raised = f"{type(error).__name__} instead of MediaError"
            raise AssertionError(f"{quote(url)} raised {raised}") from error
        raise AssertionError(f"{quote(url)} gave {len(media.content)} bytes")
