"""Pictures and files of messages that people send: fetched once, kept, read and removed."""

import asyncio
import base64
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Keep, Messenger, Worker
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    MediaError,
    StateError,
    UnknownMediaError,
    UnknownMessageError,
)
from messaging_core.models import (
    Attachment,
    Body,
    File,
    FileBody,
    FileState,
    HtmlBody,
    Image,
    ImageBody,
    IncomingMessage,
    Message,
    TextBody,
)
from messaging_core.ports.media import Media, MediaSource
from messaging_core.ports.media_store import MediaFile, MediaWriter
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.testing import MONDAY_MORNING, ManualClock, RecordingTransport, a_channel
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE

BASE = "https://shop.example/messaging"
URL = "https://acme.example/one"
PNG = Media(content=b"\x89PNG", content_type="image/png")
ORDERS = a_channel("orders")


class Shelf(MediaSource):
    """Serves media by URL, after the errors it is told to raise first."""

    def __init__(self, *errors: Exception) -> None:
        self.asked: list[str] = []
        self._errors = list(errors)

    def read(self, url: str, limit: int) -> Media:
        assert limit == 1000
        self.asked.append(url)
        if self._errors:
            raise self._errors.pop(0)
        return PNG


class Shop:
    """A messenger that keeps the media of incoming messages, and its worker."""

    def __init__(
        self, source: MediaSource | None = None, store: MemoryMediaStore | None = None
    ) -> None:
        self.clock = ManualClock()
        self.transport = RecordingTransport()
        self.store = store or MemoryMediaStore()
        self.messenger = Messenger(
            storage=MemoryStorage(),
            channels={ORDERS: self.transport},
            clock=self.clock,
            incoming_media=IncomingMedia(
                store=self.store, source=source or Shelf(), base_url=f"{BASE}/", max_bytes=1000
            ),
        )
        self.worker = Worker(self.messenger)

    def receive(self, body: Body) -> Message:
        (message,) = self.messenger.receive(
            IncomingMessage(
                source="acme",
                at=MONDAY_MORNING,
                channel_id=ORDERS.id,
                sender="+31612345678",
                body=body,
            )
        ).incoming
        return message

    def states(self, message: Message) -> list[FileState]:
        return [file.state for file in self.messenger.received_files(message.id)]

    def file_id(self, message: Message) -> UUID:
        (file,) = self.messenger.received_files(message.id)
        return file.id


def an_image(url: str = URL) -> ImageBody:
    return ImageBody(images=(Image(media_url=url),), text="look")


def content_of(shop: Shop, message: Message, file_id: UUID) -> bytes:
    return b"".join(shop.messenger.media(message.id, file_id).read())


def test_a_picture_is_fetched_by_the_worker_and_not_before() -> None:
    shelf = Shelf()
    shop = Shop(shelf)

    message = shop.receive(an_image())

    file_id = shop.file_id(message)
    assert isinstance(message.body, ImageBody)
    assert message.body.text == "look"
    assert [image.media_url for image in message.body.images] == [
        f"{BASE}/workspaces/{ORDERS.workspace}/messages/{message.id}/media/{file_id}"
    ]
    assert shop.messenger.get(message.id) == message
    assert shelf.asked == []
    with pytest.raises(StateError, match="not fetched yet"):
        shop.messenger.media(message.id, file_id)

    shop.worker.drain()
    shop.worker.drain()

    assert shelf.asked == [URL]
    media = shop.messenger.media(message.id, file_id)
    assert (media.content_type, media.size, media.name) == ("image/png", 4, None)
    assert b"".join(media.read()) == PNG.content
    stored = shop.store.find(file_id)
    assert stored == MediaFile(
        id=file_id, content_type="image/png", workspace=ORDERS.workspace, size=4
    )


def test_files_come_in_the_order_of_the_body_with_their_names_and_types() -> None:
    shop = Shop()
    files = (
        File(media_url=f"{URL}/a", content_type="application/pdf", filename="a.pdf"),
        File(media_url="attachment:b", content_type="text/plain"),
        File(media_url=f"{URL}/c", content_type="text/vcard"),
    )

    message = shop.receive(FileBody(files=files))
    received = shop.messenger.received_files(message.id)

    assert [(file.url, file.name, file.content_type) for file in received] == [
        (f"{URL}/a", "a.pdf", "application/pdf"),
        (f"{URL}/c", None, "text/vcard"),
    ]
    assert isinstance(message.body, FileBody)
    assert message.body.files[1] == files[1]
    assert str(received[1].id) in message.body.files[2].media_url


def test_what_came_inside_a_mail_leaves_the_message_and_is_stored_by_the_worker() -> None:
    shop, shelf = Shop(), Shelf()
    attachment = Attachment(
        filename="terms.pdf",
        content=base64.b64encode(b"%PDF").decode(),
        content_type="application/pdf",
        content_id="terms",
    )
    broken = Attachment(filename="b", content="no base64!", content_type="text/plain")

    message = shop.receive(HtmlBody(html="<p>hi</p>", attachments=(attachment, broken)))
    shop.worker.drain()

    assert isinstance(message.body, HtmlBody)
    first, second = message.body.attachments
    assert second == broken
    (file,) = shop.messenger.received_files(message.id)
    assert first == evolve(attachment, content=None, media_url=first.media_url)
    assert str(first.media_url).endswith(str(file.id))
    media = shop.messenger.media(message.id, file.id)
    assert (media.content_type, media.name) == ("application/pdf", "terms.pdf")
    assert b"".join(media.read()) == b"%PDF"
    assert shelf.asked == []


def test_a_message_without_files_is_stored_as_it_came() -> None:
    shop = Shop()

    message = shop.receive(TextBody(text="hi"))

    assert message.body == TextBody(text="hi")
    assert shop.messenger.received_files(message.id) == []


def test_no_more_than_a_hundred_files_of_a_message_are_taken() -> None:
    shop = Shop()

    message = shop.receive(
        ImageBody(images=tuple(Image(media_url=f"{URL}/{number}") for number in range(101)))
    )

    assert len(shop.states(message)) == 100
    assert isinstance(message.body, ImageBody)
    assert message.body.images[100].media_url == f"{URL}/100"


def test_without_a_media_store_nothing_is_fetched_and_urls_stay() -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    (message,) = messenger.receive(
        IncomingMessage(
            source="acme",
            at=MONDAY_MORNING,
            channel_id=ORDERS.id,
            sender="+31612345678",
            body=an_image(),
        )
    ).incoming

    Worker(messenger).drain()

    assert message.body == an_image()
    assert messenger.received_files(message.id) == []
    with pytest.raises(UnknownMediaError):
        messenger.media(message.id, uuid4())


def test_a_server_that_fails_is_asked_again_after_growing_pauses() -> None:
    shelf = Shelf(*[MediaError("the server answered 503", permanent=False)] * 3)
    shop = Shop(shelf)
    message = shop.receive(an_image())

    asked = []
    for pause in (0, 0.9, 0.2, 1.9, 0.2, 3.9, 0.2):
        shop.clock.advance(seconds=pause)
        shop.worker.drain()
        asked.append(len(shelf.asked))

    assert asked == [1, 1, 2, 2, 3, 3, 4]
    assert shop.states(message) == [FileState.STORED]


def test_a_file_that_is_not_there_is_given_up_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf = Shelf(MediaError("the server answered 404", permanent=True))
    shop = Shop(shelf)
    message = shop.receive(an_image())

    shop.worker.drain()
    shop.clock.advance(days=30)
    shop.worker.drain()

    assert len(shelf.asked) == 1
    (file,) = shop.messenger.received_files(message.id)
    assert (file.state, file.reason, file.url) == (
        FileState.FAILED,
        "the server answered 404",
        URL,
    )
    with pytest.raises(MediaError, match="given up: the server answered 404"):
        shop.messenger.media(message.id, file.id)
    assert "given up: the server answered 404" in caplog.text
    assert URL not in caplog.text


def test_a_file_that_was_given_up_is_fetched_again_when_the_host_says_so() -> None:
    refused = MediaError("the server answered 401", permanent=True)
    shelf = Shelf(refused, *[MediaError("503", permanent=False)] * 31)
    shop = Shop(shelf)
    message = shop.receive(an_image())
    shop.worker.drain()
    assert shop.states(message) == [FileState.FAILED]

    assert shop.messenger.retry_media(workspace=OTHER_WORKSPACE) == 0
    assert shop.messenger.retry_media() == 1
    assert shop.messenger.retry_media() == 0
    for _ in range(32):
        shop.worker.drain()
        shop.clock.advance(hours=1)

    assert shop.states(message) == [FileState.STORED]
    assert shop.messenger.retry_media() == 0


def test_a_server_that_never_answers_is_given_up_after_a_day_or_so() -> None:
    shelf = Shelf(*[MediaError("the connection timed out", permanent=False)] * 100)
    shop = Shop(shelf)
    message = shop.receive(an_image())

    began = shop.clock.now()
    while shop.states(message) == [FileState.WAITING]:
        shop.worker.drain()
        shop.clock.advance(minutes=30)

    assert timedelta(hours=18) < shop.clock.now() - began < timedelta(hours=40)
    assert len(shelf.asked) == 32


def test_a_fault_of_a_source_is_logged_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Shop(Shelf(ValueError("a secret"), SystemExit()))  # type: ignore[arg-type]
    message = shop.receive(an_image())

    for _ in range(3):
        shop.worker.drain()
        shop.clock.advance(minutes=1)

    assert shop.states(message) == [FileState.STORED]
    assert "ValueError" in caplog.text
    assert "a secret" not in caplog.text


def test_files_are_fetched_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)

    class Meeting(MediaSource):
        """Answers when two are asked for at the same time."""

        def read(self, url: str, limit: int) -> Media:  # noqa: ARG002 - the port's
            both.wait()
            return PNG

    shop = Shop(Meeting())
    message = shop.receive(ImageBody(images=(Image(media_url=URL), Image(media_url=f"{URL}/2"))))

    shop.worker.drain()

    assert shop.states(message) == [FileState.STORED] * 2


def test_a_running_worker_fetches() -> None:
    shop, stop = Shop(), threading.Event()
    message = shop.receive(an_image())
    thread = threading.Thread(target=shop.worker.run, args=(stop,))
    thread.start()
    try:
        for _ in range(200):
            if shop.states(message) == [FileState.STORED]:
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join()

    assert shop.states(message) == [FileState.STORED]


def test_a_caller_that_waits_for_a_notification_does_not_wait_for_media() -> None:
    shelf = Shelf()
    shop = Shop(shelf)
    person = shop.receive(an_image()).sender.contact
    assert person is not None

    shop.worker.notify(
        {
            "recipients": [person.id],
            "channels": ["sms"],
            "messageTitle": "Hi",
            "messageContent": "Ho",
        }
    )

    assert len(shop.transport.sent) == 1
    assert shelf.asked == []


def test_wrong_ids_and_other_workspaces_are_not_found() -> None:
    shop = Shop()
    message, other = shop.receive(an_image()), shop.receive(an_image(f"{URL}/2"))
    shop.worker.drain()
    file_id, media = shop.file_id(message), shop.messenger.media

    assert media(message.id, file_id).id == file_id
    with pytest.raises(UnknownMediaError, match="no file"):
        media(message.id, shop.file_id(other))
    with pytest.raises(UnknownMessageError):
        media(uuid4(), file_id)
    with pytest.raises(UnknownMessageError):
        media(message.id, file_id, workspace=OTHER_WORKSPACE)
    with pytest.raises(UnknownMessageError):
        shop.messenger.received_files(message.id, workspace=OTHER_WORKSPACE)
    with pytest.raises(ArgumentError):
        media(message.id, "no id")  # type: ignore[arg-type]


def test_a_messenger_that_lost_its_media_store_says_so() -> None:
    shop = Shop()
    message = shop.receive(an_image())
    shop.worker.drain()
    without = Messenger(
        storage=shop.messenger.storage, channels={ORDERS: RecordingTransport()}, clock=shop.clock
    )

    with pytest.raises(ConfigurationError, match="incoming_media="):
        without.media(message.id, shop.file_id(message))


def test_the_async_messenger_finds_media_too() -> None:
    shop = Shop()
    message = shop.receive(an_image())
    shop.worker.drain()

    async def find() -> bytes:
        messenger = AsyncMessenger(shop.messenger)
        (file,) = await messenger.received_files(message.id)
        return b"".join((await messenger.media(message.id, file.id)).read())

    assert asyncio.run(find()) == PNG.content


def test_closing_the_messenger_closes_the_media_store() -> None:
    closed = []

    class Bucket(MemoryMediaStore):
        """Has connections."""

        def close(self) -> None:
            closed.append(self)

    shop = Shop(store=Bucket())
    shop.messenger.close()

    assert closed == [shop.store]


@pytest.mark.parametrize("keep", Keep)
def test_a_purge_deletes_the_files_of_its_messages(keep: Keep) -> None:
    shop = Shop()
    message = shop.receive(an_image())
    shop.worker.drain()
    file_id = shop.file_id(message)
    shop.clock.advance(days=2)
    recent = shop.receive(an_image(f"{URL}/2"))
    shop.worker.drain()

    shop.messenger.purge(before=shop.clock.now() - timedelta(days=1), keep=keep)

    assert shop.store.find(file_id) is None
    assert shop.store.find(shop.file_id(recent)) is not None
    expected = UnknownMediaError if keep is Keep.RECORD else UnknownMessageError
    with pytest.raises(expected):
        shop.messenger.media(message.id, file_id)


class Unwilling(MemoryMediaStore):
    """Fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.deletes = True
        self.commits = True

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        if not self.commits:
            raise MediaError("the bucket is not available", permanent=False)
        return super().begin(file, limit)

    def delete(self, file_id: UUID) -> bool:
        if not self.deletes:
            raise MediaError("the bucket is not available", permanent=False)
        return super().delete(file_id)


def test_a_file_that_cannot_be_deleted_is_deleted_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Unwilling()
    shop = Shop(store=store)
    message = shop.receive(an_image())
    shop.worker.drain()
    file_id = shop.file_id(message)
    shop.clock.advance(days=2)
    store.deletes = False

    shop.messenger.purge(before=shop.clock.now())
    assert store.find(file_id) is not None
    assert "cannot be deleted" in caplog.text
    store.deletes = True
    shop.clock.advance(seconds=2)
    shop.worker.drain()

    assert store.find(file_id) is None


def test_a_store_that_fails_is_tried_again() -> None:
    store = Unwilling()
    shop = Shop(store=store)
    message = shop.receive(an_image())
    store.commits = False

    shop.worker.drain()
    (file,) = shop.messenger.received_files(message.id)
    assert (file.state, file.reason) == (FileState.WAITING, "the bucket is not available")
    store.commits = True
    shop.clock.advance(seconds=2)
    shop.worker.drain()

    assert shop.states(message) == [FileState.STORED]


@pytest.mark.parametrize("keep", Keep)
def test_a_message_that_is_purged_while_its_file_is_fetched_leaves_no_file(keep: Keep) -> None:
    class Purging(MediaSource):
        """Lets the host purge while a file is being fetched."""

        def read(self, url: str, limit: int) -> Media:  # noqa: ARG002 - the port's
            shop.clock.advance(seconds=1)
            shop.messenger.purge(before=shop.clock.now(), keep=keep)
            return PNG

    shop = Shop(Purging())
    message = shop.receive(an_image())
    file_id = shop.file_id(message)

    shop.worker.drain()
    assert shop.store.find(file_id) is None
    shop.clock.advance(hours=1)
    shop.worker.drain()

    assert shop.store.find(file_id) is None
    with shop.messenger.storage.begin() as tx:
        assert not tx.received_files.has_due(FileState.REMOVED, shop.clock.now())


def test_a_file_that_a_crashed_worker_stored_is_not_fetched_again() -> None:
    shelf = Shelf()
    shop = Shop(shelf)
    message = shop.receive(an_image())
    file_id = shop.file_id(message)
    writer = shop.store.begin(
        MediaFile(id=file_id, content_type="image/gif", workspace=ORDERS.workspace), 1000
    )
    writer.write(b"GIF")
    writer.commit()

    shop.worker.drain()

    assert shelf.asked == []
    assert shop.messenger.media(message.id, file_id).content_type == "image/gif"


def test_a_file_that_crashes_every_worker_is_given_up() -> None:
    shop = Shop()
    message = shop.receive(an_image())
    for _ in range(32):
        with shop.messenger.storage.begin() as tx:
            tx.received_files.claim(
                FileState.WAITING, now=shop.clock.now(), lease=timedelta(minutes=1), limit=1
            )
        shop.clock.advance(minutes=1)

    shop.worker.drain()

    (file,) = shop.messenger.received_files(message.id)
    assert (file.state, file.reason) == (FileState.FAILED, "each attempt ended in a crash")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"store": "media"}, "store must be a media store"),
        ({"source": MemoryMediaStore}, "source must be a source of media"),
        ({"base_url": "shop.example"}, "base_url must be such as"),
        ({"base_url": "https://["}, "base_url must be such as"),
        ({"max_bytes": 0}, "max_bytes must be"),
    ],
)
def test_arguments_are_checked(changes: dict[str, object], text: str) -> None:
    arguments: dict[str, object] = {
        "store": MemoryMediaStore(),
        "source": Shelf(),
        "base_url": BASE,
        **changes,
    }

    with pytest.raises(ConfigurationError, match=text):
        IncomingMedia(**arguments)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
