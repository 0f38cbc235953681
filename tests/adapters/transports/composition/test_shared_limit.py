"""A limit on the storage of the messenger: all its processes share it by its key."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.concurrency_limit import ConcurrencyLimit
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.throttled import RateLimit, Throttled
from messaging_core import Messenger
from messaging_core.errors import ConfigurationError, StorageError
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import Address, SmsContent
from messaging_core.ports.transport import Transport
from messaging_core.testing import ManualClock, a_channel
from messaging_core.testing.contracts.transport import Leave, TransportContract, an_envelope
from messaging_core.testing.recording import BeforeHandoff, RecordingTransport
from testing.recorded import sent_by

SECOND = timedelta(seconds=1)


class TestSharedByKey(TransportContract):
    """With a limit that no test reaches."""

    def make_transport(self) -> Transport:
        self.inner = RecordingTransport()
        transport = Throttled(self.inner, RateLimit(1000, key="account"))
        Messenger(storage=MemoryStorage(), channels={a_channel(): transport})
        return transport

    def received(self) -> list[str]:
        return sent_by(self.inner)


def process(
    storage: MemoryStorage, clock: ManualClock, limit: RateLimit | ConcurrencyLimit, *answers: Any
) -> Transport:
    """Return the transport of a process, behind one that passes messages on."""
    inner = RecordingTransport(*answers)
    transport = Failover(Throttled(inner, limit), RecordingTransport(lambda _: BUSY), clock=clock)
    Messenger(storage=storage, channels={a_channel(): transport}, clock=clock)
    return transport.transports[0]


SLOW_DOWN = Failure(code=15003, description="slow down", retry=Retry.THROTTLED)
BUSY = BeforeHandoff(Deferred(failure=SLOW_DOWN))


def send(transport: Transport, parts: int = 1, sender: str = "Shop") -> Outcome:
    pieces = ("a",) * parts
    text = SmsText(text="a" * parts, encoding=SmsEncoding.GSM_7, parts=pieces, units=parts)
    envelope = an_envelope("sms", SmsContent(sms=text))
    return transport.send(evolve(envelope, sender=Address(value=sender)), Leave())


def went(outcome: Outcome) -> bool:
    return isinstance(outcome, Accepted)


def test_limits_with_one_key_count_together_in_parts() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    first, second, other = (
        process(storage, clock, RateLimit(4, count="parts", key=key)) for key in ("a", "a", "b")
    )

    assert went(send(first, parts=3))
    assert went(send(second))
    refused = send(second)
    assert isinstance(refused, Deferred)
    assert refused.failure.retry is Retry.THROTTLED
    assert refused.retry_after is not None
    assert timedelta(0) < refused.retry_after <= SECOND * 7
    assert went(send(other, parts=4))


def test_each_sender_has_its_own_limit_on_request() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    first, second = (
        process(storage, clock, RateLimit(1, key="a", per_sender=True)) for _ in range(2)
    )

    assert went(send(first, sender="Shop"))
    assert not went(send(second, sender="Shop"))
    assert went(send(second, sender="+31612345678"))
    assert not went(send(first, sender="+31612345678"))


def test_senders_of_one_process_are_limited_apart_too() -> None:
    transport = Throttled(RecordingTransport(), RateLimit(0.001, per_sender=True))

    assert [went(send(transport, sender=sender)) for sender in "abab"] == [True, True, False, False]


def test_a_rate_below_one_has_a_longer_window() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    transport = process(storage, clock, RateLimit(0.25, key="a"))

    assert went(send(transport))
    clock.advance(SECOND * 3.7)
    assert not went(send(transport))
    clock.advance(SECOND * 0.3)
    assert went(send(transport))


def test_a_provider_that_throttles_pauses_the_limit() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    pause = Deferred(failure=SLOW_DOWN, retry_after=timedelta(minutes=1))
    transport = process(storage, clock, RateLimit(100, key="a"), lambda _: pause)

    assert not went(send(transport))
    clock.advance(seconds=59)
    paused = send(transport)
    assert isinstance(paused, Deferred)
    assert paused.retry_after == SECOND


def test_without_the_storage_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    storage, clock = MemoryStorage(), ManualClock()
    transport = process(storage, clock, RateLimit(100, key="a"))

    def fail(**_: object) -> None:
        raise StorageError("down")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "begin", fail)
        assert not went(send(transport))
    assert went(send(transport))


def test_a_transport_that_no_messenger_has_says_so() -> None:
    with pytest.raises(ConfigurationError, match="give its transports to a Messenger"):
        send(Throttled(RecordingTransport(), RateLimit(1, key="account")))


@pytest.mark.parametrize("options", [{"burst": 2}, {"clock": ManualClock()}])
def test_a_shared_limit_has_no_burst_and_no_clock(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="leave them out"):
        RateLimit(1, key="account", **options)


def test_processes_share_how_many_calls_are_under_way() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    outcomes = list[Outcome]()

    def nested(_: object) -> None:
        if len(outcomes) < 2:
            clock.advance(seconds=1)
            outcomes.append(send(second))

    first, second = (process(storage, clock, ConcurrencyLimit(1, key="a"), nested) for _ in "ab")

    assert went(send(first))
    assert not went(outcomes[0])
    clock.advance(seconds=7)  # what the first no longer uses is given back by then
    outcomes += outcomes  # no further nesting
    assert went(send(second))


def test_a_process_uses_its_part_of_the_concurrency_without_the_storage() -> None:
    storage, clock = MemoryStorage(), ManualClock()
    transport = process(storage, clock, ConcurrencyLimit(3, key="a"))
    transactions = list[None]()
    begin = storage.begin

    def counted(**options: Any) -> Any:
        transactions.append(None)
        return begin(**options)

    storage.begin = counted  # type: ignore[method-assign]
    assert all(went(send(transport)) for _ in range(50))
    assert len(transactions) == 1
