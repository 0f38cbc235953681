"""A mail through a sandbox, as a mail server gets it."""

from typing import Any

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Channel, Messenger, SendMessage, Status, Worker, text
from messaging_core.models import Receiver, ReceiverContact
from messaging_core.models.people.contact import ReceiverType
from messaging_core.testing import ManualClock

MAIL = Channel(name="mail", platform="email", sender="help@shop.example")
QA, ALL = "qa@shop.example", "all@shop.example"


def sent(server: Any, *receivers: tuple[str, ReceiverType]) -> Any:
    """Send one mail through a sandbox, and return it as the server took it."""
    contacts = [ReceiverContact(identifier_value=value, type=kind) for value, kind in receivers]
    request = SendMessage(
        receiver=Receiver(contacts=tuple(contacts)), body=text("Hi", subject="Hello")
    )
    transport = SmtpTransport("127.0.0.1", server.port, security="none")
    sandbox = Sandbox(transport, allow=["@shop.example"], redirect_to=ALL)
    storage = MemoryStorage()
    with Messenger(storage=storage, channels={MAIL: sandbox}, clock=ManualClock()) as messenger:
        message = messenger.send("mail", request)
        Worker(messenger, threads=1).drain()
        assert messenger.get(message.id).status is Status.SENT
    (envelope,) = server.envelopes
    return envelope


def test_a_mail_to_three_of_whom_one_is_allowed(server: Any) -> None:
    envelope = sent(
        server,
        (QA, ReceiverType.TO),
        ("jo@customer.example", ReceiverType.CC),
        ("boss@customer.example", ReceiverType.BCC),
    )

    assert sorted(envelope.rcpt_tos) == [ALL, QA]
    (mail,) = server.mails
    assert {address.addr_spec for address in mail["To"].addresses} == {QA, ALL}
    assert mail["Cc"] is None
    assert mail["Subject"] == "(for jo@customer.example and 1 more) Hello"
    assert mail["X-Redirected-For"] == "jo@customer.example and 1 more"
    assert b"boss" not in envelope.original_content


def test_a_redirected_mail_names_international_addresses(server: Any) -> None:
    envelope = sent(server, ("jö@bücher.example", ReceiverType.TO))

    assert envelope.rcpt_tos == [ALL]
    (mail,) = server.mails
    assert "jö@bücher.example" in mail["Subject"]
    assert "jö@bücher.example" in mail["X-Redirected-For"]


def test_a_mail_to_many_with_long_addresses_is_one_that_a_server_takes(server: Any) -> None:
    many = [(f"{number}{'x' * 60}@{'y' * 60}.example", ReceiverType.TO) for number in range(12)]

    envelope = sent(server, *many)

    assert envelope.rcpt_tos == [ALL]
    assert max(map(len, envelope.original_content.split(b"\r\n"))) <= 998
