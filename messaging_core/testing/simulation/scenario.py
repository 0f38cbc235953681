"""What a simulated host sends, over which providers, and what goes wrong with what likelihood."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from attrs import evolve, field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel, MessageType, WhenInDoubt
from messaging_core.models.policy.send_rules import SendRules
from messaging_core.ports.transport import Transport


@frozen(kw_only=True)
class Receipts:
    """How a provider reports; all but times are likelihoods from 0 to 1.

    Attributes:
        silent: It never says anything about a message.
        failed: What it took does not arrive.
        contradicted: It says first one thing and then the other.
        repeated: It says the same again.
        early: It reports before it has answered.
        unnamed: It names the message by our id alone, or else by its own reference alone.
        delay: How long it takes at most.
        wrong: It, or a stranger, also says the opposite in a receipt that does not fit: of another
            channel, from another provider, of an unknown message, or with a field of a wrong type.
        as_text: A receipt gives its time, status and ids as text.
    """

    silent: float = 0.1
    failed: float = 0.15
    contradicted: float = 0.1
    repeated: float = 0.25
    early: float = 0.2
    unnamed: float = 0.6
    delay: timedelta = timedelta(days=2)
    wrong: float = 0.0
    as_text: float = 0.1


@frozen(kw_only=True)
class Provider:
    """How a provider behaves; likelihoods are of one call, each of what the others left.

    Attributes:
        unreachable: It cannot be reached: the call fails before the point of no return.
        lost: The request is lost after it.
        deferred: It is busy, and takes nothing.
        rejected: It refuses for good.
        unanswered: It takes the message, but its answer never comes.
        nonsense: It takes the message, and its answer is unreadable.
        slow: It takes the message, and answers after up to `slowness`.
        hanging: The call of the transport never returns, before or after the point of no return.
        slowness: Longer than a lease, so that the answer comes too late.
        deduplicates_for: How long it tells a message that it has seen before; absent: never.
        receipts: What it reports later.
    """

    unreachable: float = 0.05
    lost: float = 0.03
    deferred: float = 0.08
    rejected: float = 0.04
    unanswered: float = 0.06
    nonsense: float = 0.01
    slow: float = 0.04
    hanging: float = 0.01
    slowness: timedelta = timedelta(minutes=40)
    deduplicates_for: timedelta | None = None
    receipts: Receipts = field(factory=Receipts)


HEALTHY: Final = Provider(
    unreachable=0, lost=0, deferred=0, rejected=0, unanswered=0, nonsense=0, slow=0, hanging=0
)
"""A provider with which nothing ever goes wrong before the message is taken."""


@frozen(kw_only=True)
class Line:
    """A channel, and the provider behind it, or several.

    Attributes:
        others: Further providers behind the channel.
        compose: Makes the transport of the channel of those of its providers, in their order, for
            each process. They have the `clock` of the process, and `true_time` in seconds.
    """

    channel: Channel
    provider: Provider = field(factory=Provider)
    others: tuple[Provider, ...] = ()
    compose: Callable[..., Transport] | None = field(default=None, repr=False)

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Return all providers behind the channel."""
        return (self.provider, *self.others)


@frozen(kw_only=True)
class Listener:
    """A system that gets webhooks; likelihoods are of one call.

    Attributes:
        url: Where it listens; each listener has a host of its own.
        subscribed: It gets all events; else the requests of the host name its URL.
        failing: It answers 500.
        gone: It answers 410.
        unanswered: It takes the webhook, and the answer is lost.
        slow: It answers after up to `slowness`.
        slowness: Longer than a lease.
        down: How long it cannot be reached after each burst.
    """

    TAKEN: ClassVar[int] = 204

    url: str
    subscribed: bool = False
    failing: float = 0.2
    gone: float = 0.0
    unanswered: float = 0.1
    slow: float = 0.1
    slowness: timedelta = timedelta(minutes=15)
    down: timedelta = timedelta(0)


HELD_OUT: Final = "held_out"
"""The attribute of people in the holdout."""


@frozen(kw_only=True)
class Person:
    """A person whom the host writes to, and what the host knows of them.

    Attributes:
        addresses: By platform.
        zone: Whose clock on the wall they live by.
        is_known: They are a contact with that zone; of others nothing is known beforehand.
        subscriptions: By platform, whether they want marketing.
        is_held_out: They are in the holdout, by the attribute `HELD_OUT`.
    """

    addresses: Mapping[str, str]
    zone: str
    is_known: bool = True
    subscriptions: Mapping[str, bool] = field(factory=dict)
    is_held_out: bool = False


@frozen(kw_only=True)
class Scenario:
    """Everything that a run depends on beside its seed; likelihoods are from 0 to 1.

    Attributes:
        lines: The channels of the host.
        start: When it begins, by true time.
        lasts: How long the host goes on sending.
        zone: Whose wall clock the host schedules by; the usual start is three weeks around a
            change to daylight-saving time there.
        messages: How many are asked for.
        bursts: At how many moments; within one, everything happens within seconds.
        workers: How many processes deliver.
        batch: How many messages a worker claims at once.
        lease: How long a worker may take.
        durable_handoff: Whether workers mark the point of no return.
        crash: A process dies, at any call of the storage or a provider.
        downtime: How long it takes at most to come back.
        stall: A process stands still at such a call, for up to `stalled`.
        stalled: Longer than a lease; a shorter stall has no effect.
        storage_fault: The storage refuses to begin a transaction.
        skew: How far at most the clock of a process is from true time, either way.
        set_clock: The clock of a process is set to another time within `skew`, at any call.
        refused: A subscriber raises an error.
        keyed: A request has an idempotency key, and is repeated until it is answered.
        repeated: A request with a key is made once more, although it was answered.
        scheduled: A message is to go at a later wall-clock time, up to two weeks ahead.
        cancelled: The host tries to withdraw a message, some moment after.
        rescheduled: The host tries to move a message, some moment after.
        batched: Messages are sent as a batch.
        premature: A stranger reports a message right after it was accepted, although it may not
            have been handed over.
        short: The validity of a message is a minute or two.
        poisonous: The transport raises a programming error over a message, every time.
        receivers: How many receivers an email has at most.
        prefixes: How the numbers begin that SMS go to, three digits before their end.
        people: All people that are written to; by default many of whom nothing is known.
        send_rules: By the id of a workspace or of a channel.
        wishful: A request wants quiet hours, or the holdout, to be ignored, or to be capped.
        foreseen: What will become of a request is asked right before it is made.
        blocked: How often the host suppresses one of the people, and mostly lifts it again.
        keywords: How often one of the people writes STOP, START or HELP.
        changed: How often the host changes what a contact agreed to.
        listeners: The systems that get webhooks.
        retention: After what time messages are purged, once a day; longer than two weeks and what a
            provider takes to report. Without it none are.
        notified: A request names the URL of a listener.
        interleaved: A transaction may stand still at any verb, while others begin and commit; the
            storage must let them, as `ConcurrentMemoryStorage` does. Nothing is foreseen then.
    """

    lines: tuple[Line, ...]
    name: str = "mine"
    start: datetime = datetime(2026, 3, 16, 8, tzinfo=UTC)
    lasts: timedelta = timedelta(weeks=3)
    zone: str = "Europe/Amsterdam"
    messages: int = 10
    bursts: int = 3
    workers: int = 3
    batch: int = 4
    lease: timedelta = timedelta(minutes=15)
    durable_handoff: bool = True
    crash: float = 0.02
    downtime: timedelta = timedelta(minutes=30)
    stall: float = 0.01
    stalled: timedelta = timedelta(minutes=40)
    storage_fault: float = 0.02
    skew: timedelta = timedelta(minutes=2)
    set_clock: float = 0.0
    refused: float = 0.05
    keyed: float = 0.7
    repeated: float = 0.2
    scheduled: float = 0.3
    cancelled: float = 0.2
    rescheduled: float = 0.15
    batched: float = 0.15
    premature: float = 0.05
    short: float = 0.1
    poisonous: float = 0.0
    receivers: int = 3
    prefixes: tuple[str, ...] = ("+31612345",)
    people: tuple[Person, ...] = ()
    send_rules: Mapping[UUID, SendRules] = field(factory=dict)
    wishful: float = 0.0
    foreseen: float = 0.0
    blocked: int = 0
    keywords: int = 0
    changed: int = 0
    listeners: tuple[Listener, ...] = ()
    retention: timedelta | None = None
    notified: float = 0.5
    interleaved: bool = False

    @property
    def escalates(self) -> bool:
        """Return whether a message may have a fallback."""
        return any(line.channel.escalation for line in self.lines)


_SECOND_TENANT = UUID(int=2)
_DEDUPLICATING = Provider(deduplicates_for=timedelta(days=7), unanswered=0.2, lost=0.1)

EVERYDAY: Final = Scenario(
    name="everyday",
    lines=(
        Line(channel=Channel(name="orders", platform=SMS, sender="+31600000001")),
        Line(
            channel=Channel(
                name="offers",
                platform=SMS,
                sender="+31600000002",
                message_type=MessageType.PROMOTIONAL,
            )
        ),
        Line(
            channel=Channel(
                name="codes",
                platform=SMS,
                sender="+31600000003",
                message_type=MessageType.TWO_FACTOR,
            ),
            provider=_DEDUPLICATING,
        ),
        Line(
            channel=Channel(
                name="bills",
                platform=SMS,
                sender="+31600000004",
                when_in_doubt=WhenInDoubt.PARK,
            )
        ),
        Line(channel=Channel(name="mail", platform=EMAIL, sender="shop@sender.example")),
        Line(
            channel=Channel(
                name="mail",
                platform=EMAIL,
                sender="desk@sender.example",
                workspace=_SECOND_TENANT,
            )
        ),
        Line(
            channel=Channel(name="app", platform=PUSH, sender="shop"),
            provider=_DEDUPLICATING,
        ),
    ),
)
"""Some of everything goes wrong, now and then."""

CRASHES: Final = evolve(
    EVERYDAY, name="crashes", crash=0.12, storage_fault=0.1, downtime=timedelta(hours=1)
)
"""Processes die all the time, and the storage is busy."""

CLOCKS: Final = evolve(
    EVERYDAY,
    name="clocks",
    skew=timedelta(hours=3),
    stall=0.06,
    scheduled=0.7,
    rescheduled=0.3,
    short=0.3,
)
"""Clocks are hours apart, processes stand still, and most messages are scheduled."""

STEPS: Final = evolve(CLOCKS, name="steps", set_clock=0.05)
"""Clocks are set back and forth by hours, at any moment."""

HANGING: Final = evolve(
    EVERYDAY,
    name="hanging",
    lines=tuple(
        evolve(line, provider=evolve(line.provider, slow=0.3, hanging=0.3))
        for line in EVERYDAY.lines
    ),
    premature=0.3,
)
"""Providers answer after the time limit, or never."""

FLAKY: Final = evolve(
    EVERYDAY,
    name="flaky",
    lines=tuple(
        evolve(
            line,
            provider=evolve(
                line.provider,
                unreachable=0.15,
                lost=0.15,
                deferred=0.2,
                unanswered=0.3,
                nonsense=0.1,
                slow=0.4,
                hanging=0.1,
                receipts=Receipts(
                    contradicted=0.5,
                    repeated=0.6,
                    early=0.5,
                    silent=0.05,
                    wrong=0.4,
                    as_text=0.4,
                ),
            ),
        )
        for line in EVERYDAY.lines
    ),
)
"""Providers lose, defer, forget to answer, and report whatever comes to mind."""

POISON: Final = evolve(
    EVERYDAY,
    name="poison",
    lines=(
        *(evolve(line, provider=HEALTHY) for line in EVERYDAY.lines[:-1]),
        evolve(EVERYDAY.lines[-1], provider=evolve(HEALTHY, unreachable=1.0)),
    ),
    messages=8,
    poisonous=0.3,
)
"""Some messages and one provider always fail; the others must not suffer for it."""
