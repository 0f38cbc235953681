"""A provider that takes, refuses, forgets to answer and reports, as chance has it."""

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, PUSH, Channel
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
)
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.transport import Capabilities
from messaging_core.testing.simulation.scenario import Line
from messaging_core.testing.simulation.story import Reception
from messaging_core.testing.simulation.world import Report, World

_LATENCY = timedelta(seconds=1)
_SECOND = timedelta(seconds=1)
_RETRY_AFTER = timedelta(minutes=20)
_NAMED_WAIT = 0.5
_SENT_TOO = 0.4
_WITH_KEY = 0.3

POISON = "poison"
"""How a body begins over which every transport raises an error."""


def _failure(code: FailureCode, name: str, retry: Retry) -> Failure:
    return Failure(
        code=code,
        description=f"simulated: {name}",
        source=FailureSource(name="simulated", code=name),
        retry=retry,
    )


_BUSY = _failure(FailureCode.THROTTLED, "busy", Retry.THROTTLED)
_REFUSED = _failure(FailureCode.REFUSED, "refused", Retry.PERMANENT)
_GONE = _failure(FailureCode.UNKNOWN_RECEIVER, "gone", Retry.PERMANENT)


@frozen(kw_only=True)
class Answer:
    """What a call comes to, and after how long."""

    outcome: Outcome | Exception | None
    after: timedelta

    def give(self) -> Outcome:
        """Return the outcome, or raise what the transport raises instead."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome  # type: ignore[return-value] # nonsense is part of the game


@frozen(kw_only=True)
class Leave:
    """Who got leave to hand a message over, when, and by which commit."""

    at: datetime
    worker: str
    commit: int


_WRONG_TYPES: tuple[dict[str, Any], ...] = (
    {"at": "yesterday"},
    {"status": "eaten"},
    {"message_id": 7},
    {"reference": ["a", "list"]},
)


def _as_text(receipt: StatusReceipt) -> StatusReceipt:
    """Return a receipt as a webhook reads it from JSON: every value is a text."""
    message_id = str(receipt.message_id) if receipt.message_id else None
    values: dict[str, Any] = {
        "at": receipt.at.isoformat(),
        "status": str(receipt.status),
        "message_id": message_id,
    }
    return evolve(receipt, **values)


def name_of(channel: Channel) -> str:
    """Return the name of the provider behind a channel."""
    return f"provider-of-{channel.name}"


class SimulatedProvider:
    """Take messages over one line, remember what was taken, and report it later."""

    def __init__(self, world: World, line: Line, place: int = 0) -> None:
        self.name = name_of(line.channel) + (f"-{place + 1}" if place else "")
        self._behaviour = behaviour = line.providers[place]
        self.capabilities = Capabilities(receipts=True, deduplicates_for=behaviour.deduplicates_for)
        self._world = world
        self._line = line
        self._seen: dict[tuple[UUID, str], tuple[datetime, Accepted]] = {}

    def prepare(self, envelope: Envelope) -> None:
        """Do what comes before the point of no return.

        Raises:
            ConnectionError: The provider cannot be reached.
            ValueError: The message is poisonous.
        """
        text = getattr(envelope.content, "text", None)
        if text and text.startswith(POISON):
            raise ValueError(POISON)
        if self._world.chance.random() < self._behaviour.unreachable:
            raise ConnectionRefusedError("simulated")

    def hangs(self) -> bool:
        """Return whether the call stops here for ever."""
        hanging = self._behaviour.hanging / 2  # it is asked before and after
        return hanging > 0 and self._world.chance.random() < hanging

    def take(self, envelope: Envelope, *, left_at: datetime, worker: str, commit: int) -> Answer:
        """Do what comes after it: take the message or not, and answer or not."""
        chance, behaviour = self._world.chance, self._behaviour
        latency = _LATENCY * chance.random()
        if chance.random() < behaviour.lost:
            return Answer(outcome=TimeoutError("simulated"), after=latency)
        leave = Leave(at=left_at, worker=worker, commit=commit)
        outcome = self._outcome(envelope, leave)
        if chance.random() < behaviour.unanswered:
            return Answer(outcome=TimeoutError("simulated"), after=latency)
        if chance.random() < behaviour.nonsense:
            return Answer(outcome=None, after=latency)
        if chance.random() < behaviour.slow:
            latency += behaviour.slowness * chance.random()
        return Answer(outcome=outcome, after=latency)

    def _outcome(self, envelope: Envelope, leave: Leave) -> Outcome:
        addresses = [one.value for one in envelope.receivers]
        if envelope.channel.platform != EMAIL or len(addresses) == 1:
            return self._single(envelope, addresses[0], leave)
        return PerRecipient(outcomes={one: self._single(envelope, one, leave) for one in addresses})

    def _single(self, envelope: Envelope, recipient: str, leave: Leave) -> SingleOutcome:
        known = self._recognised(envelope.message_id, recipient)
        if known:
            return known
        chance, behaviour = self._world.chance, self._behaviour
        if chance.random() < behaviour.deferred:
            wait = _RETRY_AFTER * chance.random() if chance.random() < _NAMED_WAIT else None
            return Deferred(failure=_BUSY, retry_after=wait)
        if chance.random() < behaviour.rejected:
            return Rejected(failure=_REFUSED)
        accepted = Accepted(references=self._references(envelope))
        now = self._world.scheduler.now
        self._seen[envelope.message_id, recipient] = now, accepted
        self._world.receptions.append(
            Reception(
                message_id=envelope.message_id,
                channel=envelope.channel,
                recipient=recipient,
                at=now,
                left_at=leave.at,
                worker=leave.worker,
                commit=leave.commit,
                references=accepted.references,
                provider=self.name,
                sender=envelope.sender.value if envelope.sender else None,
            )
        )
        self._report(envelope.message_id, recipient, accepted.references)
        return accepted

    def _recognised(self, message_id: UUID, recipient: str) -> Accepted | None:
        window = self._behaviour.deduplicates_for
        at, accepted = self._seen.get((message_id, recipient), (None, None))
        is_open = window is not None and at is not None and self._world.scheduler.now < at + window
        return accepted if is_open else None

    def _references(self, envelope: Envelope) -> tuple[str, ...]:
        content = envelope.content
        parts = content.sms.count if isinstance(content, SmsContent) else 1
        return tuple(f"{self._line.channel.name}-{self._world.number()}" for _ in range(parts))

    def _report(self, message_id: UUID, recipient: str, references: Sequence[str]) -> None:
        """Plan what will be reported about a message that was taken, in no order to rely on."""
        chance, habits = self._world.chance, self._behaviour.receipts
        names_us = chance.random()
        for reference in references:
            if chance.random() < habits.silent:
                continue
            about = StatusReceipt(
                source=self.name,
                at=self._world.scheduler.now,
                reference=None if names_us < habits.unnamed / 2 else reference,
                message_id=None if names_us > 1 - habits.unnamed / 2 else message_id,
                recipient=recipient,
            )
            self._plan(self._life(about))

    def _life(self, about: StatusReceipt) -> list[StatusReceipt]:
        """Return what the provider finds out about one part, one after the other."""
        chance, habits = self._world.chance, self._behaviour.receipts
        last = [ReceiptStatus.DELIVERED, ReceiptStatus.FAILED]
        if chance.random() < habits.failed:
            last.reverse()
        if chance.random() >= habits.contradicted:
            last.pop()
        statuses = [ReceiptStatus.SENT, *last] if chance.random() < _SENT_TOO else last
        receipts: list[StatusReceipt] = []
        for number, status in enumerate(statuses):
            failure = self._failure() if status is ReceiptStatus.FAILED else None
            at = about.at + _SECOND * (number + chance.randrange(60))
            receipts.append(evolve(about, at=at, status=status, failure=failure))
        return receipts

    def _failure(self) -> Failure:
        """Return why a message did not arrive.

        A device that is gone is forgotten. Then the host writes to a stranger, and promises about
        people could not be checked any more.
        """
        is_device = self._line.channel.platform == PUSH and bool(self._world.scenario.people)
        return _REFUSED if is_device else _GONE

    def _times(self) -> int:
        chance, repeated = self._world.chance, self._behaviour.receipts.repeated
        return 1 + (chance.random() < repeated) + (chance.random() < repeated / 2)

    def _wrong(self, receipt: StatusReceipt) -> StatusReceipt:
        """Return a receipt that says the opposite, and does not fit the message that it names."""
        chance = self._world.chance
        is_failed = receipt.status is ReceiptStatus.FAILED
        opposite = evolve(
            receipt,
            status=ReceiptStatus.DELIVERED if is_failed else ReceiptStatus.FAILED,
            failure=None if is_failed else self._failure(),
        )
        # The name tells sources from one another; all providers of a line report for its channel.
        own = name_of(self._line.channel)
        channels = [line.channel for line in self._world.scenario.lines]
        others = [channel for channel in channels if name_of(channel) != own]
        kinds = [
            evolve(opposite, channel_id=UUID(int=self._world.number())),
            evolve(opposite, at=opposite.at.replace(tzinfo=None)),
            *(evolve(opposite, **wrong) for wrong in _WRONG_TYPES),
            evolve(opposite, message_id=UUID(int=self._world.number()), reference="unknown"),
            *(evolve(opposite, source=name_of(channel)) for channel in others),
        ]
        return chance.choice(kinds)

    def _plan(self, receipts: Sequence[StatusReceipt]) -> None:
        world, habits = self._world, self._behaviour.receipts
        chance, workspace = world.chance, self._line.channel.workspace
        for receipt in receipts:
            for _ in range(self._times()):
                is_early = chance.random() < habits.early
                # Most come within minutes, some at any time up to the longest delay.
                wait = timedelta(0) if is_early else habits.delay * chance.random() ** 8
                at = world.scheduler.now + wait
                key = f"report-{world.number()}" if chance.random() < _WITH_KEY else None
                meant = evolve(receipt, key=key)
                given = _as_text(meant) if chance.random() < habits.as_text else meant
                report = Report(at, world.number(), workspace, given, meant)
                heapq.heappush(world.receipts, report)
            if habits.wrong and chance.random() < habits.wrong:
                wrong = self._wrong(receipt)
                report = Report(
                    world.scheduler.now, world.number(), workspace, wrong, wrong, is_wrong=True
                )
                heapq.heappush(world.receipts, report)
        if world.postman is not None and world.receipts:
            world.scheduler.wake(world.postman, world.receipts[0].at)
