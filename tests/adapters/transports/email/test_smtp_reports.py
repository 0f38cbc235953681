"""What servers are asked to report, and the address that reports come to (RFC 3461, VERP)."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.config import load_config
from messaging_adapters.mail.report_request import Notify, Returned, report_request
from messaging_adapters.mail.reports import _address
from messaging_adapters.mail.return_path import ReturnPath, proven_message
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.errors import ArgumentError, ConfigurationError
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.messages.envelope import EmailContent, Envelope, Recipient
from messaging_core.testing.contracts.transport import Leave, an_envelope

SECRET = "a secret of the return path"
DSN = "250-peer.example\n250-DSN\n250-SMTPUTF8\n250 8BITMIME"
VERP: dict[str, Any] = {"return_path": "bounces@shop.example", "return_path_secret": SECRET}


@pytest.fixture
def talk(scripted: Any, closing: ExitStack) -> Callable[..., list[str]]:
    """Return what sends a mail, and returns the commands that carried its addresses."""

    def sent(mail: Envelope, features: str = DSN, **options: Any) -> list[str]:
        server = scripted({"EHLO": features})
        given: dict[str, Any] = {"security": "none"}
        transport = SmtpTransport("127.0.0.1", server.port, **given | options)
        outcome = closing.enter_context(transport).send(mail, Leave())
        assert isinstance(outcome, Accepted)
        return [line for line in server.talk if line.startswith(("MAIL", "RCPT"))]

    return sent


def a_mail(*addresses: str) -> Envelope:
    envelope = an_envelope("email", EmailContent(text="Hello"))
    return attrs.evolve(envelope, receivers=tuple(Recipient(value=to) for to in addresses))


def test_failures_and_delays_are_reported_with_the_headers(talk: Any) -> None:
    mail = a_mail("ada@mail.example", "a+b=c@mail.example")

    sender, *receivers = talk(mail)

    assert sender.endswith(f"> RET=HDRS ENVID={mail.message_id.hex}")
    assert receivers == [
        "RCPT TO:<ada@mail.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;ada@mail.example",
        "RCPT TO:<a+b=c@mail.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@mail.example",
    ]


def test_a_receiver_beyond_ascii_is_named_as_in_the_message(talk: Any) -> None:
    _, receiver = talk(a_mail("dörte@sör.example"))

    assert receiver.endswith(r" ORCPT=utf-8;d\x{F6}rte@s\x{F6}r.example")


def test_nothing_is_asked_of_a_server_that_does_not_offer_it(talk: Any) -> None:
    sender, receiver = talk(a_mail("ada@mail.example"), features="250 x", notify=["success"])

    assert (sender[-1], receiver) == (">", "RCPT TO:<ada@mail.example>")


@pytest.mark.parametrize(
    ("notify", "expected"),
    [
        (["success", "failure"], " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;ada@mail.example"),
        ("never", " NOTIFY=NEVER ORCPT=rfc822;ada@mail.example"),
        ((Notify.DELAY, Notify.DELAY), " NOTIFY=DELAY ORCPT=rfc822;ada@mail.example"),
        ((), ""),
    ],
)
def test_the_host_says_what_is_reported(talk: Any, notify: Any, expected: str) -> None:
    sender, receiver = talk(a_mail("ada@mail.example"), notify=notify, returned="full")

    assert receiver == f"RCPT TO:<ada@mail.example>{expected}"
    assert ("RET=FULL" in sender) is bool(expected)


def test_the_return_path_names_and_proves_the_message(talk: Any) -> None:
    mail = a_mail("ada@mail.example")

    sender, _ = talk(mail, **VERP)

    match = re.fullmatch(r"MAIL FROM:<(\S+)> RET=HDRS ENVID=(\S+)", sender)
    assert match is not None
    assert match[1] == f"bounces+{match[2]}@shop.example"
    for text in match.groups():
        assert proven_message([text], [SECRET]) == mail.message_id


def test_the_return_path_is_the_same_at_every_try(talk: Any) -> None:
    mail = a_mail("ada@mail.example")

    assert talk(mail, **VERP) == talk(mail, **VERP)


def test_the_sender_of_the_mail_stays(server: Any, closing: ExitStack) -> None:
    transport = SmtpTransport("127.0.0.1", server.port, security="none", **VERP)
    mail = a_mail("ada@mail.example")

    closing.enter_context(transport).send(mail, Leave())

    assert server.envelopes[0].mail_from.startswith("bounces+")
    assert mail.sender is not None
    assert mail.sender.value in server.mails[0]["From"]


@given(st.emails())
def test_a_report_names_the_receiver_as_the_message_does(address: str) -> None:
    parameters = report_request(["failure"], Returned.HEADERS).of_recipient(address)

    assert _address(parameters.partition("ORCPT=")[2]) == address


@given(st.text(min_size=1, max_size=80))
def test_no_address_can_add_a_parameter(text: str) -> None:
    parameters = report_request(["failure"], Returned.HEADERS).of_recipient(f"{text}@x.example")

    assert re.fullmatch(r" NOTIFY=FAILURE( ORCPT=[!-~]+)?", parameters)


@pytest.mark.parametrize(
    "options",
    [
        {"return_path": "bounces@shop.example"},
        {"return_path_secret": SECRET},
        {"return_path": "bounces@shop.example", "return_path_secret": " "},
        {"return_path": "bounces", "return_path_secret": SECRET},
        {"return_path": "a@b\r\nRCPT TO:<x@y>", "return_path_secret": SECRET},
        {"return_path": "bücher@shop.example", "return_path_secret": SECRET},
        {"return_path": f"{'b' * 15}@shop.example", "return_path_secret": SECRET},
        {"notify": ["never", "failure"]},
    ],
)
def test_a_set_up_that_brings_no_report_back_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        SmtpTransport("mail.example", **options)

    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("options", [{"notify": "often"}, {"returned": "half"}, {"notify": 7}])
def test_an_unknown_word_is_refused_with_those_there_are(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"failure|headers"):
        SmtpTransport("mail.example", **options)


def test_the_local_part_is_never_too_long() -> None:
    path = ReturnPath(address=f"{'b' * 14}@shop.example", secret=SECRET)

    assert len(path.of(UUID(int=2**128 - 1)).partition("@")[0]) == 64


def test_it_is_set_up_in_a_configuration_file() -> None:
    dsn = (
        "smtp+tls://mail.example?return_path=bounces@shop.example"
        "&return_path_secret=${SECRET}&notify=success,failure&returned=full"
    )
    channel = {"platform": "email", "sender": "a@shop.example", "transport": dsn}
    config = load_config({"channels": {"news": channel}})

    transport = config.make_transports({"SECRET": SECRET})["news"]

    assert isinstance(transport, SmtpTransport)
    assert transport.return_path == "bounces@shop.example"
    assert tuple(transport.notify) == (Notify.SUCCESS, Notify.FAILURE)
    assert SECRET not in repr(transport)
