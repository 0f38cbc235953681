"""Who takes the messages: servers that remember exactly what they took."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from attrs import frozen

from faults.processes import until
from faults.unwritable import UNPRIVILEGED

_MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-f-]{36})@", re.MULTILINE)
_SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin"  # where Debian keeps it, off a user's path


@frozen(kw_only=True)
class Peer:
    """A provider.

    Attributes:
        transport: How `faults.delivering` reaches it.
        target: Beside it.
        received: How often each message was taken, by its id.
        repeated: How often a message was recognised and not taken again.
    """

    transport: str
    target: str
    received: Callable[[], Counter[str]]
    repeated: Callable[[], int] = lambda: 0


@contextmanager
def smtp_sink() -> Iterator[Peer]:
    """Run Postfix's test server, which keeps every mail that it answered for as a file."""
    program = shutil.which("smtp-sink", path=_SBIN)
    if program is None:
        pytest.skip("smtp-sink is not installed; on Debian: apt-get install postfix")
    with TemporaryDirectory() as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o777)
        # The template is relative: an unprivileged user could not walk down to the folder again.
        rights = ["-u", pwd.getpwuid(UNPRIVILEGED).pw_name] if os.geteuid() == 0 else []
        command = [program, *rights, "-d", "mail.", f"127.0.0.1:{port}", "100"]
        process = subprocess.Popen(command, cwd=folder)  # noqa: S603 - found above
        try:
            until(lambda: _answers(port), "smtp-sink does not answer")
            yield Peer(transport="smtp", target=str(port), received=lambda: _mails(folder))
        finally:
            process.terminate()
            process.wait()


def _mails(folder: Path) -> Counter[str]:
    """Count the mails; a client that hangs up before the final dot leaves none."""
    matches = [_MESSAGE_ID.search(path.read_bytes()) for path in folder.glob("mail.*")]
    return Counter(_id(match) for match in matches)


def _id(match: re.Match[bytes] | None) -> str:
    assert match is not None, "a mail without our Message-ID"
    return match[1].decode().replace("-", "")


@contextmanager
def mail_server() -> Iterator[Peer]:
    """Run an SMTP server in this process."""
    received: Counter[str] = Counter()

    class Handler:
        async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
            assert isinstance(envelope.original_content, bytes)
            received[_id(_MESSAGE_ID.search(envelope.original_content))] += 1
            return "250 OK"

    controller = Controller(Handler(), hostname="127.0.0.1", port=_free_port())
    controller.start()
    try:
        yield Peer(
            transport="smtp", target=str(controller.port), received=lambda: Counter(received)
        )
    finally:
        controller.stop()


@contextmanager
def keyed_server() -> Iterator[Peer]:
    """Run a provider that takes every key once, and answers a second time what it did first."""
    calls: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            key = self.path.removeprefix("/")
            with lock:
                calls[key] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(key)))
            self.end_headers()
            self.wfile.write(key.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client was killed
                super().handle()

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # each thread of a worker connects at the same time

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Peer(
            transport="keyed",
            target=str(server.server_port),
            received=lambda: Counter(set(calls)),
            repeated=lambda: calls.total() - len(calls),
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as connection:
        connection.bind(("127.0.0.1", 0))
        return int(connection.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
