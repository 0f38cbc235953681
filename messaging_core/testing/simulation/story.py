"""What happened in one run: everything that promises are checked against."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from attrs import define, evolve, field

from messaging_core.decisions.acceptance.fallback import ESCALATION
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.receipt import StatusReceipt
from messaging_core.models.delivery.rollups import RollupOutcome
from messaging_core.models.delivery.webhook import WebhookDelivery, WebhookSubscription
from messaging_core.models.messages.message import Message
from messaging_core.models.people.suppression import SuppressionCause, SuppressionScope
from messaging_core.models.policy.plan import Plan
from messaging_core.testing.simulation.scenario import Scenario

CAPPED = "cap_frequency"
"""The wish to be capped, which is for marketing alone."""


@define(kw_only=True)
class Asked:
    """One request of the host, and what came back.

    Attributes:
        reference: Tells it from all others; the message carries it.
        key: Its idempotency key, or that of its batch.
        due: The instants at which it may become due: the one asked for, and those of moves.
            An instant is absent where the message may go at once.
        expires: When it may expire: more than one where the host died while moving it.
        answers: The ids that came back, one for each answer.
        is_uncertain: The host died while it asked without a key.
        is_poisonous: A transport cannot cope with it.
        cancelled: A cancel returned true.
        cancel_tried: The host tried to withdraw it.
        wishes: Fields of the request that are true.
        url: Where its events go.
        plans: What was foreseen, and when, each time it was asked for.
    """

    reference: str
    channel: Channel
    addresses: tuple[str, ...]
    key: str | None = None
    validity: int | None = None
    due: list[datetime | None] = field(factory=list)
    expires: list[datetime] = field(factory=list)
    answers: list[UUID] = field(factory=list)
    is_uncertain: bool = False
    is_poisonous: bool = False
    cancelled: bool = False
    cancel_tried: bool = False
    wishes: tuple[str, ...] = ()
    url: str | None = None
    plans: list[tuple[datetime, Plan]] = field(factory=list)


@frozen(kw_only=True)
class Reception:
    """A provider took a message for one receiver.

    Attributes:
        at: By true time.
        left_at: When the worker got leave to hand it over, by the worker's own clock.
        worker: Which process it was.
        references: The provider's ids of the parts.
        commit: By which commit the worker got leave, as a place among all commits.
        provider: The name of the provider.
        sender: The sender that the provider was given.
    """

    message_id: UUID
    channel: Channel
    recipient: str
    at: datetime
    left_at: datetime
    worker: str
    references: tuple[str, ...] = ()
    commit: int = 0
    provider: str = ""
    sender: str | None = None


@frozen(kw_only=True)
class Block:
    """A suppression that was made or lifted.

    Attributes:
        causes: Why it was made; or of which causes it was lifted, without any of all.
        stands: Whether it was made.
        commit: Its place among all commits.
    """

    address: str
    scope: SuppressionScope
    sender: str | None
    causes: tuple[SuppressionCause, ...]
    stands: bool
    commit: int = 0


@frozen(kw_only=True)
class Consent:
    """What a contact agrees to from a commit on.

    Attributes:
        addresses: Of the contact.
        subscriptions: By platform, whether the contact wants marketing.
        is_held_out: The contact is in the holdout.
        commit: Its place among all commits.
    """

    addresses: frozenset[str]
    subscriptions: Mapping[str, bool]
    is_held_out: bool
    commit: int = 0


@frozen(kw_only=True)
class Logged:
    """An event, and the place of the commit that wrote it among all commits."""

    event: Event
    commit: int


@frozen(kw_only=True)
class Told:
    """A listener took a webhook."""

    delivery_id: UUID
    at: datetime


@frozen(kw_only=True)
class PurgedMessage:
    """A message as it was when it was purged, with what was stored about it."""

    message: Message
    evidence: Evidence | None
    events: tuple[Event, ...]


@frozen(kw_only=True)
class Story:
    """Everything that happened in one run; two runs of one seed are equal.

    Attributes:
        asked: What the host asked for, and what it was answered.
        receptions: What providers took.
        reported: The receipts that were acknowledged, in order; one may be there several times.
        heard: The positions of the events that the subscriber was told, in order.
        messages: As they were in the end, or when they were purged.
        evidence: What was known about them in the end.
        unfinished: Messages that still had something to wait for in the end.
        stranded: Messages that were seen, at some moment, neither over nor with a next time.
        events: The log.
        blocks: What was done about suppressions, in order.
        consents: What contacts agreed to, in the order of the changes.
        premature: Messages that a stranger reported soon after they were accepted.
        logged: The events with their commits, where a channel escalates.
        subscriptions: Those to webhooks, as they were in the end.
        webhooks: Those that events made, as they were then.
        told: The webhooks that listeners took, in order; one may be there several times.
        dead_webhooks: Those that were given up.
        hung: How many calls of transports never returned.
        crashes: How often a process died.
        steps: How often one let others go first.
        rolled_up: What roll-ups of all workspaces say in the end.
    """

    seed: int
    scenario: Scenario
    began_at: datetime
    ended_at: datetime
    asked: tuple[Asked, ...]
    receptions: tuple[Reception, ...]
    reported: tuple[StatusReceipt, ...]
    heard: tuple[int, ...]
    messages: Mapping[UUID, Message]
    evidence: Mapping[UUID, Evidence]
    unfinished: frozenset[UUID]
    stranded: tuple[UUID, ...]
    events: tuple[Event, ...]
    blocks: tuple[Block, ...]
    consents: tuple[Consent, ...]
    premature: frozenset[UUID]
    logged: tuple[Logged, ...]
    subscriptions: tuple[WebhookSubscription, ...]
    webhooks: tuple[WebhookDelivery, ...]
    told: tuple[Told, ...]
    dead_webhooks: frozenset[UUID]
    hung: int
    crashes: int
    steps: int
    rolled_up: Mapping[RollupOutcome, int] | None = None

    @property
    def digest(self) -> str:
        """Return a hash of all that happened, to compare runs of different processes."""
        asked = [evolve(one, plans=[]) for one in self.asked]
        facts = (
            (self.seed, self.ended_at, self.steps, self.crashes, self.hung),
            (asked, self.receptions, self.consents, sorted(self.premature)),
            (self.reported, self.heard, self.stranded, self.events, self.blocks),
            (self.subscriptions, self.webhooks, self.told, sorted(self.dead_webhooks)),
            (sorted(self.messages.items()), sorted(self.evidence.items()), sorted(self.unfinished)),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def channel_of(self, message: Message) -> Channel | None:
        """Return the channel of a message."""
        channels = (line.channel for line in self.scenario.lines)
        return next((own for own in channels if own.id == message.channel_id), None)

    def events_of(self, message_id: UUID) -> list[Event]:
        """Return the events of a message."""
        return [event for event in self.events if event.message_id == message_id]

    def receptions_of(self, message_id: UUID) -> list[Reception]:
        """Return how often providers took a message, for each of its receivers."""
        return [one for one in self.receptions if one.message_id == message_id]

    def doubts_of(self, message_id: UUID) -> int:
        """Count how often it was not known whether a provider had taken a message."""
        return sum(is_doubt(event) for event in self.events_of(message_id))

    def asked_as(self) -> Iterator[tuple[Asked, Message]]:
        """Yield each request of the host with the message that it became."""
        for asked in self.asked:
            for message in self.messages.values():
                if message.reference == asked.reference and not is_fallback(message):
                    yield asked, message

    def fallbacks(self) -> Iterator[tuple[Message, Message]]:
        """Yield each message that has a fallback, with the fallback."""
        for message in self.messages.values():
            if is_fallback(message) and message.origin:
                yield self.messages[UUID(message.origin.id)], message

    def tell(self, message_id: UUID) -> str:
        """Tell all that is known of a message, a line each, the log and the providers apart."""
        message = self.messages.get(message_id)
        asked = [one for one in self.asked if message and one.reference == message.reference]
        lines = [f"message {message_id}: {message.status if message else 'gone'}"]
        lines += map(_request, asked)
        lines += map(_line, self.events_of(message_id))
        lines += [
            f"{one.at:%m-%d %H:%M:%S} taken for {one.recipient} from {one.worker}, "
            f"who had leave at {one.left_at:%m-%d %H:%M:%S}: {', '.join(one.references)}"
            for one in self.receptions_of(message_id)
        ]
        lines.append(f"evidence: {self.evidence.get(message_id)}")
        return "\n  ".join(lines)


def is_fallback(message: Message) -> bool:
    """Tell whether a message takes over from another one."""
    return message.origin is not None and message.origin.type == ESCALATION


def is_doubt(event: Event) -> bool:
    """Tell whether an event opened a doubt: after it a provider may have the message, or not."""
    if event.kind is EventKind.LAPSED:
        return event.in_doubt
    return event.kind is EventKind.ATTEMPTED and event.outcome == "unknown"


def _request(asked: Asked) -> str:
    due = [f"{at:%m-%d %H:%M:%S %z}" if at else "at once" for at in asked.due]
    expires = [f"{at:%m-%d %H:%M:%S}" for at in asked.expires]
    flags = [name for name in ("is_uncertain", "is_poisonous", "cancelled") if getattr(asked, name)]
    return (
        f"{asked.reference} on {asked.channel.name} to {len(asked.addresses)}, due {due}, "
        f"expires {expires}, key {asked.key}, answered {len(asked.answers)} times {flags}"
    )


def _line(event: Event) -> str:
    parts = [f"{event.at:%m-%d %H:%M:%S} {event.kind}: {event.status}"]
    parts += [f"attempt {event.attempt}"] if event.attempt else []
    parts += [f"{event.outcome}"] if event.outcome else []
    parts += ["in doubt"] if event.in_doubt else []
    parts += [f"again {event.due_at:%m-%d %H:%M:%S}"] if event.due_at else []
    parts += [event.failure.description] if event.failure else []
    parts += [reason.code for reason in event.reasons]
    return ", ".join([*parts, *event.references])
