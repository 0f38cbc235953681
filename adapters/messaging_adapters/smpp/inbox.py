"""Hands the messages of a centre to the engine, and answers each when the engine has stored it."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any, Final
from uuid import UUID

from attrs import field, frozen

from messaging_adapters.smpp.pdu import Pdu, Status
from messaging_adapters.smpp.receipts import (
    Reading,
    by_own_reference,
    destination_of,
    incoming_message,
    is_receipt,
    status_receipt,
)
from messaging_adapters.smpp.session import Session
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.models.delivery.receipt import Receipt, StatusReceipt
from messaging_core.ports.clock import Clock

_log = logging.getLogger(__name__)

_BATCH: Final = 100
_WAITING: Final = 10_000  # a centre's own window is far smaller

Receive = Callable[[Sequence[Receipt]], Any]
"""Stores receipts durably before it returns, as `Messenger.receive` does."""


@frozen(kw_only=True)
class Listener:
    """Who gets what the centre sends.

    Attributes:
        receive: Stores receipts and incoming messages.
        channels: The channel of each number that people write to.
        channel: Of all other numbers.
    """

    receive: Receive
    channels: Mapping[str, UUID] = field(factory=dict)
    channel: UUID | None = None

    def channel_for(self, number: str) -> UUID | None:
        """Return the channel of a number, with or without its plus sign."""
        bare = number.removeprefix("+")
        return self.channels.get(bare, self.channel)


Delivery = tuple[Session, Pdu]


class Inbox(ForkAware):
    """Process what a centre sends, on a thread of its own: the link stays alive meanwhile.

    Args:
        reading: How to read it.
        clock: Dates what has no time of its own.
    """

    def __init__(self, reading: Reading, clock: Clock) -> None:
        self._reading = reading
        self._clock = clock
        self._listener: Listener | None = None
        self._warned = False
        self._reset()
        watch_forks(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._queue: Queue[Delivery | None] = Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def after_fork_in_child(self) -> None:
        """Leave what waits to the parent, which answers it."""
        self._reset()

    def listen(self, listener: Listener) -> None:
        """Hand everything that comes from now on to a listener."""
        self._listener = listener

    def put(self, session: Session, pdu: Pdu) -> None:
        """Take a message; it is answered later, at once only where it cannot be processed."""
        if self._listener is None:
            self._warn("nothing listens for it: call SmppTransport.start(messenger.receive)")
        elif self._start():
            with suppress(Full):
                self._queue.put_nowait((session, pdu))
                return
        session.answer(pdu.answer(Status.TEMPORARY_APP_ERROR))

    def close(self, timeout: float) -> None:
        """Process what waits, and leave what comes later to the next session."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            with suppress(Full):
                self._queue.put(None, timeout=timeout)
            thread.join(timeout)

    def report(self, receipt: Receipt) -> None:
        """Hand the engine something that needs no answer; what it cannot store is lost."""
        if self._listener is None:
            return
        try:
            self._listener.receive([receipt])
        except Exception as error:  # noqa: BLE001 - it repeats what a receipt will say
            _log.warning("a late answer could not be stored: %s", type(error).__name__)

    def _start(self) -> bool:
        with self._lock:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="smpp-inbox", daemon=True)
                self._thread.start()
            return not self._is_closed

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            with suppress(Empty):
                while len(batch) < _BATCH:
                    batch.append(self._queue.get_nowait())
            self._process([delivery for delivery in batch if delivery is not None])
            if None in batch:
                return

    def _process(self, batch: Sequence[Delivery]) -> None:
        """Store a batch in one transaction, or each alone where one of them cannot be stored."""
        listener = self._listener
        if listener is None:
            return
        read = [(pdu, self._read(pdu, listener)) for _, pdu in batch]
        sound = [(pdu, receipt) for pdu, receipt in read if receipt is not None]
        together = len(sound) > 1 and self._store(sound, listener)
        for (session, pdu), (_, receipt) in zip(batch, read, strict=True):
            stored = receipt is not None and (together or self._store([(pdu, receipt)], listener))
            session.answer(pdu.answer(Status.OK if stored else Status.TEMPORARY_APP_ERROR))

    def _read(self, pdu: Pdu, listener: Listener) -> Receipt | None:
        now = self._clock.now()
        try:
            if is_receipt(pdu):
                return status_receipt(pdu, self._reading, now)
            channel_id = listener.channel_for(destination_of(pdu))
            if channel_id is not None:
                return incoming_message(pdu, self._reading, channel_id, now)
        except Exception as error:  # noqa: BLE001 - the thread must go on, and nothing is lost
            _log.error("a message of the centre could not be read: %s", type(error).__name__)
            return None
        self._warn("no channel is given for the number it was sent to: pass it to start()")
        return None

    def _store(self, read: Sequence[tuple[Pdu, Receipt]], listener: Listener) -> bool:
        try:
            reception = listener.receive([receipt for _, receipt in read])
            # One that failed, or failed here before, may find no message later either.
            if getattr(reception, "applied", len(read)) < len(read):
                for pdu, receipt in read:
                    self._try_own_reference(pdu, receipt, listener)
        except Exception as error:  # noqa: BLE001 - the centre sends it again
            _log.warning("what the centre sent could not be stored: %s", type(error).__name__)
            return False
        return True

    @staticmethod
    def _try_own_reference(pdu: Pdu, receipt: Receipt, listener: Listener) -> None:
        """Let a receipt find a message whose answer was lost, or has not come yet."""
        if isinstance(receipt, StatusReceipt):
            own = by_own_reference(receipt, pdu)
            if own is not None:
                listener.receive([own])

    def _warn(self, problem: str) -> None:
        """Log a fault of the set-up once; the centre repeats such messages for days."""
        if not self._warned:
            self._warned = True
            _log.warning("a message from the centre waits there: %s", problem)
