"""The command that shows events as they happen."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import orjson
from attrs import define, field

from messaging_adapters.cli.config.engine import Engine, looking_engine
from messaging_adapters.cli.interrupts import Stop, stoppable
from messaging_adapters.cli.output.screen import STYLES, Screen
from messaging_adapters.cli.output.tables import event_cells
from messaging_adapters.cli.output.timestamps import read_moment
from messaging_core.models.delivery.event import Event
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.wire import encode

_PAGE: Final = 200
_PAUSE: Final = 0.5  # seconds between two looks at the log
_MOST_KNOWN: Final = 10_000  # messages whose channel is remembered


def tail(options: Namespace) -> int:
    """Show events until a signal ends it: those to come, and with `--since` also earlier ones."""
    screen, shown = Screen(), _Shown(as_json=options.json)
    with looking_engine(options) as engine, stoppable() as stop:
        log = _Log(engine, [engine.channel(name).id for name in options.channel or ()])
        log.position = _start(engine, options)
        if not options.json:
            screen.remark("following events; Ctrl-C stops")
        while not stop.is_set():
            for event, channel in log.read(stop):
                shown.show(screen, event, channel)
            screen.flush()
    return 0


def _start(engine: Engine, options: Namespace) -> int:
    """Return the position of the last event that is not shown."""
    since = options.since and read_moment(options.since, engine.messenger.clock.now())
    with engine.storage.begin(read_only=True) as tx:
        last = tx.timeline.last_position()
        return _before(tx, since, last) if since else last


def _before(tx: Transaction, since: datetime, last: int) -> int:
    """Return the position behind which the events of a time begin, in few look-ups.

    Times grow along the log, but for clocks that differ.
    """
    low, high = 0, last
    while low < high:
        middle = (low + high) // 2
        event = next(iter(tx.timeline.after(middle, limit=1)), None)
        if event is None or event.at >= since:
            high = middle
        else:
            low = event.position
    return low


@define
class _Log:
    """The log of events from a position on, with the channels of their messages."""

    engine: Engine
    channels: Sequence[UUID]
    position: int = 0
    _channel_by_message: dict[UUID, UUID | None] = field(factory=dict)

    def read(self, stop: Stop) -> Iterator[tuple[Event, str]]:
        """Yield what came since, or wait a moment."""
        with self.engine.storage.begin(read_only=True) as tx:
            events = tx.timeline.after(self.position, limit=_PAGE)
            channels = [self._channel(tx, event) for event in events]
        for event, channel in zip(events, channels, strict=True):
            if not self.channels or channel in self.channels:
                yield event, self.engine.name_of(channel) if channel else ""
            self.position = event.position
        if not events:
            stop.wait(_PAUSE)

    def _channel(self, tx: Transaction, event: Event) -> UUID | None:
        """Return the channel of a message, or nothing if the message was deleted."""
        known = self._channel_by_message
        if event.message_id not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            message = tx.messages.get(event.workspace, event.message_id)
            known[event.message_id] = message.channel_id if message else None
        return known[event.message_id]


@define
class _Shown:
    """How events are written, with the day of the last one."""

    as_json: bool
    day: str = ""

    def show(self, screen: Screen, event: Event, channel: str) -> None:
        """Write one event."""
        if self.as_json:
            screen.json(orjson.dumps({**orjson.loads(encode(event)), "channel": channel or None}))
            return
        at, kind, status, outcome, details = event_cells(event)
        day, _, time = at.partition(" ")
        if day != self.day:
            self.day = day
            screen.line(day, "bold")
        words = [time, str(event.message_id), channel, f"{kind}:", status]
        more = ", ".join(filter(None, [outcome, details]))
        screen.line(
            " ".join(filter(None, [*words, f"({more})" if more else ""])), STYLES.get(status)
        )
