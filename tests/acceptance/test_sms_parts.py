"""How many parts an SMS may take, and what is done to take fewer."""
# ruff: noqa: RUF001 - typographic characters are what is replaced

from typing import Any

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import InvalidMessageError, Messenger, SendMessage, Worker, text, to
from messaging_core.models.common.channel import Channel
from messaging_core.models.content.action import LinkAction
from messaging_core.models.content.body import TextBody
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.models.messages.request import ShortLinks
from messaging_core.testing import RecordingTransport, a_channel

LONG = "https://shop.example/" + "x" * 200


class Shop:
    """A messenger with one channel."""

    def __init__(self, **fields: Any) -> None:
        self.channel: Channel = a_channel("orders", **fields)
        self.transport = RecordingTransport()
        self.messenger = Messenger(storage=MemoryStorage(), channels={self.channel: self.transport})

    def faults(self, body: TextBody, **fields: Any) -> list[tuple[str, str]]:
        request = SendMessage(receiver=to("+31612345678"), body=body, **fields)
        plan = self.messenger.plan("orders", request)
        violations = plan.violations
        if violations:
            with pytest.raises(InvalidMessageError) as caught:
                self.messenger.send("orders", request)
            assert caught.value.violations == violations
        return [(violation.path, violation.code) for violation in violations]

    def sent(self, body: TextBody) -> SmsContent:
        self.messenger.send("orders", SendMessage(receiver=to("+31612345678"), body=body))
        Worker(self.messenger).drain()
        content = self.transport.sent[-1].content
        assert isinstance(content, SmsContent)
        return content


def test_a_text_beyond_the_parts_of_its_channel_is_refused() -> None:
    shop = Shop(max_parts=2)

    assert shop.faults(text("a" * 306)) == []
    assert shop.faults(text("a" * 307)) == [("/body/text/text", "text.too_many_parts")]


def test_link_buttons_count() -> None:
    button = LinkAction(text="Track", url="https://shop.example/t")
    body = TextBody(text="a" * 150, actions=(button,))

    assert Shop(max_parts=2).faults(body) == []
    assert Shop(max_parts=1).faults(body) == [("/body/text/text", "text.too_many_parts")]


def test_link_buttons_never_make_a_text_longer_than_a_phone_puts_together() -> None:
    button = LinkAction(text="я", url="https://shop.example/" + "t" * 8_000)
    fits = TextBody(text="я" * 9_000, actions=(button,))
    beyond = TextBody(text="я" * 9_000, actions=(button, button))

    assert Shop().faults(fits) == []
    assert Shop().faults(beyond) == [("/body/text/text", "text.too_many_parts")]


def test_parts_are_counted_with_short_links() -> None:
    shop, links = Shop(max_parts=1), ShortLinks(domain="go.example")

    assert shop.faults(text(f"Track: {LONG}"), short_links=links) == []
    assert shop.faults(text(f"Track: {LONG}")) == [("/body/text/text", "text.too_many_parts")]
    assert shop.faults(text(LONG + " a" * 70), short_links=links) == [
        ("/shortLinks", "text.too_many_parts")
    ]


def test_smart_encoding_comes_before_counting() -> None:
    body = text("“Ready” – your order\u200b" + " is here" * 14)

    assert Shop(max_parts=1).faults(body) == [("/body/text/text", "text.too_many_parts")]
    assert Shop(max_parts=1, smart_encoding=True).faults(body) == []


def test_what_smart_encoding_replaced_is_what_is_sent() -> None:
    plain = Shop(smart_encoding=True).sent(text("“Ready” – go"))
    as_it_is = Shop().sent(text("“Ready” – go"))

    assert plain.text == '"Ready" - go'
    assert as_it_is.text == "“Ready” – go"


def test_a_text_that_fits_255_parts_only_when_replaced_is_sent() -> None:
    body = text("“" + "a" * 20_000)

    assert Shop().faults(body) == [("/body/text/text", "text.too_many_parts")]
    assert Shop(smart_encoding=True).faults(body) == []
