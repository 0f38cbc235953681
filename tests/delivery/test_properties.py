"""Whatever happens to messages, in whatever order: the promises that hold after each step."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, StateError, Status, Worker
from messaging_core.decisions.delivery.attempt import Attempted, settle
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.delivery.recorder import DeliveryRecorder
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.messages.message import Message
from messaging_core.ports.transport import Capabilities
from messaging_core.rules.policy.lifecycle import TRANSITIONS, is_final, is_waiting
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_failure,
    a_request,
)
from messaging_core.testing.recording import Answer, BeforeHandoff

LEASE = timedelta(minutes=15)
A, B, PHONE = "a@x.example", "b@x.example", "+31612345678"

BUSY = Deferred(failure=a_failure(retry=Retry.TRANSIENT))
THROTTLED = Deferred(failure=a_failure(retry=Retry.THROTTLED))
REFUSED = Rejected(failure=a_failure(FailureCode.UNKNOWN_RECEIVER, retry=Retry.PERMANENT))
LOST = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))
SINGLES: tuple[SingleOutcome, ...] = (
    Accepted(references=("p-1",)),
    Accepted(references=("p-1", "p-2")),
    Accepted(),
    BUSY,
    THROTTLED,
    REFUSED,
    LOST,
)
CHANNELS = {
    a_channel(f"{platform}-{choice}-{deduplicates}", platform, when_in_doubt=choice): deduplicates
    for platform in ("sms", "email")
    for choice in WhenInDoubt
    for deduplicates in (False, True)
}

singles = st.sampled_from(SINGLES)
outcomes = st.one_of(
    singles, st.builds(lambda a, b: PerRecipient(outcomes={A: a, B: b}), singles, singles)
)
answers = st.one_of(
    outcomes,
    st.sampled_from([OSError("reset"), ValueError("bug"), BeforeHandoff(OSError("no route"))]),
)
picks = st.integers(0, 30)


class Deliveries(RuleBasedStateMachine):
    """One engine, to which everything happens that can."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.storage = MemoryStorage()
        self.answer: Answer | None = None
        self.messenger = Messenger(
            storage=self.storage,
            channels={
                channel: RecordingTransport(
                    self._answer,
                    capabilities=Capabilities(
                        deduplicates_for=timedelta(days=1) if deduplicates else None
                    ),
                )
                for channel, deduplicates in CHANNELS.items()
            },
            clock=self.clock,
        )
        self.worker = Worker(self.messenger, threads=1, lease=LEASE, random=lambda: 0.5)
        self.sent: list[UUID] = []
        self.claims: list[Claim] = []

    def _answer(self, envelope: Envelope) -> Answer | None:
        if isinstance(self.answer, PerRecipient) and len(envelope.receivers) == 1:
            return self.answer.outcomes[A]
        return self.answer

    def _picked(self, pick: int) -> UUID:
        return self.sent[pick % len(self.sent)]

    def _get(self, message_id: UUID) -> Message:
        return self.messenger.get(message_id)

    @rule(channel=st.sampled_from(list(CHANNELS)))
    def send(self, channel: Channel) -> None:
        to = (A, B) if channel.platform == "email" else (PHONE,)
        self.sent.append(self.messenger.send(channel, a_request(to=to)).id)

    @rule(answer=answers, minutes=st.sampled_from([0, 1, 5, 20, 60, 600, 3000]))
    def work(self, answer: Answer, minutes: int) -> None:
        self.answer = answer
        self.clock.advance(minutes=minutes)
        self.worker.drain()

    @rule(hands_over=st.booleans())
    def claim_and_stall(self, hands_over: bool) -> None:  # noqa: FBT001 - both ways
        with self.storage.begin() as tx:
            claims = DeliveryRecorder(tx, self.messenger.context).claim(
                now=self.clock.now(), lease=LEASE, limit=10
            )
            if hands_over:
                tx.outbox.hand_over([claim.lease for claim in claims], now=self.clock.now())
        self.claims += claims

    @precondition(lambda self: self.claims)
    @rule(pick=picks, outcome=outcomes)
    def answer_after_all(self, pick: int, outcome: Outcome) -> None:
        claim = self.claims.pop(pick % len(self.claims))
        attempted = Attempted(
            claim=claim,
            platform="email",
            addresses=claim.message.addresses,
            outcome=outcome
            if not isinstance(outcome, PerRecipient) or len(claim.message.addresses) > 1
            else outcome.outcomes[A],
            now=self.clock.now(),
        )
        with self.storage.begin() as tx:
            DeliveryRecorder(tx, self.messenger.context).settle([settle(attempted)])

    @precondition(lambda self: self.sent)
    @rule(
        pick=picks,
        by_id=st.booleans(),
        status=st.sampled_from([None, *ReceiptStatus]),
        recipient=st.sampled_from([None, A, B]),
        minutes=st.integers(-60, 60),
    )
    def receive(
        self,
        pick: int,
        by_id: bool,  # noqa: FBT001 - both ways
        status: ReceiptStatus | None,
        recipient: str | None,
        minutes: int,
    ) -> None:
        named: dict[str, Any] = (
            {"message_id": self._picked(pick)} if by_id else {"reference": f"p-{pick % 3}"}
        )
        at = self.clock.now() + timedelta(minutes=minutes)
        self.messenger.receive(
            StatusReceipt(source="provider", at=at, status=status, recipient=recipient, **named)
        )

    @precondition(lambda self: self.sent)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        self.messenger.cancel(self._picked(pick))

    @precondition(lambda self: self.sent)
    @rule(pick=picks, minutes=st.integers(0, 100))
    def reschedule(self, pick: int, minutes: int) -> None:
        try:
            at = self.clock.now() + timedelta(minutes=minutes)
            self.messenger.reschedule(self._picked(pick), at)
        except StateError:
            return

    @precondition(lambda self: self.sent)
    @rule(pick=picks)
    def replay(self, pick: int) -> None:
        try:
            replayed = self.messenger.replay(self._picked(pick))
        except StateError:
            return
        if replayed.id not in self.sent:
            self.sent.append(replayed.id)

    @invariant()
    def every_message_is_over_or_has_a_next_time(self) -> None:
        for message_id in self.sent:
            message = self._get(message_id)
            with self.storage.begin(read_only=True) as tx:
                delivery = tx.outbox.delivery(message_id=message_id, workspace=UUID(int=0))
            is_over = is_final(message.status) or message.status is Status.SENT
            assert is_over is (delivery is None), message.status

    @invariant()
    def every_doubt_that_was_opened_ended_or_is_open(self) -> None:
        doubts = self.messenger.doubts()
        is_open = [message for message in map(self._get, self.sent) if message.details == IN_DOUBT]
        assert doubts.open == len(is_open), doubts

    @invariant()
    def the_timeline_tells_the_status_by_the_law_of_the_lifecycle(self) -> None:
        for message_id in self.sent:
            told = [event.status for event in self.messenger.timeline(message_id)]
            assert all(_may_follow(before, other) for before, other in pairwise(told)), told
            now = self._get(message_id).status
            is_taken_up = is_waiting(told[-1]) and now is Status.PROCESSING
            assert told[-1] is now or is_taken_up, (told, now)


def _may_follow(before: Status, after: Status) -> bool:
    """Return whether one status leads to another, maybe by way of some without an event.

    That a worker took a message up is not told; and a receipt may be the first to tell that it was
    handed over.
    """
    steps = TRANSITIONS[before].keys()
    by_way = steps & {Status.PROCESSING, Status.SENT}
    return before is after or after in steps or any(_may_follow(step, after) for step in by_way)


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(stateful_step_count=30, deadline=None)
