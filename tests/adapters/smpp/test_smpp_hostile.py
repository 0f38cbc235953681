"""A peer that is no message centre, or a broken one, hangs nothing and leaks nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.smpp.codec import PduStream, encode
from messaging_adapters.smpp.message_ids import IdNotation, MessageIds
from messaging_adapters.smpp.pdu import Command, Pdu, PduError, Status
from messaging_adapters.smpp.provider_words import status_table
from messaging_adapters.smpp.requests import Style, parts_of
from messaging_adapters.smpp.session import Exchange, NoAnswerError
from messaging_adapters.smpp.sessions import Sessions
from messaging_adapters.smpp.submission import Centre, Submission
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.models.common.channel import SMS
from messaging_core.models.common.failure import Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome, Rejected, Unknown
from messaging_core.models.delivery.transport_check import CheckStatus
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.rules import split_sms
from messaging_core.testing.contracts.transport import Leave, an_envelope

BRIEF = {"timeout": 0.5, "response_timeout": 0.5}
Answer = Callable[[socket.socket, Pdu], None]


class Peer:
    """Read PDUs from each connection, and do with each as a test says."""

    def __init__(self, answer: Answer, *, binds: bool = True) -> None:
        self._answer, self._binds = answer, binds
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.read: list[Pdu | PduError] = []
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                thread = threading.Thread(target=self._talk, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection: socket.socket) -> None:
        stream = PduStream()
        with connection, suppress(OSError):
            while data := connection.recv(1 << 16):
                for pdu in stream.feed(data):
                    self.read.append(pdu)
                    if isinstance(pdu, Pdu):
                        self._take(connection, pdu)

    def _take(self, connection: socket.socket, pdu: Pdu) -> None:
        if pdu.command == Command.BIND_TRANSCEIVER and self._binds:
            connection.sendall(encode(pdu.answer()))
        elif pdu.command == Command.UNBIND:
            connection.sendall(encode(pdu.answer()))
            connection.shutdown(socket.SHUT_RDWR)
        else:
            self._answer(connection, pdu)

    def close(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def serve() -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def start(answer: Answer, **options: Any) -> Peer:
        peers.append(Peer(answer, **options))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


def attempt(transport: Any, text: str = "hi") -> tuple[Outcome, int]:
    leave, began = Leave(), monotonic()
    envelope = an_envelope(SMS, SmsContent(sms=split_sms(text)))
    outcome = transport.send(envelope, leave)
    assert monotonic() - began < 20
    return outcome, leave.calls


def nothing(_connection: socket.socket, _pdu: Pdu) -> None:
    pass


def hang_up(connection: socket.socket, _pdu: Pdu) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def garbage(connection: socket.socket, _pdu: Pdu) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def ten_megabytes(connection: socket.socket, pdu: Pdu) -> None:
    size = 10_000_000
    connection.sendall(size.to_bytes(4) + encode(pdu.answer())[4:] + bytes(size - 17))


def endless(connection: socket.socket, _pdu: Pdu) -> None:
    flood = encode(Pdu(command=Command.SUBMIT_SM_RESP, sequence=99)) * 1000
    for _ in range(3000):
        connection.sendall(flood)


def trickle(connection: socket.socket, pdu: Pdu) -> None:
    for octet in encode(pdu.answer()) * 100:
        connection.sendall(bytes([octet]))
        sleep(0.1)


HOSTILE = [nothing, hang_up, garbage, ten_megabytes, endless, trickle]


@pytest.mark.parametrize("answer", HOSTILE)
def test_before_the_bind_nothing_is_sent(serve: Any, connect: Any, answer: Answer) -> None:
    peer = serve(answer, binds=False)

    outcome, marks = attempt(transport := connect(peer.port, **BRIEF))

    transport.close()
    assert isinstance(outcome, Deferred)
    assert marks == 0
    assert outcome.failure.retry is Retry.TRANSIENT


@pytest.mark.parametrize("answer", HOSTILE)
def test_after_the_request_there_is_doubt(serve: Any, connect: Any, answer: Answer) -> None:
    peer = serve(answer)

    outcome, marks = attempt(transport := connect(peer.port, **BRIEF))

    transport.close()
    assert isinstance(outcome, Unknown)
    assert marks == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("smpp")]


@pytest.mark.parametrize(("window", "kind"), [(1, Deferred), (3, Unknown)])
def test_a_part_that_never_left_leaves_no_doubt_about_the_whole(
    serve: Any, connect: Any, window: int, kind: type
) -> None:
    transport = connect(serve(nothing).port, window=window, **BRIEF)

    outcome, marks = attempt(transport, "0123456789" * 40)

    assert isinstance(outcome, kind)
    assert marks == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(Status.INVALID_COMMAND, Deferred), (0x45, Deferred), (0x0B, Rejected), (0xABC, Deferred)],
)
def test_a_generic_nack_refuses_the_request(
    serve: Any, connect: Any, status: int, kind: type
) -> None:
    def refuse(connection: socket.socket, pdu: Pdu) -> None:
        nack = Pdu(command=Command.GENERIC_NACK, status=status, sequence=pdu.sequence)
        connection.sendall(encode(nack))

    outcome, marks = attempt(connect(serve(refuse).port, **BRIEF))

    assert isinstance(outcome, kind)
    assert marks == 1


@pytest.mark.parametrize(
    "command", [Command.GENERIC_NACK, Command.ENQUIRE_LINK_RESP, Command.UNBIND_RESP]
)
def test_an_answer_to_another_request_accepts_nothing(
    serve: Any, connect: Any, command: int
) -> None:
    def confuse(connection: socket.socket, pdu: Pdu) -> None:
        connection.sendall(encode(Pdu(command=command, sequence=pdu.sequence)))

    outcome, marks = attempt(connect(serve(confuse).port, **BRIEF))
    unbound, _ = attempt(connect(serve(confuse, binds=False).port, **BRIEF))

    assert isinstance(outcome, Unknown)
    assert marks == 1
    assert isinstance(unbound, Deferred)


def test_an_answer_that_is_late_while_another_part_is_waited_for_counts() -> None:
    class Dawdling:
        def submit(self, pdu: Pdu) -> Exchange:
            return Exchange(pdu.command)

        def reserve(self, _timeout: float) -> None:
            pass

        def wait(self, _exchange: Exchange, _timeout: float, late: Callable[[Pdu], None]) -> Pdu:
            answer = Pdu(command=Command.SUBMIT_SM_RESP)
            if not waiting:
                waiting.append(late)
                raise NoAnswerError
            waiting[0](answer)
            return answer

    waiting: list[Callable[[Pdu], None]] = []
    centre = Centre(
        name="smpp",
        statuses=status_table({}),
        ids=IdNotation(MessageIds.SAME),
        timeout=1,
        response_timeout=1,
        on_late_answer=lambda _id, _references: None,
    )
    envelope = an_envelope(SMS, SmsContent(sms=split_sms("long " * 50)))
    submission = Submission(
        centre=centre,
        message_id=envelope.message_id,
        address=envelope.to,
        parts=parts_of(envelope, Style(), envelope.created_at),
        taken={},
    )
    session: Any = Dawdling()

    assert isinstance(submission.run(session, Leave()), Accepted)


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example"])
def test_a_host_that_no_name_can_be_is_a_wrong_setup(host: str) -> None:
    with SmppTransport(host, system_id="shop", password="secret") as transport:
        outcome, marks = attempt(transport)
        check = transport.check()

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.CONFIGURATION
    assert marks == 0
    assert check.status is CheckStatus.BAD_SETUP


def test_a_fault_of_this_machine_does_not_end_the_keeping(
    caplog: pytest.LogCaptureFixture,
) -> None:
    again = threading.Event()
    faults: list[Exception] = [RuntimeError("can't start new thread")]

    def connect(_on_end: Callable[[], None]) -> Any:
        if faults:
            raise faults.pop()
        again.set()
        raise ConnectionRefusedError

    sessions = Sessions(connect, longest_wait=0.05)
    sessions.keep()

    assert again.wait(20)
    sessions.close(5)
    assert "no session can be opened: RuntimeError" in caplog.text


def test_an_answer_without_an_id_is_an_acceptance(serve: Any, connect: Any) -> None:
    def accept(connection: socket.socket, pdu: Pdu) -> None:
        connection.sendall((16).to_bytes(4) + encode(pdu.answer())[4:16])

    outcome, _ = attempt(connect(serve(accept).port, **BRIEF))

    assert isinstance(outcome, Accepted)
    assert outcome.references == ()


def test_requests_that_cannot_be_served_are_answered(serve: Any, connect: Any) -> None:
    sent = [
        encode(Pdu(command=Command.QUERY_SM, sequence=71)),
        (20).to_bytes(4) + encode(Pdu(command=Command.DELIVER_SM, sequence=72))[4:16] + b"abcd",
        encode(Pdu(command=Command.ALERT_NOTIFICATION, sequence=73)),
        encode(Pdu(command=Command.ENQUIRE_LINK, sequence=74)),
    ]

    def ask(connection: socket.socket, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM:
            connection.sendall(b"".join(sent))
            connection.sendall(encode(pdu.answer()))

    peer = serve(ask)

    outcome, _ = attempt(connect(peer.port, **BRIEF))
    deadline = monotonic() + 20
    while len(peer.read) < 5 and monotonic() < deadline:
        sleep(0.01)

    assert isinstance(outcome, Accepted)
    answers = [pdu for pdu in peer.read if isinstance(pdu, Pdu) and pdu.is_response]
    assert [(pdu.command, pdu.status, pdu.sequence) for pdu in answers] == [
        (Command.GENERIC_NACK, Status.INVALID_COMMAND, 71),
        (Command.GENERIC_NACK, Status.INVALID_LENGTH, 72),
        (Command.ENQUIRE_LINK_RESP, 0, 74),
    ]


def test_a_peer_that_reads_nothing_is_given_up(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        outcome, marks = attempt(connect(port, **BRIEF))

    assert isinstance(outcome, Deferred)
    assert marks == 0
