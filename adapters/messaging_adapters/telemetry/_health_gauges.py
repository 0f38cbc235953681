"""The health of an engine as gauges, read once for each collection of metrics."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from messaging_core.errors import StorageError
from messaging_core.lazy import logger
from messaging_core.messenger import Messenger
from messaging_core.models.delivery.health import Health

_log = logger(__name__)

_HEALTH_FOR: Final = 1.0  # seconds: all gauges of one collection show the same reading

Observe = Callable[[Health, Messenger], Iterable[Observation]]


def add_gauges(meter: Meter, messenger: Messenger) -> None:
    """Let a meter observe the health of an engine."""
    latest = _Latest(messenger)
    for name, unit, description, observe in _GAUGES:
        meter.create_observable_gauge(
            f"messaging_engine.{name}",
            callbacks=[latest.callback(observe)],
            unit=unit,
            description=description,
        )


class _Latest:
    """The health of an engine at a collection of metrics."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger
        self._health: Health | None = None
        self._read_at = float("-inf")

    def callback(self, observe: Observe) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observed(_: CallbackOptions) -> Iterable[Observation]:
            health = self._read()
            return [] if health is None else list(observe(health, self._messenger))

        return observed

    def _read(self) -> Health | None:
        if time.monotonic() - self._read_at > _HEALTH_FOR:
            self._health = None
            try:
                self._health = self._messenger.health()
            except StorageError as error:
                _log.error("the health could not be observed: %s", type(error).__name__)
            finally:  # it may take longer than it is kept
                self._read_at = time.monotonic()
        return self._health


def _backlog(health: Health, messenger: Messenger) -> Iterator[Observation]:
    for own in health.backlog:
        channel = messenger.channels.by_id.get(own.channel_id)
        labels = {
            "messaging.destination.name": channel.name if channel else str(own.channel_id),
            "messaging_engine.workspace": str(own.workspace),
            "messaging_engine.lane": own.lane.name.lower(),
        }
        yield Observation(own.number, labels)


_GAUGES: Final[tuple[tuple[str, str, str, Observe], ...]] = (
    ("backlog", "{message}", "Messages that are due, by channel and lane.", _backlog),
    (
        "oldest_overdue",
        "s",
        "How long the oldest due message has waited.",
        lambda health, _: [Observation(health.oldest_overdue.total_seconds())],
    ),
    (
        "in_doubt",
        "{message}",
        "Messages of which it is not known whether the provider has them.",
        lambda health, _: [Observation(health.in_doubt)],
    ),
    (
        "dead_letters",
        "{message}",
        "Messages of the last day that could not be sent.",
        lambda health, _: [Observation(health.dead_letters)],
    ),
    (
        "workers",
        "{worker}",
        "Workers that are alive.",
        lambda health, _: [Observation(len(health.live))],
    ),
    (
        "ready",
        "1",
        "1 if messages are accepted and delivered in time, else 0.",
        lambda health, _: [Observation(int(health.ready))],
    ),
)
