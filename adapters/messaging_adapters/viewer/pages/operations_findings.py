"""What is broken, by fixed rules in their order: since when, how many, what comes next, where."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from attrs import field, frozen

from messaging_adapters.viewer.pages.operations_figures import Figures
from messaging_adapters.viewer.times import span
from messaging_core.models.delivery.health import Health
from messaging_core.models.delivery.rollups import RollupOutcome

TIMES_USUAL: Final = 3
_FEWEST_FAILURES: Final = 10  # below it, three times the usual is chance
_FEWEST_SENT: Final = 20
_USUALLY_REPORTED: Final = 0.5
_MAY_LAG: Final = timedelta(minutes=1)
_MEGABYTE: Final = 2**20


@frozen(kw_only=True)
class Blocked:
    """A channel of which no provider is asked.

    Attributes:
        since: When the last circuit opened.
        retry_at: When the first of them is tried again.
        waiting: How many messages are due on it.
        oldest: How long the oldest of them has been.
    """

    channel: str
    since: datetime
    retry_at: datetime | None = None
    waiting: int = 0
    oldest: timedelta = timedelta(0)


@frozen(kw_only=True)
class Parked:
    """Messages in doubt that wait for a person."""

    number: int
    since: datetime


@frozen(kw_only=True)
class Facts:
    """What the rules look at.

    Attributes:
        blocked: Channels whose circuits are open.
        worst_channel: The channel with the oldest overdue message.
        recent: The figures of the last hour.
        usual: The figures of the week before.
        parked: Doubts that wait for a person.
    """

    health: Health
    blocked: tuple[Blocked, ...] = ()
    worst_channel: str | None = None
    recent: Figures = field(factory=Figures)
    usual: Figures = field(factory=Figures)
    parked: Parked | None = None


@frozen(kw_only=True)
class Place:
    """Where to click: a page, and the filters of its link."""

    word: str
    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()


@frozen(kw_only=True)
class Finding:
    """Something that is broken.

    Attributes:
        rule: Its name, for programs.
        sentence: What is broken, in the words of the one who asks.
        detail: Since when, how many it hits, and what happens next by itself.
        place: Where to click.
        tone: `bad`, or `doubt` for what only waits for a person.
    """

    rule: str
    sentence: str
    detail: str
    place: Place
    tone: str = "bad"


Written = Callable[[datetime], str]
"""Writes an instant in the zone of the visitor."""

WORKERS: Final = Place(word="See the workers", segments=("operations",))


def findings_of(facts: Facts, written: Written) -> tuple[Finding, ...]:
    """Return what is broken, the worst first; nothing if all is well."""
    return tuple(finding for rule in _RULES for finding in rule(facts, written))


def _workers_silent(facts: Facts, written: Written) -> Iterator[Finding]:
    health = facts.health
    if not health.workers or health.live:
        return
    last = health.silent[0]
    detail = (
        f"The last one, on {last.host}, was heard at {written(last.seen_at)}."
        f" {_waiting(health.due)} Nothing is sent until a worker runs; what a worker had taken is"
        " taken again by the next one when its leases end."
    )
    yield Finding(
        rule="workers_silent",
        sentence="every worker is silent, so nothing is sent.",
        detail=detail,
        place=_messages("See what waits", status="accepted"),
    )


def _disk(facts: Facts, _written: Written) -> Iterator[Finding]:
    disk = facts.health.disk
    if disk is None or not disk.is_scarce:
        return
    full = disk.is_full
    state = "Nothing is accepted now" if full else "Acceptance stops below"
    limit = f"{disk.floor // _MEGABYTE:,} MB"
    yield Finding(
        rule="disk",
        sentence="the disk is full." if full else "the disk is nearly full.",
        detail=(
            f"{disk.free // _MEGABYTE:,} MB are free. {state}"
            f"{f', below {limit}' if full else f' {limit}'}; what was accepted is still sent. It"
            " does not end by itself: free some room, or purge old messages."
        ),
        place=_messages("See the messages"),
    )


def _circuits(facts: Facts, written: Written) -> Iterator[Finding]:
    for blocked in facts.blocked:
        oldest = f", the oldest for {span(blocked.oldest)}" if blocked.waiting else ""
        again = f" at {written(blocked.retry_at)}" if blocked.retry_at else " soon"
        yield Finding(
            rule="circuit_open",
            sentence=f"{blocked.channel} sends nothing.",
            detail=(
                f"Its provider failed; the circuit is open since {written(blocked.since)}."
                f" {_waiting(blocked.waiting, oldest)} One message goes{again} to find out whether"
                " the provider is back; if so, all go."
            ),
            place=_messages("See its messages", channel=blocked.channel),
        )


def _overdue(facts: Facts, written: Written) -> Iterator[Finding]:
    health = facts.health
    if health.oldest_overdue <= health.overdue_limit or _explained(facts):
        return
    where = f" on {facts.worst_channel}" if facts.worst_channel else ""
    query = {"channel": facts.worst_channel} if facts.worst_channel else {}
    yield Finding(
        rule="overdue",
        sentence=f"messages{where} are late.",
        detail=(
            f"The oldest was due at {written(health.at - health.oldest_overdue)} and waits for"
            f" {span(health.oldest_overdue)}; the limit is {span(health.overdue_limit)}."
            f" {_waiting(health.due)} They go as soon as a worker has a place for them."
        ),
        place=_messages("See what waits", **query),
    )


def _explained(facts: Facts) -> bool:
    """Return whether a rule before has said already why messages are late."""
    is_silent = bool(facts.health.workers) and not facts.health.live
    return is_silent or any(own.channel == facts.worst_channel for own in facts.blocked)


def _failures(facts: Facts, _written: Written) -> Iterator[Finding]:
    recent, usual = facts.recent, facts.usual
    if not usual.tried or recent.failed < _FEWEST_FAILURES:
        return
    if recent.failed_share <= TIMES_USUAL * usual.failed_share:
        return
    yield Finding(
        rule="failures",
        sentence="more messages fail than usual.",
        detail=(
            f"In the last hour {recent.failed:,} of {recent.tried:,} failed"
            f" ({recent.failed_share:.1%}); in the week before it was {usual.failed_share:.1%}."
            " Failed messages stay failed: see why, and replay what can be."
        ),
        place=_messages("See the failures", status="sending_failed", since="1h"),
    )


def _receipts(facts: Facts, written: Written) -> Iterator[Finding]:
    health, recent, usual = facts.health, facts.recent.numbers, facts.usual.numbers
    if health.receipts_since and health.at - health.receipts_since > _MAY_LAG:
        yield Finding(
            rule="receipts",
            sentence="receipts are not processed.",
            detail=(
                f"The oldest came at {written(health.receipts_since)}. They are kept, and a worker"
                " applies them as soon as it can; until then statuses are too old."
            ),
            place=_messages("See what was sent", status="sent"),
        )
        return
    share = usual[RollupOutcome.DELIVERED] / max(usual[RollupOutcome.SENT], 1)
    is_quiet = not recent[RollupOutcome.DELIVERED] and recent[RollupOutcome.SENT] >= _FEWEST_SENT
    if is_quiet and share >= _USUALLY_REPORTED:
        yield Finding(
            rule="receipts",
            sentence="no receipts arrive.",
            detail=(
                f"In the last hour {recent[RollupOutcome.SENT]:,} messages were sent, and none was"
                f" reported as delivered; usually {share:.0%} are. Providers send receipts again"
                " for some hours: look whether they reach your webhook."
            ),
            place=_messages("See what was sent", status="sent", since="1h"),
        )


def _doubts(facts: Facts, written: Written) -> Iterator[Finding]:
    if facts.parked is None:
        return
    number = facts.parked.number
    yield Finding(
        rule="doubts",
        sentence=f"{_messages_are(number)} in doubt and {_verb(number)} for a person.",
        detail=(
            f"The oldest since {written(facts.parked.since)}. Nothing happens by itself unless a"
            " receipt comes: look whether the provider has it, then send it or leave it."
        ),
        place=_messages("See the doubts", doubt="open"),
        tone="doubt",
    )


def _subscribers(facts: Facts, written: Written) -> Iterator[Finding]:
    for lag in facts.health.subscribers:
        if facts.health.at - lag.since > _MAY_LAG:
            yield Finding(
                rule="subscriber",
                sentence=f"the subscriber {lag.name} is behind.",
                detail=(
                    f"It has not handled an event of {written(lag.since)}. Messages are delivered"
                    " all the same; it gets every event as soon as it handles that one."
                ),
                place=WORKERS,
            )


_RULES: Final = (
    _workers_silent,
    _disk,
    _circuits,
    _overdue,
    _failures,
    _receipts,
    _doubts,
    _subscribers,
)


def _messages(word: str, **query: str) -> Place:
    return Place(word=word, segments=("messages",), query=tuple(query.items()))


def _waiting(number: int, more: str = "") -> str:
    if not number:
        return "No message waits."
    return f"{number:,} message waits{more}." if number == 1 else f"{number:,} messages wait{more}."


def _messages_are(number: int) -> str:
    return "1 message is" if number == 1 else f"{number:,} messages are"


def _verb(number: int) -> str:
    return "waits" if number == 1 else "wait"
