"""An envelope as the requests that hand it over (`submit_sm`, SMPP 3.4 §4.4.1)."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from attrs import frozen

from messaging_adapters.smpp.failures import UnsendableError
from messaging_adapters.smpp.pdu import Command, Pdu, ShortMessage
from messaging_adapters.smpp.receipts import own_reference
from messaging_adapters.smpp.text import (
    UDH_INDICATOR,
    Alphabet,
    Concatenation,
    Segment,
    segments_of,
)
from messaging_adapters.smpp.tlv import Tag, Tlv
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.messages.envelope import Envelope, SmsContent

_LONGEST_VALIDITY: Final = timedelta(days=31)
_NUMBER: Final = re.compile(r"\+?[0-9]{1,20}")  # §5.2.8: 21 octets with the NUL
_NAME: Final = re.compile(r"(?=.*[A-Za-z])[ -~]{1,11}")  # 3GPP TS 23.040 §9.1.2.5

_INTERNATIONAL: Final = (1, 1)  # TON and NPI (§5.2.5, §5.2.6): a number with its country's code
_ALPHANUMERIC: Final = (5, 0)
_UNKNOWN: Final = (0, 0)  # a short code, or no sender: the centre's own


@frozen(kw_only=True)
class Style:
    """How one centre wants its requests.

    Attributes:
        alphabet: What it means by `data_coding` 0.
        concatenation: How parts are tied together.
        service_type: As agreed with it.
        source_ton: Type of number of all senders; by default it follows from each sender.
        source_npi: Beside it.
        destination_ton: Of all receivers.
        destination_npi: Beside it.
        receipts: Whether to ask for receipts.
        validity: Whether to say how long a message may wait.
    """

    alphabet: Alphabet = Alphabet.GSM
    concatenation: Concatenation = Concatenation.UDH_8
    service_type: str = ""
    source_ton: int | None = None
    source_npi: int | None = None
    destination_ton: int | None = None
    destination_npi: int | None = None
    receipts: bool = True
    validity: bool = True


@frozen(kw_only=True)
class Part:
    """One request of a message.

    Attributes:
        pdu: The request, without its sequence number.
        own_reference: What we call it before the centre has named it.
    """

    pdu: Pdu
    own_reference: str


def parts_of(envelope: Envelope, style: Style, now: datetime) -> list[Part]:
    """Return the requests that hand a message over.

    They are the same at each try, except for the validity: a phone recognises a part that it has
    already by the reference in its header.

    Raises:
        UnsendableError: The message cannot go as it stands.
    """
    if not isinstance(envelope.content, SmsContent):
        raise UnsendableError("SMPP carries SMS only", FailureCode.UNSUPPORTED_TYPE)
    common = _common_fields(envelope, style, now)
    segments = segments_of(
        envelope.content.sms,
        _number_for(envelope, "text", envelope.content.text),
        alphabet=style.alphabet,
        concatenation=style.concatenation,
    )
    return [_part(common, segment, envelope, place) for place, segment in enumerate(segments)]


def _common_fields(envelope: Envelope, style: Style, now: datetime) -> dict[str, Any]:
    """Return the fields that all parts have alike."""
    receiver = envelope.to
    source, source_ton, source_npi = _source(
        "" if envelope.sender is None else envelope.sender.value
    )
    if not _NUMBER.fullmatch(receiver):
        raise UnsendableError("the receiver is no phone number", FailureCode.INVALID_RECEIVER)
    destination_ton, destination_npi = _INTERNATIONAL if receiver[0] == "+" else _UNKNOWN
    return {
        "service_type": style.service_type.encode("ascii"),
        "source_addr": source.encode("ascii"),
        "source_addr_ton": _chosen(style.source_ton, source_ton),
        "source_addr_npi": _chosen(style.source_npi, source_npi),
        "destination_addr": receiver.removeprefix("+").encode("ascii"),
        "dest_addr_ton": _chosen(style.destination_ton, destination_ton),
        "dest_addr_npi": _chosen(style.destination_npi, destination_npi),
        "validity_period": _relative(envelope.expires_at - now) if style.validity else b"",
        "registered_delivery": int(style.receipts),
    }


def _part(common: Mapping[str, Any], segment: Segment, envelope: Envelope, place: int) -> Part:
    number = _number_for(envelope, "part", str(place))
    body = ShortMessage(
        **common,
        esm_class=UDH_INDICATOR if segment.header else 0,
        data_coding=segment.data_coding,
        short_message=segment.header + segment.octets,
    )
    tlvs = (Tlv.number(Tag.USER_MESSAGE_REFERENCE, number, 2), *segment.tlvs)
    pdu = Pdu(command=Command.SUBMIT_SM, body=body, tlvs=tlvs)
    return Part(pdu=pdu, own_reference=own_reference(number, envelope.to))


def _number_for(envelope: Envelope, *values: str) -> int:
    """Return 16 bits that look random and are the same at each try, in every process."""
    seed = "\0".join([envelope.message_id.hex, envelope.to, *values])
    return int.from_bytes(blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=2).digest())


def _chosen(fixed: int | None, derived: int) -> int:
    return derived if fixed is None else fixed


def _source(sender: str) -> tuple[str, int, int]:
    if not sender:
        return "", *_UNKNOWN
    if _NUMBER.fullmatch(sender):
        kind = _INTERNATIONAL if sender[0] == "+" else _UNKNOWN
        return sender.removeprefix("+"), *kind
    if _NAME.fullmatch(sender):
        return sender, *_ALPHANUMERIC
    raise UnsendableError(
        "an SMS sender is a number, or a name of at most 11 characters of ASCII",
        FailureCode.INVALID_SENDER,
        Retry.CONFIGURATION,
    )


def _relative(left: timedelta) -> bytes:
    """Return a time from now as the centre reads it (§7.1.1.2)."""
    seconds = int(min(max(left, timedelta(seconds=1)), _LONGEST_VALIDITY).total_seconds())
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R".encode("ascii")
