"""Workers, and whether messages are delivered in time."""

import threading
import time
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_core import Channel, Messenger, Worker
from messaging_core.delivery.heartbeat import Heartbeat, providers_of
from messaging_core.models import (
    CircuitPhase,
    Deferred,
    HealthProblem,
    Lane,
    Rejected,
    Retry,
    SubscriberLag,
    Unknown,
    WorkerState,
)
from messaging_core.models.delivery.worker_state import blocked_since
from messaging_core.ports.transport import Transport
from messaging_core.testing import ManualClock, RecordingTransport, a_failure, a_request

TEXTS = Channel(name="texts", platform="sms", sender="Northmill")
PATIENCE = 10.0


class Engine:
    """A messenger with one channel, and its clock."""

    def __init__(self, transport: Transport | None = None) -> None:
        self.clock = ManualClock()
        self.storage = MemoryStorage()
        self.messenger = Messenger(
            storage=self.storage,
            channels={TEXTS: transport or RecordingTransport()},
            clock=self.clock,
        )

    def beat(self) -> None:
        Heartbeat(self.messenger.context).beat()

    def save(self, worker: WorkerState) -> None:
        with self.storage.begin() as tx:
            tx.workers.save(worker)


def a_worker(number: int, seen_at: datetime, *, in_flight: int = 0) -> WorkerState:
    return WorkerState(
        id=UUID(int=number),
        host="a",
        process=number,
        version="1",
        started_at=seen_at,
        seen_at=seen_at,
        in_flight=in_flight,
    )


def test_a_worker_that_runs_is_seen_until_it_stops() -> None:
    engine = Engine()
    stop = threading.Event()
    thread = threading.Thread(target=Worker(engine.messenger).run, args=(stop,))
    thread.start()

    deadline = time.monotonic() + PATIENCE
    while not engine.messenger.workers() and time.monotonic() < deadline:
        time.sleep(0.01)
    (worker,) = engine.messenger.workers()
    stop.set()
    thread.join(PATIENCE)

    assert (worker.in_flight, worker.started_at) == (0, engine.clock.now())
    assert worker.turn_at == engine.clock.now()
    assert [state.channel_id for state in worker.channels] == [TEXTS.id]
    assert engine.messenger.workers() == []


def test_a_worker_says_something_every_five_seconds_and_not_more() -> None:
    engine = Engine()
    heartbeat = Heartbeat(engine.messenger.context)
    seen = set()
    for _ in range(10):
        heartbeat.beat()
        (worker,) = engine.messenger.workers()
        seen.add(worker.seen_at)
        engine.clock.advance(timedelta(seconds=1))

    assert len(seen) == 2


def test_workers_that_were_silent_for_a_day_are_forgotten() -> None:
    engine = Engine()
    engine.save(a_worker(1, engine.clock.now() - timedelta(days=1, seconds=1)))
    engine.save(a_worker(2, engine.clock.now() - timedelta(hours=23)))

    engine.beat()

    with engine.storage.begin(read_only=True) as tx:
        assert {worker.process for worker in tx.workers.find(limit=9)} > {2}
        assert 1 not in {worker.process for worker in tx.workers.find(limit=9)}


def test_an_engine_without_messages_is_well() -> None:
    health = Engine().messenger.health()

    assert health.ready
    assert (health.due, health.in_doubt, health.dead_letters) == (0, 0, 0)
    assert health.oldest_overdue == timedelta(0)


def test_workers_of_which_none_says_anything_are_a_problem() -> None:
    engine = Engine()
    engine.save(a_worker(1, engine.clock.now(), in_flight=3))
    engine.clock.advance(timedelta(seconds=31))

    health = engine.messenger.health()

    assert health.problems == (HealthProblem.WORKERS_SILENT,)
    assert not health.ready
    assert (len(health.silent), len(health.live), health.in_flight) == (1, 0, 0)
    engine.save(a_worker(2, engine.clock.now(), in_flight=4))
    assert engine.messenger.health().ready
    assert engine.messenger.health().in_flight == 4


def test_a_message_that_is_overdue_is_a_problem() -> None:
    engine = Engine()
    engine.messenger.send(TEXTS, a_request("hi"))
    engine.clock.advance(timedelta(seconds=60))
    assert engine.messenger.health().ready
    engine.clock.advance(timedelta(seconds=1))

    health = engine.messenger.health()

    assert health.problems == (HealthProblem.OVERDUE,)
    (backlog,) = health.backlog
    assert (backlog.channel_id, backlog.lane, backlog.number) == (TEXTS.id, Lane.TRANSACTIONAL, 1)
    assert health.oldest_overdue == timedelta(seconds=61)
    assert engine.messenger.health(overdue_limit=timedelta(minutes=2)).ready


def test_doubts_and_dead_letters_are_counted() -> None:
    refused = Rejected(failure=a_failure(15002))
    engine = Engine(RecordingTransport([Unknown(failure=a_failure(12005)), refused, refused]))
    for _ in range(3):
        engine.messenger.send(TEXTS, a_request("hi"))
    Worker(engine.messenger).drain()

    health = engine.messenger.health()

    assert (health.in_doubt, health.dead_letters, health.is_exact) == (1, 2, True)
    assert engine.messenger.health(workspace=UUID(int=5)).dead_letters == 0
    engine.clock.advance(timedelta(days=1, seconds=1))
    assert engine.messenger.health().dead_letters == 0


def test_a_subscriber_that_lags_is_named() -> None:
    engine = Engine()
    engine.messenger.subscribe(lambda _event: None, name="crm")
    engine.messenger.send(TEXTS, a_request("hi"))

    lag = SubscriberLag(name="crm", since=engine.clock.now())

    assert engine.messenger.health().subscribers == (lag,)


def test_a_worker_shows_the_circuits_and_the_route_of_its_providers() -> None:
    clock = ManualClock()
    broken = Deferred(failure=a_failure(12001, retry=Retry.CONFIGURATION))
    first = CircuitBreaker(RecordingTransport([broken]), name="first", clock=clock)
    second = CircuitBreaker(RecordingTransport([], name="second"), clock=clock)
    engine = Engine(Failover(first, second, clock=clock))
    engine.messenger.send(TEXTS, a_request("hi"))
    Worker(engine.messenger).drain()
    engine.beat()

    (worker,) = engine.messenger.workers()
    (state,) = worker.channels

    assert [provider.is_latest for provider in state.providers] == [False, True]
    phases = [provider.circuit and provider.circuit.phase for provider in state.providers]
    assert phases == [CircuitPhase.OPEN, CircuitPhase.CLOSED]
    assert state.opened_at is None


def test_a_channel_is_blocked_when_every_worker_says_so() -> None:
    clock = ManualClock()
    broken = Deferred(failure=a_failure(12001, retry=Retry.CONFIGURATION))
    engine = Engine(CircuitBreaker(RecordingTransport([broken]), clock=clock))
    engine.messenger.send(TEXTS, a_request("hi"))
    Worker(engine.messenger).drain()
    engine.beat()
    (worker,) = engine.messenger.workers()
    other = evolve(worker, id=UUID(int=9), channels=())
    well = evolve(other, channels=(evolve(worker.channels[0], providers=()),))

    assert blocked_since([worker, other], TEXTS.id) == clock.now()
    assert blocked_since([worker, well], TEXTS.id) is None
    assert blocked_since([other], TEXTS.id) is None


def test_the_route_of_a_round_robin_changes_with_each_message() -> None:
    transport = RoundRobin(RecordingTransport(name="a"), RecordingTransport(name="b"))
    engine = Engine(transport)
    assert [provider.is_latest for provider in providers_of(transport)] == [False, False]

    for expected in ([True, False], [False, True]):
        engine.messenger.send(TEXTS, a_request("hi"))
        Worker(engine.messenger).drain()
        assert [provider.is_latest for provider in providers_of(transport)] == expected


@pytest.mark.parametrize("error", [ValueError("no"), RuntimeError("no")])
def test_a_transport_that_cannot_show_its_state_stops_no_worker(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(RecordingTransport):
        @property
        def state(self) -> None:
            raise error

    engine = Engine(Odd())
    with Worker(engine.messenger).running():
        message = engine.messenger.send(TEXTS, a_request("hi"))
        deadline = time.monotonic() + PATIENCE
        while "not stored" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)

    assert engine.messenger.get(message.id).status == "sent"
    assert "the state of the worker was not stored" in caplog.text
