"""What a centre sends is answered when it is stored, and one bad message spoils no other."""

import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.smpp.inbox import Inbox, Listener
from messaging_adapters.smpp.message_ids import IdNotation, MessageIds
from messaging_adapters.smpp.pdu import Command, Nothing, Pdu, ShortMessage
from messaging_adapters.smpp.receipts import Reading
from messaging_adapters.smpp.text import Alphabet
from messaging_adapters.smpp.tlv import Tag, Tlv
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.errors import ArgumentError
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.receipt import IncomingMessage, Receipt, Reception
from messaging_core.testing import MONDAY_MORNING, ManualClock

CHANNEL = UUID(int=7)


class Session:
    """Keep the answers."""

    def __init__(self) -> None:
        self.answers: dict[int, int] = {}

    def answer(self, pdu: Pdu) -> None:
        self.answers[pdu.sequence] = pdu.status


def said(receipt: Receipt) -> str:
    assert isinstance(receipt, IncomingMessage)
    assert isinstance(receipt.body, TextBody)
    return receipt.body.text


class Store:
    """Store everything but what says bad; wait at the first call until `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.called = threading.Event()
        self.calls: list[list[str]] = []

    def receive(self, receipts: Sequence[Receipt]) -> None:
        self.calls.append([said(receipt) for receipt in receipts])
        self.called.set()
        self.go.wait(20)
        if "bad" in self.calls[-1]:
            raise OSError("this one cannot be stored")


def a_message(text: str, sequence: int, **fields: Any) -> Pdu:
    body = ShortMessage(source_addr=b"316", short_message=text.encode(), **fields)
    return Pdu(command=Command.DELIVER_SM, sequence=sequence, body=body)


def an_inbox(store: Store | None = None) -> Inbox:
    reading = Reading(source="smpp", alphabet=Alphabet.GSM, ids=IdNotation(MessageIds.AUTO))
    inbox = Inbox(reading, ManualClock(MONDAY_MORNING))
    if store is not None:
        inbox.listen(Listener(receive=store.receive, channel=CHANNEL))
    return inbox


def test_many_are_stored_together_and_a_bad_one_spoils_no_other() -> None:
    store, session = Store(), Session()
    inbox: Any = an_inbox(store)
    inbox.put(session, a_message("first", 1))
    store.called.wait(20)
    for sequence, text in enumerate(["one", "bad", "two"], start=2):
        inbox.put(session, a_message(text, sequence))

    store.go.set()
    inbox.close(20)

    assert session.answers == {1: 0, 2: 0, 3: 0x64, 4: 0}
    assert store.calls == [["first"], ["one", "bad", "two"], ["one"], ["bad"], ["two"]]


def test_what_comes_after_the_end_waits_at_the_centre() -> None:
    store, session = Store(), Session()
    inbox: Any = an_inbox(store)
    inbox.close(1)

    inbox.put(session, a_message("late", 1))

    assert session.answers == {1: 0x64}
    assert store.calls == []


def test_what_cannot_be_read_waits_and_the_next_one_is_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store, session = Store(), Session()
    store.go.set()
    inbox: Any = an_inbox(store)

    inbox.put(session, Pdu(command=Command.DELIVER_SM, sequence=1, body=Nothing()))
    inbox.put(session, a_message("next", 2))
    inbox.close(20)

    assert session.answers == {1: 0x64, 2: 0}
    assert "could not be read: TypeError" in caplog.text


def a_receipt(sequence: int, number: int) -> Pdu:
    body = ShortMessage(source_addr=b"316", esm_class=4, short_message=b"stat:DELIVRD")
    tlvs = (Tlv.number(Tag.USER_MESSAGE_REFERENCE, number, 2),)
    return Pdu(command=Command.DELIVER_SM, sequence=sequence, body=body, tlvs=tlvs)


def test_receipts_that_name_only_our_own_reference_are_told_apart() -> None:
    received: list[Any] = []
    inbox: Any = an_inbox()

    def receive(receipts: Sequence[Receipt]) -> Reception:
        received.extend(receipts)
        return Reception(unmatched=len(receipts))

    inbox.listen(Listener(receive=receive))
    inbox.put(Session(), a_receipt(1, number=7))
    inbox.put(Session(), a_receipt(2, number=8))
    inbox.close(20)

    assert len({receipt.key for receipt in received}) == 4
    assert len({receipt.reference for receipt in received} - {None}) == 2


@pytest.mark.parametrize("reception", [Reception(failed=1), Reception(repeated=1)], ids=str)
def test_a_receipt_that_is_not_applied_may_be_found_by_our_own_reference(
    reception: Reception,
) -> None:
    received: list[Any] = []
    inbox: Any = an_inbox()

    def receive(receipts: Sequence[Receipt]) -> Reception:
        received.extend(receipts)
        return reception

    inbox.listen(Listener(receive=receive))
    inbox.put(Session(), a_receipt(1, number=7))
    inbox.close(20)

    assert received[1].reference.startswith("umr-0007-")


@pytest.mark.parametrize("receive", [None, "receive", 7])
def test_start_wants_a_function(receive: Any) -> None:
    transport = SmppTransport("centre.example", system_id="shop", password="secret")

    with pytest.raises(ArgumentError, match="receive"):
        transport.start(receive)


@pytest.mark.parametrize("wrong", [{"channel": "sms"}, {"numbers": {"+316": "sms"}}], ids=str)
def test_start_wants_channels(wrong: Any) -> None:
    transport = SmppTransport("centre.example", system_id="shop", password="secret")

    with pytest.raises(ArgumentError, match="must be a Channel or its id"):
        transport.start(Store().receive, **wrong)
