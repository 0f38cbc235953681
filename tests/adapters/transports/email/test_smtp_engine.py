"""A mail goes through the whole engine: accepted, composed, sent, and read by two readers."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Channel, Messenger, SendMessage, Status, Worker, text, to
from messaging_core.errors import InvalidMessageError
from messaging_core.models import HtmlBody, HtmlMetadata
from messaging_core.models.common.failure import FailureCode
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock

MAIL = Channel(name="mail", platform="email", sender="help@shop.example")
HELLO = text("Hello", subject="Hello")


def a_messenger(transport: Any, clock: ManualClock) -> Messenger:
    return Messenger(storage=MemoryStorage(), channels={MAIL: transport}, clock=clock)


def test_a_mail_waits_for_a_set_up_that_is_repaired(scripted: Any) -> None:
    answers = ["535 5.7.8 wrong password", "235 2.7.0 welcome"]
    server = scripted({"EHLO": "250-x\n250 AUTH PLAIN", "AUTH": answers})
    clock = ManualClock(NOW)
    login: dict[str, Any] = {"username": "shop", "password": "secret"}

    with SmtpTransport("127.0.0.1", server.port, security="none", **login) as transport:
        messenger = a_messenger(transport, clock)
        message = messenger.send("mail", SendMessage(receiver=to("ada@x.example"), body=HELLO))
        Worker(messenger).drain()
        waiting = messenger.get(message.id)
        clock.advance(timedelta(hours=5))
        Worker(messenger).drain()

    assert waiting.status is Status.PROCESSING
    assert waiting.failure is not None
    assert waiting.failure.code == FailureCode.INVALID_CHANNEL_CONFIGURATION
    assert messenger.get(message.id).status is Status.SENT


def test_a_mail_that_was_rescheduled_has_the_new_date(server: Any) -> None:
    clock = ManualClock(NOW)
    first, second = NOW + timedelta(days=2), NOW + timedelta(days=9)

    with SmtpTransport("127.0.0.1", server.port, security="none") as transport:
        messenger = a_messenger(transport, clock)
        request = SendMessage(receiver=to("ada@x.example"), body=HELLO, scheduled_for=first)
        message = messenger.send("mail", request)
        messenger.reschedule(message.id, second)
        clock.set(second)
        Worker(messenger).drain()

    assert server.mails[0]["Date"].datetime == second


@pytest.mark.parametrize("switch", ["click_tracking", "open_tracking", "initial_open_tracking"])
def test_tracking_needs_a_domain_because_no_mail_server_tracks(switch: str) -> None:
    messenger = a_messenger(SmtpTransport("mail.example"), ManualClock(NOW))
    body = HtmlBody(html="<p>Hi</p>", metadata=HtmlMetadata(**{switch: True}))

    with pytest.raises(InvalidMessageError, match="short_link_domain") as caught:
        messenger.send("mail", SendMessage(receiver=to("ada@x.example"), body=body))

    (violation,) = caught.value.violations
    name = switch.title().replace("_", "")
    path = f"/body/html/metadata/{name[0].lower()}{name[1:]}"
    assert (violation.path, violation.code) == (path, "tracking.no_domain")


FRENCH = Channel(name="fr", platform="email", sender="aide@élan.example")
ELSEWHERE = Channel(name="else", platform="email", sender="a@else.example", workspace=UUID(int=7))


def from_connector(value: str) -> dict[str, Any]:
    return {"sender": {"connector": {"identifierValue": value}}}


def from_body(value: str) -> dict[str, Any]:
    metadata = {"subject": "s", "emailFrom": {"username": value}}
    return {"body": {"type": "html", "html": {"html": "x", "metadata": metadata}}}


def from_meta(value: str) -> dict[str, Any]:
    return {"meta": {"email": {"from": {"username": value}}}}


@pytest.mark.parametrize("place", [from_connector, from_body, from_meta])
@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("billing", "billing@shop.example"),
        ("billing@shop.example", "billing@shop.example"),
        ("Billing@SHOP.example", "Billing@shop.example"),
        ("facture@élan.example", "facture@xn--lan-9la.example"),
        ("a@else.example", None),
        ("a@evil.example", None),
        ("a b@shop.example", None),
    ],
)
def test_a_complete_address_of_the_workspace_may_be_the_sender(
    server: Any, place: Any, value: str, arrives: str | None
) -> None:
    receiver = {"receiver": {"contacts": [{"identifierValue": "ada@x.example"}]}}
    body = {"body": {"type": "text", "text": {"text": "x"}}}
    request = receiver | body | place(value)
    refused: list[str] = []

    with SmtpTransport("127.0.0.1", server.port, security="none") as transport:
        messenger = Messenger(
            storage=MemoryStorage(),
            channels={MAIL: transport, FRENCH: transport, ELSEWHERE: transport},
            clock=ManualClock(NOW),
        )
        try:
            messenger.send("mail", request)
        except InvalidMessageError as error:
            refused += [violation.code for violation in error.violations]
        Worker(messenger).drain()

    if arrives is None:
        assert (refused, server.mails) == (["sender.bad_user_name"], [])
    else:
        assert server.mails[0]["From"].addresses[0].addr_spec == arrives
        assert server.envelopes[0].mail_from == arrives
