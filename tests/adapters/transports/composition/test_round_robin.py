from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    Leave,
    TransportContract,
    an_envelope,
)
from messaging_core.testing.recording import RecordingTransport
from testing.recorded import sent_by

BUSY = Deferred(failure=Failure(code=15001, description="busy", retry=Retry.TRANSIENT))


class TestRoundRobin(TransportContract):
    references_are_unique = False  # each provider counts for itself

    def make_transport(self) -> Transport:
        self.providers = [RecordingTransport(), RecordingTransport(), RecordingTransport()]
        return RoundRobin(*self.providers, weights=(3, 1, 2))

    def received(self) -> list[str]:
        return sent_by(*self.providers)


def turns(weights: list[int], count: int) -> list[int]:
    """Return which provider got each of so many messages."""
    taken: list[int] = []

    def provider(number: int) -> RecordingTransport:
        def answer(_: Envelope) -> None:
            taken.append(number)

        return RecordingTransport(answer)

    transport = RoundRobin(*map(provider, range(len(weights))), weights=weights)
    envelope = an_envelope(*CONTENTS[0])
    for _ in range(count):
        transport.send(envelope, Leave())
    return taken


def test_turns_are_smooth() -> None:
    assert turns([5, 1, 1], 7) == [0, 0, 1, 0, 2, 0, 0]
    assert turns([3, 1], 8) == [0, 0, 1, 0] * 2
    assert turns([1, 1, 1], 6) == [0, 1, 2] * 2


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(0, 40))
def test_weights_are_exact_over_any_cycle(weights: list[int], start: int) -> None:
    cycle = sum(weights)

    taken = turns(weights, start + cycle)

    assert Counter(taken[start:]) == dict(enumerate(weights))
    assert taken[cycle:] == taken[: max(start, 0)]


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_no_provider_falls_behind_or_runs_ahead(weights: list[int]) -> None:
    total = sum(weights)

    taken = turns(weights, total)

    for n in range(1, total + 1):
        counts = Counter(taken[:n])
        assert all(abs(counts[i] - n * w / total) < len(weights) for i, w in enumerate(weights))


def test_weights_are_exact_from_many_threads() -> None:
    providers = [RecordingTransport() for _ in range(3)]
    transport = RoundRobin(*providers, weights=(5, 3, 2))
    envelope = an_envelope(*CONTENTS[0])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: transport.send(envelope, Leave()), range(1000)))

    assert [len(provider.sent) for provider in providers] == [500, 300, 200]


def test_answers_and_faults_pass() -> None:
    transport = RoundRobin(RecordingTransport([BUSY]), RecordingTransport([OSError("hung up")]))
    envelope = an_envelope(*CONTENTS[0])

    assert transport.send(envelope, Leave()) is BUSY
    with pytest.raises(OSError, match="hung up"):
        transport.send(envelope, Leave())


def test_failovers_share_and_stand_in_for_each_other() -> None:
    down, up = RecordingTransport(lambda _: BUSY), RecordingTransport()
    transport = RoundRobin(Failover(down, up), Failover(up, down))

    outcomes = [transport.send(an_envelope(*CONTENTS[0]), Leave()) for _ in range(4)]

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert (len(down.attempts), len(up.sent)) == (2, 4)


def test_it_promises_what_all_promise_and_no_recognising() -> None:
    full = Capabilities(receipts=True, deduplicates_for=timedelta(days=1))
    first, other = RecordingTransport(capabilities=full), RecordingTransport()

    assert RoundRobin(first, first).capabilities == Capabilities(receipts=True)
    assert RoundRobin(first, other, name="shared").capabilities == Capabilities()


@pytest.mark.parametrize(
    ("count", "weights"), [(0, None), (2, (1,)), (2, (1, 0)), (2, (1, -1)), (1, (0.5,))]
)
def test_weights_that_do_not_fit_are_refused(count: int, weights: Any) -> None:
    with pytest.raises(ConfigurationError):
        RoundRobin(*[RecordingTransport()] * count, weights=weights)
