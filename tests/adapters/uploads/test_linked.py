"""Providers that fetch media by URL get signed links to uploaded files."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import pytest
from attrs import evolve

from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.linked import LinkedMedia
from messaging_adapters.uploads.presigned import UploadRefusedError, Uploads
from messaging_core import Channel, Messenger, SendMessage, Worker, to
from messaging_core.errors import ArgumentError, MediaError
from messaging_core.models import (
    Attachment,
    File,
    FileBody,
    GifBody,
    Image,
    ImageBody,
    PushContent,
    TextBody,
)
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import (
    EmailContent,
    Envelope,
    MmsContent,
    NativeContent,
)
from messaging_core.ports.media_store import MediaFile
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing import ManualClock, RecordingTransport
from messaging_core.testing.contracts.transport import Leave, TransportContract
from testing.recorded import sent_by

MMS = Channel(name="mms", platform="sms", sender="+31600000000", mms=True)
MAIL = Channel(name="mail", platform="email", sender="shop@shop.example")
ELSEWHERE = "https://elsewhere.example/a.png"


class Away(MemoryMediaStore):
    """Is not available."""

    def find(self, file_id: UUID) -> MediaFile | None:
        raise MediaError(f"{file_id} is away", permanent=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def uploads(clock: ManualClock) -> Uploads:
    return Uploads(
        store=MemoryMediaStore(),
        secret="a secret for the tests only",
        base_url="https://shop.example/messaging",
        clock=clock,
    )


def sent_through(
    uploads: Uploads, clock: ManualClock, channel: Channel, body: ImageBody | TextBody
) -> Envelope:
    receiver = to("ada@b.example" if channel is MAIL else "+31612345678")
    request = SendMessage(receiver=receiver, body=body)
    recording = RecordingTransport()
    transport = LinkedMedia(recording, uploads)
    messenger = Messenger(storage=MemoryStorage(), channels={channel: transport}, clock=clock)
    messenger.send(channel, request)
    Worker(messenger).drain()
    (envelope,) = recording.sent
    return envelope


class TestLinkedMedia(TransportContract):
    def make_transport(self) -> Transport:
        self.inner = RecordingTransport()
        uploads = Uploads(
            store=MemoryMediaStore(), secret="s" * 16, base_url="https://shop.example"
        )
        return LinkedMedia(self.inner, uploads)

    def received(self) -> list[str]:
        return sent_by(self.inner)


class LooksUp(RecordingTransport):
    """Remember what it is asked about."""

    def look_up(self, envelope: Envelope) -> Outcome | None:
        self.asked = envelope
        return None


def test_a_provider_is_asked_about_the_message_as_it_went_out(
    uploads: Uploads, clock: ManualClock
) -> None:
    url = uploads.create("image/png").media_url
    sent = sent_through(uploads, clock, MMS, ImageBody(images=(Image(media_url=url),)))
    assert isinstance(sent.content, MmsContent)
    items = tuple(evolve(item, media_url=url) for item in sent.content.media)
    inner = LooksUp()
    inner.capabilities = Capabilities(looks_up=True)

    LinkedMedia(inner, uploads).look_up(evolve(sent, content=evolve(sent.content, media=items)))

    assert inner.asked == sent


def opens(uploads: Uploads, link: str, file_id: UUID | None) -> bool:
    assert file_id is not None
    assert uploads.file_id_of(link) == file_id
    try:
        uploads.check_link(file_id, **dict(parse_qsl(urlsplit(link).query)))
    except UploadRefusedError:
        return False
    return True


def test_pictures_of_a_message_become_links(uploads: Uploads, clock: ManualClock) -> None:
    url = uploads.create("image/png").media_url
    body = ImageBody(images=(Image(media_url=url), Image(media_url=ELSEWHERE)), text=url)
    envelope = sent_through(uploads, clock, MMS, body)

    assert isinstance(envelope.content, MmsContent)
    first, second = envelope.content.media
    assert opens(uploads, first.media_url, uploads.file_id_of(url))
    assert second.media_url == ELSEWHERE
    assert envelope.content.text == url, "only what names media is changed"


@pytest.mark.parametrize(
    "owner", [{"workspace": uuid4()}, {"workspace": MMS.workspace, "channel": MAIL.id}]
)
def test_a_file_of_another_channel_or_workspace_gets_no_link(
    uploads: Uploads, clock: ManualClock, owner: dict[str, UUID]
) -> None:
    file = MediaFile(id=uuid4(), content_type="image/png", **owner)  # type: ignore[arg-type]
    writer = uploads.store.begin(file, 10)
    writer.write(b"private")
    assert writer.commit()
    url = uploads.media_url(file.id)

    envelope = sent_through(uploads, clock, MMS, ImageBody(images=(Image(media_url=url),)))

    assert isinstance(envelope.content, MmsContent)
    assert [medium.media_url for medium in envelope.content.media] == [url]


def test_a_message_waits_while_the_store_is_not_available(
    uploads: Uploads, clock: ManualClock
) -> None:
    recording = RecordingTransport()
    uploads.store = Away()
    messenger = Messenger(
        storage=MemoryStorage(), channels={MMS: LinkedMedia(recording, uploads)}, clock=clock
    )
    image = Image(media_url=uploads.media_url(uuid4()))
    messenger.send(MMS, SendMessage(receiver=to("+31612345678"), body=ImageBody(images=(image,))))
    assert Worker(messenger).drain().waiting == 1
    assert not recording.sent


def test_attachments_of_email_become_links(uploads: Uploads, clock: ManualClock) -> None:
    url = uploads.create("image/png").media_url
    body = TextBody(text="hi", attachments=(Attachment(filename="a.png", media_url=url),))
    envelope = sent_through(uploads, clock, MAIL, body)

    assert isinstance(envelope.content, EmailContent)
    link = envelope.content.attachments[0].media_url
    assert link is not None
    assert opens(uploads, link, uploads.file_id_of(url))


def test_media_of_other_contents_become_links(uploads: Uploads, clock: ManualClock) -> None:
    url = uploads.create("image/png").media_url
    envelope = sent_through(uploads, clock, MAIL, TextBody(text="hi"))
    recording = RecordingTransport()
    transport = LinkedMedia(recording, uploads)
    contents: list[Any] = [
        PushContent(text="hi", image_url=url),
        NativeContent(body=GifBody(media_url=url)),
        NativeContent(body=FileBody(files=(File(media_url=url, content_type="image/png"),))),
    ]
    for content in contents:
        transport.send(evolve(envelope, content=content), Leave())

    push, gif, file = (sent.content for sent in recording.sent)
    links = (push.image_url, gif.body.media_url, file.body.files[0].media_url)  # type: ignore[union-attr]
    assert all(opens(uploads, link, uploads.file_id_of(url)) for link in links)


def test_the_link_is_the_same_at_every_attempt_and_outlives_the_message(
    uploads: Uploads, clock: ManualClock
) -> None:
    url = uploads.create("image/png").media_url
    body = ImageBody(images=(Image(media_url=url),))
    envelope = sent_through(uploads, clock, MMS, body)
    recording = RecordingTransport()
    assert isinstance(envelope.content, MmsContent)
    items = tuple(evolve(item, media_url=url) for item in envelope.content.media)
    again = evolve(envelope, attempt=2, content=evolve(envelope.content, media=items))
    clock.advance(minutes=5)

    outcome = LinkedMedia(recording, uploads).send(again, Leave())

    assert isinstance(outcome, Accepted)
    assert recording.sent[0].content == envelope.content
    link, file_id = envelope.content.media[0].media_url, uploads.file_id_of(url)
    clock.advance(envelope.expires_at + uploads.link_lifetime - clock.now() - timedelta(seconds=1))
    assert opens(uploads, link, file_id)
    clock.advance(seconds=1)
    assert not opens(uploads, link, file_id)


def test_it_can_do_what_its_transport_can(uploads: Uploads) -> None:
    recording = RecordingTransport(name="twilio")
    transport = LinkedMedia(recording, uploads)

    assert (transport.name, transport.capabilities) == ("twilio", recording.capabilities)
    assert transport.transports == (recording,)
    assert LinkedMedia(recording, uploads, name="mms").name == "mms"


def test_wrong_arguments_are_refused(uploads: Uploads) -> None:
    with pytest.raises(ArgumentError, match="transport"):
        LinkedMedia("twilio", uploads)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="uploads"):
        LinkedMedia(RecordingTransport(), "uploads")  # type: ignore[arg-type]
