"""What a worker says about itself every few seconds, so that others see that it is alive."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Protocol

from messaging_core.context import EngineContext
from messaging_core.models.delivery.worker_state import (
    ChannelState,
    CircuitPhase,
    CircuitState,
    ProviderState,
    RouteState,
    WorkerState,
)
from messaging_core.ports.transport import Transport

BEAT: Final = timedelta(seconds=5)
"""How often a worker says something."""

_FORGET_AFTER: Final = timedelta(days=1)
_DISTRIBUTION: Final = "messaging-engine"
_RANKS: Final = (CircuitPhase.CLOSED, CircuitPhase.HALF_OPEN, CircuitPhase.OPEN)


class Progress(Protocol):
    """What a delivery loop shows of its work.

    Attributes:
        turn_at: When it last looked for messages.
    """

    turn_at: datetime | None

    @property
    def in_flight(self) -> int:
        """Return how many messages it has taken and not finished."""


class Heartbeat:
    """Store the state of one run of a worker: one small transaction every five seconds.

    What it costs does not depend on how many messages are delivered.

    Args:
        context: The engine of the worker.

    Attributes:
        loop: What delivers, once it has begun.
    """

    def __init__(self, context: EngineContext) -> None:
        self.loop: Progress | None = None
        self._context = context
        self._started_at = context.clock.now()
        self._id = context.ids.new(self._started_at)
        self._beat_at: datetime | None = None

    def beat(self) -> None:
        """Store the state, if it is time to; and forget workers that were silent for a day."""
        now = self._context.clock.now()
        if self._beat_at is not None and abs(now - self._beat_at) < BEAT:
            return
        with self._context.storage.begin() as tx:
            tx.workers.save(self._state(now))
            if self._beat_at is None:
                tx.workers.delete_silent(before=now - _FORGET_AFTER)
        self._beat_at = now

    def end(self) -> None:
        """Delete the state: a worker that stopped as it was told to is not missed."""
        with self._context.storage.begin() as tx:
            tx.workers.delete(self._id)

    def _state(self, now: datetime) -> WorkerState:
        loop, channels = self.loop, self._context.channels
        return WorkerState(
            id=self._id,
            host=_host(),
            process=os.getpid(),
            version=_version(),
            channels=tuple(
                ChannelState(channel_id=channel_id, providers=providers_of(route[1]))
                for channel_id in channels.by_id
                if (route := channels.route(channel_id))
            ),
            started_at=self._started_at,
            seen_at=now,
            turn_at=loop.turn_at if loop else None,
            in_flight=loop.in_flight if loop else 0,
        )


def providers_of(transport: Transport) -> tuple[ProviderState, ...]:
    """Return the state of each provider behind a transport.

    A transport shows its own as `state`: a `CircuitState`, or a `RouteState`, the number of the
    transport that got the latest message.
    """
    return tuple(_providers(transport, None, is_latest=True))


def _providers(
    transport: Transport, circuit: CircuitState | None, *, is_latest: bool
) -> Iterator[ProviderState]:
    state = getattr(transport, "state", None)
    if isinstance(state, CircuitState):
        circuit = max(filter(None, (circuit, state)), key=lambda own: _RANKS.index(own.phase))
    behind = getattr(transport, "transports", ())
    if not behind:
        yield ProviderState(name=transport.name, circuit=circuit, is_latest=is_latest)
    latest = state.latest if isinstance(state, RouteState) else 0
    for number, inner in enumerate(behind):
        yield from _providers(inner, circuit, is_latest=is_latest and number == latest)


@cache
def _host() -> str:
    import platform  # noqa: PLC0415 - for workers only

    return platform.node()


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - for workers only

    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:  # a copy of the source on the path
        return "unknown"
