"""Postfix's smtp-sink in all its failure modes: what is safe to repeat, and what is in doubt."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from time import sleep
from typing import Any

import pytest

from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.models.common.failure import Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Rejected, Unknown
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.testing.contracts.transport import Leave, an_envelope

PATIENCE = timedelta(seconds=1)
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture
def sink(closing: ExitStack) -> Iterator[Callable[..., SmtpTransport]]:
    """Return what starts a sink with some flags, and a transport to it."""
    program = shutil.which("smtp-sink", path=SBIN)
    if program is None:
        pytest.skip("smtp-sink is not installed; on Debian: apt-get install postfix")
    processes = []

    def started(*flags: str, **options: Any) -> SmtpTransport:
        port = free_port()
        user = ["-u", pwd.getpwnam("mail").pw_name] if os.geteuid() == 0 else []
        command = [program, *user, *flags, f"127.0.0.1:{port}", "100"]
        processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))  # noqa: S603 - found above
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            sleep(0.02)
        given: dict[str, Any] = {"security": "none", "timeout": PATIENCE, "data_timeout": PATIENCE}
        return closing.enter_context(SmtpTransport("127.0.0.1", port, **given | options))

    yield started
    for process in processes:
        process.kill()
        process.wait()


def a_mail() -> Envelope:
    return an_envelope("email", EmailContent(subject="Hi", text="Hello"))


TRANSIENT, NEVER = (Deferred, Retry.TRANSIENT), (Rejected, Retry.PERMANENT)
IN_DOUBT, SET_UP = (Unknown, Retry.AMBIGUOUS), (Deferred, Retry.CONFIGURATION)
BEFORE_THE_DOT = {
    **dict.fromkeys(("-q CONNECT", "-q EHLO", "-q MAIL", "-q RCPT", "-q DATA"), TRANSIENT),
    **dict.fromkeys(("-Q CONNECT", "-Q EHLO", "-Q MAIL", "-Q RCPT", "-Q DATA"), TRANSIENT),
    **dict.fromkeys(("-r CONNECT", "-r EHLO", "-r MAIL", "-r RCPT", "-r DATA"), TRANSIENT),
    **dict.fromkeys(("-W EHLO:5", "-W MAIL:5", "-W RCPT:5", "-W DATA:5"), TRANSIENT),
    **dict.fromkeys(("-f CONNECT", "-f EHLO", "-e", "-P"), SET_UP),  # the last two know no EHLO
    **dict.fromkeys(("-f MAIL", "-f RCPT", "-f DATA"), NEVER),
}
AT_THE_DOT = {
    **dict.fromkeys(("-q .", "-W .:5"), IN_DOUBT),
    **dict.fromkeys(("-Q .", "-r ."), TRANSIENT),
    "-f .": NEVER,
}


# With a delay, smtp-sink answers pipelined commands out of their order.
CASES = [
    (flags, pipelining)
    for flags in (*BEFORE_THE_DOT, *AT_THE_DOT)
    for pipelining in ("", "-p")
    if pipelining or not flags.startswith("-W")
]


@pytest.mark.parametrize(("flags", "pipelining"), CASES)
def test_every_failure_mode(sink: Any, flags: str, pipelining: str) -> None:
    leave = Leave()

    outcome = sink(*flags.split(), *pipelining.split()).send(a_mail(), leave)

    kind, retry = (BEFORE_THE_DOT | AT_THE_DOT)[flags]
    assert isinstance(outcome, kind)
    assert outcome.failure.retry is retry
    assert leave.calls == (flags in AT_THE_DOT)


@pytest.mark.parametrize("flags", ["", "-p", "-8", "-E", "-N"])
def test_a_mail_is_taken_whatever_is_offered(sink: Any, flags: str) -> None:
    transport = sink(*flags.split())

    outcomes = [transport.send(a_mail(), Leave()) for _ in range(3)]

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)


def test_a_server_that_aborts_in_the_middle_is_never_taken_for_a_success(sink: Any) -> None:
    outcome = sink("-A", "0").send(a_mail(), Leave())

    # The refusal is read if it arrives before the reset of the connection.
    assert isinstance(outcome, Rejected | Unknown | Deferred)
