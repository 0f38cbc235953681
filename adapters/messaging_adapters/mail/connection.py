"""SMTP connections on which a whole reply is bounded in time and size."""

import re
import smtplib
import socket
from time import monotonic
from typing import Any, Final

MAX_REPLY: Final = 64 * 1024
"""The most bytes of a reply; ours: the longest real ones, to EHLO, have some hundred."""

_MAX_LINE: Final = 8192
_BLOCK: Final = 4096
_CODE: Final = re.compile(rb"[2-5][0-9]{2}")  # RFC 5321 §4.2.1; int() would read "1_2" and "-99"
_NO_CODE: Final = -1


class ReplyTooLongError(smtplib.SMTPServerDisconnected):
    """Report a reply that goes on and on; the connection is closed."""


class Connection(smtplib.SMTP):
    """Read each reply within the timeout of the socket, however many pieces it comes in.

    `smtplib` would start the timeout again with every piece, and read lines without end.
    """

    _received = b""  # what came behind the last reply

    def getreply(self) -> tuple[int, bytes]:
        """Return the code and the lines of the next reply; code -1 where it has none.

        Raises:
            SMTPServerDisconnected: It did not come in time, is too long, or there is none.
        """
        try:
            return self._reply()
        except smtplib.SMTPServerDisconnected:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected("the connection was lost") from error

    def starttls(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        """Encrypt, and refuse replies that came before: they were slipped in (CVE-2011-0411)."""
        reply = super().starttls(*args, **options)
        if self._received:
            self.close()
            raise smtplib.SMTPServerDisconnected("the reply to STARTTLS was not the last one")
        return reply

    def _reply(self) -> tuple[int, bytes]:
        patience = self._open_socket().gettimeout()
        deadline = monotonic() + (patience or 0)
        texts, room = [], MAX_REPLY
        while True:
            line = self._line(deadline, min(room, _MAX_LINE))
            room -= len(line)
            texts.append(line[4:].strip())
            code = int(line[:3]) if _CODE.match(line) else _NO_CODE
            if code == _NO_CODE or line[3:4] != b"-":
                self._open_socket().settimeout(patience)
                return code, b"\n".join(texts)

    def _line(self, deadline: float, room: int) -> bytes:
        while (end := self._received.find(b"\n") + 1) == 0 and len(self._received) <= room:
            self._received = self._received + self._block(deadline)
        if end == 0 or end > room:
            raise ReplyTooLongError("the reply does not end")
        line, self._received = self._received[:end], self._received[end:]
        return line

    def _block(self, deadline: float) -> bytes:
        connection = self._open_socket()
        connection.settimeout(max(deadline - monotonic(), 0.001))
        block = connection.recv(_BLOCK)
        if not block or monotonic() > deadline:
            raise smtplib.SMTPServerDisconnected("the reply did not come in time")
        return block

    def _open_socket(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        return self.sock


class TlsConnection(Connection, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""
