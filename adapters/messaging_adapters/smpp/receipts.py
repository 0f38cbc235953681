"""Receipts and incoming messages, as the engine takes them (SMPP 3.4 §4.6, appendix B)."""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from hashlib import blake2b
from typing import Final
from uuid import UUID

from attrs import evolve, field, frozen

from messaging_adapters.smpp.message_ids import IdNotation
from messaging_adapters.smpp.pdu import DataMessage, Pdu, ShortMessage
from messaging_adapters.smpp.provider_words import State, state_of
from messaging_adapters.smpp.receipt_text import ReceiptText, read_receipt_text
from messaging_adapters.smpp.text import (
    UDH_INDICATOR,
    Alphabet,
    Place,
    decode_text,
    encoding_of,
    split_header,
)
from messaging_adapters.smpp.tlv import Tag
from messaging_core.models.common.failure import Failure, FailureSource
from messaging_core.models.content.body import TextBody
from messaging_core.models.content.sms import SmsEncoding
from messaging_core.models.delivery.receipt import IncomingMessage, IncomingPart, StatusReceipt

_KIND: Final = 0x3C  # the bits of esm_class that say what a deliver_sm is (§5.2.12)
_RECEIPTS: Final = frozenset({0x04, 0x08, 0x10, 0x20})
_QUOTED: Final = re.compile(r"\btext[:=].*", re.IGNORECASE | re.DOTALL)
_SAR: Final = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
_INTERNATIONAL: Final = 1  # TON (§5.2.5)


@frozen(kw_only=True)
class Reading:
    """What it takes to read the messages of one centre.

    Attributes:
        source: Name of the transport.
        alphabet: What the centre means by `data_coding` 0.
        ids: How it writes ids.
        zone: Of its clock; absent where that is not known: then receipts are dated as they come.
        late: The messages whose references came too late for the engine to know them.
    """

    source: str
    alphabet: Alphabet
    ids: IdNotation
    zone: tzinfo | None = None
    late: Mapping[str, UUID] = field(factory=dict, repr=False)


def is_receipt(pdu: Pdu) -> bool:
    """Say whether a PDU reports on a message; some centres leave out the mark in `esm_class`."""
    marked = _body(pdu).esm_class & _KIND in _RECEIPTS
    return marked or pdu.tlv(Tag.RECEIPTED_MESSAGE_ID) is not None


def status_receipt(pdu: Pdu, reading: Reading, now: datetime) -> StatusReceipt:
    """Return the receipt in a PDU; what the parameters say counts more than the text."""
    body = _body(pdu)
    text = decode_text(pdu.content, body.data_coding, reading.alphabet)
    said = read_receipt_text(text)
    message_id = _text_of(pdu, Tag.RECEIPTED_MESSAGE_ID) or said.id
    state = state_of(pdu.number(Tag.MESSAGE_STATE), said.stat)
    address = body.source_addr.decode("latin-1")
    reference = reading.ids.reference(message_id, address) if message_id else None
    return StatusReceipt(
        source=reading.source,
        at=_done_at(said, reading.zone, now),
        status=state.status,
        provider_status=state.word,
        reference=reference,
        message_id=reading.late.get(reference or ""),
        failure=_failure(state, _network_error(pdu, said), reading.source),
        # The centre may send it again, and its content is the same then.
        key=_key(
            *("receipt", reference or "", state.word, said.done, said.err, address),
            *(() if reference else (str(pdu.number(Tag.USER_MESSAGE_REFERENCE)),)),
        ),
        raw=_QUOTED.sub("", text).strip(),  # the rest repeats the message
    )


def by_own_reference(receipt: StatusReceipt, pdu: Pdu) -> StatusReceipt | None:
    """Return a receipt under the reference that we gave the message, where the centre repeats it.

    It finds the message whose answer was lost.
    """
    number = pdu.number(Tag.USER_MESSAGE_REFERENCE)
    if number is None:
        return None
    reference = own_reference(number, _body(pdu).source_addr.decode("latin-1"))
    return evolve(receipt, reference=reference, key=f"{receipt.key}:own")


def own_reference(number: int, address: str) -> str:
    """Return what a part of a message is called before the centre has named it.

    Args:
        number: 16 bits, sent as `user_message_reference`.
        address: Whom it goes to; not readable in the result.
    """
    digits = re.sub(r"\D", "", address)
    return f"umr-{number:04x}-{blake2b(digits.encode(), digest_size=6).hexdigest()}"


def incoming_message(
    pdu: Pdu, reading: Reading, channel_id: UUID, now: datetime
) -> IncomingMessage:
    """Return the message that a person sent, or the part of it that a PDU holds."""
    body = _body(pdu)
    place, octets = _place_and_octets(pdu)
    return IncomingMessage(
        source=reading.source,
        at=now,
        channel_id=channel_id,
        sender=_number(body.source_addr, body.source_addr_ton),
        body=TextBody(text=decode_text(octets, body.data_coding, reading.alphabet)),
        part=_part(place, octets, encoding_of(body.data_coding, reading.alphabet)),
        raw=pdu.content.hex(),
    )


def _place_and_octets(pdu: Pdu) -> tuple[Place | None, bytes]:
    """Return which part a PDU holds, by its header or its parameters, and the text alone."""
    place, octets = None, pdu.content
    if _body(pdu).esm_class & UDH_INDICATOR:
        place, octets = split_header(octets)
    reference, total, number = (pdu.number(tag) for tag in _SAR)
    if place is None and reference is not None and total is not None and number is not None:
        place = Place(reference=reference, total=total, number=number)
    return (place if place is not None and place.is_valid else None), octets


def _part(place: Place | None, octets: bytes, encoding: SmsEncoding | None) -> IncomingPart | None:
    if place is None:
        return None
    return IncomingPart(
        reference=str(place.reference),
        total=place.total,
        number=place.number,
        octets=octets.hex() if encoding is not None else None,
        encoding=encoding,
    )


def destination_of(pdu: Pdu) -> str:
    """Return the number that a person wrote to."""
    body = _body(pdu)
    return _number(body.destination_addr, body.dest_addr_ton)


def _body(pdu: Pdu) -> ShortMessage | DataMessage:
    if not isinstance(pdu.body, ShortMessage | DataMessage):
        raise TypeError(f"command {pdu.command:#x} carries no message")
    return pdu.body


def _number(address: bytes, ton: int) -> str:
    text = address.decode("latin-1").strip()
    return f"+{text}" if ton == _INTERNATIONAL and text.isdecimal() else text


def _text_of(pdu: Pdu, tag: int) -> str:
    return (pdu.tlv(tag) or b"").split(b"\0")[0].decode("latin-1").strip()


def _done_at(said: ReceiptText, zone: tzinfo | None, now: datetime) -> datetime:
    done = said.done_at(zone) if zone is not None else None
    return min(done, now) if done is not None else now


def _network_error(pdu: Pdu, said: ReceiptText) -> str:
    value = pdu.tlv(Tag.NETWORK_ERROR_CODE)
    if value is not None and len(value) == 3:  # noqa: PLR2004 - a type and two octets (§5.3.2.31)
        return f"{value[0]}:{int.from_bytes(value[1:])}"
    return said.err


def _failure(state: State, error: str, source: str) -> Failure | None:
    if state.failure is None:
        return None
    code = f"{state.word} {error}".strip()[:40]
    return evolve(state.failure, source=FailureSource(code=code, name=source))


def _key(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
