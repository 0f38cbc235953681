"""A circuit that processes share: one finds a provider down, and all leave it alone."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import define, field

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker, Phase
from messaging_core import Messenger
from messaging_core.errors import StorageError
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport
from messaging_core.testing import ManualClock, a_channel
from messaging_core.testing.contracts.transport import CONTENTS, Leave, an_envelope

DOWN = Deferred(failure=Failure(code=15001, description="down", retry=Retry.TRANSIENT))
BUSY = Deferred(failure=Failure(code=15003, description="busy", retry=Retry.THROTTLED))
WRONG = Deferred(failure=Failure(code=15001, description="key", retry=Retry.CONFIGURATION))
OPEN_FOR = timedelta(minutes=2)
SECOND = timedelta(seconds=1)


@define
class Provider(Transport):
    """Answers as it is told, and counts."""

    name: str = "provider"
    capabilities: Capabilities = field(factory=Capabilities)
    answer: Outcome = DOWN
    calls: int = 0
    during: Any = None

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:  # noqa: ARG002 - the port's
        self.calls += 1
        if self.during is not None:
            during, self.during = self.during, None
            during()
        handoff()
        return self.answer


class Processes:
    """Several processes that ask one provider."""

    def __init__(self, count: int = 3) -> None:
        self.clock, self.storage, self.provider = ManualClock(), MemoryStorage(), Provider()
        self.breakers = [
            CircuitBreaker(self.provider, failures=2, open_for=OPEN_FOR, key="provider")
            for _ in range(count)
        ]
        for breaker in self.breakers:
            Messenger(storage=self.storage, channels={a_channel(): breaker}, clock=self.clock)

    def send(self, number: int) -> Outcome:
        return self.breakers[number].send(an_envelope(*CONTENTS[1]), Leave())

    def open(self) -> None:
        self.send(0)
        self.send(0)
        self.clock.advance(SECOND)


def test_others_leave_a_provider_alone_that_one_process_found_down() -> None:
    processes = Processes()
    processes.open()

    outcomes = [processes.send(number) for number in (1, 2)]

    assert processes.provider.calls == 2
    assert [outcome.retry_after for outcome in outcomes] == [OPEN_FOR - SECOND] * 2  # type: ignore[union-attr]
    assert {breaker.state.phase for breaker in processes.breakers} == {Phase.OPEN}


def test_a_wrong_configuration_is_told_with_its_cause() -> None:
    processes = Processes()
    processes.provider.answer = WRONG
    processes.send(0)

    outcome = processes.send(1)

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.CONFIGURATION
    assert processes.provider.calls == 1


def test_one_process_probes_and_its_success_closes_all() -> None:
    processes = Processes()
    processes.open()
    for number in (1, 2):
        processes.send(number)
    processes.clock.advance(OPEN_FOR)
    processes.provider.answer = Accepted()
    others = list[Outcome]()
    processes.provider.during = lambda: others.extend(processes.send(n) for n in (1, 2, 1, 2))

    assert isinstance(processes.send(0), Accepted)

    assert [type(outcome) for outcome in others] == [Deferred] * 4
    assert processes.provider.calls == 3
    processes.clock.advance(SECOND)
    assert [type(processes.send(number)) for number in (1, 2)] == [Accepted] * 2


def test_a_probe_that_fails_opens_all_again() -> None:
    processes = Processes()
    processes.open()
    processes.send(1)
    processes.clock.advance(OPEN_FOR)
    processes.send(0)
    processes.clock.advance(SECOND)

    outcome = processes.send(1)

    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == OPEN_FOR - SECOND
    assert processes.provider.calls == 3


def test_a_probe_that_says_nothing_leaves_the_next_to_any_process() -> None:
    processes = Processes()
    processes.open()
    processes.clock.advance(OPEN_FOR)
    processes.provider.answer = BUSY
    processes.send(0)
    processes.provider.answer = Accepted()

    assert isinstance(processes.send(1), Accepted)


def test_a_process_that_dies_during_its_probe_holds_it_up_for_a_while() -> None:
    processes = Processes()
    processes.open()
    processes.clock.advance(OPEN_FOR)

    def die() -> None:
        raise KeyboardInterrupt

    processes.provider.during = die
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CircuitBreaker, "_note", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            processes.send(0)
    processes.provider.answer = Accepted()

    assert not isinstance(processes.send(1), Accepted)
    processes.clock.advance(OPEN_FOR)
    assert isinstance(processes.send(1), Accepted)


def test_a_storage_is_read_once_a_second_and_written_once_a_change() -> None:
    processes = Processes(1)
    transactions = list[None]()
    begin = processes.storage.begin

    def counted(**options: Any) -> Any:
        transactions.append(None)
        return begin(**options)

    processes.storage.begin = counted  # type: ignore[method-assign]
    processes.provider.answer = Accepted()
    for _ in range(100):
        processes.send(0)
    assert len(transactions) == 1
    processes.provider.answer = DOWN
    for _ in range(100):
        processes.send(0)
    assert len(transactions) == 2


def test_without_the_storage_each_process_goes_by_what_it_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processes = Processes()

    def fail(**_: object) -> None:
        raise StorageError("down")

    monkeypatch.setattr(processes.storage, "begin", fail)
    processes.open()
    assert [processes.breakers[n].state.phase for n in (0, 1)] == [Phase.OPEN, Phase.CLOSED]
    processes.provider.answer = Accepted()
    assert isinstance(processes.send(1), Accepted)
    processes.clock.advance(OPEN_FOR)
    assert isinstance(processes.send(0), Accepted)
