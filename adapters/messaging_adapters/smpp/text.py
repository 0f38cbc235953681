"""The text of an SMS as the contents of PDUs, and back (SMPP 3.4 §5.2.12, §5.2.19)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from messaging_adapters.smpp.tlv import Tag, Tlv
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.rules.formats.gsm import decode_gsm, encode_gsm
from messaging_core.rules.formats.sms import split_sms

UDH_INDICATOR: Final = 0x40  # in esm_class

DEFAULT_CODING: Final = 0
_ASCII: Final = 1
_LATIN_1: Final = 3
UCS_2: Final = 8


class Alphabet(StrEnum):
    """What a message centre takes `data_coding` 0 for: its default alphabet (§5.2.19)."""

    GSM = "gsm"
    LATIN_1 = "latin-1"
    ASCII = "ascii"


class Concatenation(StrEnum):
    """How the parts of a long text are tied together.

    Attributes:
        UDH_8: A header of 6 octets in each part, with a reference of 8 bits
            (3GPP TS 23.040 §9.2.3.24.1).
        UDH_16: One of 7 octets, with a reference of 16 bits (§9.2.3.24.8).
        SAR: Optional parameters, from which the message centre makes the header.
        PAYLOAD: The whole text in one PDU (`message_payload`), which the centre splits.
    """

    UDH_8 = "udh-8"
    UDH_16 = "udh-16"
    SAR = "sar"
    PAYLOAD = "payload"


@frozen(kw_only=True)
class Segment:
    """The content of one PDU.

    Attributes:
        data_coding: How `octets` are to be read.
        octets: The text alone.
        header: The user data header that goes before it; empty where there is none.
        tlvs: Optional parameters that go with it.
    """

    data_coding: int
    octets: bytes = field(repr=False)
    header: bytes = b""
    tlvs: tuple[Tlv, ...] = ()


def segments_of(
    sms: SmsText, reference: int, *, alphabet: Alphabet, concatenation: Concatenation
) -> list[Segment]:
    """Return a text as the contents of its PDUs.

    Args:
        sms: The text as the engine split it.
        reference: 16 bits that tie the parts together; the same at each try of a message.
        alphabet: What the centre takes `data_coding` 0 for.
        concatenation: How the parts are tied together.
    """
    coding, parts = _parts(sms, alphabet, wide=concatenation is Concatenation.UDH_16)
    if concatenation is Concatenation.PAYLOAD:
        octets = _encoded(sms.text, coding, alphabet)
        return [
            _payload(octets, coding)
            if len(parts) > 1
            else Segment(data_coding=coding, octets=octets)
        ]
    contents = [_encoded(part, coding, alphabet) for part in parts]
    if len(contents) == 1:
        return [Segment(data_coding=coding, octets=contents[0])]
    return [
        _part(octets, coding, concatenation, (reference, len(contents), number))
        for number, octets in enumerate(contents, start=1)
    ]


def _parts(sms: SmsText, alphabet: Alphabet, *, wide: bool) -> tuple[int, Sequence[str]]:
    """Return the data coding and the texts of the parts."""
    needs_ucs2 = sms.encoding is SmsEncoding.UCS_2 or not _fits(sms.text, alphabet)
    if wide or needs_ucs2 != (sms.encoding is SmsEncoding.UCS_2):
        sms = split_sms(sms.text, wide_reference=wide, ucs2=needs_ucs2)
    return UCS_2 if needs_ucs2 else DEFAULT_CODING, sms.parts


def _fits(text: str, alphabet: Alphabet) -> bool:
    if alphabet is Alphabet.GSM:
        return True
    try:
        text.encode(alphabet)
    except UnicodeEncodeError:
        return False
    return True


def _encoded(text: str, coding: int, alphabet: Alphabet) -> bytes:
    if coding == UCS_2:
        # Characters beyond the basic plane are sent as UTF-16, which phones read.
        return text.encode("utf-16-be", "surrogatepass")
    return encode_gsm(text) if alphabet is Alphabet.GSM else text.encode(alphabet)


def _payload(octets: bytes, coding: int) -> Segment:
    return Segment(data_coding=coding, octets=b"", tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, octets),))


def _part(
    octets: bytes, coding: int, concatenation: Concatenation, place: tuple[int, int, int]
) -> Segment:
    reference, total, number = place
    if concatenation is Concatenation.SAR:
        tlvs = (
            Tlv.number(Tag.SAR_MSG_REF_NUM, reference, 2),
            Tlv.number(Tag.SAR_TOTAL_SEGMENTS, total, 1),
            Tlv.number(Tag.SAR_SEGMENT_SEQNUM, number, 1),
        )
        return Segment(data_coding=coding, octets=octets, tlvs=tlvs)
    if concatenation is Concatenation.UDH_16:
        header = bytes([6, 8, 4, *reference.to_bytes(2), total, number])
    else:
        header = bytes([5, 0, 3, reference & 0xFF, total, number])
    return Segment(data_coding=coding, octets=octets, header=header)


def encoding_of(data_coding: int, alphabet: Alphabet) -> SmsEncoding | None:
    """Return the encoding of a text whose parts are read together; the others go part by part."""
    coding = _coding_of(data_coding)
    if coding == UCS_2:
        return SmsEncoding.UCS_2
    is_gsm = coding == DEFAULT_CODING and alphabet is Alphabet.GSM
    return SmsEncoding.GSM_7 if is_gsm else None


def decode_text(octets: bytes, data_coding: int, alphabet: Alphabet) -> str:
    """Return what a message from a mobile says.

    Octets that mean nothing in their coding become U+FFFD; a coding that is none of text, such as
    8-bit data, is read as Latin-1, in which every octet has a character.

    Args:
        octets: The content without its user data header.
        data_coding: As in the PDU.
        alphabet: What the centre means by 0.
    """
    coding = _coding_of(data_coding)
    if coding == UCS_2:
        return octets.decode("utf-16-be", "replace")
    if coding == _ASCII:
        return octets.decode("ascii", "replace")
    if coding == DEFAULT_CODING:
        return (
            decode_gsm(octets) if alphabet is Alphabet.GSM else octets.decode(alphabet, "replace")
        )
    return octets.decode("latin-1")


def _coding_of(data_coding: int) -> int:
    """Return the SMPP value that a data coding comes to.

    Some centres pass on the scheme of the mobile network (3GPP TS 23.038 §4): from 0x10 with a
    message class, and from 0xF0.
    """
    if data_coding >= 0xF0:  # noqa: PLR2004 - the group "data coding / message class"
        return _LATIN_1 if data_coding & 0x04 else DEFAULT_CODING
    if 0x10 <= data_coding < 0x40:  # noqa: PLR2004 - the group "general data coding"
        return {0x00: DEFAULT_CODING, 0x08: UCS_2}.get(data_coding & 0x0C, _LATIN_1)
    return data_coding


@frozen(kw_only=True)
class Place:
    """Which part of which text a PDU holds."""

    reference: int
    total: int
    number: int

    @property
    def is_valid(self) -> bool:
        """Say whether there is such a part; else it is a text of its own (§9.2.3.24.1)."""
        return 1 <= self.number <= self.total and self.total > 1


def split_header(content: bytes) -> tuple[Place | None, bytes]:
    """Take the user data header off a content (3GPP TS 23.040 §9.2.3.24).

    Returns:
        Which part it is, where the header says that it is one of several, and the text alone. A
        header that is longer than the content is taken for text.
    """
    size = content[0] + 1 if content else 0
    if size > len(content):
        return None, content
    return _place_in(content[1:size]), content[size:]


def _place_in(elements: bytes) -> Place | None:
    at = 0
    while at + 2 <= len(elements):
        kind, length = elements[at], elements[at + 1]
        value = elements[at + 2 : at + 2 + length]
        at += 2 + length
        if len(value) == length and (kind, length) in {(0, 3), (8, 4)}:
            *reference, total, number = value
            place = Place(reference=int.from_bytes(reference), total=total, number=number)
            return place if place.is_valid else None
    return None
