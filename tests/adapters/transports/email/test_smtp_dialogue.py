"""How far an attempt got is known at every step: what is safe to repeat, and what is in doubt."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import attrs
import pytest

from messaging_adapters.mail.replies import MEANINGS, Reply, Stage, outcome_of_reply
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.errors import Withdrawn
from messaging_core.models.common.failure import FailureCode, FailureSource, Retry
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.messages.envelope import EmailContent, Envelope, Recipient, SmsContent
from messaging_core.testing.contracts.transport import Leave, an_envelope

HANG_UP = ""
NOT_SENT = (Deferred, Rejected)


@pytest.fixture
def to(closing: ExitStack) -> Callable[..., SmtpTransport]:
    """Return what connects to a server without TLS, with time-outs fit for tests."""

    def connected(server: Any, **options: Any) -> SmtpTransport:
        patience = timedelta(seconds=0.3)
        given: dict[str, Any] = {"timeout": patience, "data_timeout": patience, "security": "none"}
        return closing.enter_context(SmtpTransport("127.0.0.1", server.port, **given | options))

    return connected


def a_mail(*addresses: str, **content: Any) -> Envelope:
    envelope = an_envelope("email", EmailContent(**{"text": "Hello"} | content))
    receivers = tuple(Recipient(value=address) for address in addresses)
    return attrs.evolve(envelope, receivers=receivers or envelope.receivers)


# The matrix of Postfix's smtp-sink, each failure at each verb.
@pytest.mark.parametrize(
    ("script", "kind", "retry"),
    [
        ({"CONNECT": HANG_UP}, Deferred, Retry.TRANSIENT),
        ({"CONNECT": "421 4.3.2 busy"}, Deferred, Retry.TRANSIENT),
        ({"CONNECT": "554 no mail here"}, Deferred, Retry.CONFIGURATION),
        ({"CONNECT": "sleep 0.6"}, Deferred, Retry.TRANSIENT),
        ({"EHLO": HANG_UP}, Deferred, Retry.TRANSIENT),
        ({"EHLO": "502 what?"}, Deferred, Retry.CONFIGURATION),
        ({"MAIL": HANG_UP}, Deferred, Retry.TRANSIENT),
        ({"MAIL": "421 4.7.0 slow down"}, Deferred, Retry.THROTTLED),
        ({"MAIL": "450 4.3.0 later"}, Deferred, Retry.TRANSIENT),
        ({"MAIL": "553 5.1.7 bad sender"}, Deferred, Retry.CONFIGURATION),
        ({"MAIL": "garbage"}, Deferred, Retry.TRANSIENT),
        ({"RCPT": HANG_UP}, Deferred, Retry.TRANSIENT),
        ({"RCPT": "421 4.3.2 busy"}, Deferred, Retry.TRANSIENT),
        ({"RCPT": "450 4.2.1 later"}, Deferred, Retry.TRANSIENT),
        ({"RCPT": "550 5.1.1 unknown"}, Rejected, Retry.RECIPIENT_GONE),
        ({"DATA": HANG_UP}, Deferred, Retry.TRANSIENT),
        ({"DATA": "451 4.3.0 later"}, Deferred, Retry.TRANSIENT),
        ({"DATA": "554 5.5.1 no"}, Rejected, Retry.PERMANENT),
        ({"DATA": "250 2.0.0 what?"}, Deferred, Retry.TRANSIENT),
    ],
)
def test_what_fails_before_the_dot_was_certainly_not_sent(
    scripted: Any, to: Any, script: Any, kind: type[Deferred | Rejected], retry: Retry
) -> None:
    server, leave = scripted(script), Leave()

    outcome = to(server).send(a_mail(), leave)

    assert isinstance(outcome, kind)
    assert outcome.failure.retry is retry
    assert (leave.calls, server.mails) == (0, [])


def test_the_message_id_is_known_before_the_answer_that_gets_lost(scripted: Any, to: Any) -> None:
    server, leave, mail = scripted({".": HANG_UP}), Leave(), a_mail()

    outcome = to(server).send(mail, leave)

    assert isinstance(outcome, Unknown)
    assert leave.references == (f"{mail.message_id}@{mail.sender.value.partition('@')[2]}",)


@pytest.mark.parametrize(
    ("answer", "kind", "retry"),
    [
        (HANG_UP, Unknown, Retry.AMBIGUOUS),
        ("sleep 0.6", Unknown, Retry.AMBIGUOUS),
        ("garbage", Unknown, Retry.AMBIGUOUS),
        ("354 go on", Unknown, Retry.AMBIGUOUS),
        ("250 " + "x" * 9000, Unknown, Retry.AMBIGUOUS),
        ("421 4.3.2 shutting down", Deferred, Retry.TRANSIENT),
        ("450 4.3.0 later", Deferred, Retry.TRANSIENT),
        ("451 4.7.1 later", Deferred, Retry.TRANSIENT),
        ("500 what?", Rejected, Retry.PERMANENT),
        ("552 5.3.4 too big", Rejected, Retry.PERMANENT),
        ("550 5.7.26 unauthenticated", Deferred, Retry.CONFIGURATION),
    ],
)
def test_only_silence_after_the_dot_is_doubt(
    scripted: Any, to: Any, answer: str, kind: type[Deferred | Rejected | Unknown], retry: Retry
) -> None:
    server, leave = scripted({".": answer}), Leave()

    outcome = to(server).send(a_mail(), leave)

    assert isinstance(outcome, kind)
    assert outcome.failure.retry is retry
    assert leave.calls == 1
    assert len(server.mails) == 1


def test_leave_is_asked_when_only_the_dot_is_missing(scripted: Any, to: Any) -> None:
    server = scripted()
    leave = Leave(look=lambda: len(server.talk))

    to(server).send(a_mail(), leave)

    assert server.talk[leave.seen[0] - 1] == "DATA"


def test_a_withdrawn_mail_dies_with_its_connection(scripted: Any, to: Any) -> None:
    server = scripted()
    transport = to(server)

    with pytest.raises(Withdrawn):
        transport.send(a_mail(text="x\n" * 100_000), Leave(Withdrawn("cancelled")))

    transport.send(a_mail(), Leave())
    assert len(server.mails) == 1
    assert sum(line.startswith("EHLO") for line in server.talk) == 2


def test_recipients_share_the_fate_of_the_dot_unless_they_were_refused(
    scripted: Any, to: Any
) -> None:
    answers = ["250 Ok", "550 5.1.1 <b@x.example> unknown", "452 4.5.3 too many"]
    server = scripted({"RCPT": answers, ".": "250 2.0.0 queued"})

    outcome = to(server).send(a_mail("a@x.example", "b@x.example", "c@x.example"), Leave())

    assert isinstance(outcome, PerRecipient)
    taken, gone, later = outcome.outcomes.values()
    assert list(outcome.outcomes) == ["a@x.example", "b@x.example", "c@x.example"]
    assert isinstance(taken, Accepted)
    assert isinstance(gone, Rejected)
    assert gone.failure.retry is Retry.RECIPIENT_GONE
    assert gone.failure.description == "5.1.1 [address] unknown"
    assert gone.failure.source == FailureSource(code="550 5.1.1", name="smtp")
    assert isinstance(later, Deferred)
    assert "MAIL FROM:<kerfuffle-shop@sender.example>" in server.talk


def test_doubt_is_only_about_those_who_were_not_refused(scripted: Any, to: Any) -> None:
    server = scripted({"RCPT": ["250 Ok", "550 5.1.1 unknown"], ".": HANG_UP})

    outcome = to(server).send(a_mail("a@x.example", "b@x.example"), Leave())

    assert isinstance(outcome, PerRecipient)
    assert [type(single) for single in outcome.outcomes.values()] == [Unknown, Rejected]


def test_all_refused_alike_is_one_outcome(scripted: Any, to: Any) -> None:
    server, leave = scripted({"RCPT": "450 4.2.0 later"}), Leave()

    outcome = to(server).send(a_mail("a@x.example", "b@x.example"), leave)

    assert isinstance(outcome, Deferred)
    assert (leave.calls, server.mails) == (0, [])


@pytest.mark.parametrize(
    ("data", "connections"), [("554 5.5.1 no valid recipients", 1), ("354 Go on", 2)]
)
def test_a_server_that_waits_for_a_mail_without_recipients_is_left(
    scripted: Any, to: Any, data: str, connections: int
) -> None:
    server, leave = (
        scripted({"RCPT": ["550 5.1.1 no", "250 Ok"], "DATA": [data, "354 Go on"]}),
        Leave(),
    )
    transport = to(server)

    kinds = [type(transport.send(a_mail(), leave)) for _ in range(2)]

    assert kinds == [Rejected, Accepted]
    assert (leave.calls, len(server.mails)) == (1, 1)
    assert sum(line.startswith("EHLO") for line in server.talk) == connections


def test_the_message_is_not_offered_before_its_recipients_without_pipelining(
    scripted: Any, to: Any
) -> None:
    server = scripted({"EHLO": "250 x", "RCPT": "550 5.1.1 no"})

    to(server).send(a_mail(), Leave())

    assert "DATA" not in server.talk


def test_all_refused_differently_is_one_outcome_each(scripted: Any, to: Any) -> None:
    server = scripted({"RCPT": ["450 4.2.0 later", "550 5.1.1 unknown"]})

    outcome = to(server).send(a_mail("a@x.example", "b@x.example"), Leave())

    assert isinstance(outcome, PerRecipient)
    assert [type(single) for single in outcome.outcomes.values()] == [Deferred, Rejected]


def test_a_refusal_of_the_message_does_not_condemn_one_of_several_recipients(
    scripted: Any, to: Any
) -> None:
    server = scripted({".": "550 5.1.1 unknown"})

    outcome = to(server).send(a_mail("a@x.example", "b@x.example"), Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry is Retry.PERMANENT


@pytest.mark.parametrize("features", ["250-x\n250 PIPELINING", "250 x"])
def test_many_recipients_are_named_with_or_without_pipelining(
    scripted: Any, to: Any, features: str
) -> None:
    addresses = [f"a{number}@x.example" for number in range(250)]
    server = scripted({"EHLO": features})

    outcome = to(server).send(a_mail(*addresses), Leave())

    assert isinstance(outcome, Accepted)
    assert [line for line in server.talk if line.startswith("RCPT")] == [
        f"RCPT TO:<{address}>" for address in addresses
    ]


def test_connections_are_used_again(server: Any, to: Any) -> None:
    transport = to(server)

    outcomes = [transport.send(a_mail(), Leave()) for _ in range(5)]

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert server.connections == 1


def test_a_connection_is_used_again_after_a_refusal(scripted: Any, to: Any) -> None:
    server = scripted({"RCPT": ["550 5.1.1 no", "250 Ok"], ".": ["550 5.7.1 no", "250 Ok"]})
    transport = to(server)

    kinds = [type(transport.send(a_mail(), Leave())) for _ in range(3)]

    assert kinds == [Rejected, Rejected, Accepted]
    assert [line.split(" ")[0] for line in server.talk if line.startswith(("EHLO", "RSET"))] == [
        "EHLO",
        "RSET",
    ]


@pytest.mark.parametrize("stale", [HANG_UP, "421 4.4.2 idle for too long"])
def test_a_stale_connection_is_replaced_without_a_word(scripted: Any, to: Any, stale: str) -> None:
    server = scripted({"MAIL": ["250 Ok", stale, "250 Ok"]})
    transport = to(server)

    kinds = [type(transport.send(a_mail(), Leave())) for _ in range(2)]

    assert kinds == [Accepted, Accepted]
    assert sum(line.startswith("EHLO") for line in server.talk) == 2


def test_a_new_connection_that_fails_is_not_replaced(scripted: Any, to: Any) -> None:
    server = scripted({"MAIL": ["250 Ok", HANG_UP]})
    transport = to(server)

    kinds = [type(transport.send(a_mail(), Leave())) for _ in range(2)]

    assert kinds == [Accepted, Deferred]
    assert sum(line.startswith("EHLO") for line in server.talk) == 2


def test_a_refused_sender_is_no_sign_of_a_stale_connection(scripted: Any, to: Any) -> None:
    server = scripted({"MAIL": ["250 Ok", "450 4.3.0 later", "250 Ok"]})
    transport = to(server)

    kinds = [type(transport.send(a_mail(), Leave())) for _ in range(3)]

    assert kinds == [Accepted, Deferred, Accepted]


@pytest.mark.parametrize("answer", [HANG_UP, "500 what?"])
def test_a_connection_that_cannot_be_reset_is_given_up(scripted: Any, to: Any, answer: str) -> None:
    server = scripted({"RCPT": ["550 5.1.1 no", "250 Ok"], "RSET": answer})
    transport = to(server)

    kinds = [type(transport.send(a_mail(), Leave())) for _ in range(2)]

    assert kinds == [Rejected, Accepted]
    assert sum(line.startswith("EHLO") for line in server.talk) == 2


def test_a_connection_that_waited_too_long_is_not_tried(server: Any, to: Any) -> None:
    transport = to(server, idle_for=timedelta(0))

    for _ in range(3):
        transport.send(a_mail(), Leave())

    assert server.connections == 3


def test_no_more_connections_wait_than_allowed(server: Any, to: Any) -> None:
    transport = to(server, max_idle=1)
    meeting = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: transport.send(a_mail(), lambda **_: meeting.wait()), range(4)))

    transport.send(a_mail(), Leave())

    assert server.connections == 4
    assert len(transport._idle._waiting) == 1


def test_close_takes_leave_and_keeps_nothing(scripted: Any, to: Any) -> None:
    server = scripted()
    transport = to(server)
    transport.send(a_mail(), Leave())

    transport.close()
    outcome = transport.send(a_mail(), Leave())

    assert isinstance(outcome, Accepted)
    assert server.talk.count("QUIT") == 2


@pytest.mark.parametrize(
    ("features", "parameters"),
    [
        ("250 x", ""),
        ("250-x\n250-SIZE\n250 SMTPUTF8", " SIZE="),
        ("250-x\n250 SIZE 0", " SIZE="),
        ("250-x\n250-SIZE 5000\n250 8BITMIME", " SIZE="),
    ],
)
def test_only_what_is_offered_and_needed_is_asked_for(
    scripted: Any, to: Any, features: str, parameters: str
) -> None:
    server = scripted({"EHLO": features})

    to(server).send(a_mail(text="ä"), Leave())

    (command,) = [line for line in server.talk if line.startswith("MAIL")]
    size = len(server.mails[0]) if parameters else ""
    assert command == f"MAIL FROM:<kerfuffle-shop@sender.example>{parameters}{size}"


def test_a_mail_beyond_the_servers_size_is_refused_before_it_is_sent(
    scripted: Any, to: Any
) -> None:
    server, leave = scripted({"EHLO": "250-x\n250 SIZE 5000"}), Leave()

    outcome = to(server).send(a_mail(text="x\n" * 5000), leave)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.retry is Retry.PERMANENT
    assert not any(line.startswith("MAIL") for line in server.talk)


@pytest.mark.parametrize(
    ("features", "parameters"),
    [
        ("250-x\n250 SMTPUTF8", " SMTPUTF8"),
        ("250-x\n250-8BITMIME\n250 SMTPUTF8", " BODY=8BITMIME SMTPUTF8"),
    ],
)
def test_an_address_beyond_ascii_asks_for_what_carries_it(
    scripted: Any, to: Any, features: str, parameters: str
) -> None:
    server = scripted({"EHLO": features})

    outcome = to(server).send(a_mail("jörg@x.example"), Leave())

    assert isinstance(outcome, Accepted)
    (command,) = [line for line in server.talk if line.startswith("MAIL")]
    assert command.endswith(f">{parameters}")


def test_an_address_that_the_server_cannot_carry_is_refused(scripted: Any, to: Any) -> None:
    outcome = to(scripted()).send(a_mail("jörg@x.example"), Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.UNSUPPORTED_DESTINATION
    assert outcome.failure.retry is Retry.PERMANENT


def test_dots_that_begin_a_line_are_doubled_on_the_way(scripted: Any, to: Any) -> None:
    server = scripted()

    to(server).send(a_mail(text=".\n.a\n..\n"), Leave())

    assert server.mails[0].endswith(b"\r\n\r\n..\r\n..a\r\n...\r\n")


def test_sms_does_not_go_by_mail(server: Any, to: Any) -> None:
    text = SmsText(text="hi", encoding=SmsEncoding.GSM_7, parts=("hi",), units=2)

    outcome = to(server).send(an_envelope("sms", SmsContent(sms=text)), Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.UNSUPPORTED_TYPE
    assert server.connections == 0


def test_a_server_without_a_name_is_a_wrong_set_up() -> None:
    with SmtpTransport("no-such-host.invalid", 25, security="none") as transport:
        outcome = transport.send(a_mail(), Leave())

    assert isinstance(outcome, NOT_SENT)
    assert outcome.failure.source == FailureSource(code="gaierror", name="smtp")


@pytest.mark.parametrize(
    ("reply", "retry", "wait"),
    [
        ("421 4.3.2 System not accepting", Retry.TRANSIENT, None),
        ("421 4.7.0 Try again later", Retry.THROTTLED, None),
        ("421 4.7.28 Unusual rate", Retry.THROTTLED, None),
        ("450 4.2.0 Greylisted, see example", Retry.TRANSIENT, 5),
        ("450 4.2.1 Mailbox busy", Retry.TRANSIENT, None),
        ("451 4.7.1 Try again later", Retry.TRANSIENT, 5),
        ("451 Temporarily greylisted", Retry.TRANSIENT, 5),
        ("421 Too many connections from you", Retry.THROTTLED, None),
        ("451 sending at a rate that is too high", Retry.THROTTLED, None),
        ("452 4.2.2 Over quota", Retry.TRANSIENT, None),
        ("452 4.5.3 Too many recipients", Retry.TRANSIENT, None),
        ("454 4.7.0 Temporary authentication failure", Retry.TRANSIENT, None),
        ("550 5.1.1 Unknown", Retry.RECIPIENT_GONE, None),
        ("550 5.1.10 Null MX", Retry.RECIPIENT_GONE, None),
        ("550 5.1.6 Moved", Retry.RECIPIENT_GONE, None),
        ("550 5.2.1 Disabled", Retry.RECIPIENT_GONE, None),
        ("550 No such user, or not for you", Retry.PERMANENT, None),
        ("550 5.1.2 Bad domain", Retry.PERMANENT, None),
        ("553 5.1.3 Bad syntax", Retry.PERMANENT, None),
        ("552 5.2.2 Full", Retry.PERMANENT, None),
        ("552 5.3.4 Too big", Retry.PERMANENT, None),
        ("523 Too big", Retry.PERMANENT, None),
        ("550 5.7.1 Policy", Retry.PERMANENT, None),
        ("554 5.7.1 Spam", Retry.PERMANENT, None),
        ("550 5.7.26 DMARC", Retry.CONFIGURATION, None),
        ("550 5.7.515 DMARC", Retry.CONFIGURATION, None),
        ("530 5.7.0 Log in first", Retry.CONFIGURATION, None),
        ("535 5.7.8 Wrong password", Retry.CONFIGURATION, None),
        ("534 5.7.9 Too weak", Retry.CONFIGURATION, None),
        ("538 Encryption required", Retry.CONFIGURATION, None),
        ("599 5.9.9 Whatever", Retry.PERMANENT, None),
        ("300 What", Retry.TRANSIENT, None),
    ],
)
def test_replies_say_what_to_do(reply: str, retry: Retry, wait: int | None) -> None:
    code, _, text = reply.partition(" ")

    outcome = outcome_of_reply(Reply(int(code), text), Stage.RECIPIENT, name="smtp")

    assert isinstance(outcome, NOT_SENT)
    assert outcome.failure.retry is retry
    waits = timedelta(minutes=wait) if wait else None
    assert getattr(outcome, "retry_after", None) == waits


def test_every_meaning_is_one_of_a_refusal() -> None:
    assert all(key[0] in "45" for key in MEANINGS)
    assert Retry.AMBIGUOUS not in {meaning.retry for meaning in MEANINGS.values()}


def test_a_description_is_one_short_line_without_addresses() -> None:
    text = "5.1.1 <jo@x.example>:\nSee\x1b[31m https://x.example/?u=jo%40x.example " + "é" * 900

    outcome = outcome_of_reply(Reply(550, text), Stage.RECIPIENT, name="smtp")

    assert isinstance(outcome, Rejected)
    shown = outcome.failure.description
    assert shown.startswith("5.1.1 [address] See [31m [address] éé")
    assert len(shown) == 200


def test_a_transport_can_be_used_by_an_engine_that_stops(server: Any, to: Any) -> None:
    with to(server) as transport:
        transport.send(a_mail(), Leave())

    assert transport._idle._waiting == []
