"""How far the delivery of a message has come: ours, beside the message, never on the wire."""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure
from messaging_core.models.content.short_link import LinkSettings
from messaging_core.models.messages.message import Message, Part, Status, references_of
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.send_rules import ReceiverFacts


class Lane(IntEnum):
    """Rank messages by urgency; a lower lane is served first."""

    TWO_FACTOR = 0
    TRANSACTIONAL = 1
    CONVERSATIONAL = 2
    PROMOTIONAL = 3


@frozen(kw_only=True)
class Controls:
    """What a request asked for that only matters until the message is handed over.

    Attributes:
        links: What is done to its links, the same in every attempt.
    """

    cap_frequency: bool = False
    enable_link_tracking: bool = False
    ignore_quiet_hours: bool = False
    ignore_global_holdout: bool = False
    notification_url: str | None = field(default=None, repr=False)
    validity: int | None = None
    links: LinkSettings | None = None


@frozen(kw_only=True)
class Delivery:
    """Say when a message may go, until when, and how often it was tried.

    Attributes:
        attempts: Claims so far.
        accepted: Addresses that the provider took already.
        refused: Addresses that it will never take.
        crashes: How often a worker died over it, or its transport failed in a way that no
            provider does.
        handed_over: It passed the point of no return under a lease not settled since.
    """

    due_at: datetime
    expires_at: datetime
    lane: Lane = Lane.TRANSACTIONAL
    attempts: int = 0
    controls: Controls = field(factory=Controls)
    accepted: tuple[str, ...] = field(default=(), repr=False)
    refused: tuple[str, ...] = field(default=(), repr=False)
    crashes: int = 0
    handed_over: bool = False


@frozen(kw_only=True)
class IdempotencyKey:
    """Tie a caller's key to the hash (SHA-256, hexadecimal) of the canonical request.

    Attributes:
        fields: A short hash for each field of the request, by JSON pointer, to name those in
            which another request differs. Whether it is the same request, only the hash says.
        lasting: Whether the key is valid for as long as it is kept, however old it is.
    """

    key: str
    request_hash: str
    fields: Mapping[str, str] = field(factory=dict, eq=False, repr=False)
    lasting: bool = False


@frozen(kw_only=True)
class NewMessage:
    """A message on its way into the storage, with everything that is stored beside it."""

    workspace: UUID
    platform: str
    message: Message
    delivery: Delivery | None = None
    idempotency: IdempotencyKey | None = None
    batch_id: UUID | None = None


@frozen(kw_only=True)
class Lease:
    """The right to deliver one message until an instant.

    Attributes:
        position: The storage's own key of the message.
        fence: Grows with every claim; a worker that holds an older one changes nothing.
        workspace: The message's tenant.
        message_id: The message.
    """

    position: int
    fence: int
    until: datetime
    workspace: UUID
    message_id: UUID


class Withdrawal(StrEnum):
    """Say why a leased message may not be handed over.

    Attributes:
        CANCELLED: It was withdrawn.
        EXPIRED: Its validity has ended.
        HELD: A receiver was suppressed, unsubscribed or held out since it was leased.
        SUPERSEDED: Its lease is worth nothing any more.
    """

    CANCELLED = "cancelled"
    EXPIRED = "expired"
    HELD = "held"
    SUPERSEDED = "superseded"


@frozen(kw_only=True)
class Claim:
    """One message that a worker may now deliver.

    Attributes:
        lapsed: Its last lease ended unsettled: the worker was not heard of again.
        doubted: That worker had passed the point of no return.
        receivers: What is known of those who are still to get it; absent where no send rule binds.
        doubted_before: And it had been in doubt when that worker took it.
    """

    workspace: UUID
    message: Message
    delivery: Delivery
    lease: Lease
    lapsed: bool = False
    doubted: bool = False
    receivers: tuple[ReceiverFacts, ...] | None = None
    doubted_before: bool = False


class OutcomeKind(StrEnum):
    """Name what a transport answered; of several receivers the least certain answer."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Resolution(StrEnum):
    """Say how a doubt ended.

    Attributes:
        DEDUPLICATED: It was sent again to a provider that tells a message it has seen before.
        RESENT: It was sent again, by the choice of its channel.
        FAILED: It was given up, by the choice of its channel.
        PARKED: It waits for a person, by the choice of its channel; it is in doubt still.
        EXPIRED: Its validity ended.
        REPORTED: A receipt told, or the provider when it was asked.
        ANSWERED: The worker that had been given up answered after all.
    """

    DEDUPLICATED = "deduplicated"
    RESENT = "resent"
    FAILED = "failed"
    PARKED = "parked"
    EXPIRED = "expired"
    REPORTED = "reported"
    ANSWERED = "answered"


@frozen(kw_only=True)
class Settlement:
    """What becomes of a claimed message.

    Attributes:
        lease: The claim it answers; with a stale fence nothing happens.
        parts: All that the platform has made of the message so far.
        next_due_at: When to try again; absent when delivery is over.
        accepted: All addresses that the provider took so far.
        refused: All addresses that it will never take.
        counts: False gives the attempt back: nothing was tried.
        attempt: Which attempt this was, counted from 1; absent when none was made.
        outcome: What the transport answered.
        resolved: How a doubt about an earlier attempt ended.
        reasons: Why it was decided so, with the facts.
        crashed: The attempt counts as a crash.
        handed_over: The attempt passed the point of no return.
    """

    lease: Lease
    at: datetime
    status: Status
    reason: str | None = None
    details: str | None = None
    failure: Failure | None = None
    parts: tuple[Part, ...] = ()
    next_due_at: datetime | None = None
    accepted: tuple[str, ...] = field(default=(), repr=False)
    refused: tuple[str, ...] = field(default=(), repr=False)
    counts: bool = True
    attempt: int | None = None
    outcome: OutcomeKind | None = None
    resolved: Resolution | None = None
    reasons: tuple[Reason, ...] = ()
    crashed: bool = False
    handed_over: bool = False

    @property
    def references(self) -> tuple[str, ...]:
        """Return what the platform calls the message so far, one reference for each part."""
        return references_of(self.parts)
