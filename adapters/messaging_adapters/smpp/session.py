"""One bound connection to a message centre: its window, its liveness and its end (SMPP 3.4 §2)."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from attrs import define, field, frozen

from messaging_adapters.smpp.codec import PduStream, encode
from messaging_adapters.smpp.pdu import MAX_SEQUENCE, RESPONSE, Command, Pdu, PduError, Status
from messaging_adapters.smpp.wire import Wire

_log = logging.getLogger(__name__)

_FAREWELL: Final = 2.0  # seconds to wait for the answer to unbind
_MESSAGES: Final = frozenset({Command.DELIVER_SM, Command.DATA_SM})
_NOTICES: Final = frozenset({Command.OUTBIND, Command.ALERT_NOTIFICATION})  # have no response


class LinkLostError(OSError):
    """The session has ended; what was not answered is in doubt."""


class NoRoomError(OSError):
    """As many requests are unanswered as the window holds."""


class NoAnswerError(OSError):
    """The message centre did not answer a request in time."""


@frozen(kw_only=True)
class Terms:
    """How a session is kept.

    Attributes:
        window: How many requests may be unanswered at once.
        timeout: Seconds for a write, and for the answer to `enquire_link`, bind and unbind.
        idle: Seconds of silence after which the link is probed.
    """

    window: int
    timeout: float
    idle: float


@define(eq=False)
class Exchange:
    """A request that waits for its answer.

    Attributes:
        command: Of the request.
        is_overdue: Whether the sender stopped waiting.
        late: Called with an answer that comes after the sender stopped waiting.
    """

    command: int
    answered: threading.Event = field(factory=threading.Event, init=False)
    answer: Pdu | None = field(default=None, init=False)
    is_overdue: bool = field(default=False, init=False)
    late: Callable[[Pdu], None] | None = field(default=None, init=False)

    def is_answered_by(self, pdu: Pdu) -> bool:
        """Say whether a response is one to this request; `generic_nack` never says yes (§4.3)."""
        is_refusal = pdu.command == Command.GENERIC_NACK and pdu.status != Status.OK
        return is_refusal or pdu.command == self.command | RESPONSE


class Session:
    """Exchange requests with one message centre; safe to use from many threads.

    A thread of its own reads. It answers what keeps the link alive, gives each response to the
    thread that waits for it, and hands messages on.

    Args:
        wire: A connection on which nothing was said yet.
        terms: How to keep it.
        on_message: Called on the reading thread with each `deliver_sm` and `data_sm`; `answer`
            answers it, now or later, from any thread.
        on_end: Called once, when the session is over.
    """

    def __init__(
        self,
        wire: Wire,
        terms: Terms,
        *,
        on_message: Callable[["Session", Pdu], None],
        on_end: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._terms = terms
        self._on_message = on_message
        self._on_end = on_end
        self._stream = PduStream()
        lock = threading.RLock()
        self._room = threading.Condition(lock)  # a place in the window is free, or all is over
        self._calm = threading.Condition(lock)  # nothing is unanswered, or all is over
        self._open: dict[int, Exchange] = {}
        self._reserved = 0
        self._sequence = 0
        self._is_leaving = False
        self._has_ended = False
        self._heard_at = monotonic()
        self._probed_at: float | None = None
        self._reader = threading.Thread(target=self._run, name="smpp-session", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Say whether requests may be sent."""
        return not (self._has_ended or self._is_leaving)

    def reserve(self, timeout: float) -> None:
        """Take a place in the window for one `submit`, or give it back with `unreserve`.

        Raises:
            NoRoomError: None became free in time.
            LinkLostError: The session is over.
        """
        with self._room:
            if not self._room.wait_for(lambda: self._has_room() or not self.is_alive, timeout):
                if self._open and all(exchange.is_overdue for exchange in self._open.values()):
                    self.drop()  # the centre answers nothing: a new session may do better
                raise NoRoomError("the window is full")
            if not self.is_alive:
                raise LinkLostError("the session is over")
            self._reserved += 1

    def unreserve(self) -> None:
        """Give a place in the window back that was not used."""
        with self._room:
            self._reserved -= 1
            self._free()

    def submit(self, pdu: Pdu) -> Exchange:
        """Send a request in a reserved place; the place is free again when it is answered.

        Raises:
            NotWrittenError: It did not leave this machine whole.
            LinkLostError: The session is over; nothing was sent.
        """
        exchange = Exchange(pdu.command)
        with self._room:
            self._reserved -= 1
            if self._has_ended:
                self._free()
                raise LinkLostError("the session is over")
            sequence = self._next_sequence()
            self._open[sequence] = exchange
        try:
            self._wire.write(encode(pdu, sequence), self._terms.timeout)
        except BaseException:
            self._settle(sequence)
            raise
        return exchange

    def wait(
        self, exchange: Exchange, timeout: float, late: Callable[[Pdu], None] | None = None
    ) -> Pdu:
        """Return the answer to a request.

        Args:
            exchange: What `submit` returned.
            timeout: Seconds to wait.
            late: Called on the reading thread with an answer that comes after that.

        Raises:
            NoAnswerError: It did not come in time. The place in the window stays taken until it
                comes, as the centre counts it too.
            LinkLostError: It will not come, or was none that this request can have.
        """
        if not exchange.answered.wait(timeout):
            with self._room:
                if not exchange.answered.is_set():
                    exchange.is_overdue, exchange.late = True, late
                    raise NoAnswerError("no answer came in time")
        if exchange.answer is None:
            raise LinkLostError("no answer came that can be read")
        return exchange.answer

    def call(self, pdu: Pdu) -> Pdu:
        """Send a request that sends no message, and return its answer.

        Raises:
            OSError: There is none.
        """
        self.reserve(self._terms.timeout)
        return self.wait(self.submit(pdu), self._terms.timeout)

    def answer(self, pdu: Pdu) -> None:
        """Send a response; one that cannot be sent is not needed any more."""
        with suppress(OSError):
            self._wire.write(encode(pdu), self._terms.timeout)

    def close(self, timeout: float) -> None:
        """Wait for open answers, take leave, and close the connection.

        Args:
            timeout: The longest wait for open answers, in seconds.
        """
        with self._room:
            self._is_leaving = True
            self._room.notify_all()
            self._calm.wait_for(
                lambda: self._has_ended or not (self._open or self._reserved), timeout
            )
        with suppress(OSError):
            self._take_leave()
        self.drop()
        if threading.current_thread() is not self._reader:
            self._reader.join(self._terms.timeout)

    def drop(self) -> None:
        """End the session at once; what is unanswered stays in doubt."""
        self._wire.hang_up()

    def abandon(self) -> None:
        """Give the socket back in a child process, where the parent goes on using it."""
        self._has_ended = True
        self._wire.close()

    def _take_leave(self) -> None:
        with self._room:
            if self._has_ended:
                return
            self._reserved += 1
        self.wait(self.submit(Pdu(command=Command.UNBIND)), _FAREWELL)

    def _has_room(self) -> bool:
        return len(self._open) + self._reserved < self._terms.window

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        return self._sequence

    def _settle(self, sequence: int) -> Exchange | None:
        with self._room:
            exchange = self._open.pop(sequence, None)
            self._free()
            return exchange

    def _free(self) -> None:
        """Wake one thread that waits for a place: all of them would fight for it."""
        self._room.notify()
        if not self._open and not self._reserved:
            self._calm.notify_all()

    def _run(self) -> None:
        try:
            while not self._has_ended:
                self._read()
        except PduError:
            _log.warning("the message centre sent what is no PDU; the connection is closed")
        except OSError as error:
            if not self._is_leaving:
                _log.info("the session with the message centre ended: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - those who wait must learn that it is over
            _log.error("the session with the message centre failed: %s", type(error).__name__)
        finally:
            self._end()

    def _read(self) -> None:
        now = monotonic()
        data = self._wire.read(max(self._probe_due() - now, 0.01))
        if data is None:
            self._probe()
            return
        self._heard_at, self._probed_at = monotonic(), None
        for item in self._stream.feed(data):
            if isinstance(item, Pdu):
                self._take(item)
            else:
                self._refuse(item)

    def _probe_due(self) -> float:
        if self._probed_at is not None:
            return self._probed_at + self._terms.timeout
        return self._heard_at + self._terms.idle

    def _probe(self) -> None:
        """Ask whether the centre is there, and give it up where it does not answer."""
        if monotonic() < self._probe_due():
            return
        if self._probed_at is not None:
            raise NoAnswerError("the message centre does not answer enquire_link")
        self._probed_at = monotonic()
        with self._room:
            sequence = self._next_sequence()
        pdu = Pdu(command=Command.ENQUIRE_LINK, sequence=sequence)
        self._wire.write(encode(pdu), self._terms.timeout)

    def _take(self, pdu: Pdu) -> None:
        if pdu.is_response:
            self._take_response(pdu)
        elif pdu.command in _MESSAGES:
            self._on_message(self, pdu)
        elif pdu.command == Command.ENQUIRE_LINK:
            self.answer(pdu.answer())
        elif pdu.command == Command.UNBIND:
            self.answer(pdu.answer())
            raise LinkLostError("the message centre ended the session")
        elif pdu.command not in _NOTICES:
            self._nack(Status.INVALID_COMMAND, pdu.sequence)

    def _take_response(self, pdu: Pdu) -> None:
        with self._room:
            exchange = self._open.pop(pdu.sequence, None)
            if exchange is None:
                return
            is_readable = exchange.is_answered_by(pdu)
            exchange.answer = pdu if is_readable else None  # it leaves its request in doubt
            exchange.answered.set()
            late = exchange.late if is_readable else None
            self._free()
        if late is not None:
            late(pdu)

    def _refuse(self, error: PduError) -> None:
        """Answer a request that cannot be read; an answer like that leaves its request in doubt."""
        if not error.command & RESPONSE:
            self._nack(error.status, error.sequence)
        elif exchange := self._settle(error.sequence):
            exchange.answered.set()

    def _nack(self, status: int, sequence: int) -> None:
        self.answer(Pdu(command=Command.GENERIC_NACK, status=status, sequence=sequence))

    def _end(self) -> None:
        with self._room:
            self._has_ended = True
            lost = list(self._open.values())
            self._open.clear()
            self._room.notify_all()
            self._calm.notify_all()
        self._wire.close()
        for exchange in lost:
            exchange.answered.set()
        self._on_end()
