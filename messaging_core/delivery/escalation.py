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
from messaging_core.decisions.status.evidence import (
    NO_EVIDENCE,
    may_have_it,
    proves_hand_over,
)
from messaging_core.lazy import frozen
from messaging_core.models.delivery.delivery import Claim, Delivery, Resolution, Settlement
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Message
from messaging_core.models.policy.plan import Reason
from messaging_core.policy.escalation import escalated
from messaging_core.ports.storage.readable import readable_delivery, readable_message
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.receipts.status import StatusResolver


@frozen(kw_only=True)
class TakeOver:
    """Parts claims from fallbacks that must not go, or not yet, in one transaction.

    A fallback that may go ends its message if that still waits, in the same transaction. So
    whatever the clocks of two workers show, a message and its fallback are never handed over at
    the same time.
    """

    tx: Transaction
    resolver: StatusResolver

    def divide(
        self, claims: Sequence[Claim], now: datetime
    ) -> tuple[list[Claim], list[Settlement]]:
        """Return the claims that may go, and what becomes of the fallbacks that may not."""
        rest: list[Claim] = []
        settlements: list[Settlement] = []
        for claim in claims:
            first = self._first_of(claim.workspace, claim.message)
            settlement = self._settled(claim, first, now) if first else None
            if settlement is None:
                rest.append(claim)
            else:
                settlements.append(settlement)
        return rest, settlements

    def _first_of(self, workspace: UUID, message: Message) -> Message | None:
        """Return the message before a fallback, unless it was deleted or is damaged."""
        origin = message.origin
        if origin is None or origin.type != ESCALATION:
            return None
        return readable_message(self.tx, workspace, UUID(origin.id))

    def _reason_to_stop(self, workspace: UUID, first: Message) -> Reason | None:
        """Return why a fallback need not go, by any of the messages before it."""
        before: Message | None = first
        reason = None
        while before is not None and reason is None:
            reason = reason_to_stop(before)
            before = self._first_of(workspace, before)
        return reason

    def _settled(self, claim: Claim, first: Message, now: datetime) -> Settlement | None:
        """Return what becomes of a fallback that must not go now, or nothing where it may go."""
        tx, workspace = self.tx, claim.workspace
        waiting = readable_delivery(tx, workspace, first.id)
        if waiting is None:
            return self._put_off(claim, first, now)
        first = self._with_evidence(workspace, first, waiting[0], now)
        reason = self._reason_to_stop(workspace, first)
        if reason is not None:
            return blocked(claim, now, stopping(reason))
        delivery = tx.outbox.delivery(workspace, first.id)
        if delivery is not None:
            if not tx.outbox.finish(workspace, first.id):
                return deferred(claim, now, waiting_turn(first, now, claim.delivery.expires_at))
            first = self._ended(workspace, first, delivery, now)
        told = tx.timeline.of_message(workspace, first.id)
        if all(event.kind is not EventKind.ESCALATED for event in told):
            tx.timeline.append([escalated(workspace, first, claim.message.id, now)])
        return None

    @staticmethod
    def _put_off(claim: Claim, first: Message, now: datetime) -> Settlement | None:
        """Wait until the damaged delivery of the message before it is put aside.

        A fallback that has expired does not wait: it ends like any other.
        """
        expires_at = claim.delivery.expires_at
        if now >= expires_at:
            return None
        return deferred(claim, now, waiting_turn(first, now, expires_at))

    def _with_evidence(
        self, workspace: UUID, first: Message, delivery: Delivery | None, now: datetime
    ) -> Message:
        """Return a message that waits with the status that follows from receipts, if it went."""
        evidence = self.resolver.evidence_of(workspace, first.id) if delivery else NO_EVIDENCE
        if not proves_hand_over(evidence):
            return first
        proved = self.resolver.apply(
            workspace, first, delivery, evidence, at=now, how=Resolution.REPORTED
        )
        if proved != first:
            self.tx.timeline.append([events.joined(workspace, proved)])
        return proved

    def _ended(self, workspace: UUID, first: Message, delivery: Delivery, now: datetime) -> Message:
        """End a message that still waited when its fallback took over."""
        ended = overtaken(first, delivery, now)
        self.tx.messages.update(workspace, ended)
        if not delivery.accepted and not may_have_it(
            self.resolver.evidence_of(workspace, first.id)
        ):
            self.tx.send_history.remove(workspace, first.id)
        if first.details == IN_DOUBT:
            self.tx.timeline.increment(events.resolved(Resolution.EXPIRED))
        event = events.changed(workspace, ended, EventKind.ENDED, now)
        self.tx.timeline.append([evolve(event, failure=ended.failure)])
        return ended
