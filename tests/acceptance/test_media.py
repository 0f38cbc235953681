"""Media URLs that a host's check refuses at `send`."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, InvalidMessageError, MessageQuery, Messenger, SendMessage, to
from messaging_core.models import Attachment, Image, ImageBody, TextBody
from messaging_core.ports.media import MediaCheck
from messaging_core.testing import RecordingTransport
from messaging_core.wire import dump_send_message

MMS = Channel(name="mms", platform="sms", sender="+31600000000", mms=True)
MAIL = Channel(name="mail", platform="email", sender="shop@shop.example")
BODY = TextBody(text="hi")
GOOD, BAD = "https://shop.example/good.png", "https://shop.example/bad.png"


class Refuses(MediaCheck):
    """Refuse one URL on one channel, and remember what was asked."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.asked: list[tuple[str, str]] = []

    def check(self, url: str, channel: Channel) -> str | None:
        self.asked.append((url, channel.name))
        return "it is not there" if url == BAD and channel == self.channel else None


def messenger_with(check: MediaCheck | None) -> Messenger:
    channels = {MMS: RecordingTransport(), MAIL: RecordingTransport()}
    return Messenger(storage=MemoryStorage(), channels=channels, media_check=check)


def pictures(*urls: str) -> SendMessage:
    body = ImageBody(images=tuple(Image(media_url=url) for url in urls))
    return SendMessage(receiver=to("+31612345678"), body=body)


def mail(url: str) -> SendMessage:
    body = TextBody(text="hi", attachments=(Attachment(filename="a.png", media_url=url),))
    return SendMessage(receiver=to("ada@b.example"), body=body)


def refused(messenger: Messenger, channel: Channel, request: SendMessage) -> list[tuple[str, str]]:
    with pytest.raises(InvalidMessageError) as caught:
        messenger.send(channel, request)
    assert messenger.find(MessageQuery()).results == ()
    return [(violation.path, violation.code) for violation in caught.value.violations]


def test_each_refused_url_is_a_violation_at_its_place() -> None:
    check = Refuses(MMS)
    violations = refused(messenger_with(check), MMS, pictures(GOOD, BAD, BAD))

    paths = [f"/body/image/images/{index}/mediaUrl" for index in (1, 2)]
    assert violations == [(path, "media.not_available") for path in paths]
    assert check.asked == [(GOOD, "mms"), (BAD, "mms"), (BAD, "mms")]


def test_attachments_of_email_are_checked() -> None:
    violations = refused(messenger_with(Refuses(MAIL)), MAIL, mail(BAD))

    assert violations == [("/body/text/attachments/0/mediaUrl", "media.not_available")]


def test_what_is_not_refused_is_sent_and_so_is_everything_without_a_check() -> None:
    assert messenger_with(Refuses(MMS)).send(MMS, pictures(GOOD))
    assert messenger_with(Refuses(MMS)).send(MAIL, mail(BAD))
    assert messenger_with(None).send(MMS, pictures(BAD))


def test_plan_refuses_what_send_refuses() -> None:
    plan = messenger_with(Refuses(MMS)).plan(MMS, pictures(BAD))

    assert [violation.code for violation in plan.violations] == ["media.not_available"]


def as_text(request: SendMessage) -> str:
    return json.dumps(dump_send_message(request))


def as_json(request: SendMessage) -> bytes:
    return as_text(request).encode()


class Waits(MediaCheck):
    """Answer when it is let go, as a store far away may."""

    def __init__(self) -> None:
        self.is_asked, self.go = Event(), Event()

    def check(self, url: str, channel: Channel) -> str | None:  # noqa: ARG002 - the port's
        self.is_asked.set()
        assert self.go.wait(30)
        return None


@pytest.mark.parametrize("dumped", [lambda value: value, dump_send_message, as_json, as_text])
def test_a_check_that_waits_holds_up_no_other_request(dumped: Callable[[SendMessage], Any]) -> None:
    check = Waits()
    messenger = messenger_with(check)
    with ThreadPoolExecutor(4) as pool:
        slow = pool.submit(messenger.send, MAIL, dumped(mail(GOOD)))
        assert check.is_asked.wait(30)
        others = [
            pool.submit(messenger.send, MAIL, SendMessage(receiver=to("b@b.example"), body=BODY))
            for _ in range(10)
        ]
        assert {other.result(30).status for other in others} == {"accepted"}
        assert not slow.done()
        check.go.set()
        assert slow.result(30).status == "accepted"
