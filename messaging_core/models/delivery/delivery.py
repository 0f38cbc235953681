"""The state of the delivery of a message; never on the wire."""

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
    """The urgency of a message; a lower lane is claimed first."""

    TWO_FACTOR = 0
    TRANSACTIONAL = 1
    CONVERSATIONAL = 2
    PROMOTIONAL = 3


@frozen(kw_only=True)
class Controls:
    """The options of a request that matter until the message is handed over.

    Attributes:
        links: The settings of its links, the same in every attempt.
        trace: The W3C `traceparent` under which it was accepted.
    """

    cap_frequency: bool = False
    enable_link_tracking: bool = False
    ignore_quiet_hours: bool = False
    ignore_global_holdout: bool = False
    notification_url: str | None = field(default=None, repr=False)
    validity: int | None = None
    links: LinkSettings | None = None
    trace: str | None = None


@frozen(kw_only=True)
class Delivery:
    """When a message may be sent, until when, and how often it was tried.

    Attributes:
        attempts: The number of claims so far.
        accepted: Addresses that the provider accepted.
        refused: Addresses that the provider refused for good.
        crashes: How often a worker died during an attempt, or the transport failed in a way that
            is not a failure of the provider.
        handed_over: It passed the point of no return under a lease that is not yet settled.
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
    """A caller's key with the hash (SHA-256, hexadecimal) of the canonical request.

    Attributes:
        fields: A short hash of each field of the request, by JSON pointer, to name the fields in
            which another request differs. Only the hash decides if the request is the same.
        lasting: Whether the key is valid as long as it is stored, however old it is.
    """

    key: str
    request_hash: str
    fields: Mapping[str, str] = field(factory=dict, eq=False, repr=False)
    lasting: bool = False


@frozen(kw_only=True)
class NewMessage:
    """A message to be stored, with the data that are stored beside it."""

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
        fence: The fencing token: it grows with every claim, and a worker with an older one cannot
            change the message.
        workspace: The tenant of the message.
        message_id: The id of the message.
    """

    position: int
    fence: int
    until: datetime
    workspace: UUID
    message_id: UUID


class Withdrawal(StrEnum):
    """Why a leased message must not be handed over.

    Attributes:
        CANCELLED: It was withdrawn.
        EXPIRED: Its validity has ended.
        HELD: A receiver was suppressed, unsubscribed or held out since it was leased.
        SUPERSEDED: Its lease is no longer valid.
    """

    CANCELLED = "cancelled"
    EXPIRED = "expired"
    HELD = "held"
    SUPERSEDED = "superseded"


@frozen(kw_only=True)
class Claim:
    """One message that a worker may now deliver.

    Attributes:
        lapsed: Its last lease expired without a settlement: its worker crashed or hung.
        doubted: That worker had passed the point of no return.
        receivers: The facts on the receivers that are not yet served; absent if no send rule binds.
        doubted_before: The message was in doubt already when that worker claimed it.
        unjudged: Its send rules could not be applied, as what they ask for is damaged.
    """

    workspace: UUID
    message: Message
    delivery: Delivery
    lease: Lease
    lapsed: bool = False
    doubted: bool = False
    receivers: tuple[ReceiverFacts, ...] | None = None
    doubted_before: bool = False
    unjudged: bool = False


class OutcomeKind(StrEnum):
    """The kind of an outcome; for several receivers the least certain one."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class Resolution(StrEnum):
    """How a doubt ended.

    Attributes:
        DEDUPLICATED: Sent again to a provider that recognises messages it already has.
        RESENT: Sent again, as its channel is set.
        FAILED: Failed, as its channel is set.
        PARKED: Left for a person to decide, as its channel is set; it is still in doubt.
        EXPIRED: Its validity ended.
        REPORTED: Resolved by a receipt, or by the answer of the provider to a query.
        ANSWERED: Resolved by the late answer of a worker whose lease had expired.
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
    """The result of a claim, to be written.

    Attributes:
        lease: The lease of the claim; a settlement with an old fence changes nothing.
        parts: All parts that the platform has made of the message so far.
        next_due_at: When to try again; absent if the delivery is over.
        accepted: All addresses that the provider accepted so far.
        refused: All addresses that the provider refused for good.
        counts: False if nothing was tried, so that the attempt does not count.
        attempt: The number of the attempt, from 1; absent if none was made.
        outcome: The outcome of the transport.
        resolved: How a doubt about an earlier attempt ended.
        reasons: The reasons of the decision, with their facts.
        crashed: Whether the attempt counts as a crash.
        handed_over: The attempt passed the point of no return.
        gone: Addresses of which the provider said in this attempt that they reach no one.
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
    gone: tuple[str, ...] = field(default=(), repr=False)

    @property
    def references(self) -> tuple[str, ...]:
        """Return the platform's own references so far, one for each part."""
        return references_of(self.parts)
