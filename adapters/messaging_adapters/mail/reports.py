"""Delivery status reports (RFC 3464, RFC 6533) and complaints (RFC 5965), as mail brings them."""

import re
from collections.abc import Sequence
from typing import Final

from attrs import field

from messaging_adapters.mail.entities import Entity, Fields, blocks_of, read_entity
from messaging_core.lazy import frozen

_STATUS: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_FEEDBACK: Final = "message/feedback-report"
_RETURNED: Final = frozenset(
    {
        *("message/rfc822", "text/rfc822-headers", "message/rfc822-headers"),
        *("message/global", "message/global-headers"),
    }
)
_RECIPIENT: Final = ("final-recipient", "original-recipient", "action")

_WORD: Final = re.compile(r"[a-z][a-z-]{0,39}")
_CODE: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")
_XTEXT: Final = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461 §4
_UNICODE: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")  # RFC 6533 §3
_LAST_POINT: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)
_ADDRESS: Final = re.compile(r"<([^<>]*)>")
_LONGEST_ADDRESS: Final = 1_000


@frozen(kw_only=True)
class RecipientStatus:
    """What a report says about one receiver.

    Attributes:
        address: The receiver as it was given to the first server, or else as the last one knew it.
        action: `failed`, `delayed`, `delivered`, `relayed` or `expanded`, or another word.
        code: The enhanced status code (RFC 3463); empty where there is none.
        diagnostic: What the remote server replied, with its type: `smtp; 550 …`.
        date: When the last attempt was made, or the text of no date.
    """

    address: str = field(repr=False)
    action: str
    code: str
    diagnostic: str = field(repr=False)
    date: str


@frozen(kw_only=True)
class Complaint:
    """What a report says about a receiver's opinion of a mail.

    Attributes:
        type: `abuse`, `fraud`, `not-spam` or another word.
        addresses: The receivers; empty where they are hidden.
        date: When the mail arrived, or the text of no date.
    """

    type: str
    addresses: tuple[str, ...] = field(repr=False)
    date: str


@frozen(kw_only=True)
class MailReport:
    """A mail that reports on another mail.

    Attributes:
        head: The fields of the report itself.
        recipients: Of a delivery status report.
        complaint: Of a feedback report.
        returned: The mail that it reports on: its fields, and its body where that came along.
        text: The part that programs read.
    """

    head: Fields
    recipients: Sequence[RecipientStatus] = ()
    complaint: Complaint | None = None
    returned: Entity
    text: str = field(repr=False)


def report_of(mail: Entity) -> MailReport | None:
    """Return what a mail reports; nothing where it is no report."""
    if mail.content_type != "multipart/report":
        return None
    parts = mail.parts()
    returned = next((part for part in parts if part.content_type in _RETURNED), None)
    entity = read_entity(returned.text) if returned else read_entity(b"\n")
    for part in parts:
        blocks = blocks_of(part.text)
        text = part.text.decode("utf-8", "replace")
        if part.content_type in _STATUS:
            recipients = [_recipient(block) for block in blocks if _is_recipient(block)]
            return MailReport(head=mail.fields, recipients=recipients, returned=entity, text=text)
        if part.content_type == _FEEDBACK and blocks:
            complaint = _complaint(blocks[0])
            return MailReport(head=mail.fields, complaint=complaint, returned=entity, text=text)
    return None


def _is_recipient(block: Fields) -> bool:
    return any(block.get(name) for name in _RECIPIENT)


def _recipient(block: Fields) -> RecipientStatus:
    code = _CODE.search(block.get("status"))
    return RecipientStatus(
        address=_address(block.get("original-recipient")) or _address(block.get("final-recipient")),
        action=_word(block.get("action")),
        code=code[0] if code else "",
        diagnostic=block.get("diagnostic-code"),
        date=block.get("last-attempt-date"),
    )


def _complaint(block: Fields) -> Complaint:
    addresses = map(_bare, block.all("original-rcpt-to"))
    return Complaint(
        type=_word(block.get("feedback-type")),
        addresses=tuple(dict.fromkeys(address for address in addresses if address)),
        date=block.get("arrival-date") or block.get("received-date"),
    )


def _word(text: str) -> str:
    """Return the word of a field without the comment that may follow it."""
    match = _WORD.match(text.lower())
    return match[0] if match else ""


def _address(text: str) -> str:
    """Return the address of a field such as `rfc822; ada@mail.example` (RFC 3464 §2.3.1)."""
    kind, _, address = text[:_LONGEST_ADDRESS].partition(";")
    bare = _bare(address)
    if kind.strip().lower() == "utf-8":
        return _UNICODE.sub(_character, bare)
    return _XTEXT.sub(lambda pair: chr(int(pair[1], 16)), bare)


def _character(match: re.Match[str]) -> str:
    point = int(match[1], 16)
    return chr(point) if point <= _LAST_POINT and point not in _SURROGATES else match[0]


def _bare(text: str) -> str:
    """Return an address without angle brackets; empty where it is none."""
    match = _ADDRESS.search(text)
    address = (match[1] if match else text).strip()
    return address if "@" in address else ""
