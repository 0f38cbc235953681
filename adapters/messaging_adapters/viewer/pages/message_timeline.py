"""What happened to a message: each event in words for people and in words for programs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from attrs import evolve, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.statuses import DOUBT, MARKS
from messaging_adapters.viewer.times import Moment, Times, span
from messaging_core.models.common.audit import AuditAction, AuditEntry
from messaging_core.models.common.failure import Failure, FailureCode
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.status import Status

_MOST_REFERENCES: Final = 4
_TONES: Final = {
    Status.DELIVERED: "good",
    Status.SENT: "move",
    Status.SENDING_FAILED: "bad",
    Status.DELIVERY_FAILED: "bad",
}
_ATTEMPTS: Final = {
    "accepted": ("taken", "The provider took it."),
    "deferred": ("not taken", "Before the point of no return: certainly not sent."),
    "rejected": ("refused for good", "Certainly not sent. Trying again would not help."),
    "unknown": ("in doubt", "It was given to the provider, and no answer came. It may be sent."),
}
_PLAIN: Final = {
    EventKind.HELD: ("Kept back", "It was not tried, and still waits."),
    EventKind.LAPSED: (
        "The try was not finished",
        "The worker was not heard of again, and another one took the message.",
    ),
    EventKind.LATE: ("A late answer", "It came after another worker had taken the message."),
    EventKind.RESCHEDULED: ("Moved", ""),
    EventKind.CANCELLED: ("Withdrawn", "Certainly not sent."),
    EventKind.RECEIVED: ("Came in", ""),
    EventKind.ESCALATED: ("The fallback takes over", "It was not delivered in time, or failed."),
    EventKind.REDACTED: ("Content and addresses were removed", ""),
    EventKind.INTERACTED: ("A reaction", "A person, or a filter, did something; it is no status."),
}
_ACTS: Final = {
    AuditAction.CONTENT_OPENED: "Content was opened",
    AuditAction.ADDRESS_SHOWN: "An address was shown",
    AuditAction.LOOKED_UP: "It was looked up",
    AuditAction.DOWNLOADED: "An attachment was downloaded",
    AuditAction.REPLAYED: "Sent once more",
    AuditAction.CANCELLED: "Withdrawn by hand",
    AuditAction.RESCHEDULED: "Moved by hand",
}


@frozen(kw_only=True)
class Item:
    """One event.

    Attributes:
        tone: Of its colour: `good`, `bad`, `doubt`, `move` or `wait`.
        shape: Of its mark.
        gap: How long after the event before.
        sentences: For people.
        codes: For programs: failure code, the provider's own words, ids.
        is_act: Whether a person looked at the message or changed it here.
        unsure: Whether what follows is drawn as doubt, until something proves what happened.
    """

    at: Moment
    tone: str
    shape: str
    title: str
    gap: str | None = None
    sentences: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    is_act: bool = False
    unsure: bool = False


def timeline_of(
    message: Message, events: Sequence[Event], entries: Iterable[AuditEntry], times: Times
) -> tuple[Item, ...]:
    """Return what happened, the oldest first, with who looked at it or changed it."""
    told = [(event.at, item) for event, item in _told(message, events, times)]
    acts = [(entry.at, _act(entry, times)) for entry in entries if entry.action in _ACTS]
    ordered = sorted([*told, *acts], key=lambda pair: pair[0])
    return tuple(_with_gaps(ordered))


def _told(message: Message, events: Sequence[Event], times: Times) -> Iterator[tuple[Event, Item]]:
    """Yield events with their items; from a doubt to its proof they are unsure."""
    in_doubt = False
    for event in events:
        in_doubt = event.in_doubt or (in_doubt and not _proves(event))
        yield event, evolve(_item(event, message, times), unsure=in_doubt)


def _proves(event: Event) -> bool:
    """Return whether an event tells what became of an attempt in doubt."""
    return event.kind in {EventKind.REPORTED, EventKind.LATE, EventKind.ENDED} or (
        event.kind is EventKind.ATTEMPTED and event.outcome == "accepted"
    )


def _with_gaps(pairs: Sequence[tuple[datetime, Item]]) -> Iterator[Item]:
    if pairs:
        yield pairs[0][1]
    unsure = False
    for (before, earlier), (at, item) in pairwise(pairs):
        # What a person looked at meanwhile ends no doubt.
        unsure = (unsure or earlier.unsure) if item.is_act else item.unsure
        yield evolve(item, gap=f"{span(at - before)} later", unsure=unsure)


def _item(event: Event, message: Message, times: Times) -> Item:
    title, sentences = _words(event, message, times)
    tone = "doubt" if event.in_doubt else _TONES.get(event.status, "wait")
    return Item(
        at=times.clock(event.at),
        tone=tone if tone != "move" or event.kind is not EventKind.ADMITTED else "wait",
        shape=_shape(event),
        title=title,
        sentences=tuple(text.line(sentence) for sentence in sentences if sentence),
        codes=tuple(_codes(event)),
    )


def _shape(event: Event) -> str:
    if event.in_doubt:
        return DOUBT
    if event.kind is EventKind.ATTEMPTED and event.outcome == "deferred":
        return "again"  # a try that failed harmlessly is no failure of the message
    return MARKS[event.status].key


def _words(event: Event, message: Message, times: Times) -> tuple[str, list[str]]:
    """Return the title of an event, and its sentences."""
    if event.kind is EventKind.ADMITTED:
        return MARKS[event.status].word, _admitted(event, times)
    if event.kind is EventKind.ATTEMPTED:
        word, sentence = _ATTEMPTS.get(event.outcome or "", (event.outcome or "ended", ""))
        title = f"Try {event.attempt}: {word}"
        return title, [*_failure(event.failure), sentence, *_next(event, times)]
    if event.kind is EventKind.REPORTED:
        return _report(event, message)
    if event.kind is EventKind.ENDED:
        title = "Given up" if event.failure else MARKS[event.status].word
        return title, [*_failure(event.failure), *_reasons(event)]
    title, sentence = _PLAIN[event.kind]
    return title, [*_failure(event.failure), sentence, *_reasons(event), *_next(event, times)]


def _report(event: Event, message: Message) -> tuple[str, list[str]]:
    """Return the words for a receipt; the event has the status of the whole message after it."""
    about, word = _about(event, message), MARKS[event.status].word.lower()
    if about:
        return f"Receipt for {about}", [
            *_failure(event.failure),
            f"As a whole, the message is {word}.",
        ]
    told = "the provider has it" if event.status is Status.SENT else word
    return f"Receipt: {told}", _failure(event.failure)


def _about(event: Event, message: Message) -> str:
    """Return which part a receipt is about; nothing if there is only one."""
    parts, receivers = message.references, message.receiver.contacts
    if len(parts) > 1 and event.references and event.references[0] in parts:
        return f"part {parts.index(event.references[0]) + 1} of {len(parts)}"
    return f"one of {len(receivers)} receivers" if len(receivers) > 1 else ""


def _admitted(event: Event, times: Times) -> list[str]:
    reasons = _reasons(event) or _failure(event.failure)
    if event.due_at is None:
        return reasons
    if event.due_at > event.at:
        return [f"Due at {times.written(event.due_at)}.", *reasons]
    return ["Due at once.", *(reasons or ["No rule kept it back."])]


def _next(event: Event, times: Times) -> list[str]:
    if event.due_at is None:
        return []
    what = "Without a receipt, the next step is" if event.in_doubt else "Next try"
    return [f"{what} in {span(event.due_at - event.at)}, at {times.written(event.due_at)}."]


def _reasons(event: Event) -> list[str]:
    return [f"{(reason.message or reason.code).rstrip('.')}." for reason in event.reasons]


def _failure(failure: Failure | None) -> list[str]:
    if failure is None or not failure.description:
        return []
    return [f"{failure.description[:1].upper()}{failure.description[1:].rstrip('.')}."]


def _codes(event: Event) -> Iterator[str]:
    if event.failure:
        yield text.line(" · ".join(filter(None, _code_words(event.failure))), 200)
    if event.kind is EventKind.REPORTED and event.outcome:
        yield f"provider: {text.line(event.outcome, 100)}"
    if event.references:
        shown = event.references[:_MOST_REFERENCES]
        more = " …" if len(event.references) > len(shown) else ""
        yield text.line(f"{', '.join(shown)}{more}", 200)


def _code_words(failure: Failure) -> Iterator[str]:
    name = FailureCode(failure.code).name if failure.code in set(FailureCode) else ""
    yield f"{failure.code} {name}".strip()
    if failure.source:
        yield failure.source.name
        yield failure.source.code


def _act(entry: AuditEntry, times: Times) -> Item:
    reason = (f"“{entry.reason}”",) if entry.reason else ()
    sentences = (f"By {entry.actor}.", *reason)
    return Item(
        at=times.clock(entry.at),
        tone="wait",
        shape="eye",
        title=_ACTS[entry.action],
        is_act=True,
        sentences=tuple(text.line(sentence) for sentence in sentences),
    )
