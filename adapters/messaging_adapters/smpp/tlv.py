"""Optional parameters of PDUs: tag, length, value (SMPP 3.4 §3.2.4, §5.3.2)."""

import struct
from enum import IntEnum
from typing import Final

from attrs import frozen

_HEAD: Final = struct.Struct(">HH")


class Tag(IntEnum):
    """The optional parameters that this client reads or writes."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class TlvError(ValueError):
    """The optional parameters end within a parameter."""


@frozen
class Tlv:
    """One optional parameter; unknown tags are kept."""

    tag: int
    value: bytes

    @classmethod
    def number(cls, tag: int, value: int, size: int) -> "Tlv":
        """Return a parameter that holds a number of `size` octets."""
        return cls(tag, value.to_bytes(size))


def encode_tlvs(tlvs: tuple[Tlv, ...]) -> bytes:
    """Return parameters as they stand behind the body of a PDU."""
    return b"".join([_HEAD.pack(tlv.tag, len(tlv.value)) + tlv.value for tlv in tlvs])


def decode_tlvs(data: bytes) -> tuple[Tlv, ...]:
    """Read all parameters behind the body of a PDU.

    Raises:
        TlvError: The last one is not complete.
    """
    tlvs, at = [], 0
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise TlvError("a parameter has no length")
        tag, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if len(data) - at < length:
            raise TlvError("a parameter is shorter than its length")
        tlvs.append(Tlv(tag, data[at : at + length]))
        at += length
    return tuple(tlvs)
