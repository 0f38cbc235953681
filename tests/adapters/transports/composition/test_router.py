"""A router gives each message to one provider, and asks no other about it."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.router import Route, Router
from messaging_core import Messenger, Status, Worker
from messaging_core.errors import ArgumentError, ConfigurationError
from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome, Unknown
from messaging_core.models.messages.envelope import Envelope, Recipient
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing import ManualClock, a_channel, a_failure, a_request
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    Leave,
    TransportContract,
    an_envelope,
)
from messaging_core.testing.recording import RecordingTransport
from testing.recorded import sent_by

DUTCH, BRITISH, AMERICAN, NOWHERE = "+31612345678", "+447700900123", "+12125550100", "+80012345678"
BUSY = Deferred(failure=a_failure(retry=Retry.TRANSIENT))
LOST = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))
FULL = Capabilities(receipts=True, deduplicates_for=timedelta(days=1))


class LookingUp(RecordingTransport):
    """A provider that can be asked about messages, and knows none."""

    def __init__(self, answers: Any = (), **options: Any) -> None:
        super().__init__(answers, capabilities=Capabilities(looks_up=True), **options)
        self.asked: list[Envelope] = []

    def look_up(self, envelope: Envelope) -> Outcome | None:
        self.asked.append(envelope)
        return BUSY


class TestRouter(TransportContract):
    references_are_unique = False  # each provider counts for itself

    def make_transport(self) -> Transport:
        self.providers = [RecordingTransport(), RecordingTransport()]
        return Router(Route(self.providers[0], countries={"NL"}), default=self.providers[1])

    def received(self) -> list[str]:
        return sent_by(*self.providers)


def an_envelope_to(address: str, message_type: MessageType = MessageType.TRANSACTIONAL) -> Envelope:
    envelope = an_envelope(*CONTENTS[0])
    receivers = (Recipient(value=address),)
    channel = evolve(envelope.channel, message_type=message_type)
    return evolve(envelope, receivers=receivers, copies=receivers, channel=channel)


@pytest.mark.parametrize(
    ("address", "message_type", "taken_by"),
    [
        (DUTCH, MessageType.TRANSACTIONAL, "dutch"),
        (DUTCH, MessageType.PROMOTIONAL, "dutch"),
        (BRITISH, MessageType.PROMOTIONAL, "offers"),
        (BRITISH, MessageType.TRANSACTIONAL, "other"),
        (AMERICAN, MessageType.TWO_FACTOR, "codes"),
        (BRITISH, MessageType.TWO_FACTOR, "other"),
        (NOWHERE, MessageType.TRANSACTIONAL, "other"),
        ("ann@x.example", MessageType.PROMOTIONAL, "offers"),
    ],
)
def test_the_first_route_that_fits_is_taken(
    address: str, message_type: MessageType, taken_by: str
) -> None:
    named = {name: RecordingTransport(name=name) for name in ("dutch", "codes", "offers", "other")}
    router = Router(
        Route(named["dutch"], countries=["NL", "BE"]),
        Route(named["codes"], countries="US", message_types="2fa"),
        Route(named["offers"], message_types=[MessageType.PROMOTIONAL]),
        default=named["other"],
    )

    router.send(an_envelope_to(address, message_type), Leave())

    assert [name for name, provider in named.items() if provider.sent] == [taken_by]


@given(
    address=st.sampled_from([DUTCH, BRITISH, AMERICAN, NOWHERE]),
    message_type=st.sampled_from(list(MessageType)),
    attempts=st.integers(2, 5),
)
def test_a_message_takes_the_same_route_at_every_attempt(
    address: str, message_type: MessageType, attempts: int
) -> None:
    providers = [RecordingTransport() for _ in range(3)]
    router = Router(
        Route(providers[0], countries={"NL", "GB"}, message_types={"promotional", "2fa"}),
        Route(providers[1], message_types={"2fa"}),
        default=providers[2],
    )

    for attempt in range(1, attempts + 1):
        router.send(evolve(an_envelope_to(address, message_type), attempt=attempt), Leave())

    assert sorted(len(provider.sent) for provider in providers) == [0, 0, attempts]


def test_answers_and_faults_pass_and_no_other_provider_is_asked() -> None:
    other = RecordingTransport()
    router = Router(
        Route(RecordingTransport([BUSY, OSError("hung up")]), countries={"NL"}), default=other
    )

    assert router.send(an_envelope_to(DUTCH), Leave()) is BUSY
    with pytest.raises(OSError, match="hung up"):
        router.send(an_envelope_to(DUTCH), Leave())
    assert other.attempts == []


def test_a_route_may_be_a_failover() -> None:
    spare = RecordingTransport()
    route = Route(Failover(RecordingTransport([BUSY]), spare), countries={"NL"})

    outcome = Router(route, default=RecordingTransport()).send(an_envelope_to(DUTCH), Leave())

    assert isinstance(outcome, Accepted)
    assert len(spare.sent) == 1


class TestDoubt:
    channel = a_channel("orders", in_doubt_timeout=timedelta(0))

    def drained(self, router: Router) -> tuple[Messenger, Worker]:
        clock = ManualClock()
        messenger = Messenger(storage=MemoryStorage(), channels={self.channel: router}, clock=clock)
        worker = Worker(messenger, threads=1, random=lambda: 0.5)
        messenger.send("orders", a_request(to=DUTCH))
        worker.drain()
        for _ in range(20):
            clock.advance(minutes=1)
            worker.drain()
        return messenger, worker

    def test_only_the_provider_of_the_attempt_gets_it_again_and_is_asked(self) -> None:
        dutch, other = LookingUp([LOST]), LookingUp()

        messenger, _ = self.drained(Router(Route(dutch, countries={"NL"}), default=other))

        (message,) = messenger.find().results
        assert message.status is Status.SENT
        assert (len(dutch.sent), len(dutch.asked)) == (2, 1)
        assert (other.attempts, other.asked) == ([], [])

    def test_a_provider_that_can_be_asked_is_asked_beside_one_that_cannot(self) -> None:
        dutch, other = LookingUp([LOST]), RecordingTransport()

        self.drained(Router(Route(dutch, countries={"NL"}), default=other))

        assert (len(dutch.sent), len(dutch.asked)) == (2, 1)

    def test_a_provider_that_cannot_be_asked_leaves_the_choice_to_the_channel(self) -> None:
        dutch, other = RecordingTransport([LOST]), LookingUp()

        self.drained(Router(Route(dutch, countries={"NL"}), default=other))

        assert (len(dutch.sent), other.attempts, other.asked) == (2, [], [])


def test_it_promises_what_all_promise_and_recognises_what_each_recognises() -> None:
    full = RecordingTransport(capabilities=FULL)
    longer = RecordingTransport(capabilities=evolve(FULL, deduplicates_for=timedelta(days=2)))

    both = Router(Route(longer, countries={"NL"}), default=full)
    mixed = Router(Route(full, countries={"NL"}), default=RecordingTransport())

    assert both.capabilities == FULL
    assert mixed.capabilities == Capabilities()
    assert both.transports == (longer, full)
    assert Router(Route(full, countries={"NL"}), default=full).transports == (full,)


@pytest.mark.parametrize(
    ("countries", "words"),
    [
        (["UK"], r'not "UK": write countries=\["GB", "NL"\]'),
        (["NL", "nl"], 'not "nl": write "NL"'),
        (["BE", "NLD"], 'not "NLD"'),
        ("Netherlands", 'not "Netherlands"'),
        ([31], "not 31"),
        ([["NL"]], "not a list"),
        (31, "a collection of countries, not 31"),
    ],
)
def test_what_is_no_country_is_refused_and_named(countries: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=f"^countries must be .*{words}"):
        Route(RecordingTransport(), countries=countries)


def test_routers_that_cannot_be_meant_are_refused() -> None:
    transport = RecordingTransport()

    with pytest.raises(ConfigurationError, match="needs a route"):
        Router(default=transport)
    with pytest.raises(ConfigurationError, match="fits every message"):
        Router(Route(transport), default=transport)
    with pytest.raises(ArgumentError, match="Route"):
        Router(transport, default=transport)  # type: ignore[arg-type] # on purpose
    with pytest.raises(ArgumentError, match="message_types"):
        Route(transport, message_types=["marketing"])  # type: ignore[arg-type] # on purpose


def test_the_repr_shows_the_routes() -> None:
    router = Router(Route(RecordingTransport(), countries={"NL"}), default=RecordingTransport())

    assert repr(router).startswith("Router(Route(")
