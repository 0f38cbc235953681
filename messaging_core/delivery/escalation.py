"""Fallbacks that were just claimed: which may go, and what becomes of the messages before them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.acceptance.fallback import ESCALATION
from messaging_core.decisions.delivery.escalation import (
    overtaken,
    reason_to_stop,
    stopping,
    waiting_turn,
)
from messaging_core.decisions.delivery.policy_outcomes import blocked, deferred
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.decisions.status import events
from messaging_core.decisions.status.evidence import NO_EVIDENCE, may_have_it
from messaging_core.models.delivery.delivery import Claim, Resolution, Settlement
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Message
from messaging_core.policy.escalation import escalated
from messaging_core.ports.storage.transaction import Transaction


def take_over(
    tx: Transaction, claims: Sequence[Claim], now: datetime
) -> tuple[list[Claim], list[Settlement]]:
    """Part the claims that may go from the fallbacks that must not, or not yet.

    A fallback that may go ends its message if that still waits, in the same transaction. So
    whatever the clocks of two workers show, a message and its fallback are never handed over at
    the same time.
    """
    rest: list[Claim] = []
    settlements: list[Settlement] = []
    for claim in claims:
        settlement = _settled(tx, claim, now) if _is_fallback(claim) else None
        if settlement is None:
            rest.append(claim)
        else:
            settlements.append(settlement)
    return rest, settlements


def _is_fallback(claim: Claim) -> bool:
    origin = claim.message.origin
    return origin is not None and origin.type == ESCALATION


def _settled(tx: Transaction, claim: Claim, now: datetime) -> Settlement | None:
    """Return what becomes of a fallback that must not go now, or nothing where it may go."""
    workspace = claim.workspace
    first = (
        tx.messages.get(workspace, UUID(claim.message.origin.id)) if claim.message.origin else None
    )
    if first is None:
        return None  # it was deleted, and is over therefore
    reason = reason_to_stop(first)
    if reason is not None:
        return blocked(claim, now, stopping(reason))
    if tx.outbox.delivery(workspace, first.id) is not None:
        if not tx.outbox.finish(workspace, first.id):
            return deferred(claim, now, waiting_turn(first, now, claim.delivery.expires_at))
        first = _ended(tx, workspace, first, now)
    told = tx.timeline.of_message(workspace, first.id)
    if all(event.kind is not EventKind.ESCALATED for event in told):
        tx.timeline.append([escalated(workspace, first, claim.message.id, now)])
    return None


def _ended(tx: Transaction, workspace: UUID, first: Message, now: datetime) -> Message:
    """End a message that still waited when its fallback took over."""
    ended = overtaken(first, now)
    tx.messages.update(workspace, ended)
    evidence = tx.receipts.evidence(workspace, [first.id]).get(first.id, NO_EVIDENCE)
    if not may_have_it(evidence):
        tx.send_history.remove(workspace, first.id)
    if first.details == IN_DOUBT:
        tx.timeline.increment(events.resolved(Resolution.EXPIRED))
    event = events.changed(workspace, ended, EventKind.ENDED, now)
    tx.timeline.append([evolve(event, failure=ended.failure)])
    return ended
