"""A text message: as the phone shows it, and as it is billed, part by part."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import without
from messaging_adapters.viewer.pages.message_receivers import mark_of
from messaging_adapters.viewer.statuses import MARKS, Mark
from messaging_core.messages.inspection import Inspection
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.models.messages.status import Status
from messaging_core.rules.formats.sms import split_sms

_LIMITS: Final = {SmsEncoding.GSM_7: (160, 153), SmsEncoding.UCS_2: (70, 67)}
_NAMES: Final = {SmsEncoding.GSM_7: "GSM-7", SmsEncoding.UCS_2: "UCS-2"}
_MOST_NAMED: Final = 3
_MARKED: Final = frozenset({Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED})


@frozen
class Run:
    """A piece of a part.

    Attributes:
        text: What it says.
        why: Why the piece is marked, if it is.
    """

    text: str
    why: str | None = None


@frozen(kw_only=True)
class SmsPart:
    """One part, as it is billed.

    Attributes:
        number: From 1.
        units: Septets of GSM-7, or code units of UCS-2.
        limit: How many units a part of this message holds.
        mark: What became of it, where that is known.
        runs: Its text, with the characters marked that GSM-7 does not have.
    """

    number: int
    units: int
    limit: int
    mark: Mark | None
    runs: tuple[Run, ...]


@frozen(kw_only=True)
class SmsView:
    """A text message.

    Attributes:
        sender: Who the phone says that it is from.
        words: The text as the phone shows it.
        summary: Parts, encoding and units.
        parts: As it is billed.
        hint: How the same text would take fewer parts: a title and a sentence.
    """

    sender: str
    words: str
    summary: str
    parts: tuple[SmsPart, ...]
    hint: tuple[str, str] | None


def sms_of(inspection: Inspection, known: Sequence[str]) -> SmsView | None:
    """Return a text message, if it is one; addresses that are known are masked.

    Where an address is masked, the parts are those of the masked text.
    """
    content = inspection.envelope.content if inspection.envelope else None
    if not isinstance(content, SmsContent):
        return None
    masked = without(content.text, known)
    sms = content.sms if masked == content.text else split_sms(masked)
    sender = inspection.envelope.sender if inspection.envelope else None
    name = (sender.name or sender.value) if sender else ""
    return sms_view(sms, sender=name, marks=_marks(sms.count, inspection))


def sms_view(sms: SmsText, *, sender: str, marks: Sequence[Mark | None] = ()) -> SmsView:
    """Return a text message part by part.

    Args:
        sms: The text, encoded.
        sender: Who the phone says that it is from.
        marks: What became of each part; of a text that was not sent there are none.
    """
    return SmsView(
        sender=text.line(sender, 80),
        words=text.lines(sms.text),
        summary=summary_of(sms),
        parts=tuple(_parts(sms, marks or [None] * sms.count)),
        hint=_hint(sms),
    )


def summary_of(sms: SmsText) -> str:
    """Return parts, encoding and units in words."""
    number = "one part" if sms.count == 1 else f"{sms.count} parts"
    return f"SMS in {number}, {_NAMES[sms.encoding]}, {sms.units} units"


def _parts(sms: SmsText, marks: Sequence[Mark | None]) -> Iterator[SmsPart]:
    single, joined = _LIMITS[sms.encoding]
    limit = single if sms.count == 1 else joined
    forced = "".join(re.escape(character.character) for character in sms.forced)
    pieces = re.compile(f"([{forced}]+)") if forced else None
    for index, part in enumerate(sms.parts):
        yield SmsPart(
            number=index + 1,
            units=_units(part, sms.encoding),
            limit=limit,
            mark=marks[index],
            runs=tuple(_runs(part, pieces)),
        )


def _units(part: str, encoding: SmsEncoding) -> int:
    if encoding is SmsEncoding.GSM_7:
        return split_sms(part).units
    return len(part.encode("utf-16-le", "surrogatepass")) // 2


def _runs(part: str, pieces: re.Pattern[str] | None) -> Iterator[Run]:
    for index, piece in enumerate(pieces.split(part) if pieces else [part]):
        if piece:
            why = "not in GSM-7: forces UCS-2" if index % 2 else None
            yield Run(text.lines(piece), why)


def _marks(count: int, inspection: Inspection) -> list[Mark | None]:
    """Return what became of each part: by its own receipt, else by the message."""
    message = inspection.message
    reports = {report.reference: report for report in inspection.evidence.reported}
    of_message = MARKS[message.status] if message.status in _MARKED else None
    if len(message.references) != count or message.status is Status.DELIVERED:
        return [of_message] * count
    return [
        (mark_of(reports[reference]) if reference in reports else None) or MARKS[Status.SENT]
        for reference in message.references
    ]


def _hint(sms: SmsText) -> tuple[str, str] | None:
    """Return how the text would take fewer parts without the characters that GSM-7 lacks."""
    if not sms.forced:
        return None
    plain = sms.text
    for forced in sms.forced:
        plain = plain.replace(forced.character, forced.replacement or "")
    shorter = split_sms(plain.strip())
    if shorter.count >= sms.count:
        return None
    names = [text.line(forced.character) for forced in sms.forced[:_MOST_NAMED]]
    which = " ".join(names) + (" and others" if len(sms.forced) > _MOST_NAMED else "")
    many = f"{len(sms.forced)} characters make" if len(sms.forced) > 1 else "One character makes"
    single, joined = _LIMITS[shorter.encoding]
    limit = single if shorter.count == 1 else joined * shorter.count
    fewer = "one part" if shorter.count == 1 else f"{shorter.count} parts"
    have = "with plain forms of" if all(own.replacement for own in sms.forced) else "without"
    pronoun = "it" if len(sms.forced) == 1 else "them"
    why = f"GSM-7 has no {which}, so the whole text goes as UCS-2 with 67 characters a part."
    gain = f"{shorter.units} of {limit}, {fewer} instead of {sms.count}"
    return f"{many} this {sms.count} parts.", f"{why} {have.capitalize()} {pronoun}: {gain}."
