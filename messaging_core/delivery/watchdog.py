"""Which calls of transports are under way, and which of them have taken too long."""

import threading
from collections.abc import Iterator
from datetime import datetime
from time import monotonic

from attrs import define, field

from messaging_core.delivery.handoff import DurableHandoff
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Claim


@define(kw_only=True, eq=False)
class TransportCall:
    """One call of a transport, on the thread that makes it.

    Attributes:
        at: When it was decided, by the host's clock.
    """

    claim: Claim
    channel: Channel
    addresses: tuple[str, ...]
    transport: str
    at: datetime
    handoff: DurableHandoff
    deduplicates: bool
    thread: threading.Thread = field(factory=threading.current_thread)
    started_at: float = field(factory=monotonic)


class Watchdog:
    """Know the calls that are under way, and give up those that take too long.

    A call either ends or is given up, never both.

    Args:
        timeout: Seconds that a call may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._running: dict[int, TransportCall] = {}

    def start(self, call: TransportCall) -> None:
        """Take a call that begins now."""
        self._running[id(call)] = call

    def finish(self, call: TransportCall) -> bool:
        """Let go of a call that has ended; false where it was given up before."""
        return self._remove(call)

    def expire_overdue(self) -> Iterator[TransportCall]:
        """Give up every call that has taken too long; from then on it gets no leave to send."""
        before = monotonic() - self._timeout
        for call in list(self._running.values()):
            if call.started_at <= before and self._remove(call):
                call.handoff.revoke()
                yield call

    def _remove(self, call: TransportCall) -> bool:
        """Take a call out; only the first who tries succeeds, without a lock."""
        return self._running.pop(id(call), None) is not None
