"""A mail server on this machine, which keeps what it receives."""

import asyncio
import threading
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope

from messaging_core.errors import ConfigurationError

_PATIENCE = 10.0  # seconds to start or stop


class MailServer:
    """An SMTP server on a free port, for a `with` block.

    Each mail becomes a file `<message id>.eml`, with a field `X-Original-To` on top that names
    the receivers of the envelope, as mail servers do. Mailboxes whose names begin with `missing`
    are refused.

    Args:
        folder: Where the mails go; made when the server starts.
    """

    def __init__(self, folder: Path) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.received = 0
        self._folder = folder
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-mail-server", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        if not self._is_up.wait(_PATIENCE) or not self.port:
            raise ConfigurationError("the mail server of the demo could not open a port")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._is_up.set()

    async def _serve(self) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._protocol, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._is_over.wait()
        server.close()

    def _protocol(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = SMTP(
            self, loop=self._loop, hostname="mail.demo.example", enable_SMTPUTF8=True
        )
        return protocol

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Refuse a mailbox that does not exist."""
        if address.startswith("missing"):
            return "550 5.1.1 there is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Any, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        content = envelope.original_content or b""
        message_id = BytesHeaderParser().parsebytes(content)["Message-ID"].strip("<> ")
        receivers = ", ".join(envelope.rcpt_tos)
        top = f"X-Original-To: {receivers}\r\n".encode()
        (self._folder / f"{message_id}.eml").write_bytes(top + content)
        self.received += 1
        return "250 2.0.0 kept"
