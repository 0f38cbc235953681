"""Watchdog: it expires transport calls that take longer than the timeout."""

import threading
from collections.abc import Iterator
from datetime import datetime
from time import monotonic

from attrs import field

from messaging_core.delivery.handoff import DurableHandoff
from messaging_core.lazy import define
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Claim


@define(kw_only=True, eq=False)
class TransportCall:
    """One call of a transport, on the thread that makes it.

    Attributes:
        addresses: The receivers of this attempt.
        at: When the call was decided, by the host's clock.
        handoff: Marks the message as handed over; revoked when the call expires.
        started_at: Seconds of the monotonic clock.
        ends_doubt: The provider told what became of the attempt before.
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
    ends_doubt: bool = False


class Watchdog:
    """Track running transport calls, and expire those that take too long.

    A call ends in exactly one way, so that its message is settled exactly once::

                    finish() returns True
        RUNNING --------------------------------> FINISHED   the calling thread settles
           |
           |  expire_overdue()
           +------------------------------------> EXPIRED    the delivery loop settles;
                                                             finish() returns False

    Args:
        timeout: Seconds that a call may take.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._running: dict[int, TransportCall] = {}

    def start(self, call: TransportCall) -> None:
        """Track a call; it starts now."""
        self._running[id(call)] = call

    def finish(self, call: TransportCall) -> bool:
        """Stop tracking a call that returned; return False if it had expired before."""
        return self._remove(call)

    def expire_overdue(self) -> Iterator[TransportCall]:
        """Expire and yield every call that runs longer than the timeout.

        The hand-off of an expired call is revoked: if the transport asks for it later, it is
        refused, and the message is not sent.
        """
        before = monotonic() - self._timeout
        for call in list(self._running.values()):
            if call.started_at <= before and self._remove(call):
                call.handoff.revoke()
                yield call

    def _remove(self, call: TransportCall) -> bool:
        # `finish` and `expire_overdue` race on different threads; the first to remove the call
        # wins. `dict.pop` is atomic, so no lock is needed.
        return self._running.pop(id(call), None) is not None
