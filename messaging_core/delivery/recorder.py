"""Everything that is written down about a delivery, inside one transaction.

A settlement is more than the message's new state: the log tells of it, doubts are counted, a late
answer is evidence, and receipts that overtook it find their message.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from attrs import evolve, field, frozen

from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.settlement import (
    already_delivered,
    pending_addresses,
    with_evidence,
)
from messaging_core.decisions.status import events
from messaging_core.decisions.status.status import (
    DOUBT,
    HANDED_OVER,
    NOTHING,
    may_have_it,
    proof_of,
    proven_recipients,
    proves_hand_over,
)
from messaging_core.models.common.channel import Channel
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
from messaging_core.policy.evaluator import PolicyEvaluator
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.receipts.processor import ReceiptProcessor, waits_for
from messaging_core.receipts.status import StatusResolver

T = TypeVar("T")


@frozen(kw_only=True)
class PendingHandoff:
    """A message that is about to pass the point of no return.

    Attributes:
        message: Absent where nobody is to be asked about its receivers.
        addresses: Whom it goes to now.
        references: What the provider will call it, where its transport knows that beforehand.
    """

    lease: Lease
    message: Message | None = None
    channel: Channel | None = None
    addresses: tuple[str, ...] = field(default=(), repr=False)
    references: tuple[str, ...] = ()
    delivery: Delivery | None = None

    def is_refused(self, judge: PolicyEvaluator, now: datetime) -> bool:
        """Tell whether somebody whom it goes to must not get it any more."""
        message, channel, delivery = self.message, self.channel, self.delivery
        if message is None or channel is None or delivery is None:
            return False
        return judge.at_handoff(message, delivery, channel, now, addresses=self.addresses)


class DeliveryRecorder:
    """Write down what happened to messages, in one transaction.

    Args:
        tx: Where.
        context: The parts and settings of the messenger.
        marks: Whether hand-overs are marked. If not, a receipt may come before it is known that its
            message was handed over; it waits until the attempt is settled.
    """

    def __init__(self, tx: Transaction, context: EngineContext, *, marks: bool = True) -> None:
        self._tx = tx
        self._context = context
        self._marks = marks
        self._proofs = StatusResolver(tx, context.channels.by_id)
        self._reports = ReceiptProcessor(tx, context)

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record what became of claimed messages; false where the lease was no longer valid.

        Of an answer that came too late everything is kept that it proves.
        """
        tx = self._tx
        valid = tx.outbox.settle(settlements)
        kept = [one for one, is_valid in zip(settlements, valid, strict=True) if is_valid]
        tx.timeline.append([events.settled(one) for one in kept if events.is_news(one)])
        if counts := events.doubts(kept):
            tx.timeline.increment(counts)
        for one in kept:
            if one.outcome is OutcomeKind.UNKNOWN:
                self._proofs.add(one.lease.workspace, one.lease.message_id, DOUBT)
            elif one.handed_over and one.next_due_at is not None:
                self._proofs.add(one.lease.workspace, one.lease.message_id, HANDED_OVER)
        for workspace, its in _by_workspace(kept, lambda one: one.lease.workspace).items():
            self._match_early_receipts(workspace, its)
            self._proofs.join_to(workspace, its)
        self._count_sendings(kept)
        for one, is_valid in zip(settlements, valid, strict=True):
            if not is_valid:
                self._answered_late(one)
        return valid

    def hand_over(
        self, handoffs: Sequence[PendingHandoff], now: datetime
    ) -> list[Withdrawal | None]:
        """Mark leased messages as passing the point of no return, unless they may not any more.

        A receiver may have been suppressed, unsubscribed or held out since they were claimed; then
        the message is claimed again, and all rules decide.
        """
        judge = PolicyEvaluator(self._tx, self._context.policies)
        held = [one.is_refused(judge, now) for one in handoffs]
        leases = [one.lease for one, is_held in zip(handoffs, held, strict=True) if not is_held]
        reasons = iter(self._tx.outbox.hand_over(leases, now=now) if leases else ())
        answers = [Withdrawal.HELD if is_held else next(reasons) for is_held in held]
        for handoff, answer in zip(handoffs, answers, strict=True):
            if handoff.references and answer is None:
                lease = handoff.lease
                self._tx.messages.add_references(
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
            self._tx.outbox.restart_pauses(now=now, accepted_after=now)
        elif now < latest:
            self._tx.outbox.restart_pauses(now=now)

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
            lease: How long nobody else gets them.
            limit: How many at most.
            suspects: Whether one of them may have crashed before.
            places: How many of each channel.
            deduplicates: Tells whether a message's provider knows it again.
        """
        tx = self._tx
        claims = tx.outbox.claim(
            now=now, lease=lease, limit=limit, suspects=suspects, places=places
        )
        lost = [one for one in claims if one.lapsed]
        if lost:
            tx.timeline.append([events.lapsed(one) for one in lost])
        for one in lost:
            if one.doubted:
                self._proofs.add(one.workspace, one.message.id, DOUBT)
        if counts := events.doubts_of_lost(lost, deduplicates):
            tx.timeline.increment(counts)
        return self._with_receivers(self._unproved(claims), now)

    def _with_receivers(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Tell what is known of receivers where a send rule may have something to say."""
        if not claims:
            return []  # a judge looks into the storage
        judge = PolicyEvaluator(self._tx, self._context.policies)
        return [self._with_facts(judge, one, now) for one in claims]

    def _with_facts(self, judge: PolicyEvaluator, claim: Claim, now: datetime) -> Claim:
        message, delivery = claim.message, claim.delivery
        channel = self._context.channels.get(message.channel_id)
        if channel is None:
            return claim
        facts = judge.at_claim(message, delivery, channel, now, until=claim.lease.until)
        return claim if facts is None else evolve(claim, receivers=facts)

    def _unproved(self, claims: Sequence[Claim]) -> list[Claim]:
        """Leave out receivers, and whole messages, of which it is proved that they were served."""
        evidence = self._evidence([one for one in claims if one.delivery.attempts > 1])
        if not evidence:
            return list(claims)
        rest: list[Claim] = []
        over: list[Settlement] = []
        for claim in claims:
            known = evidence.get(claim.message.id, NOTHING)
            if not proves_hand_over(known):
                rest.append(claim)
                continue
            wiser = with_evidence(claim, proven_recipients(known, claim.message.addresses))
            if pending_addresses(wiser.message, wiser.delivery):
                rest.append(wiser)
            else:
                over.append(already_delivered(wiser))
        self.settle(over)
        return rest

    def _evidence(self, claims: Sequence[Claim]) -> dict[UUID, Evidence]:
        found: dict[UUID, Evidence] = {}
        for workspace, its in _by_workspace(claims, lambda one: one.workspace).items():
            found.update(self._tx.receipts.evidence(workspace, [one.message.id for one in its]))
        return found

    def _match_early_receipts(self, workspace: UUID, settlements: Sequence[Settlement]) -> None:
        """Let receipts find the message that named itself only now."""
        references = [each for one in settlements for each in one.references]
        if not self._marks:
            references += [
                waits_for(one.lease.message_id) for one in settlements if one.handed_over
            ]
        if references:
            self._reports.match(workspace, references)

    def _answered_late(self, settlement: Settlement) -> None:
        """Keep the answer of a worker that had lost its lease: it may be proof."""
        lease, kind = settlement.lease, settlement.outcome
        if kind is None:
            return
        message = self._tx.messages.get(lease.workspace, lease.message_id)
        if message is None:
            return
        references = settlement.references
        proof = proof_of(settlement)
        if proof != NOTHING:
            self._tx.messages.add_references(lease.workspace, lease.message_id, references)
            message = evolve(message, parts=message.parts or settlement.parts)
            message = self._proofs.prove(
                lease.workspace,
                message,
                self._tx.outbox.delivery(lease.workspace, lease.message_id),
                proof,
                at=settlement.at,
                how=Resolution.ANSWERED,
            )
        self._tx.timeline.append([events.answered_late(settlement, message)])
        if proof != NOTHING:
            self._reports.match(lease.workspace, references)

    def _count_sendings(self, settlements: Sequence[Settlement]) -> None:
        """Let frequency caps count a message when it went, and not at all when it never did.

        What may have gone counts: the person may have it. What is known to have gone by a proof
        alone goes on counting when it was last taken up.
        """
        if not self._context.policies.has_caps:
            return
        send_history = self._tx.send_history
        for one in settlements:
            workspace, message_id = one.lease.workspace, one.lease.message_id
            if one.next_due_at is not None:
                send_history.move(workspace, message_id, one.next_due_at)
            elif one.status is Status.SENT:
                if one.outcome is not None:
                    send_history.move(workspace, message_id, one.at)
            elif not may_have_it(self._proofs.known(workspace, message_id)):
                send_history.remove(workspace, message_id)


def _by_workspace(things: Iterable[T], workspace_of: Callable[[T], UUID]) -> dict[UUID, list[T]]:
    """Divide things by their tenant."""
    divided: dict[UUID, list[T]] = {}
    for one in things:
        divided.setdefault(workspace_of(one), []).append(one)
    return divided
