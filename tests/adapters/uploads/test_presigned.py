"""Forms and links of uploads, without a server."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.presigned import UploadRefusedError, Uploads
from messaging_core import Channel, Messenger
from messaging_core.errors import ConfigurationError, InvalidRequestError, MediaError
from messaging_core.ports.media_store import MediaFile
from messaging_core.testing import ManualClock, RecordingTransport

SECRET = "a secret for the tests only"
ORDERS = Channel(name="orders", platform="sms", sender="Shop", workspace=UUID(int=5))


def make(**options: Any) -> Uploads:
    given = {"store": MemoryMediaStore(), "secret": SECRET, "base_url": "https://a.example/m/"}
    return Uploads(**(given | options))


def test_a_form_says_what_it_allows() -> None:
    clock = ManualClock()
    uploads = make(clock=clock, max_bytes=10, lifetime=timedelta(minutes=1))

    grant = uploads.authorize(uploads.create("image/png", channel=ORDERS).upload_form_data)

    assert (grant.file.content_type, grant.file.channel) == ("image/png", ORDERS.id)
    assert grant.file.workspace == ORDERS.workspace
    assert (grant.max_bytes, grant.expires_at) == (10, clock.now() + timedelta(minutes=1))


def test_urls_stand_below_the_base() -> None:
    uploads = make()
    created = uploads.create("image/png")

    assert created.upload_url == "https://a.example/m/uploads"
    assert created.media_url.startswith("https://a.example/m/media/")
    assert uploads.file_id_of(created.media_url) is not None


@given(
    name=st.sampled_from(["Content-Type", "key", "workspace", "expires", "max-bytes", "signature"]),
    value=st.text(),
)
def test_no_changed_field_is_taken(name: str, value: str) -> None:
    uploads = make()
    fields = dict(uploads.create("image/png").upload_form_data)
    if fields[name] == value:
        return

    with pytest.raises(UploadRefusedError):
        uploads.authorize({**fields, name: value})


def test_the_limit_of_a_form_is_that_of_its_making() -> None:
    uploads = make(max_bytes=10)
    form = uploads.create("image/png")
    uploads.max_bytes = 20

    assert uploads.authorize(form.upload_form_data).max_bytes == 10


def test_another_secret_takes_neither_forms_nor_links() -> None:
    mine, other = make(), make(secret="another secret for tests")
    file_id = UUID(int=1)
    query = dict(pair.split("=") for pair in mine.link(file_id).partition("?")[2].split("&"))

    mine.check_link(file_id, **query)
    with pytest.raises(UploadRefusedError):
        other.check_link(file_id, **query)
    with pytest.raises(UploadRefusedError):
        other.authorize(mine.create("image/png").upload_form_data)


def test_the_signature_of_a_form_opens_no_file() -> None:
    uploads = make()
    form = uploads.create("image/png").upload_form_data

    with pytest.raises(UploadRefusedError):
        uploads.check_link(UUID(form["key"]), expires=form["expires"], signature=form["signature"])


def test_the_secret_and_the_signature_are_not_shown() -> None:
    uploads = make()
    created = uploads.create("image/png")

    assert SECRET not in repr(uploads)
    assert created.upload_form_data["signature"] not in repr(created)


@pytest.mark.parametrize("content_type", ["", "png", "image/png\r\nX: 1", "a" * 300 + "/b"])
def test_a_content_type_that_is_none_is_refused(content_type: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make().create(content_type)

    assert [violation.path for violation in caught.value.violations] == ["/contentType"]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"store": "media"}, "store"),
        ({"secret": "short"}, "secret"),
        ({"secret": None}, "secret"),
        ({"base_url": "shop.example"}, "base_url"),
        ({"base_url": "https://shop.example/?a=b"}, "base_url"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"lifetime": timedelta(0)}, "lifetime"),
        ({"link_lifetime": 0}, "link_lifetime"),
        ({"idle_timeout": 0}, "idle_timeout"),
        ({"direct_uploads": "no"}, "direct_uploads"),
        ({"direct_downloads": 1}, "direct_downloads"),
        ({"clock": "now"}, "clock"),
        ({"ids": "1"}, "ids"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        make(**options)


class Lost(MemoryMediaStore):
    """A store that is not available."""

    def find(self, file_id: UUID) -> MediaFile | None:  # noqa: ARG002 - the port's
        raise MediaError("no store", permanent=False)


def test_a_channel_may_send_what_was_uploaded_for_it() -> None:
    uploads = make()
    free = uploads.create("image/png", workspace=ORDERS.workspace)
    restricted = uploads.create("image/png", channel=ORDERS)
    other = Channel(name="news", platform="sms", sender="Shop", workspace=ORDERS.workspace)
    foreign = Channel(name="orders", platform="sms", sender="Shop")

    def answers(url: str) -> list[str | None]:
        return [uploads.check(url, channel) for channel in (ORDERS, other, foreign)]

    nothing = "nothing was uploaded there: upload the file first"
    elsewhere = "the file was uploaded for another channel"
    assert answers(free.media_url) == [nothing] * 3
    for created in (free, restricted):
        grant = uploads.authorize(created.upload_form_data)
        uploads.store.begin(grant.file, 1).commit()
    assert answers(free.media_url) == [None, None, elsewhere]
    assert answers(restricted.media_url) == [None, elsewhere, elsewhere]
    assert answers("https://elsewhere.example/a.png") == [None] * 3


def test_what_cannot_be_looked_up_now_is_not_refused() -> None:
    uploads = make(store=Lost())

    assert uploads.check(uploads.create("image/png").media_url, ORDERS) is None


def test_a_messenger_closes_the_store_of_its_media_check() -> None:
    class Closable(MemoryMediaStore):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    store = Closable()
    for media_check in (make(store=store), make()):  # the other store has nothing to close
        with Messenger(
            storage=MemoryStorage(),
            channels={ORDERS: RecordingTransport()},
            media_check=media_check,
        ):
            assert not store.is_closed or media_check.store is not store

    assert store.is_closed
