"""Several providers that share the messages by weight."""

from collections.abc import Sequence

from messaging_adapters.transports.composition._capabilities import shared_capabilities
from messaging_core.arguments import a_text, checked, optional, several
from messaging_core.errors import ConfigurationError
from messaging_core.fork import ForkSafeLock
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.delivery.worker_state import RouteState
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.components import a_transport
from messaging_core.ports.transport import Handoff, Transport


class RoundRobin(Transport):
    """Give each message to one of several providers, in turn and in proportion to their weights.

    Turns are smooth: with weights 3 and 1 the order is a, a, b, a and not a, a, a, b. Of as many
    messages in a row as the weights sum up to, each provider gets exactly its weight, from
    whatever threads they come.

    When a provider cannot take a message, no other provider is asked. For that, share among
    failovers: `RoundRobin(Failover(a, b), Failover(b, a))`. A retry takes a new turn, so a
    provider may not recognise the message.

    Args:
        transports: In the order in which ties are broken.
        weights: One for each transport, at least 1; by default all are equal.
        name: As in timelines and logs.

    Raises:
        ConfigurationError: There is no transport, or the weights do not fit.
    """

    @checked(transports=a_transport, weights=optional(several("weights", alone=())), name=a_text)
    def __init__(
        self,
        *transports: Transport,
        weights: Sequence[int] | None = None,
        name: str = "round-robin",
    ) -> None:
        self.name = name
        self.capabilities = shared_capabilities(transports)
        self._transports = transports
        self._weights = tuple(weights) if weights is not None else (1,) * len(transports)
        _check(len(transports), self._weights)
        self._credits = [0] * len(transports)
        self._lock = ForkSafeLock()
        self._latest: int | None = None

    @property
    def state(self) -> RouteState:
        """Return which transport got the latest message."""
        return RouteState(latest=self._latest)

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transports behind it, whose receipts are its own."""
        return tuple(self._transports)

    def __repr__(self) -> str:
        inner = ", ".join(map(repr, self._transports))
        return f"RoundRobin({inner}, weights={self._weights}, name={self.name!r})"

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        return self._next().send(envelope, handoff)

    def _next(self) -> Transport:
        """Add to each credit its weight; the largest credit wins and pays for the turn."""
        with self._lock:
            for index, weight in enumerate(self._weights):
                self._credits[index] += weight
            richest = max(range(len(self._credits)), key=self._credits.__getitem__)
            self._credits[richest] -= sum(self._weights)
            self._latest = richest
        return self._transports[richest]


def _check(count: int, weights: Sequence[int]) -> None:
    if not count:
        raise ConfigurationError("a round robin needs a transport")
    if len(weights) != count:
        raise ConfigurationError("a round robin needs one weight for each transport")
    if not all(isinstance(weight, int) and weight >= 1 for weight in weights):
        raise ConfigurationError("the weights of a round robin are whole numbers from 1")
