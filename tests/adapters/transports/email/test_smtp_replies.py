"""What a server says is bounded, and repeats nothing of a mail or a login."""

import base64
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import attrs
import pytest

from messaging_adapters.mail.connection import MAX_REPLY
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.models.common.failure import Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Unknown,
)
from messaging_core.models.messages.envelope import EmailContent, Envelope, Recipient
from messaging_core.testing.contracts.transport import Leave, an_envelope

PATIENCE = timedelta(seconds=0.4)
SECRET = "Kolibri-4711"


def a_mail(*addresses: str, **content: Any) -> Envelope:
    envelope = an_envelope("email", EmailContent(**{"text": "Hello"} | content))
    receivers = tuple(Recipient(value=address) for address in addresses)
    return attrs.evolve(envelope, receivers=receivers or envelope.receivers)


@pytest.fixture
def to(closing: ExitStack) -> Callable[..., SmtpTransport]:
    def connected(port: int, **options: Any) -> SmtpTransport:
        given: dict[str, Any] = {"timeout": PATIENCE, "data_timeout": PATIENCE, "security": "none"}
        return closing.enter_context(SmtpTransport("127.0.0.1", port, **given | options))

    return connected


@pytest.fixture
def stream(closing: ExitStack) -> Callable[..., int]:
    """Return what starts a server that says good day, and then the same bytes for ever."""

    def started(opening: bytes, pieces: bytes, pause: float = 0) -> int:
        listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                connection.sendall(opening)
                while True:
                    connection.sendall(pieces)
                    sleep(pause)

        threading.Thread(target=serve, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    return started


@pytest.fixture
def memory() -> Iterator[Callable[[], int]]:
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("opening", "pieces", "pause"),
    [
        (b"", b"220-" + b"x" * 500 + b"\r\n", 0),
        (b"", b"220-\r\n", 0.05),
        (b"", b"x" * 5000, 0),
        (b"220 ", b"x", 0.05),
        (b"220 peer\r\n", b"250-SIZE 1\r\n", 0),
    ],
)
def test_a_reply_without_end_is_given_up_in_time_and_memory(  # noqa: PLR0913, PLR0917 - fixtures and a table
    stream: Any, to: Any, memory: Callable[[], int], opening: bytes, pieces: bytes, pause: float
) -> None:
    transport = to(stream(opening, pieces, pause))
    start = monotonic()

    outcome = transport.send(a_mail(), Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.TRANSIENT
    assert monotonic() - start < 4 * PATIENCE.total_seconds()
    assert memory() < 5_000_000


@pytest.mark.parametrize("lines", [10, 2 * MAX_REPLY // 100])
def test_a_reply_to_the_dot_has_many_lines_or_leaves_doubt(
    scripted: Any, to: Any, lines: int
) -> None:
    server = scripted({".": "\n".join(["250-" + "y" * 96] * lines + ["250 2.0.0 Ok"])})

    outcome = to(server.port).send(a_mail(), Leave())

    assert isinstance(outcome, Accepted if lines == 10 else Unknown)


def test_replies_slipped_in_before_tls_are_refused(
    closing: ExitStack, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    listener = closing.enter_context(socket.create_server(("127.0.0.1", 0)))
    heard = []

    def serve() -> None:
        with suppress(OSError), listener.accept()[0] as connection:
            connection.sendall(b"220 peer\r\n")
            connection.recv(4096)
            connection.sendall(b"250-peer\r\n250 STARTTLS\r\n")
            connection.recv(4096)
            connection.sendall(b"220 go\r\n250 slipped in\r\n")
            with server_tls.wrap_socket(connection, server_side=True) as encrypted:
                heard.append(encrypted.recv(4096))

    server = threading.Thread(target=serve)
    server.start()
    port = listener.getsockname()[1]

    with SmtpTransport("localhost", port, ssl_context=client_tls, timeout=PATIENCE) as transport:
        outcome = transport.send(a_mail(), Leave())

    server.join()
    assert isinstance(outcome, Deferred)
    assert heard == [b""]


@pytest.mark.parametrize(
    "answer",
    [
        "999 what?",
        "-99 what?",
        "1_2 what?",
        "012 what?",
        "9" * 5000,
        "\N{ARABIC-INDIC DIGIT TWO}50 Ok",
        "+25 Ok",
    ],
)
def test_an_absurd_code_is_no_code_and_is_not_shown(scripted: Any, to: Any, answer: str) -> None:
    outcome = to(scripted({".": answer}).port).send(a_mail(), Leave())

    assert isinstance(outcome, Unknown)
    assert outcome.failure.source is not None
    assert outcome.failure.source.code == "no reply code"


@pytest.mark.parametrize(
    "size", ["9" * 5000, "-1", "\N{ARABIC-INDIC DIGIT FIVE}", "1e3", "0" * 60 + "1", "5 5"]
)
def test_an_absurd_size_is_no_limit(scripted: Any, to: Any, size: str) -> None:
    server = scripted({"EHLO": f"250-x\n250 SIZE {size}"})

    assert isinstance(to(server.port).send(a_mail(), Leave()), Accepted)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ECHOES = [
    SECRET,
    SECRET.upper(),
    f"bad login {SECRET}, sorry",
    f"user=shop_{SECRET}x",
    encoded(SECRET),
    encoded(f"\0shopkeeper\0{SECRET}"),
    "shopkeeper",
    f"{SECRET[:7]} {SECRET[8:]}",
]


def whole(outcome: Outcome) -> str:
    return f"{outcome!r} {attrs.asdict(outcome)}".casefold()


@pytest.mark.parametrize("verb", ["AUTH", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("code", ["535 5.7.8", "421"])
@pytest.mark.parametrize("echo", ECHOES)
def test_no_reply_repeats_a_login(scripted: Any, to: Any, verb: str, code: str, echo: str) -> None:
    script = {"EHLO": "250-x\n250 AUTH PLAIN", "AUTH": "235 2.7.0 Welcome"}
    server = scripted(script | {verb: f"{code} {echo}"})

    outcome = to(server.port, username="shopkeeper", password=SECRET).send(a_mail(), Leave())

    for part in ("kolibri", "4711", "shopkeeper", encoded(SECRET).casefold()):
        assert part not in whole(outcome)


@pytest.mark.parametrize(
    "echo",
    [
        "Subject: Your code is 483920",
        "x483920x",
        "00483920",
        "the line 'Dear Scheherazade'",
        "X-Order: qwertz",
        "file invoice-of-scheherazade.pdf",
        "c2NoZWhlcmF6YWRlIG93ZXMgdXM=",
    ],
)
@pytest.mark.parametrize("code", ["550 5.7.1", "250 2.0.0", "421"])
def test_no_reply_repeats_what_a_mail_says(scripted: Any, to: Any, code: str, echo: str) -> None:
    mail = a_mail(
        "scheherazade@x.example",
        "b@x.example",
        subject="Your code is 483920",
        text="Dear Scheherazade ä, c2NoZWhlcmF6YWRlIG93ZXMgdXM=",
        headers={"X-Order": "qwertz"},
    )
    server = scripted({".": f"{code} {echo}", "RCPT": ["250 Ok", f"550 5.1.1 {echo}"]})

    outcome = to(server.port).send(mail, Leave())

    assert isinstance(outcome, PerRecipient)
    told = whole(outcome).replace("'scheherazade@x.example'", "")
    for part in ("483920", "scheherazade", "qwertz", "c2nozw"):
        assert part not in told


def test_the_reason_of_a_refusal_is_shown(scripted: Any, to: Any) -> None:
    server = scripted({".": "554 5.7.1 Message rejected: content is spam, see id 4TZx1"})

    outcome = to(server.port).send(a_mail(text="This message is spam"), Leave())

    shown = "5.7.1 Message rejected: content is spam, see id 4TZx1"
    assert getattr(outcome, "failure").description == shown  # noqa: B009 - of a union
