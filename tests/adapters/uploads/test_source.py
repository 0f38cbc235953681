"""Transports read uploaded media from the store, and nothing that is not theirs."""

from collections.abc import Iterator, Mapping
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.uploads.presigned import Uploads
from messaging_adapters.uploads.source import UploadedMedia
from messaging_core import Channel
from messaging_core.errors import ArgumentError, MediaError
from messaging_core.ports.media import Media, MediaSource
from messaging_core.ports.media_store import MediaFile
from messaging_core.testing.contracts.media import PRIVATE_URLS, MediaContract

BASE = "https://shop.example/messaging"
ORDERS = Channel(name="orders", platform="email", sender="shop@shop.example")
NEWS = Channel(name="news", platform="email", sender="news@shop.example")
FOREIGN = Channel(
    name="orders", platform="email", sender="shop@shop.example", workspace=UUID(int=7)
)


def uploads_with(*files: tuple[MediaFile, bytes]) -> Uploads:
    store = MemoryMediaStore()
    for file, content in files:
        writer = store.begin(file, len(content))
        writer.write(content)
        writer.commit()
    return Uploads(store=store, secret="a secret for the tests only", base_url=BASE)


def a_file(name: str, channel: UUID | None = None) -> MediaFile:
    kind = "image/PNG; name=a" if name.endswith(".png") else "text/plain"
    return MediaFile(
        id=uuid5(NAMESPACE_URL, name),
        content_type=kind,
        workspace=ORDERS.workspace,
        channel=channel,
    )


class TestUploadedMedia(MediaContract):
    def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
        pairs = [(a_file(name), content) for name, content in files.items()]
        return UploadedMedia(uploads=uploads_with(*pairs), channels=[ORDERS])  # type: ignore[arg-type]

    def url_of(self, name: str) -> str:
        return f"{BASE}/media/{a_file(name).id}"

    def hostile_urls(self) -> Iterator[str]:
        yield from PRIVATE_URLS
        own = self.url_of("a.png")
        yield from (
            own + "/../kerfuffle",
            own.upper() + "kerfuffle",
            own.replace("/media/", "/media/{") + "}kerfuffle",
            own.replace("https:", "http:"),
            own.replace("shop.example", "shop.example.kerfuffle"),
            own.replace("/media/", "/media//kerfuffle/"),
            BASE,
        )


def test_a_signed_url_names_the_same_file() -> None:
    file = a_file("a.png")
    uploads = uploads_with((file, b"one"))
    source = UploadedMedia(uploads=uploads, channels=ORDERS)  # type: ignore[arg-type]

    assert source.read(uploads.link(file.id), 3).content == b"one"


@pytest.mark.parametrize(
    ("channels", "reads"),
    [([ORDERS], True), ([NEWS, ORDERS], True), ([NEWS], False), ([FOREIGN], False), ([], False)],
)
def test_a_restricted_file_is_read_for_its_channel_only(
    channels: list[Channel], *, reads: bool
) -> None:
    file = a_file("a.png", ORDERS.id)
    source = UploadedMedia(uploads=uploads_with((file, b"one")), channels=channels)  # type: ignore[arg-type]
    url = f"{BASE}/media/{file.id}"

    if reads:
        assert source.read(url, 3).content == b"one"
        return
    with pytest.raises(MediaError, match="belongs to another channel") as caught:
        source.read(url, 3)
    assert caught.value.permanent


def test_other_urls_are_passed_on() -> None:
    class Web(MediaSource):
        def read(self, url: str, limit: int) -> Media:
            return Media(content=f"{limit} {url}".encode(), content_type="text/plain")

    source = UploadedMedia(uploads=uploads_with(), channels=[ORDERS], others=Web())  # type: ignore[arg-type]

    assert source.read("https://elsewhere.example/a", 9).content == b"9 https://elsewhere.example/a"
    with pytest.raises(MediaError, match="nothing was uploaded"):
        source.read(f"{BASE}/media/{a_file('a.png').id}", 9)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="uploads"):
        UploadedMedia(uploads="https://shop.example", channels=[ORDERS])  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="others"):
        UploadedMedia(uploads=uploads_with(), channels=[ORDERS], others="web")  # type: ignore[arg-type]
