"""Composed transports keep every promise over weeks of failing and slow providers."""

from collections.abc import Callable

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_adapters.transports.composition.throttled import RateLimit, Throttled
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.transport import Handoff, Transport
from messaging_core.testing.simulation import (
    FLAKY,
    POOLS,
    BrokenPromiseError,
    Line,
    Promise,
    Provider,
    Scenario,
    Story,
    simulate,
)
from messaging_core.testing.simulation.pool_promises import (
    only_doubt_changes_the_provider,
    senders_stick,
)
from messaging_core.testing.simulation.process import SimulatedTransport

RATE, BURST = 0.2, 3  # a burst of ten messages takes most of a minute
SLOW = Provider(slow=0.4, hanging=0.05, deferred=0.2)
FAILING = Provider(unreachable=0.4, deferred=0.3, unanswered=0.15)

Admissions = list[tuple[float, int]]
Compose = Callable[..., Transport]


def composed(compose: Compose) -> Scenario:
    """Give each channel a pool of senders, and a provider that fails, a slow and a flaky one."""
    lines = tuple(
        Line(
            channel=line.channel,
            provider=FAILING,
            others=(SLOW, FLAKY.lines[0].provider),
            compose=compose,
        )
        for line in POOLS.lines
    )
    return evolve(POOLS, name="composed", lines=lines, foreseen=0.5)


class Counted(Transport):
    """Note when each message passes, and how many parts it has."""

    def __init__(self, transport: SimulatedTransport, admissions: Admissions) -> None:
        self.name = transport.name
        self.capabilities = transport.capabilities
        self.transports = (transport,)
        self._true_time = transport.true_time
        self._admissions = admissions

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        content = envelope.content
        parts = content.sms.count if isinstance(content, SmsContent) else 1
        self._admissions.append((self._true_time(), parts))
        return self.transports[0].send(envelope, handoff)


class SharedLimit:
    """Compose failovers of providers that share one limit in a run, counted in parts.

    Attributes:
        admissions: When messages passed the limit, with their parts.
    """

    def __init__(self) -> None:
        self.admissions: Admissions = []
        self._limit: RateLimit | None = None

    def __call__(self, *transports: SimulatedTransport) -> Transport:
        clock = transports[0].true_time
        self._limit = self._limit or RateLimit(RATE, BURST, count="parts", clock=clock)
        throttled = [
            Throttled(Counted(transport, self.admissions), self._limit) for transport in transports
        ]
        return Failover(*throttled, clock=transports[0].clock)


def run(seed: int, scenario: Scenario) -> Story:
    return simulate(seed, scenario, storage=MemoryStorage)


@pytest.mark.parametrize("block", range(3))
def test_pools_and_a_shared_limit_keep_all_promises(block: int) -> None:
    for seed in range(block * 8, block * 8 + 8):
        limit = SharedLimit()

        run(seed, composed(limit))

        for place, (start, _) in enumerate(limit.admissions):
            total = 0
            for end, parts in limit.admissions[place:]:
                total += parts
                assert total <= RATE * (end - start) + max(BURST, parts) + 1e-3, f"seed {seed}"


class Guarded:
    """Compose by turns of failovers, with circuit breakers and a sandbox that everyone passes."""

    def __init__(self) -> None:
        self._limit: RateLimit | None = None

    def __call__(self, *transports: SimulatedTransport) -> Transport:
        clock = transports[0].clock
        self._limit = self._limit or RateLimit(RATE, BURST, clock=transports[0].true_time)
        breakers = [
            CircuitBreaker(Throttled(transport, self._limit), failures=3, clock=clock)
            for transport in transports
        ]
        turns = [
            Failover(*breakers, clock=clock),
            Failover(*reversed(breakers), name="other", clock=clock),
        ]
        return Sandbox(RoundRobin(*turns, weights=(3, 1)), allow=["@receiver.example", "+31*"])


@pytest.mark.parametrize("block", range(2))
def test_composites_around_composites_keep_all_promises(block: int) -> None:
    for seed in range(100 + block * 8, 100 + block * 8 + 8):
        run(seed, composed(Guarded()))


@pytest.mark.parametrize("compose", [SharedLimit, Guarded])
def test_a_seed_tells_the_same_story_again(compose: Callable[[], Compose]) -> None:
    assert run(3, composed(compose())).digest == run(3, composed(compose())).digest


def test_all_providers_are_used_and_senders_differ() -> None:
    places: set[str] = set()
    senders: set[str | None] = set()
    seeds = iter(range(50, 150))  # seldom does a message reach the third provider
    while not {"-2", "-3"} < places:
        story = run(next(seeds), composed(SharedLimit()))
        places |= {own.provider[-2:] for own in story.receptions}
        senders |= {own.sender for own in story.receptions}

    pool = POOLS.lines[0].channel.senders
    assert pool is not None
    assert len(senders & set(pool.senders)) > 1
    assert "+31600000004" not in senders, "its weight is 0"


# --- the promises bite


class Wrong(Transport):
    """Send by the next provider whenever one did not accept, with a sender of its own."""

    def __init__(self, *transports: Transport) -> None:
        self.name = "wrong"
        self.capabilities = transports[0].capabilities
        self.transports = transports

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        outcome: Outcome | None = None
        for transport in self.transports:
            try:
                outcome = transport.send(envelope, handoff)
            except OSError:  # also in doubt
                continue
            if isinstance(outcome, Accepted):
                break
        return outcome or LOST


class Renamed(Transport):
    """Send from another sender than that of the message."""

    def __init__(self, transport: Transport, *_: Transport) -> None:
        self.name = transport.name
        self.capabilities = transport.capabilities
        self.transports = (transport,)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        sender = evolve(envelope.sender, value="+31600000009") if envelope.sender else None
        return self.transports[0].send(evolve(envelope, sender=sender), handoff)


LOST = Deferred(failure=Failure(code=15001, description="no provider", retry=Retry.TRANSIENT))


@pytest.mark.parametrize(
    ("compose", "promise"),
    [(Wrong, only_doubt_changes_the_provider), (Renamed, senders_stick)],
)
def test_a_composition_that_breaks_a_promise_is_found(compose: Compose, promise: Promise) -> None:
    for seed in range(40):
        try:
            simulate(seed, composed(compose), storage=MemoryStorage, promises=[promise])
        except BrokenPromiseError:
            return
    pytest.fail("no seed broke it")
