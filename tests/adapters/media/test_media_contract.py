"""Our own media sources keep the contract, and the contract catches wrong ones."""
# ruff: noqa: ARG002 - what is wrong is often what is left out

import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
import trustme

from messaging_adapters.media.folder import FolderMediaSource
from messaging_adapters.media.http import HttpMediaSource
from messaging_core.errors import MediaError
from messaging_core.ports.files import StoredMedia
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.media import Media, MediaSource
from messaging_core.testing.contracts.media import MediaContract
from messaging_core.testing.files import MemoryFiles
from messaging_core.testing.http_peer import HttpPeer

BASE = "https://files.example/media/"
PUBLIC = "93.184.215.14"
OK = Media(content=b"ok", content_type="text/plain")


class TestFolder(MediaContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
        (self.folder / "kerfuffle").write_bytes(b"a secret beside the folder")
        root = self.folder / "root"
        root.mkdir()
        for name, content in files.items():
            (root / name).write_bytes(content)
        return FolderMediaSource(root, BASE)

    def url_of(self, name: str) -> str:
        return BASE + quote(name)


class TestHttp(MediaContract):
    """Over TLS to a server of the test, which every public name leads to."""

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        authority = trustme.CA()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("files.example").configure_cert(server)
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self.files: Mapping[str, bytes] = {}
        with HttpPeer(self.answer, tls=server) as self.peer:
            yield

    def answer(self, request: HttpRequest) -> HttpResponse:
        name = unquote(urlsplit(request.url).path).removeprefix("/media/")
        if name not in self.files:
            return HttpResponse(status=404)
        kind = "image/png; charset=binary" if name.endswith(".png") else "text/plain"
        return HttpResponse(status=200, headers={"content-type": kind}, body=self.files[name])

    def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
        self.files = files
        return HttpMediaSource(
            ssl_context=self.client_tls,
            resolve=lambda host, _: [PUBLIC] if host == "files.example" else [host.strip("[]")],
            connect=lambda _, timeout: socket.create_connection(
                ("127.0.0.1", self.peer.port), timeout
            ),
        )

    def url_of(self, name: str) -> str:
        return BASE + quote(name)


class TestStoredMedia(MediaContract):
    def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
        class WithTypes(MemoryFiles):
            def read(self, name: str, limit: int) -> Media:
                kind = "image/png" if name.endswith(".png") else "text/plain"
                return Media(content=super().read(name, limit).content, content_type=kind)

        return StoredMedia(WithTypes(files, base_url=BASE))

    def url_of(self, name: str) -> str:
        return BASE + quote(name)


class Right(MediaSource):
    """Serve a mapping."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files

    def read(self, url: str, limit: int) -> Media:
        name = unquote(url.removeprefix(BASE))
        if not url.startswith(BASE) or name not in self.files:
            raise MediaError(self.missing(url), permanent=True)
        return self.limited(name, limit)

    def missing(self, url: str) -> str:
        return "there is no such file"

    def limited(self, name: str, limit: int) -> Media:
        if len(self.files[name]) > limit:
            raise MediaError("it is too large", permanent=True)
        kind = "image/png" if name.endswith(".png") else "text/plain"
        return Media(content=self.files[name], content_type=kind)


class TestRight(MediaContract):
    kind: type[Right] = Right

    def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
        return self.kind(files)

    def url_of(self, name: str) -> str:
        return BASE + quote(name)


class ShowsTheUrl(Right):
    """Show the URL in the error."""

    def missing(self, url: str) -> str:
        return f"there is nothing at {url!a}"


class OpensAnyUrl(Right):
    """Open whatever URL comes."""

    def read(self, url: str, limit: int) -> Media:
        name = unquote(url.removeprefix(BASE))
        return self.limited(name, limit) if name in self.files else OK


class LetsErrorsEscape(Right):
    """Let the errors of a library pass."""

    def read(self, url: str, limit: int) -> Media:
        return self.limited(unquote(url.removeprefix(BASE)), limit)


class IgnoresTheLimit(Right):
    """Read without a limit."""

    def limited(self, name: str, limit: int) -> Media:
        return super().limited(name, 10**9)


class KeepsParameters(Right):
    """Leave the parameters in the media type."""

    def limited(self, name: str, limit: int) -> Media:
        media = super().limited(name, limit)
        return Media(content=media.content, content_type=f"{media.content_type}; charset=utf-8")


class KeepsTheFirst(Right):
    """Keep the first file that was read, for every URL."""

    def limited(self, name: str, limit: int) -> Media:
        self.__dict__.setdefault("first", name)
        return super().limited(self.__dict__["first"], limit)


class ComesBackForTheMissing(Right):
    """Say that a missing file may come."""

    def read(self, url: str, limit: int) -> Media:
        try:
            return super().read(url, limit)
        except MediaError as error:
            raise MediaError(error.reason, permanent=False) from None


CAUGHT: dict[type[Right], str] = {
    ShowsTheUrl: "no_hostile_url_is_opened_and_none_is_shown",
    OpensAnyUrl: "no_hostile_url_is_opened_and_none_is_shown",
    LetsErrorsEscape: "a_file_that_is_missing_is_refused_for_good",
    IgnoresTheLimit: "a_file_of_the_limit_is_read_and_one_byte_more_is_refused_for_good",
    KeepsParameters: "a_file_is_read_with_its_type",
    KeepsTheFirst: "each_url_gives_its_own_file",
    ComesBackForTheMissing: "a_file_that_is_missing_is_refused_for_good",
}


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_source_is_caught(kind: type[Right]) -> None:
    case = TestRight()
    case.kind = kind

    with pytest.raises(AssertionError):
        getattr(case, f"test_{CAUGHT[kind]}")()
