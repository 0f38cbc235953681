"""SMTP servers to send to: a real one, and one that misbehaves as it is told."""

import asyncio
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from time import sleep
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP


class MailServer:
    """Run aiosmtpd on a free port of this machine, and keep what it takes.

    Its hooks answer as aiosmtpd asks; a test may replace them on the instance.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        self.envelopes: list[Any] = []
        self.connections = 0
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=tls)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def _protocol(self) -> SMTP:
        self.connections += 1
        given: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": "peer.example"}
        return SMTP(self, loop=self._loop, **given | self._options)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok: queued as 4TZx1"

    @property
    def mails(self) -> list[EmailMessage]:
        """Return what came, as Python's own parser reads it."""
        return [
            message_from_bytes(envelope.original_content, policy=policy.SMTP)
            for envelope in self.envelopes
        ]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


@pytest.fixture(scope="session")
def read_mailbox() -> Callable[[bytes, str], tuple[str, str]]:
    """Return what reads the display name and address of a field.

    The newer API of Python's parser puts blanks between the encoded words of a display name,
    against RFC 2047 §6.2.
    """

    def read(content: bytes, field: str) -> tuple[str, str]:
        raw = message_from_bytes(content, policy=policy.compat32)[field]
        name, address = parseaddr(raw.replace("\r\n", ""))
        return str(make_header(decode_header(name))), address

    return read


HANG_UP = ""
"""In a script: close the connection instead of answering."""

Script = Mapping[str, str | Sequence[str]]


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Answer each SMTP verb as a script says: the same each time, or in turn.

    `CONNECT` means the greeting and `.` the final dot; `sleep 5` waits so many seconds. DATA
    without a recipient is refused, unless the script answers it.
    `talk` holds every command that came, and `mails` every message with a final dot.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.port: int = self.server_address[1]
        self.talk: list[str] = []
        self.mails: list[bytes] = []
        self.script = dict(script)
        self._turns: dict[str, int] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(self, verb: str) -> str:
        answers = self.script.get(verb, DEFAULTS.get(verb, "250 2.0.0 Ok"))
        if isinstance(answers, str):
            return answers
        turn = self._turns.get(verb, 0)
        self._turns[verb] = turn + 1
        return answers[min(turn, len(answers) - 1)]

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(10)


DEFAULTS = {
    "CONNECT": "220 peer.example ESMTP",
    "EHLO": "250-peer.example\n250-8BITMIME\n250 PIPELINING",
    "DATA": "354 Go on",
    "QUIT": "221 Bye",
}


class Conversation(socketserver.StreamRequestHandler):
    """Hold one conversation."""

    server: ScriptedServer
    recipients = 0

    def handle(self) -> None:
        with suppress(OSError):
            if not self.say("CONNECT"):
                return
            while line := self.rfile.readline():
                verb, *rest = line.decode().strip().split(" ")
                verb = verb.upper()
                self.server.talk.append(" ".join([verb, *rest]))
                if verb == "DATA":
                    if not self.take_mail():
                        return
                elif not self.say(verb) or verb == "QUIT":
                    return

    def take_mail(self) -> bool:
        recipients, self.recipients = self.recipients, 0
        is_scripted = recipients or "DATA" in self.server.script
        answer = self.server.answer("DATA") if is_scripted else "554 5.5.1 no valid recipients"
        if not self.write(answer) or not answer.startswith("354"):
            return bool(answer)
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line)
        self.server.mails.append(b"".join(lines))
        return self.say(".")

    def say(self, verb: str) -> bool:
        answer = self.server.answer(verb)
        if verb == "RCPT":
            self.recipients += answer.startswith("2")
        return self.write(answer)

    def write(self, answer: str) -> bool:
        if answer.startswith("sleep "):
            sleep(float(answer.removeprefix("sleep ")))
        elif answer:
            self.wfile.write(answer.replace("\n", "\r\n").encode() + b"\r\n")
        return bool(answer)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(closing: ExitStack) -> Callable[..., MailServer]:
    """Return what starts a real server."""

    def started(**options: Any) -> MailServer:
        server = MailServer(**options)
        closing.callback(server.close)
        return server

    return started


@pytest.fixture
def server(start: Callable[..., MailServer]) -> MailServer:
    return start()


@pytest.fixture
def scripted(closing: ExitStack) -> Callable[..., ScriptedServer]:
    """Return what starts a server that follows a script."""

    def started(script: Script | None = None) -> ScriptedServer:
        server = ScriptedServer(script or {})
        closing.callback(server.close)
        return server

    return started


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
