"""A mailbox over IMAP: what the how-to guide asks of a server, and no more (RFC 3501)."""

import re
import socketserver
import threading
from contextlib import suppress
from typing import Final

_UID: Final = re.compile(r'UID (FETCH|COPY|STORE) (\d+) "?(.*?)"?', re.IGNORECASE)


class ImapServer(socketserver.ThreadingTCPServer):
    """Hold the mails of one mailbox.

    Attributes:
        mails: By UID.
        copied: UID and mailbox of each copy.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, *mails: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.port: int = self.server_address[1]
        self.mails = dict(enumerate(mails, start=11))
        self.copied: list[tuple[int, str]] = []
        self.deleted: set[int] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(10)


class _Conversation(socketserver.StreamRequestHandler):
    server: ImapServer

    def handle(self) -> None:
        with suppress(OSError):
            self._write("* OK IMAP4rev1 ready")
            while line := self.rfile.readline().decode().strip():
                tag, _, command = line.partition(" ")
                self._answer(command)
                self._write(f"{tag} OK done")

    def _answer(self, command: str) -> None:
        server, verb = self.server, command.split(" ", maxsplit=1)[0].upper()
        if verb == "CAPABILITY":
            self._write("* CAPABILITY IMAP4rev1")
        elif verb == "SELECT":
            self._write(f"* {len(server.mails)} EXISTS")
        elif command.upper().startswith("UID SEARCH"):
            left = sorted(set(server.mails) - server.deleted)
            self._write(" ".join(["* SEARCH", *map(str, left)]))
        elif verb == "EXPUNGE":
            for uid in server.deleted:
                del server.mails[uid]
        elif match := _UID.fullmatch(command):
            self._touch(match[1].upper(), int(match[2]), match[3])

    def _touch(self, verb: str, uid: int, rest: str) -> None:
        if verb == "FETCH":
            mail = self.server.mails[uid]
            self.wfile.write(b"* 1 FETCH (UID %d BODY[] {%d}\r\n%b)\r\n" % (uid, len(mail), mail))
        elif verb == "COPY":
            self.server.copied.append((uid, rest))
        elif "\\Deleted" in rest:
            self.server.deleted.add(uid)

    def _write(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())
