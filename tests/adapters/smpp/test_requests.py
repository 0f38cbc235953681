"""An envelope as requests: addresses, validity, references, and what cannot be sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.smpp.failures import UnsendableError
from messaging_adapters.smpp.pdu import ShortMessage
from messaging_adapters.smpp.requests import Part, Style, parts_of
from messaging_core.models.common.channel import SMS
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.messages.envelope import Address, Envelope, Recipient, SmsContent
from messaging_core.rules import split_sms
from messaging_core.testing.contracts.transport import CONTENTS, an_envelope

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG = "0123456789" * 40


def an_sms(text: str = "hi", **changes: Any) -> Envelope:
    envelope = an_envelope(SMS, SmsContent(sms=split_sms(text)))
    return evolve(envelope, expires_at=NOW + timedelta(hours=1), **changes)


def body_of(part: Part) -> ShortMessage:
    assert isinstance(part.pdu.body, ShortMessage)
    return part.pdu.body


def only(envelope: Envelope, **style: Any) -> ShortMessage:
    (part,) = parts_of(envelope, Style(**style), NOW)
    return body_of(part)


@pytest.mark.parametrize(
    ("sender", "address", "ton", "npi"),
    [
        ("+31600000001", b"31600000001", 1, 1),
        ("1234", b"1234", 0, 0),
        ("My Shop", b"My Shop", 5, 0),
        (None, b"", 0, 0),
    ],
)
def test_the_kind_of_a_sender_follows_from_it(
    sender: str | None, address: bytes, ton: int, npi: int
) -> None:
    body = only(an_sms(sender=None if sender is None else Address(value=sender)))

    assert (body.source_addr, body.source_addr_ton, body.source_addr_npi) == (address, ton, npi)


def test_an_account_may_fix_the_kinds() -> None:
    style = {"source_ton": 3, "source_npi": 9, "destination_ton": 2, "destination_npi": 8}

    body = only(an_sms(), **style)

    assert (body.source_addr_ton, body.source_addr_npi) == (3, 9)
    assert (body.dest_addr_ton, body.dest_addr_npi) == (2, 8)


@pytest.mark.parametrize("sender", ["Twelve chars", "Sch\u00f6n", "a\0b", "+31 6"])
def test_a_sender_that_cannot_be_one_waits_for_the_set_up(sender: str) -> None:
    with pytest.raises(UnsendableError) as refused:
        only(an_sms(sender=Address(value=sender)))

    failure = refused.value.failure
    assert (failure.code, failure.retry) == (FailureCode.INVALID_SENDER, Retry.CONFIGURATION)
    assert sender not in failure.description


@pytest.mark.parametrize("receiver", ["", "ada@x.example", "+", "1" * 21, "+31\u0661"])
def test_a_receiver_that_is_no_number_is_refused(receiver: str) -> None:
    with pytest.raises(UnsendableError) as refused:
        only(an_sms(receivers=(Recipient(value=receiver),)))

    assert refused.value.failure.code == FailureCode.INVALID_RECEIVER


@pytest.mark.parametrize("number", [0, 2, 3, 4])
def test_other_contents_are_refused(number: int) -> None:
    with pytest.raises(UnsendableError) as refused:
        only(an_envelope(SMS, CONTENTS[number][1]))

    assert refused.value.failure.code == FailureCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize(
    ("left", "validity"),
    [
        (timedelta(hours=1), b"000000010000000R"),
        (timedelta(days=3, hours=4, minutes=5, seconds=6.9), b"000003040506000R"),
        (timedelta(0), b"000000000001000R"),
        (timedelta(hours=-1), b"000000000001000R"),
        (timedelta(days=400), b"000031000000000R"),
    ],
)
def test_the_remaining_validity_goes_along(left: timedelta, validity: bytes) -> None:
    envelope = evolve(an_sms(), expires_at=NOW + left)

    assert only(envelope).validity_period == validity
    assert only(envelope, validity=False).validity_period == b""


def test_receipts_are_asked_for() -> None:
    assert only(an_sms()).registered_delivery == 1
    assert only(an_sms(), receipts=False).registered_delivery == 0


def test_every_try_sends_the_same_parts_under_the_same_references() -> None:
    envelope = an_sms(LONG)

    first = parts_of(envelope, Style(), NOW)
    again = parts_of(evolve(envelope, attempt=2), Style(), NOW + timedelta(minutes=9))

    assert [body_of(part).short_message for part in first] == [
        body_of(part).short_message for part in again
    ]
    assert [part.own_reference for part in first] == [part.own_reference for part in again]
    assert [part.pdu.tlvs for part in first] == [part.pdu.tlvs for part in again]


def test_messages_and_parts_have_references_of_their_own() -> None:
    sent = [part for _ in range(40) for part in parts_of(an_sms(LONG), Style(), NOW)]

    references = {part.own_reference for part in sent}
    headers = {body_of(part).short_message[3] for part in sent}
    assert len(references) > 0.95 * len(sent)
    assert len(headers) > 30
    assert not any("31600000002" in reference for reference in references)
