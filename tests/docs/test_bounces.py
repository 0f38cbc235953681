"""The readers of docs/how-to/bounces.md lose no mail, whatever the engine answers."""

import imaplib
import mailbox
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.mail.return_path import message_token, return_path
from messaging_adapters.receipts.mail_reports import MailReports
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.ports.http import HttpRequest, HttpResponse
from peers.imap import ImapServer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bounces.md"
SECRET = "a secret of the return path"
OWN = return_path("bounces@shop.example", message_token(UUID(int=7), SECRET))
GOOD = f"To: {OWN}\r\nAuto-Submitted: auto-replied\r\n\r\nAway\r\n".encode()
UNREADABLE = f"To: {OWN}\r\n\r\nHello\r\n".encode()
FORGED = b"To: bounces@shop.example\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def readers() -> dict[str, Any]:
    """Return the functions of the guide."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        if "def read_" in block:
            exec(block.partition("\ninbox = ")[0], names)  # noqa: S102 - our own page
    return names


def a_messenger() -> Messenger:
    return Messenger(
        storage=MemoryStorage(), channels={}, receipt_parsers=[MailReports(secret=SECRET)]
    )


class Failing:
    """A messenger whose storage fails."""

    def receive_webhook(self, name: str, request: HttpRequest) -> HttpResponse:
        del name, request
        return HttpResponse(status=503)


def test_a_maildir_keeps_what_a_person_has_to_see(readers: dict[str, Any], tmp_path: Path) -> None:
    inbox = mailbox.Maildir(tmp_path / "mail")
    for mail in (GOOD, UNREADABLE, FORGED):
        inbox.add(mail)

    understood = readers["read_maildir"](a_messenger(), tmp_path / "mail")

    aside = inbox.get_folder("Aside")
    assert (understood, len(inbox)) == (1, 0)
    assert len(aside) == 2
    waiting = (tmp_path / "mail" / ".Aside" / "new").iterdir()
    assert {path.read_bytes() for path in waiting} == {UNREADABLE, FORGED}


def test_a_maildir_waits_for_the_storage(readers: dict[str, Any], tmp_path: Path) -> None:
    inbox = mailbox.Maildir(tmp_path / "mail")
    inbox.add(GOOD)

    assert readers["read_maildir"](Failing(), tmp_path / "mail") == 0

    assert len(inbox) == 1
    assert readers["read_maildir"](a_messenger(), tmp_path / "mail") == 1


def test_an_imap_mailbox_is_read_the_same_way(readers: dict[str, Any]) -> None:
    server = ImapServer(GOOD, UNREADABLE, FORGED)
    try:
        with imaplib.IMAP4("127.0.0.1", server.port, timeout=10) as connection:
            connection.login("bounces", "secret")
            waiting = readers["read_imap"](Failing(), connection)
            untouched = len(server.mails)
            understood = readers["read_imap"](a_messenger(), connection)
    finally:
        server.close()

    assert (waiting, untouched) == (0, 3)
    assert (understood, server.mails) == (1, {})
    assert server.copied == [(12, "Aside"), (13, "Aside")]
