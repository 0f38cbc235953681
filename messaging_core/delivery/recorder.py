"""Records everything about a delivery inside one transaction.

A settlement is more than the message's new state: it appends an event, counts doubts, keeps a late
answer as evidence, and applies receipts that arrived before it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from attrs import evolve, field

from messaging_core.contacts.devices import forget_devices
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.settlement import (
    already_delivered,
    pending_addresses,
    with_evidence,
)
from messaging_core.decisions.status import events
from messaging_core.decisions.status.evidence import (
    DOUBT_EVIDENCE,
    HANDED_OVER,
    NO_EVIDENCE,
    evidence_from_late_answer,
    may_have_it,
    proven_recipients,
    proves_hand_over,
)
from messaging_core.delivery.escalation import TakeOver
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import PUSH, Channel
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    Lease,
    OutcomeKind,
    Resolution,
    Settlement,
    Withdrawal,
)
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.messages.message import Message, Status
from messaging_core.policy.escalation import follow
from messaging_core.policy.evaluator import PolicyEvaluator, people_of
from messaging_core.ports.storage.readable import readable, readable_delivery, readable_message
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.receipts.processor import ReceiptProcessor, waits_for
from messaging_core.receipts.status import StatusResolver

T = TypeVar("T")


@frozen(kw_only=True)
class PendingHandoff:
    """A message that is about to pass the point of no return.

    Attributes:
        message: Absent where its receivers need no check.
        addresses: The receivers of this attempt.
        references: The provider's ids of the message, if the transport knows them beforehand.
    """

    lease: Lease
    message: Message | None = None
    channel: Channel | None = None
    addresses: tuple[str, ...] = field(default=(), repr=False)
    references: tuple[str, ...] = ()
    delivery: Delivery | None = None

    def is_refused(self, judge: PolicyEvaluator, now: datetime) -> bool:
        """Return True if a receiver of this attempt must not get the message any more."""
        message, channel, delivery = self.message, self.channel, self.delivery
        if message is None or channel is None or delivery is None:
            return False
        return judge.at_handoff(message, delivery, channel, now, addresses=self.addresses)


class DeliveryRecorder:
    """Record claims, hand-offs and settlements, in one transaction.

    Args:
        tx: The transaction to write in.
        context: The parts and settings of the messenger.
        marks: Whether hand-offs are marked. If not, a receipt may arrive before the engine knows
            that the message was handed over; it then waits for the settlement.
    """

    def __init__(self, tx: Transaction, context: EngineContext, *, marks: bool = True) -> None:
        self.tx = tx
        self._context = context
        self._marks = marks
        self._resolver = StatusResolver(tx, context.channels.by_id)
        self._reports = ReceiptProcessor(tx, context)
        self._turns = TakeOver(tx=tx, resolver=self._resolver)

    def tell(self) -> None:
        """Tell the telemetry of receipts that had waited, once the transaction is committed."""
        self._reports.tell()

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record what becomes of claimed messages; return False for each lease that was lost.

        Evidence in a late answer is kept even though its lease was lost.
        """
        tx = self.tx
        valid = tx.outbox.settle(settlements)
        current = [settlement for settlement, ok in zip(settlements, valid, strict=True) if ok]
        tx.timeline.append([events.settled(item) for item in current if events.is_news(item)])
        if counts := events.doubts(current):
            tx.timeline.increment(counts)
        for settlement in current:
            lease = settlement.lease
            if settlement.outcome is OutcomeKind.UNKNOWN:
                self._resolver.add_evidence(lease.workspace, lease.message_id, DOUBT_EVIDENCE)
            elif settlement.handed_over and settlement.next_due_at is not None:
                self._resolver.add_evidence(lease.workspace, lease.message_id, HANDED_OVER)
        for workspace, group in _by_workspace(current, lambda item: item.lease.workspace).items():
            self._match_early_receipts(workspace, group)
            self._resolver.reconcile(workspace, group)
        self._count_sendings(current)
        self._escalate(current)
        for settlement, is_valid in zip(settlements, valid, strict=True):
            if not is_valid:
                self._answered_late(settlement)
            if settlement.gone:
                self._forget_devices(settlement)
        return valid

    def _forget_devices(self, settlement: Settlement) -> None:
        """Remove the push tokens that the provider no longer knows from their contacts."""
        workspace = settlement.lease.workspace
        message = readable_message(self.tx, workspace, settlement.lease.message_id)
        channel = self._context.channels.get(message.channel_id) if message else None
        if channel is not None and channel.platform == PUSH:
            forget_devices(self.tx, workspace, settlement.gone, channel, settlement.at)

    def hand_over(
        self, handoffs: Sequence[PendingHandoff], now: datetime
    ) -> list[Withdrawal | None]:
        """Mark leased messages as handed over, unless they must not be sent any more.

        A receiver may have been suppressed, unsubscribed or held out since they were claimed; then
        the message is claimed again, and all rules decide.
        """
        judge = PolicyEvaluator(self.tx, self._context.policies, is_final=True)
        if judge.has_suppressions:
            judge.look_up(
                (handoff.channel, address)
                for handoff in handoffs
                if handoff.channel is not None
                for address in handoff.addresses
            )
        # What cannot be judged is held, too: its next claim finds out why.
        held = [
            readable(partial(handoff.is_refused, judge, now), _unjudged(handoff.lease)) is not False
            for handoff in handoffs
        ]
        leases = [handoff.lease for handoff, no in zip(handoffs, held, strict=True) if not no]
        reasons = iter(self.tx.outbox.hand_over(leases, now=now) if leases else ())
        answers = [Withdrawal.HELD if is_held else next(reasons) for is_held in held]
        for handoff, answer in zip(handoffs, answers, strict=True):
            if handoff.references and answer is None:
                lease = handoff.lease
                self.tx.messages.add_references(
                    lease.workspace, lease.message_id, handoff.references
                )
        return answers

    def follow_clock(self, now: datetime, latest: datetime | None) -> None:
        """Let nothing wait longer because the clock was set back.

        Args:
            now: The present.
            latest: The latest time that the caller knows, if it knows one. Without one, only what
                was accepted later than it is now is looked for, which costs next to nothing.
        """
        if latest is None:
            self.tx.outbox.restart_pauses(now=now, accepted_after=now)
        elif now < latest:
            self.tx.outbox.restart_pauses(now=now)

    def claim(  # noqa: PLR0913 - by keyword, as in the port
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
        deduplicates: Callable[[Claim], bool] = lambda _: False,
    ) -> list[Claim]:
        """Lease what is due, without the receivers for whom it is proved already.

        Args:
            now: The present.
            lease: How long no other worker gets them.
            limit: How many at most.
            suspects: Whether one of them may have crashed before.
            places: How many of each channel at most.
            deduplicates: Returns True if the provider will recognise a repeated message.
        """
        tx = self.tx
        claims = tx.outbox.claim(
            now=now, lease=lease, limit=limit, suspects=suspects, places=places
        )
        lost = [claim for claim in claims if claim.lapsed]
        if lost:
            tx.timeline.append([events.lapsed(claim) for claim in lost])
        for claim in lost:
            if claim.doubted:
                self._resolver.add_evidence(claim.workspace, claim.message.id, DOUBT_EVIDENCE)
        if counts := events.doubts_of_lost(lost, deduplicates):
            tx.timeline.increment(counts)
        return self.examined(claims, now)

    def examined(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Return the claims that may go, without the receivers for whom it is proved already."""
        return self._with_receivers(self._unproved(self._in_turn(claims, now)), now)

    def _in_turn(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Leave out fallbacks that need not go, or wait for the message before them."""
        rest, settlements = self._turns.divide(claims, now)
        if settlements:
            self.settle(settlements)
        return rest

    def _escalate(self, settlements: Sequence[Settlement]) -> None:
        """Let the fallbacks of messages that ended follow them, where any channel escalates."""
        if not self._context.channels.escalates:
            return
        for settlement in settlements:
            if settlement.next_due_at is None and settlement.status is not Status.SENT:
                lease = settlement.lease
                message = readable_message(self.tx, lease.workspace, lease.message_id)
                if message is not None:
                    follow(self.tx, lease.workspace, message, settlement.at)

    def _with_receivers(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Tell what is known of receivers where a send rule may have something to say."""
        if not claims:
            return []  # a judge looks into the storage
        judge = PolicyEvaluator(self.tx, self._context.policies)
        if judge.has_suppressions:
            judge.look_up(
                (channel, address)
                for claim in claims
                if (channel := self._context.channels.get(claim.message.channel_id)) is not None
                for _, address in people_of(claim.message)
            )
        judged = [
            readable(partial(self._with_facts, judge, claim, now), _unjudged(claim.lease))
            for claim in claims
        ]
        return [
            evolve(claim, unjudged=True) if answer is None else answer
            for claim, answer in zip(claims, judged, strict=True)
        ]

    def _with_facts(self, judge: PolicyEvaluator, claim: Claim, now: datetime) -> Claim:
        message, delivery = claim.message, claim.delivery
        channel = self._context.channels.get(message.channel_id)
        if channel is None:
            return claim
        facts = judge.at_claim(message, delivery, channel, now, until=claim.lease.until)
        return claim if facts is None else evolve(claim, receivers=facts)

    def _unproved(self, claims: Sequence[Claim]) -> list[Claim]:
        """Leave out receivers, and whole messages, of which it is proved that they were served."""
        evidence = self._evidence([claim for claim in claims if claim.delivery.attempts > 1])
        if not evidence:
            return list(claims)
        rest: list[Claim] = []
        over: list[Settlement] = []
        for claim in claims:
            proof = evidence.get(claim.message.id, NO_EVIDENCE)
            if not proves_hand_over(proof):
                rest.append(claim)
                continue
            served = proven_recipients(proof, claim.message.addresses)
            reduced = with_evidence(claim, served)
            if pending_addresses(reduced.message, reduced.delivery):
                rest.append(reduced)
            else:
                over.append(already_delivered(reduced))
        self.settle(over)
        return rest

    def _evidence(self, claims: Sequence[Claim]) -> dict[UUID, Evidence]:
        evidence: dict[UUID, Evidence] = {}
        for workspace, group in _by_workspace(claims, lambda claim: claim.workspace).items():
            ids = [claim.message.id for claim in group]
            evidence.update(self.tx.receipts.evidence(workspace, ids))
        return evidence

    def _match_early_receipts(self, workspace: UUID, settlements: Sequence[Settlement]) -> None:
        """Let receipts find the message that named itself only now."""
        references = [reference for item in settlements for reference in item.references]
        if not self._marks:
            references += [
                waits_for(item.lease.message_id) for item in settlements if item.handed_over
            ]
        if references:
            self._reports.match(workspace, references)

    def _answered_late(self, settlement: Settlement) -> None:
        """Keep the evidence in the answer of a worker that had lost its lease."""
        lease, kind = settlement.lease, settlement.outcome
        if kind is None:
            return
        message = readable_message(self.tx, lease.workspace, lease.message_id)
        if message is None:
            return
        references = settlement.references
        proof = evidence_from_late_answer(settlement)
        if proof != NO_EVIDENCE:
            self.tx.messages.add_references(lease.workspace, lease.message_id, references)
            message = evolve(message, parts=message.parts or settlement.parts)
            message = self._proved_late(lease.workspace, message, proof, settlement.at)
        self.tx.timeline.append([events.answered_late(settlement, message)])
        if proof != NO_EVIDENCE:
            self._reports.match(lease.workspace, references)

    def _proved_late(
        self, workspace: UUID, message: Message, proof: Evidence, at: datetime
    ) -> Message:
        waiting = readable_delivery(self.tx, workspace, message.id)
        if waiting is None:  # its next claim puts it aside, and applies this
            self._resolver.add_evidence(workspace, message.id, proof)
            return message
        return self._resolver.apply(
            workspace, message, waiting[0], proof, at=at, how=Resolution.ANSWERED
        )

    def _count_sendings(self, settlements: Sequence[Settlement]) -> None:
        """Let frequency caps count a message when it went, and not at all when it never did.

        What may have gone counts: the person may have it. What is known to have gone by a proof
        alone goes on counting when it was last taken up.
        """
        if not self._context.policies.has_caps:
            return
        send_history = self.tx.send_history
        for settlement in settlements:
            workspace, message_id = settlement.lease.workspace, settlement.lease.message_id
            if settlement.next_due_at is not None:
                send_history.move(workspace, message_id, settlement.next_due_at)
            elif settlement.status is Status.SENT:
                if settlement.outcome is not None:
                    send_history.move(workspace, message_id, settlement.at)
            elif not may_have_it(self._resolver.evidence_of(workspace, message_id)):
                send_history.remove(workspace, message_id)


def _unjudged(lease: Lease) -> str:
    return f"message {lease.message_id}: the send rules could not be applied"


def _by_workspace(things: Iterable[T], workspace_of: Callable[[T], UUID]) -> dict[UUID, list[T]]:
    """Divide things by their tenant."""
    divided: dict[UUID, list[T]] = {}
    for thing in things:
        divided.setdefault(workspace_of(thing), []).append(thing)
    return divided
