"""What a worker says about itself every few seconds, and how the providers of its channels are."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from messaging_core.lazy import frozen


class CircuitPhase(StrEnum):
    """Whether a provider is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@frozen(kw_only=True)
class CircuitState:
    """The state of a circuit breaker.

    Attributes:
        phase: `closed`, everything goes; `open`, nothing goes; `half_open`, one message at a time
            goes to find out.
        opened_at: When it last opened, unless it is closed.
        retry_at: When it was, or will be, half open.
    """

    phase: CircuitPhase = CircuitPhase.CLOSED
    opened_at: datetime | None = None
    retry_at: datetime | None = None


@frozen(kw_only=True)
class RouteState:
    """Which of several transports is used.

    Attributes:
        latest: The number of the one that got the latest message, from 0; nothing before the first.
    """

    latest: int | None = None


@frozen(kw_only=True)
class ProviderState:
    """How a worker sees one provider of a channel.

    Attributes:
        name: Of its transport.
        circuit: The state of its circuit breaker, if it has one.
        is_latest: Whether it got the latest message; of a single provider always true.
    """

    name: str
    circuit: CircuitState | None = None
    is_latest: bool = True


@frozen(kw_only=True)
class ChannelState:
    """How a worker sees the providers of a channel, in the order of its transports."""

    channel_id: UUID
    providers: tuple[ProviderState, ...] = ()

    @property
    def opened_at(self) -> datetime | None:
        """Return since when no provider is asked, or nothing if one is."""
        circuits = [provider.circuit for provider in self.providers]
        opened = [
            circuit.opened_at
            for circuit in circuits
            if circuit and circuit.opened_at and circuit.phase is CircuitPhase.OPEN
        ]
        return max(opened) if opened and len(opened) == len(circuits) else None


@frozen(kw_only=True)
class WorkerState:
    """What a worker last said about itself.

    Attributes:
        id: Of one run of a worker.
        host: The name of its machine.
        process: The number of its process there.
        version: Of this library.
        channels: What it delivers.
        started_at: When it began.
        seen_at: When it said this.
        turn_at: When it last looked for messages; nothing before the first time.
        in_flight: How many messages it had taken and not finished.
    """

    id: UUID
    host: str
    process: int
    version: str
    channels: tuple[ChannelState, ...] = ()
    started_at: datetime
    seen_at: datetime
    turn_at: datetime | None = None
    in_flight: int = 0


def blocked_since(workers: Iterable[WorkerState], channel_id: UUID) -> datetime | None:
    """Return since when no worker asks a provider of a channel, or nothing if one does."""
    states = [
        state.opened_at
        for worker in workers
        for state in worker.channels
        if state.channel_id == channel_id
    ]
    opened = [at for at in states if at is not None]
    return max(opened) if opened and len(opened) == len(states) else None
