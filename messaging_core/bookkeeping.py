"""Everything that is written down about a delivery, inside one transaction.

A settlement is more than the message's new state: the log tells of it, doubts are counted, a late
answer is evidence, and receipts that overtook it find their message.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import evolve, field, frozen

from messaging_core.decisions import telling
from messaging_core.decisions.redaction import (
    is_redacted,
    redacted_event,
    redacted_interaction,
)
from messaging_core.decisions.settlement import (
    IN_DOUBT,
    addresses_of,
    left_of,
    proved,
    served,
    with_proof,
)
from messaging_core.decisions.status import (
    DOUBT,
    NOTHING,
    evidence_of,
    join,
    proof_of,
    proven_recipients,
    proves_hand_over,
    status_of,
)
from messaging_core.judging import Judge, Policies, case_of, is_exempt, sender_of
from messaging_core.models.channel import EMAIL, Channel
from messaging_core.models.delivery import (
    Claim,
    Lease,
    OutcomeKind,
    Resolution,
    Settlement,
    Withdrawal,
)
from messaging_core.models.event import Event, EventKind
from messaging_core.models.evidence import Evidence
from messaging_core.models.failure import Failure, FailureCode
from messaging_core.models.interaction import Interaction, InteractionType
from messaging_core.models.message import Message, Status
from messaging_core.models.receipt import (
    InteractionReceipt,
    KeptReceipt,
    ReceiptState,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.send_rules import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.clock import Ids
from messaging_core.ports.storage import Transaction

T = TypeVar("T")

SUPPRESS_ON: Final = frozenset(
    {SuppressionCause.HARD_BOUNCE, SuppressionCause.COMPLAINT, SuppressionCause.UNSUBSCRIBE}
)
"""Which reports suppress an address by themselves, unless the host says otherwise."""


@frozen(kw_only=True)
class Desk:
    """Everything that books are kept with.

    Attributes:
        ids: Makes ids of interactions and messages.
        channels: The channels of the host by their ids.
        policies: The send rules.
        suppress_on: Which reports suppress an address by themselves.
    """

    ids: Ids
    channels: Mapping[UUID, Channel] = field(factory=dict, repr=False)
    policies: Policies = field(factory=Policies)
    suppress_on: frozenset[SuppressionCause] = SUPPRESS_ON


_CAUSES: Final = {
    InteractionType.REPORTED_AS_SPAM: SuppressionCause.COMPLAINT,
    InteractionType.UNSUBSCRIBE_REQUEST: SuppressionCause.UNSUBSCRIBE,
}


@frozen(kw_only=True)
class Going:
    """A message that is about to pass the point of no return.

    Attributes:
        message: Absent where nobody is to be asked about its receivers.
        addresses: Whom it goes to now.
    """

    lease: Lease
    message: Message | None = None
    channel: Channel | None = None
    addresses: tuple[str, ...] = field(default=(), repr=False)

    def is_forbidden(self, judge: Judge) -> bool:
        """Tell whether a suppression that stands now forbids it."""
        message, channel = self.message, self.channel
        if message is None or channel is None or is_exempt(message):
            return False
        sender = sender_of(message)
        return judge.forbids(channel, self.addresses, meta=message.meta, sender=sender)


class Books:
    """Write down what happened to messages, in one transaction."""

    def __init__(self, tx: Transaction, desk: Desk) -> None:
        self._tx = tx
        self._desk = desk

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record what became of claimed messages; false where the lease was no longer valid.

        Of an answer that came too late everything is kept that it proves.
        """
        tx = self._tx
        valid = tx.outbox.settle(settlements)
        kept = [one for one, is_valid in zip(settlements, valid, strict=True) if is_valid]
        tx.timeline.append([telling.settled(one) for one in kept if telling.is_news(one)])
        if counts := telling.doubts(kept):
            tx.timeline.count(counts)
        for one in kept:
            if one.outcome is OutcomeKind.UNKNOWN:
                self._add_evidence(one.lease.workspace, one.lease.message_id, DOUBT)
        for workspace, its in _by_workspace(kept, lambda one: one.lease.workspace).items():
            self._match_early_receipts(workspace, its)
            self._join_evidence(workspace, its)
        self._count_sendings(kept)
        for one, is_valid in zip(settlements, valid, strict=True):
            if not is_valid:
                self._answered_late(one)
        return valid

    def hand_over(self, goings: Sequence[Going], now: datetime) -> list[Withdrawal | None]:
        """Mark leased messages as passing the point of no return, unless they may not any more.

        Somebody may have been suppressed since they were claimed; those are to be claimed anew.
        """
        judge = Judge(self._tx, self._desk.policies)
        held = [one.is_forbidden(judge) for one in goings]
        leases = [one.lease for one, is_held in zip(goings, held, strict=True) if not is_held]
        reasons = iter(self._tx.outbox.hand_over(leases, now=now) if leases else ())
        return [Withdrawal.HELD if is_held else next(reasons) for is_held in held]

    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        deduplicates: Callable[[Claim], bool] = lambda _: False,
    ) -> list[Claim]:
        """Lease what is due, without the receivers for whom it is proved already.

        Args:
            now: The present.
            lease: How long nobody else gets them.
            limit: How many at most.
            suspects: Whether one of them may have crashed before.
            deduplicates: Tells whether a message's provider knows it again.
        """
        tx = self._tx
        claims = tx.outbox.claim(now=now, lease=lease, limit=limit, suspects=suspects)
        lost = [one for one in claims if one.lapsed]
        if lost:
            tx.timeline.append([telling.lapsed(one) for one in lost])
        for one in lost:
            if one.doubted:
                self._add_evidence(one.workspace, one.message.id, DOUBT)
        if counts := telling.doubts_of_lost(lost, deduplicates):
            tx.timeline.count(counts)
        return self._with_receivers(self._unproved(claims), now)

    def _with_receivers(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Tell what is known of receivers where a send rule may have something to say."""
        if not claims:
            return []  # a judge looks into the storage
        judge = Judge(self._tx, self._desk.policies)
        return [self._with_facts(judge, one, now) for one in claims]

    def _with_facts(self, judge: Judge, claim: Claim, now: datetime) -> Claim:
        message, delivery = claim.message, claim.delivery
        channel = self._desk.channels.get(message.channel_id)
        if channel is None or is_exempt(message):
            return claim
        if not judge.concerns(channel, message.meta, delivery.controls):
            return claim
        case = case_of(message, delivery, channel)
        facts = judge.facts(case, now)
        if facts is not None:
            judge.reserve(case, facts, now, until=claim.lease.until)
        return evolve(claim, receivers=facts)

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
            wiser = with_proof(claim, proven_recipients(known, addresses_of(claim.message)))
            if left_of(wiser.message, wiser.delivery):
                rest.append(wiser)
            else:
                over.append(served(wiser))
        self.settle(over)
        return rest

    def _evidence(self, claims: Sequence[Claim]) -> dict[UUID, Evidence]:
        found: dict[UUID, Evidence] = {}
        for workspace, its in _by_workspace(claims, lambda one: one.workspace).items():
            found.update(self._tx.receipts.evidence(workspace, [one.message.id for one in its]))
        return found

    def _match_early_receipts(self, workspace: UUID, settlements: Sequence[Settlement]) -> None:
        """Let receipts find the message that named itself only now."""
        references = [part.platform_reference for one in settlements for part in one.parts]
        if references:
            self._match(workspace, references)

    def _match(self, workspace: UUID, references: Sequence[str]) -> None:
        for kept in self._tx.receipts.waiting_for(workspace, references):
            self.apply(kept)

    def _join_evidence(self, workspace: UUID, settlements: Sequence[Settlement]) -> None:
        """Let what is known already have its say about messages that are settled for good."""
        over = [one.lease.message_id for one in settlements if one.next_due_at is None]
        for message_id, evidence in self._tx.receipts.evidence(workspace, over).items():
            message = self._tx.messages.get(workspace, message_id)
            if message is None:
                continue
            shown = self._show(workspace, message, evidence, message.updated_at)
            if shown.status is not message.status:
                self._tx.timeline.append([telling.joined(workspace, shown)])

    def _answered_late(self, settlement: Settlement) -> None:
        """Keep the answer of a worker that had lost its lease: it may be proof."""
        lease, kind = settlement.lease, settlement.outcome
        if kind is None:
            return
        message = self._tx.messages.get(lease.workspace, lease.message_id)
        if message is None:
            return
        references = tuple(part.platform_reference for part in settlement.parts)
        proof = proof_of(settlement)
        if proof != NOTHING:
            self._tx.messages.note_references(lease.workspace, lease.message_id, references)
            message = evolve(message, parts=message.parts or settlement.parts)
            message = self._prove(
                lease.workspace, message, proof, settlement.at, Resolution.ANSWERED
            )
        self._tx.timeline.append([telling.answered_late(settlement, message)])
        if proof != NOTHING:
            self._match(lease.workspace, references)

    def _count_sendings(self, settlements: Sequence[Settlement]) -> None:
        """Let frequency caps count a message when it went, and not at all when it never did.

        What may have gone counts: the person may have it. What is known to have gone by a proof
        alone goes on counting when it was last taken up.
        """
        if not self._desk.policies.has_caps:
            return
        sendings = self._tx.sendings
        for one in settlements:
            workspace, message_id = one.lease.workspace, one.lease.message_id
            if one.next_due_at is not None:
                sendings.move(workspace, message_id, one.next_due_at)
            elif one.status is Status.SENT:
                if one.outcome is not None:
                    sendings.move(workspace, message_id, one.at)
            elif self._known(workspace, message_id) == NOTHING:
                sendings.forget(workspace, message_id)

    def _add_evidence(self, workspace: UUID, message_id: UUID, new: Evidence) -> Evidence:
        known = self._known(workspace, message_id)
        joined = join(known, new)
        if joined != known:
            self._tx.receipts.save_evidence(workspace, message_id, joined)
        return joined

    def _known(self, workspace: UUID, message_id: UUID) -> Evidence:
        return self._tx.receipts.evidence(workspace, [message_id]).get(message_id, NOTHING)

    def _prove(
        self, workspace: UUID, message: Message, new: Evidence, at: datetime, how: Resolution
    ) -> Message:
        """Add evidence to a message, and end its delivery where nothing is left to deliver.

        About a redacted message nothing is learned any more: too much is gone to judge it by.
        """
        delivery = self._tx.outbox.delivery(workspace, message.id)
        never_attempted = delivery is not None and not delivery.attempts
        if new == NOTHING or never_attempted or is_redacted(message):
            return message
        if message.details == IN_DOUBT:
            new = join(new, DOUBT)
        evidence = self._add_evidence(workspace, message.id, new)
        if delivery is None:
            return self._show(workspace, message, evidence, at)
        left = left_of(message, delivery)
        if not left <= proven_recipients(evidence, left):
            return message
        if not self._tx.outbox.finish(workspace, message.id):
            return message  # whoever holds it settles it, and this evidence is joined to that
        if message.details == IN_DOUBT:
            self._tx.timeline.count(telling.resolved(how))
        handed_over = proved(message, delivery, at)
        self._tx.messages.update(workspace, handed_over)
        return self._show(workspace, handed_over, evidence, at)

    def _show(self, workspace: UUID, message: Message, evidence: Evidence, at: datetime) -> Message:
        """Let a message have the status that all evidence gives it."""
        platform = EMAIL if _is_email(message) else ""
        status, failure = status_of(message, evidence, platform)
        if (status, failure) == (message.status, message.failure):
            return message
        moved = status is not message.status
        shown = evolve(
            message,
            status=status,
            failure=failure,
            reason=failure.description or None if failure else None,
            details=None if moved else message.details,
            last_status_at=at if moved else message.last_status_at,
            updated_at=at,
        )
        self._tx.messages.update(workspace, shown)
        return shown

    def apply(self, kept: KeptReceipt) -> bool:
        """Let a receipt have its effect, once; false where its message is not known (yet)."""
        receipt = kept.receipt
        if not isinstance(receipt, StatusReceipt | InteractionReceipt):
            return False
        message = self._message_of(kept.workspace, receipt)
        if message is None:
            self._tx.receipts.mark([kept.position], ReceiptState.UNMATCHED)
            return False
        if isinstance(receipt, StatusReceipt):
            self._report(kept, receipt, message)
        else:
            self._interact(kept, receipt, message)
        self._tx.receipts.mark([kept.position], ReceiptState.APPLIED)
        return True

    def _message_of(
        self, workspace: UUID, receipt: StatusReceipt | InteractionReceipt
    ) -> Message | None:
        """Return the message that a receipt names: by our id, or by the provider's reference.

        Where several messages have one reference the newest counts, but never across channels:
        then the receipt has to name its channel.
        """
        messages = self._tx.messages
        if receipt.message_id:
            found = messages.get(workspace, receipt.message_id)
            if found:
                return found
        if not receipt.reference:
            return None
        candidates = [
            (message_id, channel_id)
            for message_id, channel_id in messages.by_references(
                workspace, [receipt.reference]
            ).get(receipt.reference, ())
            if receipt.channel_id in {None, channel_id}
        ]
        if len({channel_id for _, channel_id in candidates}) != 1:
            return None
        return messages.get(workspace, candidates[0][0])

    def _report(self, kept: KeptReceipt, receipt: StatusReceipt, message: Message) -> None:
        recipient = _recipient(receipt.recipient, message)
        evidence = NOTHING if recipient is None else evidence_of(receipt, recipient=recipient)
        at = kept.received_at
        shown = self._prove(kept.workspace, message, evidence, at, Resolution.REPORTED)
        if receipt.status is ReceiptStatus.FAILED and receipt.failure:
            self._suppress_bounced(kept, message, recipient, receipt.failure)
        event = Event(
            workspace=kept.workspace,
            message_id=message.id,
            kind=EventKind.REPORTED,
            at=at,
            status=shown.status,
            outcome=receipt.provider_status or receipt.status,
            failure=receipt.failure,
            references=(receipt.reference,) if receipt.reference else (),
        )
        self._tx.timeline.append([redacted_event(event) if is_redacted(message) else event])

    def _suppress_bounced(
        self, kept: KeptReceipt, message: Message, recipient: str | None, failure: Failure
    ) -> None:
        """Block an email address that there is not: nothing may go there any more."""
        if failure.code == FailureCode.UNKNOWN_RECEIVER:
            cause = SuppressionCause.HARD_BOUNCE
            scopes = (SuppressionScope.MARKETING, SuppressionScope.TRANSACTIONAL)
            self._suppress(kept, message, recipient, cause, scopes)

    def _suppress(
        self,
        kept: KeptReceipt,
        message: Message,
        recipient: str | None,
        cause: SuppressionCause,
        scopes: Collection[SuppressionScope],
    ) -> None:
        """Block the address that a report concerns, where it is clear which that is."""
        addresses = addresses_of(message)
        address = recipient or (addresses[0] if len(addresses) == 1 else None)
        if cause not in self._desk.suppress_on or not address or "@" not in address:
            return
        at = kept.received_at
        blocks = [
            Suppression(
                identifier_key="emailaddress",
                identifier_value=address,
                scope=scope,
                cause=cause,
                at=at,
            )
            for scope in scopes
        ]
        self._tx.suppressions.add(kept.workspace, blocks)

    def _interact(self, kept: KeptReceipt, receipt: InteractionReceipt, message: Message) -> None:
        self.interact(
            kept.workspace,
            message,
            at=kept.received_at,
            type=receipt.type,
            created_at=receipt.at,
            platform_id=receipt.platform_id,
            details=receipt.details,
            metadata=receipt.metadata,
        )

        cause = _CAUSES.get(receipt.type)
        if cause:
            recipient = _recipient(receipt.recipient, message)
            self._suppress(kept, message, recipient, cause, (SuppressionScope.MARKETING,))

    def interact(
        self, workspace: UUID, message: Message, *, at: datetime, **said: Any
    ) -> Interaction:
        """Keep what a person did with a message, and tell of it.

        Args:
            workspace: The tenant.
            message: With what.
            at: The present.
            said: Fields of `Interaction` that the message does not give.
        """
        interaction = Interaction(
            id=self._desk.ids.new(at),
            message_id=message.id,
            channel_id=message.channel_id,
            message_reference=message.reference,
            message_parts_count=len(message.parts) or None,
            message_tags=message.tags,
            receiver=message.receiver,
            **said,
        )
        if is_redacted(message):
            interaction = redacted_interaction(interaction)
        self._tx.receipts.add_interaction(workspace, interaction)
        event = telling.changed(workspace, message, EventKind.INTERACTED, at)
        self._tx.timeline.append([evolve(event, outcome=interaction.type)])
        return interaction


def _by_workspace(things: Iterable[T], workspace_of: Callable[[T], UUID]) -> dict[UUID, list[T]]:
    """Divide things by their tenant."""
    divided: dict[UUID, list[T]] = {}
    for one in things:
        divided.setdefault(workspace_of(one), []).append(one)
    return divided


def _recipient(named: str | None, message: Message) -> str | None:
    """Return whom a receipt concerns: empty for everybody, nothing for somebody unknown."""
    addresses = addresses_of(message)
    if not named or len(addresses) <= 1:
        return ""
    folded: Mapping[str, str] = {address.casefold(): address for address in addresses}
    return folded.get(named.casefold())


def _is_email(message: Message) -> bool:
    return any("@" in address for address in addresses_of(message))
