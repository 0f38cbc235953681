"""The contract of transports holds for each composite around failing and slow providers."""

import time

from messaging_adapters.transports.composition.circuit_breaker import CircuitBreaker
from messaging_adapters.transports.composition.failover import Failover
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.router import Route, Router
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_adapters.transports.composition.throttled import RateLimit, Throttled
from messaging_core.ports.transport import Transport
from messaging_core.testing.contracts.transport import MARK, TransportContract
from messaging_core.testing.recording import BeforeHandoff, RecordingTransport
from testing.recorded import sent_by


class Slow(TransportContract):
    """Share a slow provider, and one that cannot be reached."""

    threads = 4

    def slow(self) -> Transport:
        self.inner = RecordingTransport(lambda _: time.sleep(0.005), name="slow")
        return self.inner

    def failing(self) -> Transport:
        return RecordingTransport(lambda _: BeforeHandoff(OSError("no route")), name="failing")

    def received(self) -> list[str]:
        return sent_by(self.inner)


class TestFailover(Slow):
    def make_transport(self) -> Transport:
        return Failover(self.failing(), self.slow())


class TestCircuitBreaker(Slow):
    def make_transport(self) -> Transport:
        return Failover(CircuitBreaker(self.failing(), failures=2), CircuitBreaker(self.slow()))


class TestRoundRobin(Slow):
    def make_transport(self) -> Transport:
        slow = self.slow()
        failing = self.failing()
        return RoundRobin(Failover(slow, failing), Failover(failing, slow), weights=(1, 3))


class TestRouter(Slow):
    def make_transport(self) -> Transport:
        slow = self.slow()
        return Router(Route(slow, countries=["NL"]), default=Failover(self.failing(), slow))


class TestThrottled(Slow):
    def make_transport(self) -> Transport:
        limit = RateLimit(1, burst=2000)
        return Failover(Throttled(self.failing(), limit), Throttled(self.slow(), limit))


class TestSandbox(Slow):
    def make_transport(self) -> Transport:
        transport = Failover(self.failing(), self.slow())
        return Sandbox(transport, allow=["@receiver.example", "+31*", MARK])


class TestAll(Slow):
    """Nest every composite in another one."""

    def make_transport(self) -> Transport:
        limit, slow = RateLimit(1, burst=2000), self.slow()
        failover = Failover(
            CircuitBreaker(Throttled(self.failing(), limit)),
            CircuitBreaker(Throttled(slow, limit)),
        )
        router = Router(Route(failover, countries=["NL"]), default=RoundRobin(failover, failover))
        return Sandbox(router, allow=["@receiver.example", "+31*", MARK])
