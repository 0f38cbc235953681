from collections.abc import Iterator
from datetime import timedelta

import pytest

from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.throttled import Throttled
from messaging_core.models import Capabilities, CheckStatus, Content, TransportCheck, Violation
from messaging_core.ports.transport import Transport, check_transport, leaves
from messaging_core.rules.content.capabilities import check_size
from messaging_core.testing import RecordingTransport


def nothing(_: Content) -> tuple[Violation, ...]:
    return ()


def at_most_ten(content: Content) -> Iterator[Violation]:
    return check_size(len(str(content)), 10)


def a_transport(**capabilities: object) -> Transport:
    return RecordingTransport(capabilities=Capabilities(**capabilities))  # type: ignore[arg-type]


@pytest.mark.parametrize("composed", [Failover, RoundRobin])
def test_several_transports_can_do_what_all_of_them_can(composed: type[Failover]) -> None:
    first = a_transport(
        platforms=frozenset({"sms", "email"}),
        media=True,
        max_text=1600,
        max_parts=10,
        lacks=frozenset({"subject"}),
        checks=(nothing, at_most_ten),
        receipts=True,
        deduplicates_for=timedelta(hours=1),
    )
    second = a_transport(
        platforms=frozenset({"sms"}),
        media=False,
        max_text=3200,
        max_recipients=1,
        lacks=frozenset({"alt_text"}),
        checks=(at_most_ten,),
        receipts=True,
        looks_up=True,
    )

    shared = composed(first, second).capabilities

    assert shared == Capabilities(
        platforms=frozenset({"sms"}),
        media=False,
        max_text=1600,
        max_parts=10,
        max_recipients=1,
        lacks=frozenset({"subject", "alt_text"}),
        checks=(nothing, at_most_ten),
        receipts=True,
    )


def test_what_one_transport_does_not_say_is_not_known_of_both() -> None:
    shared = Failover(a_transport(media=True), a_transport()).capabilities

    assert shared == Capabilities()


class Checked(RecordingTransport):
    def check(self) -> TransportCheck:
        return TransportCheck(status=CheckStatus.OK)


class Unaware(RecordingTransport):
    def check(self) -> TransportCheck:
        return TransportCheck(status=CheckStatus.UNKNOWN)


@pytest.mark.parametrize("unable", [RecordingTransport(name="unable"), Unaware(name="unable")])
def test_every_transport_behind_others_is_checked(unable: Transport) -> None:
    able = Checked(name="able")
    composed = Failover(Throttled(able, 10), CircuitBreaker(RoundRobin(unable, able)))

    assert list(leaves(composed)) == [able, unable, able]
    ok = TransportCheck(status=CheckStatus.OK)
    assert check_transport(composed) == [("able", ok), ("unable", None), ("able", ok)]
