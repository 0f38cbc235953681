"""What happens in the demonstration, step by step, and how long each step takes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final

from attrs import define, field

from messaging_adapters.cli.commands.accept import answers
from messaging_adapters.cli.commands.send import drain
from messaging_adapters.cli.config.engine import Engine
from messaging_adapters.cli.demo.examples import more_like
from messaging_adapters.cli.interrupts import Stop
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.request_lines import Line
from messaging_core.delivery.report import DeliveryReport
from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Message
from messaging_core.models.policy.plan import Rejection
from messaging_core.testing.clock import ManualClock

WORKER_STARTS: Final = timedelta(minutes=1)
"""How long after acceptance the worker starts: long enough for one message to expire."""

_CHUNK: Final = 1000


@frozen
class Step:
    """One step, how many messages it was about, and how long it took."""

    name: str
    messages: int
    seconds: float


@define
class Show:
    """The stage: the engine, its clock, and what has happened so far.

    Attributes:
        folder: Where the transports and the mail server write.
        sent: Each example that was accepted, with its message as it was then.
        refused: Each example that was not, with the reasons.
        more: How many requests like the examples were accepted beside them.
    """

    screen: Screen
    engine: Engine
    clock: ManualClock
    folder: Path
    stop: Stop
    sent: list[tuple[Line, Message]] = field(factory=list)
    refused: list[tuple[Line, Sequence[Violation]]] = field(factory=list)
    more: int = 0
    steps: list[Step] = field(factory=list)

    def accept(self, examples: Sequence[Line], count: int) -> None:
        """Accept the examples, and then others like them until there are `count` requests."""
        with self._timed("checked and stored", count):
            for line, answer in zip(examples, answers(self.engine, examples), strict=True):
                if isinstance(answer, Rejection):
                    self.refused.append((line, answer.violations))
                else:
                    self.sent.append((line, answer))
            self._accept_more(count - len(examples))

    def _accept_more(self, number: int) -> None:
        others = more_like([line for line, _ in self.sent], number)
        with self.screen.progress("Accepting", number, "requests") as advance:
            while not self.stop.is_set() and (chunk := list(islice(others, _CHUNK))):
                chunk_answers = answers(self.engine, chunk)
                self.more += sum(isinstance(answer, Message) for answer in chunk_answers)
                advance(len(chunk))

    def deliver_now(self) -> DeliveryReport:
        """Start a worker a minute later, and let it deliver what is due."""
        self.clock.advance(WORKER_STARTS)
        return self._deliver("delivered at once")

    def deliver_later(self) -> Iterator[tuple[timedelta, DeliveryReport]]:
        """Move the clock to whatever is due next, deliver that, and again until nothing waits."""
        while not self.stop.is_set() and (due_at := self._next_due()):
            waited = due_at - self.clock.now()
            self.clock.set(max(due_at, self.clock.now()))
            yield waited, self._deliver("delivered later")

    def now(self, message: Message) -> Message:
        """Return a message as it is now."""
        return self.engine.messenger.get(message.id)

    def _next_due(self) -> datetime | None:
        with self.engine.storage.begin(read_only=True) as tx:
            return tx.outbox.next_due()

    def _deliver(self, name: str) -> DeliveryReport:
        begun = perf_counter()
        total = len(self.sent) + self.more
        report = drain(self.screen, self.engine, total, self.stop)
        self.steps.append(Step(name, report.total, perf_counter() - begun))
        return report

    @contextmanager
    def _timed(self, name: str, messages: int) -> Iterator[None]:
        begun = perf_counter()
        yield
        self.steps.append(Step(name, messages, perf_counter() - begun))
