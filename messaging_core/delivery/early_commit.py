"""Claims and hand-off marks that a server commits in the round trip in which it makes them.

A transaction that reads an answer before its commit waits twice for the server. Most claims and
marks need no second look: nothing else is written with them. They are the last step of their
transaction. What is left is done in a transaction of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID

from messaging_core.context import EngineContext
from messaging_core.delivery.recorder import DeliveryRecorder, PendingHandoff
from messaging_core.lazy import define
from messaging_core.models.delivery.delivery import Claim
from messaging_core.policy.evaluator import PolicyEvaluator
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.consent import identifier_on

_AGAIN: Final = 1.0
"""Seconds after which a claim is tried in one round trip again, where that was not possible."""


class EarlyClaims:
    """Remember whether claims can be committed at once.

    Args:
        context: The storage and the send rules.
    """

    def __init__(self, context: EngineContext) -> None:
        # What counts for a frequency cap, or ends another message, is written with the claim.
        self._may_be = not (context.policies.has_caps or context.channels.escalates)
        self._not_before = 0.0

    def are_tried(self) -> bool:
        """Return whether to try it with the next claim."""
        return self._may_be and monotonic() >= self._not_before

    def refused(self) -> None:
        """Try it no more for a moment: what is due was leased before, or is to be divided."""
        self._not_before = monotonic() + _AGAIN


@define(kw_only=True)
class ClaimStep:
    """Lease what is due, as the last step of a transaction.

    Attributes:
        is_early: Whether to commit with it, where the storage can.
        claims: What was leased, or nothing where the step has to be done again, not early.
        claimed_at: When.
        asks_more: Whether send rules or evidence may have something to say about the claims.
    """

    context: EngineContext
    latest: datetime | None
    lease: timedelta
    limit: int
    suspects: bool
    places: Mapping[UUID, int] | None
    deduplicates: Callable[[Claim], bool]
    is_early: bool
    claims: list[Claim] | None = None
    claimed_at: datetime | None = None
    asks_more: bool = False

    def run(self, recorder: DeliveryRecorder) -> None:
        """Claim in a transaction that may be repeated."""
        now = self.claimed_at = self.context.clock.now()
        recorder.follow_clock(now, self.latest)
        outbox = recorder.tx.early_outbox
        if self.is_early and outbox is not None:
            self.claims = outbox.claim_last(
                now=now,
                lease=self.lease,
                limit=self.limit,
                suspects=self.suspects,
                places=self.places,
            )
            self.asks_more = bool(self.claims) and self._asks_more(recorder.tx, self.claims or ())
            return
        self.claims = recorder.claim(
            now=now,
            lease=self.lease,
            limit=self.limit,
            suspects=self.suspects,
            places=self.places,
            deduplicates=self.deduplicates,
        )
        self.asks_more = False

    def _asks_more(self, tx: Transaction, claims: Sequence[Claim]) -> bool:
        judge = PolicyEvaluator(tx, self.context.policies)
        return any(
            claim.delivery.attempts > 1
            or claim.message.origin is not None
            or self._may_bind(judge, claim)
            for claim in claims
        )

    def _may_bind(self, judge: PolicyEvaluator, claim: Claim) -> bool:
        channel = self.context.channels.get(claim.message.channel_id)
        return channel is not None and judge.may_bind(claim.message, claim.delivery, channel)


@repeated
def look_at(
    context: EngineContext, claims: Sequence[Claim], now: datetime, *, marks: bool
) -> list[Claim]:
    """Return the claims that may go, as a claim that is not early does in its own transaction."""
    with context.storage.begin() as tx:
        recorder = DeliveryRecorder(tx, context, marks=marks)
        rest = recorder.examined(claims, now)
    recorder.tell()
    return rest


def mark_at_once(
    tx: Transaction, context: EngineContext, handoffs: Sequence[PendingHandoff], now: datetime
) -> list[bool]:
    """Mark what no send rule refuses, as the last step of a transaction.

    Returns:
        Whether each was marked. Of the others nothing is decided yet.
    """
    # Suppressions are a matter of the statement.
    judge = PolicyEvaluator(tx, context.policies, has_suppressions=False)
    outbox = tx.early_outbox
    if outbox is None or any(_may_bind(judge, handoff) for handoff in handoffs):
        return [False] * len(handoffs)
    addresses = {
        (handoff.channel.workspace, identifier_on(handoff.channel, address))
        for handoff in handoffs
        if handoff.channel is not None
        for address in handoff.addresses
    }
    references = [(handoff.lease, text) for handoff in handoffs for text in handoff.references]
    leases = [handoff.lease for handoff in handoffs]
    return outbox.hand_over_last(leases, now=now, unless=addresses, references=references)


def _may_bind(judge: PolicyEvaluator, handoff: PendingHandoff) -> bool:
    message, channel, delivery = handoff.message, handoff.channel, handoff.delivery
    if message is None or channel is None or delivery is None:
        return False
    return judge.may_bind(message, delivery, channel)
