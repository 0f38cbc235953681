"""Whether a contact may get a message, and when: on each channel, and in one sentence."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.pages.message_verdict import Verdict
from messaging_adapters.viewer.statuses import Mark
from messaging_adapters.viewer.times import Moment, Times, span
from messaging_core.acceptance.contact_preview import ChannelOutlook, ContactInspection
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.rules.formats.zones import zone_of

_NOW: Final = Mark("delivered", "Now")
_LATER: Final = Mark("scheduled", "Later")
_NOT: Final = Mark("skipped", "Not")
_INSTANTS: Final = {"until": "until", "since": "since", "expiresAt": "valid until"}
_WORDS: Final = {"cause": "cause", "limit": "limit", "quietIn": "quiet in", "by": "by"}


@frozen(kw_only=True)
class ChannelRow:
    """What the contact may get on one channel.

    Attributes:
        mark: Now, later or not.
        when: The first moment at which it may get a message, if that is later.
        there: The same moment on the clocks of the contact, if they differ.
        reasons: Why it may or may not.
    """

    name: str
    platform: str
    mark: Mark
    when: Moment | None
    there: str | None
    reasons: tuple[str, ...]


def rows_of(inspection: ContactInspection, times: Times) -> tuple[ChannelRow, ...]:
    """Return a row for each channel."""
    return tuple(_row(outlook, inspection, times) for outlook in inspection.channels)


def _row(outlook: ChannelOutlook, inspection: ContactInspection, times: Times) -> ChannelRow:
    mark = _mark(outlook)
    later = outlook.next_at if mark is _LATER else None
    return ChannelRow(
        name=text.line(outlook.channel.name, 60),
        platform=outlook.channel.platform,
        mark=mark,
        when=times.clock(later) if later else None,
        there=there(later, inspection, times) if later else None,
        reasons=tuple(sentence(reason, times) for reason in outlook.reasons),
    )


def _mark(outlook: ChannelOutlook) -> Mark:
    if outlook.may_send:
        return _NOW
    return _LATER if outlook.next_at else _NOT


def there(at: datetime, inspection: ContactInspection, times: Times) -> str | None:
    """Return a moment on the clocks of the contact, unless they show the same time as the page."""
    if len(inspection.zones) != 1 or inspection.zones_from == "fallback":
        return None
    zone = zone_of(inspection.zones[0])
    local = at.astimezone(zone)
    if local.utcoffset() == times.local(at).utcoffset():
        return None
    return f"{local:%a %H:%M} in {inspection.zones[0]}"


def sentence(reason: Reason, times: Times) -> str:
    """Return a reason as a sentence, with the values that decided."""
    facts = [_fact(name, value, times) for name, value in reason.facts.items()]
    shown = ", ".join(filter(None, facts))
    words = f"{reason.message[:1].upper()}{reason.message[1:]}"
    return text.line(f"{words} ({shown})" if shown else words)


def _fact(name: str, value: str, times: Times) -> str | None:
    """Return a value that decided; what the page shows elsewhere is left out."""
    if name in _INSTANTS:
        return f"{_INSTANTS[name]} {times.written(datetime.fromisoformat(value))}"
    if name == "windowSeconds":
        return f"in {span(timedelta(seconds=int(value)))}"
    if name == "cause":
        value = value.replace("_", " ")
    return f"{_WORDS[name]} {value}" if name in _WORDS else None


def verdict_of(inspection: ContactInspection, name: str, times: Times) -> Verdict:
    """Return in one sentence whether we may write to a contact, and when."""
    channels = inspection.channels
    now = [outlook for outlook in channels if outlook.may_send]
    reached = [outlook for outlook in channels if not _is_unreachable(outlook)]
    proof = " ".join(filter(None, (_now(now), _later(channels, times), _never(reached))))
    if not channels:
        return _verdict("", "skipped", "There is no channel.", "This workspace has none.")
    if not reached:
        why = "It has no address for any of them."
        return _verdict("bad", "skipped", f"No channel reaches {name}.", why)
    if now:
        all_of_them = len(now) == len(reached)
        title = f"We may write to {name} now{'' if all_of_them else ', but not on every channel'}."
        return _verdict("good", "delivered", title, proof)
    moments = [outlook.next_at for outlook in channels if outlook.next_at]
    if moments:
        at = min(moments)
        local = there(at, inspection, times)
        when = f"{times.written(at)}{f' ({local})' if local else ''}"
        return _verdict("doubt", "scheduled", f"We may write to {name} from {when}.", proof)
    return _verdict("bad", "skipped", f"We may not write to {name}.", proof)


def _verdict(tone: str, shape: str, title: str, proof: str) -> Verdict:
    return Verdict(tone=tone, shape=shape, title=title, proof=text.line(proof, 600))


def _is_unreachable(outlook: ChannelOutlook) -> bool:
    return any(reason.code == ReasonCode.RECEIVER_UNREACHABLE for reason in outlook.reasons)


def _now(outlooks: Sequence[ChannelOutlook]) -> str:
    names = ", ".join(text.line(outlook.channel.name, 60) for outlook in outlooks)
    return f"Now: {names}." if names else ""


def _later(outlooks: Sequence[ChannelOutlook], times: Times) -> str:
    names = ", ".join(
        f"{text.line(outlook.channel.name, 60)} from {times.written(outlook.next_at)}"
        for outlook in outlooks
        if outlook.next_at and _mark(outlook) is _LATER
    )
    return f"Later: {names}." if names else ""


def _never(reached: Sequence[ChannelOutlook]) -> str:
    never = [outlook for outlook in reached if _mark(outlook) is _NOT]
    return " ".join(
        f"Not: {text.line(outlook.channel.name, 60)}, as {outlook.reasons[0].message}."
        for outlook in never
        if outlook.reasons
    )
