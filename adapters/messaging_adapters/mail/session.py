"""One connection to an SMTP server, and the steps of its dialogue (RFC 5321 §3, §4.1)."""

import base64
import re
import smtplib
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final, Self

from attrs import evolve

from messaging_adapters.mail.compose import Mail
from messaging_adapters.mail.connection import Connection, TlsConnection
from messaging_adapters.mail.failures import unsendable
from messaging_adapters.mail.redaction import Confidential
from messaging_adapters.mail.replies import CLOSING, Reply, Stage
from messaging_adapters.mail.report_request import ReportRequest, Returned

_IN_FLIGHT: Final = 100  # commands; with many more both sides might wait (RFC 2920 §3.1)
_BLOCK: Final = 1 << 16
_FAREWELL: Final = 1.0  # seconds to wait for the reply to QUIT
_GO_ON: Final = 354
_CHALLENGE: Final = 334
_SIZE: Final = re.compile(r"[0-9]{1,20}")  # RFC 1870 §3

_NOTHING: Final = Confidential()
_NO_REPORTS: Final = ReportRequest(notify=(), returned=Returned.HEADERS)


class RefusalError(Exception):
    """Report a reply that ends the attempt; the message was certainly not sent."""

    def __init__(self, reply: Reply, stage: Stage) -> None:
        super().__init__(reply, stage)
        self.reply = reply
        self.stage = stage


class NotOfferedError(Exception):
    """Report an extension that the server does not offer and the mail cannot do without."""

    def __init__(self, extension: str) -> None:
        super().__init__(extension)
        self.extension = extension


class Session:
    """A connection to an SMTP server; only one thread uses it at a time.

    Whatever loses the connection raises `OSError`, and a reply that stops the dialogue raises
    `RefusalError`; after either the session is of no more use.
    """

    def __init__(self, smtp: smtplib.SMTP, timeout: float) -> None:
        self._smtp = smtp
        self._timeout = timeout
        self._confidential = Confidential()
        self._go_ahead: Reply | None = None  # to a DATA that was sent with the recipients

    @classmethod
    def open(cls, host: str, port: int, *, timeout: float, tls: ssl.SSLContext | None) -> Self:
        """Connect and hear the greeting.

        Args:
            host: Name or address; a certificate must carry it.
            port: Usually 465 with TLS from the first byte, 587 without.
            timeout: Seconds that any whole reply may take.
            tls: For TLS from the first byte (RFC 8314 §3.3).
        """
        # Given no name, smtplib would look one up, which takes seconds where it fails.
        name = "localhost"
        try:
            smtp = (
                Connection(host, port, name, timeout)
                if tls is None
                else TlsConnection(host, port, name, timeout=timeout, context=tls)
            )
        except smtplib.SMTPConnectError as error:
            raise RefusalError(_reply(error.smtp_code, error.smtp_error), Stage.SET_UP) from error
        # The final dot is a small packet behind a large one, which Nagle's algorithm would hold
        # back until the peer's delayed acknowledgement, 40 ms later.
        _socket(smtp).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(smtp, timeout)

    def hello(self, hostname: str | None) -> None:
        """Introduce ourselves, by default as the address we come from (RFC 5321 §4.1.3)."""
        self._smtp.local_hostname = hostname or _address_literal(_socket(self._smtp))
        reply = self._reply(*self._smtp.ehlo())
        if not reply.is_ok:
            raise RefusalError(reply, Stage.SET_UP)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt from here on; what was offered in the clear is forgotten (RFC 3207 §4.2).

        Raises:
            NotOfferedError: The server cannot, so there is nothing to be said to it.
        """
        if not self.offers("STARTTLS"):
            raise NotOfferedError("STARTTLS")
        hostname = self._smtp.local_hostname
        try:
            self._smtp.starttls(context=context)
        except smtplib.SMTPServerDisconnected:
            raise
        except smtplib.SMTPResponseException as error:
            raise RefusalError(_reply(error.smtp_code, error.smtp_error), Stage.SET_UP) from error
        self.hello(hostname)

    def login(self, username: str, password: str) -> None:
        """Authenticate with PLAIN (RFC 4616) or LOGIN, once: repeated failures lock accounts.

        Raises:
            NotOfferedError: The server takes neither.
        """
        encoded = [_base64(f"\0{username}\0{password}"), _base64(username), _base64(password)]
        self._confidential = Confidential(credentials=[username, password, *encoded])
        offered = self._smtp.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            self._expect(f"AUTH PLAIN {encoded[0]}", stage=Stage.LOGIN)
        elif "LOGIN" in offered:
            self._expect("AUTH LOGIN", _CHALLENGE, Stage.LOGIN)
            self._expect(encoded[1], _CHALLENGE, Stage.LOGIN)
            self._expect(encoded[2], stage=Stage.LOGIN)
        else:
            raise NotOfferedError("AUTH")

    def offers(self, extension: str) -> bool:
        """Say whether the server announced an extension."""
        return bool(self._smtp.has_extn(extension))

    def address(self, mail: Mail, reports: ReportRequest = _NO_REPORTS) -> dict[str, Reply]:
        """Name sender and recipients (MAIL, RCPT), with PIPELINING all at once and DATA too.

        Args:
            mail: The mail that `write` sends next.
            reports: What the server is asked to report, where it offers DSN.

        Returns:
            The refusals, by the address as in the envelope.

        Raises:
            NotOfferedError: An address needs SMTPUTF8.
            UnsendableError: The mail is larger than the server takes.
        """
        self._confidential = evolve(self._confidential, texts=mail.texts, content=mail.content)
        asked = reports if self.offers("DSN") else _NO_REPORTS
        options = f"{self._options(mail)}{asked.of_mail(mail.envelope_id)}"
        commands = [f"MAIL FROM:<{mail.sender}>{options}"]
        commands += [
            f"RCPT TO:<{address}>{asked.of_recipient(recipient)}"
            for recipient, address in mail.recipients.items()
        ]
        self._go_ahead = None
        is_pipelined = self.offers("PIPELINING")
        replies = self._converse([*commands, "DATA"] if is_pipelined else commands)
        answer = next(replies)
        if not answer.is_ok:
            raise RefusalError(answer, Stage.SENDER)
        refused = {}
        for recipient, reply in zip(mail.recipients, replies, strict=False):
            if reply.code == CLOSING:
                raise RefusalError(reply, Stage.MESSAGE)
            if not reply.is_ok:
                refused[recipient] = reply
        self._go_ahead = next(replies, None)
        return refused

    def write(self, content: bytes) -> None:
        """Send the whole message but for the line end and the dot that make it one (DATA)."""
        reply = self._go_ahead or next(self._converse(["DATA"]))
        if reply.code != _GO_ON:
            raise RefusalError(reply, Stage.MESSAGE)
        # RFC 5321 §4.5.2: a dot that begins a line is doubled.
        stuffed = memoryview(content.removesuffix(b"\r\n").replace(b"\r\n.", b"\r\n.."))
        for start in range(0, len(stuffed), _BLOCK):
            self._smtp.send(stuffed[start : start + _BLOCK])

    def finish(self, timeout: float) -> Reply:
        """Send the dot, and return what the server says to the message.

        Args:
            timeout: Seconds to wait for it.
        """
        _socket(self._smtp).settimeout(timeout)
        self._smtp.send(b"\r\n.\r\n")
        reply = self._reply(*self._smtp.getreply())
        _socket(self._smtp).settimeout(self._timeout)
        return reply

    def reset(self) -> None:
        """Forget sender and recipients, so that the session can serve another message.

        Raises:
            RefusalError: The server does not, or waits for a message that has no recipient.
        """
        if self._go_ahead is not None and self._go_ahead.code == _GO_ON:
            raise RefusalError(self._go_ahead, Stage.MESSAGE)
        self._expect("RSET")

    def close(self) -> None:
        """Take leave, and close the connection."""
        with suppress(OSError):
            _socket(self._smtp).settimeout(_FAREWELL)
            self._smtp.docmd("QUIT")
        self.abort()

    def abort(self) -> None:
        """Close the connection: a message whose dot was not sent is discarded by the server."""
        with suppress(OSError):
            self._smtp.close()

    def _options(self, mail: Mail) -> str:
        """Return the parameters of MAIL, each only where it is offered and needed."""
        size = self._size(len(mail.content)) if self.offers("SIZE") else ""
        if not mail.utf8:
            return size
        if not self.offers("SMTPUTF8"):
            raise NotOfferedError("SMTPUTF8")
        # All parts are ASCII, so BODY says it of the header alone; RFC 6531 §3.1 asks for both.
        body = " BODY=8BITMIME" if self.offers("8BITMIME") else ""
        return f"{size}{body} SMTPUTF8"

    def _size(self, size: int) -> str:
        """Announce a size (RFC 1870 §5); a limit of 0 or none is no limit (§4)."""
        offered = self._smtp.esmtp_features["size"].strip()
        limit = int(offered) if _SIZE.fullmatch(offered) else 0
        if 0 < limit < size:
            raise unsendable(f"the mail is larger than the server's {limit} bytes")
        return f" SIZE={size}"

    def _converse(self, commands: Iterable[str]) -> Iterator[Reply]:
        """Yield the reply to each command; send no further command when the caller stops."""
        remaining = iter(commands)
        at_once = _IN_FLIGHT if self.offers("PIPELINING") else 1
        while batch := list(islice(remaining, at_once)):
            self._smtp.send("".join(f"{command}\r\n" for command in batch).encode())
            for _ in batch:
                yield self._reply(*self._smtp.getreply())

    def _reply(self, code: int, text: bytes) -> Reply:
        return _reply(code, text, self._confidential)

    def _expect(self, command: str, code: int = 0, stage: Stage = Stage.SET_UP) -> None:
        reply = next(self._converse([command]))
        if reply.code != code and (code or not reply.is_ok):
            raise RefusalError(reply, stage)


def _reply(code: int, text: bytes | str, confidential: Confidential = _NOTHING) -> Reply:
    text = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return Reply(code, text, confidential)


def _socket(smtp: smtplib.SMTP) -> socket.socket:
    if smtp.sock is None:
        raise smtplib.SMTPServerDisconnected("the connection is closed")
    return smtp.sock


def _address_literal(connection: socket.socket) -> str:
    address = connection.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
