"""Postfix takes our mail, delivers, relays, delays and bounces it, and its reports come back."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.receipts.mail_reports import MailReports
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Channel, Message, Messenger, SendMessage, Status, Worker, html, to
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.messages.message import Message as StoredMessage
from peers.postfix import DOMAIN, Postfix, postfix

SECRET = "a secret of the return path"
NEWS = Channel(name="news", platform="email", sender="news@shop.example", sender_name="The Shop")
PAGE = Path(__file__).resolve().parents[4] / "docs" / "how-to" / "bounces.md"
LATER = "451 4.3.0 try again later"


@pytest.fixture(scope="module")
def read_maildir() -> Callable[..., int]:
    """Return the function of the how-to guide."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "def read_maildir" in block]
    names: dict[str, Any] = {}
    exec(block.partition("\ninbox = ")[0], names)  # noqa: S102 - our own page
    function: Callable[..., int] = names["read_maildir"]
    return function


class Host:
    """A messenger that sends through a Postfix, and reads what comes back."""

    def __init__(self, server: Postfix, read: Callable[..., int], transport: SmtpTransport) -> None:
        self._server, self._read = server, read
        self.messenger = Messenger(
            storage=MemoryStorage(),
            channels={NEWS: transport},
            receipt_parsers=[MailReports(secret=SECRET)],
        )
        self._worker = Worker(self.messenger)

    def send(self, *addresses: str) -> Message:
        body = html("<p>Hi</p>", plain="Hi", subject="Tulips in spring")
        receiver = to(addresses[0], cc=list(addresses[1:]))
        message = self.messenger.send(NEWS, SendMessage(receiver=receiver, body=body))
        self._worker.drain()
        return message

    def until(self, message: Message, is_there: Callable[[StoredMessage], bool]) -> StoredMessage:
        """Read the mailbox until the message is as it should be."""
        deadline = monotonic() + 60
        while not is_there(shown := self.messenger.get(message.id)):
            assert monotonic() < deadline, f"the message stays {shown.status}"
            if (self._server.maildir("bounces") / "new").exists():
                self._read(self.messenger, self._server.maildir("bounces"))
            self._worker.drain()
            sleep(0.05)
        return shown

    def words(self, message: Message) -> list[str | None]:
        """Return the providers' words in the timeline."""
        return [event.outcome for event in self.messenger.timeline(message.id)]


@pytest.fixture
def host(read_maildir: Any, scripted: Any, closing: ExitStack) -> Host:
    remote = scripted({"EHLO": "250 remote.example"})
    refusing = scripted({"RCPT": "550 5.7.1 no tulips here"})
    slow = scripted({"RCPT": [LATER, LATER, LATER, LATER, "550 5.2.1 closed"]})
    relays = {
        "remote.example": remote.port,
        "refusing.example": refusing.port,
        "slow.example": slow.port,
    }
    server = closing.enter_context(postfix("ada", "bounces", relays=relays))
    transport = SmtpTransport(
        *("127.0.0.1", server.port),
        security="none",
        return_path=f"bounces@{DOMAIN}",
        return_path_secret=SECRET,
        notify=["success", "failure", "delay"],
    )
    return Host(server, read_maildir, closing.enter_context(transport))


def test_reports_of_postfix_become_receipts(host: Host) -> None:
    delivered = host.send(f"ada@{DOMAIN}")
    unknown = host.send(f"niemand@{DOMAIN}")
    relayed = host.send("bob@remote.example")
    refused = host.send("bob@refusing.example")
    slow = host.send("bob@slow.example")
    mixed = host.send(f"ada@{DOMAIN}", f"niemand@{DOMAIN}")

    assert host.until(delivered, lambda own: own.status is Status.DELIVERED)
    bounced = host.until(unknown, lambda own: own.status is Status.DELIVERY_FAILED)
    assert bounced.failure is not None
    assert bounced.failure.code == FailureCode.UNKNOWN_RECEIVER
    host.until(relayed, lambda _: "relayed" in host.words(relayed))
    assert host.messenger.get(relayed.id).status is Status.SENT
    blocked = host.until(refused, lambda own: own.status is Status.DELIVERY_FAILED)
    assert blocked.failure is not None
    assert blocked.failure.code == FailureCode.REFUSED
    assert blocked.failure.description.startswith("5.7.1 ")
    assert "ulips" not in blocked.failure.description
    closed = host.until(slow, lambda own: own.status is Status.DELIVERY_FAILED)
    assert closed.failure is not None
    assert closed.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert "delayed" in host.words(slow)
    host.until(mixed, lambda _: {"failed", "delivered"} <= set(host.words(mixed)))
    assert host.messenger.get(mixed.id).status is Status.DELIVERED
    addresses = {entry.identifier_value for entry in host.messenger.suppressions.find().results}
    assert addresses == {f"niemand@{DOMAIN}", "bob@slow.example"}


def test_a_receiver_beyond_ascii_is_named_as_in_the_message(host: Host) -> None:
    message = host.send(f"dörte@{DOMAIN}", f"ada@{DOMAIN}")

    host.until(message, lambda _: {"failed", "delivered"} <= set(host.words(message)))

    addresses = {entry.identifier_value for entry in host.messenger.suppressions.find().results}
    assert addresses == {f"dörte@{DOMAIN}"}
