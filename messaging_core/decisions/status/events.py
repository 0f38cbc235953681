"""The events that the log records about a message."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    OutcomeKind,
    Resolution,
    Settlement,
)
from messaging_core.models.delivery.doubts import Doubts
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.messages.message import Direction, Message
from messaging_core.models.policy.plan import Reason

_DOUBT = "doubt."
_OPENED = f"{_DOUBT}opened"
_CONVERTED = "converted"

PREFETCHED: Final = "prefetched"
"""The detail of an interaction by a machine."""


def admitted(
    workspace: UUID, message: Message, delivery: Delivery | None, reasons: Sequence[Reason] = ()
) -> Event:
    """Tell that a message was kept: accepted, scheduled, skipped, rejected or received."""
    incoming = message.direction is Direction.INCOMING
    return Event(
        workspace=workspace,
        message_id=message.id,
        kind=EventKind.RECEIVED if incoming else EventKind.ADMITTED,
        at=message.created_at,
        status=message.status,
        failure=message.failure,
        due_at=delivery.due_at if delivery else None,
        references=message.references,
        reasons=tuple(reasons),
        tags=message.tags,
        trace=delivery.controls.trace if delivery else None,
    )


def settled(settlement: Settlement) -> Event:
    """Tell what became of a claimed message."""
    lease = settlement.lease
    return Event(
        workspace=lease.workspace,
        message_id=lease.message_id,
        kind=_kind(settlement),
        at=settlement.at,
        status=settlement.status,
        attempt=settlement.attempt,
        outcome=settlement.outcome,
        failure=settlement.failure,
        references=settlement.references,
        due_at=settlement.next_due_at,
        in_doubt=settlement.details == IN_DOUBT,
        reasons=settlement.reasons,
    )


def is_news(settlement: Settlement) -> bool:
    """Return whether a settlement says more than that a message was put back as it was."""
    return settlement.counts or settlement.next_due_at != settlement.at


def _kind(settlement: Settlement) -> EventKind:
    if settlement.attempt is not None:
        return EventKind.ATTEMPTED
    return EventKind.ENDED if settlement.next_due_at is None else EventKind.HELD


def answered_late(settlement: Settlement, message: Message) -> Event:
    """Tell that a worker answered which had lost the message to another."""
    return Event(
        workspace=settlement.lease.workspace,
        message_id=message.id,
        kind=EventKind.LATE,
        at=settlement.at,
        status=message.status,
        attempt=settlement.attempt,
        outcome=settlement.outcome,
        failure=settlement.failure,
        references=settlement.references,
    )


def joined(workspace: UUID, message: Message) -> Event:
    """Tell what receipts, which came before the message was settled, make of it now."""
    return Event(
        workspace=workspace,
        message_id=message.id,
        kind=EventKind.REPORTED,
        at=message.updated_at,
        status=message.status,
        failure=message.failure,
    )


def lapsed(claim: Claim) -> Event:
    """Tell that the worker before was not heard of again."""
    return Event(
        workspace=claim.workspace,
        message_id=claim.message.id,
        kind=EventKind.LAPSED,
        at=claim.message.updated_at,
        status=claim.message.status,
        attempt=claim.delivery.attempts - 1,
        in_doubt=claim.doubted,
    )


def changed(workspace: UUID, message: Message, kind: EventKind, at: datetime) -> Event:
    """Tell that a message was cancelled, moved or redacted."""
    return Event(
        workspace=workspace,
        message_id=message.id,
        kind=kind,
        at=at,
        status=message.status,
        due_at=message.scheduled_for if kind is EventKind.RESCHEDULED else None,
    )


def interacted(workspace: UUID, message: Message, interaction: Interaction, at: datetime) -> Event:
    """Tell that a person, or a machine on the way to the person, did something with a message."""
    return Event(
        workspace=workspace,
        message_id=message.id,
        kind=EventKind.INTERACTED,
        at=at,
        status=message.status,
        outcome=interaction.type,
        detail=PREFETCHED if interaction.is_by_machine else _unsuccessful(interaction),
    )


def _unsuccessful(interaction: Interaction) -> str | None:
    """Return the status of a conversion that did not succeed."""
    conversion = interaction.metadata.conversion if interaction.metadata else None
    return conversion.status if conversion and conversion.status != _CONVERTED else None


def doubts(settlements: Sequence[Settlement]) -> Mapping[str, int]:
    """Return by how much each counter of doubts grows with the answers of transports."""
    unknown = sum(settlement.outcome is OutcomeKind.UNKNOWN for settlement in settlements)
    counts = Counter(
        _DOUBT + settlement.resolved for settlement in settlements if settlement.resolved
    )
    counts[_OPENED] = unknown
    return +counts


def doubts_of_lost(
    claims: Sequence[Claim], deduplicates: Callable[[Claim], bool]
) -> Mapping[str, int]:
    """Return by how much each counter grows with workers that were lost.

    Where one of them had sent again what was in doubt, the doubt before is over: the new one is
    about what that worker did.
    """
    counts = Counter({_OPENED: sum(claim.doubted for claim in claims)})
    for claim in claims:
        if claim.doubted and claim.doubted_before:
            how = Resolution.DEDUPLICATED if deduplicates(claim) else Resolution.RESENT
            counts[_DOUBT + how] += 1
    return +counts


def resolved(how: Resolution) -> Mapping[str, int]:
    """Return which counter grows when one doubt has ended."""
    return {_DOUBT + how: 1}


def doubts_of(counts: Mapping[str, int]) -> Doubts:
    """Return what the counters say about doubts."""
    return Doubts(
        **{
            name.removeprefix(_DOUBT): count
            for name, count in counts.items()
            if name.startswith(_DOUBT)
        }
    )
