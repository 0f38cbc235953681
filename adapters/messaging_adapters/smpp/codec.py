"""Protocol data units as bytes, free of sockets (SMPP 3.4 §3.2).

What we write keeps every limit of the specification. What we read has to keep the lengths, so
that no field is read from outside its PDU; the specification's shorter limits of texts are not
checked, as message centres exceed them.
"""

import struct
from typing import Any, Final

from attrs import define, field

from messaging_adapters.smpp.pdu import (
    BODIES,
    LAYOUTS,
    RESPONSE,
    Body,
    Kind,
    Nothing,
    Pdu,
    PduError,
    Status,
)
from messaging_adapters.smpp.tlv import TlvError, decode_tlvs, encode_tlvs

MAX_PDU: Final = 70_000
"""The longest PDU that is read; ours: a `message_payload` has up to 65,535 octets."""

_HEAD: Final = struct.Struct(">4I")


def encode(pdu: Pdu, sequence: int | None = None) -> bytes:
    """Return a PDU as bytes.

    Args:
        pdu: A request or response.
        sequence: Its number, where it has none of its own yet.

    Raises:
        ValueError: A value does not fit its field, which is a fault of the caller.
    """
    # §4.1.2, §4.4.2: a response that reports an error has no body.
    is_bare = pdu.is_response and pdu.status != Status.OK
    body = b"" if is_bare else _encode_body(pdu.body) + encode_tlvs(pdu.tlvs)
    number = pdu.sequence if sequence is None else sequence
    return _HEAD.pack(_HEAD.size + len(body), pdu.command, pdu.status, number) + body


def _encode_body(body: Body) -> bytes:
    written = bytearray()
    for name, kind, limit in LAYOUTS[type(body)]:
        value = getattr(body, name)
        if kind is Kind.OCTET:
            written.append(value)
            continue
        if len(value) > limit or (kind is Kind.TEXT and b"\0" in value):
            raise ValueError(f"{name} has at most {limit} octets")
        if kind is Kind.TEXT:
            written += value + b"\0"
        else:
            written.append(len(value))
            written += value
    return bytes(written)


def decode(data: bytes) -> Pdu:
    """Read one whole PDU.

    Raises:
        PduError: It is none, or a field does not end within it.
    """
    if len(data) < _HEAD.size:
        raise PduError("shorter than a header", Status.INVALID_LENGTH, is_fatal=True)
    length, command, status, sequence = _HEAD.unpack_from(data)
    if length != len(data):
        raise PduError("a wrong command_length", Status.INVALID_LENGTH, is_fatal=True)
    kind = BODIES.get(command, Nothing)
    rest = data[_HEAD.size :]
    # Some centres write a body beside an error, or leave out the empty id of an answer.
    is_bare = bool(command & RESPONSE) and (status != Status.OK or not rest)
    if is_bare or kind is Nothing:
        return Pdu(command=command, status=status, sequence=sequence, body=kind())
    try:
        body, size = _decode_body(kind, rest, is_lenient=bool(command & RESPONSE))
        tlvs = decode_tlvs(rest[size:])
    except TlvError as error:
        reason, answer = str(error), Status.INVALID_TLV_STREAM
        raise PduError(reason, answer, command=command, sequence=sequence) from error
    except _ShortError as error:
        reason, answer = f"{error} is not complete", Status.INVALID_LENGTH
        raise PduError(reason, answer, command=command, sequence=sequence) from error
    return Pdu(command=command, status=status, sequence=sequence, body=body, tlvs=tlvs)


class _ShortError(Exception):
    """A field does not end within its PDU."""


def _decode_body(kind: type[Body], data: bytes, *, is_lenient: bool) -> tuple[Body, int]:
    """Read the fields of a body, and return it with its length."""
    values: dict[str, Any] = {}
    at = 0
    for name, field_kind, _ in LAYOUTS[kind]:
        if field_kind is Kind.TEXT:
            end = data.find(b"\0", at)
            if end < 0 and not is_lenient:
                raise _ShortError(name)
            end = len(data) if end < 0 else end  # some answers leave out the last NUL
            values[name] = data[at:end]
            at = min(end + 1, len(data))
            continue
        if at >= len(data):
            raise _ShortError(name)
        values[name] = data[at]
        at += 1
        if field_kind is Kind.COUNTED:
            end = at + data[at - 1]
            if end > len(data):
                raise _ShortError(name)
            values[name] = data[at:end]
            at = end
    return kind(**values), at


@define
class PduStream:
    """Cut a stream of bytes into PDUs."""

    _pending: bytearray = field(factory=bytearray, init=False, repr=False)

    def feed(self, data: bytes) -> list[Pdu | PduError]:
        """Take bytes as they come, and return each PDU that is complete, or why it is none.

        Raises:
            PduError: A length that no PDU has; the stream is of no more use.
        """
        self._pending += data
        read: list[Pdu | PduError] = []
        while len(self._pending) >= _HEAD.size:
            length = int.from_bytes(self._pending[:4])
            if not _HEAD.size <= length <= MAX_PDU:
                sequence = int.from_bytes(self._pending[12:16])
                raise PduError(
                    "a wrong command_length",
                    Status.INVALID_LENGTH,
                    sequence=sequence,
                    is_fatal=True,
                )
            if len(self._pending) < length:
                break
            whole = bytes(self._pending[:length])
            del self._pending[:length]
            try:
                read.append(decode(whole))
            except PduError as error:
                read.append(error)
        return read
