"""No text can inject a header: the family of CVE-2024-6923, end to end."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.mail import headers
from messaging_adapters.mail.compose import compose
from messaging_adapters.mail.failures import UnsendableError
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.outcome import Accepted, Rejected
from messaging_core.models.messages.envelope import Address, EmailContent, Envelope, Recipient
from messaging_core.testing.contracts.transport import Leave, an_envelope

USUAL = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"]
CONTENT = ["Content-Type", "Content-Transfer-Encoding"]

LITERAL = [
    "=?utf-8?q?hi=0ABcc:_v=40x?=",
    "=?utf-8?q?hi=0D=0ABcc:_v=40x?=",
    "=?utf-8?b?aGkKQmNjOiB2QHg=?=",
    "a =?utf-8?q?=0A?= b",
    "=?x",
    "Bcc: x@y.example",
]
BROKEN = [
    "hi\r\nBcc: v@x.example",
    "hi\nBcc: v@x.example",
    "hi\rBcc: v@x.example",
    "hi\r\n\r\nbody",
    "hi\x85Bcc: v@x.example",
    "hi\u2028Bcc: v@x.example",
    "hi\u2029Bcc: v@x.example",
    "hi\x0bBcc: v",
    "hi\x00",
    "hi\ttab",
    "hi\ud800",
]


@pytest.fixture
def transport(server: Any) -> Iterator[SmtpTransport]:
    with SmtpTransport("127.0.0.1", server.port, security="none") as transport:
        yield transport


def a_mail(name: str | None = None, **content: Any) -> Envelope:
    envelope = an_envelope("email", EmailContent(text="Hello", **content))
    return attrs.evolve(
        envelope,
        sender=Address(value="shop@sender.example", name=name),
        receivers=(Recipient(value="a@b.example", name=name),),
    )


def written(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, EmailContent)
    return compose(envelope, envelope.content, media=None, limit=10_000_000).content


def composed(envelope: Envelope) -> EmailMessage:
    return message_from_bytes(written(envelope), policy=policy.SMTP)


@pytest.mark.parametrize("subject", LITERAL)
def test_what_looks_encoded_arrives_as_it_looks(
    server: Any, transport: SmtpTransport, read_mailbox: Any, subject: str
) -> None:
    mail = a_mail(subject=subject, name=subject, headers={"X-Own": subject})

    assert isinstance(transport.send(mail, Leave()), Accepted)

    (arrived,) = server.mails
    assert arrived.keys() == [*USUAL, "X-Own", *CONTENT]
    assert arrived["Subject"] == arrived["X-Own"] == subject
    assert read_mailbox(server.envelopes[0].original_content, "To")[0] == subject
    assert read_mailbox(server.envelopes[0].original_content, "From")[0] == subject


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("place", ["subject", "name", "value", "header"])
def test_what_could_break_a_line_is_refused_before_connecting(
    server: Any, transport: SmtpTransport, place: str, text: str
) -> None:
    mail = {
        "subject": lambda: a_mail(subject=text),
        "name": lambda: a_mail(name=text),
        "value": lambda: a_mail(headers={"X-Own": text}),
        "header": lambda: a_mail(headers={text: "value"}),
    }[place]()

    outcome = transport.send(mail, Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.INVALID_CONTENT
    assert "Bcc: v" not in outcome.failure.description
    assert server.connections == 0


@pytest.mark.parametrize(
    "name",
    [
        *["Bcc", "bcc", "TO", "From", "Subject", "Message-Id", "Content-Type", "Resent-Bcc"],
        *["Date", "Return-Path", "", "X Own", "X:Own", "Ä", "X-" + "a" * 80],
    ],
)
def test_headers_that_are_not_the_callers_are_refused(name: str) -> None:
    with pytest.raises(UnsendableError):
        composed(a_mail(headers={name: "v@x.example"}))


def test_a_header_given_twice_is_refused() -> None:
    with pytest.raises(UnsendableError, match="twice"):
        composed(a_mail(headers={"X-Own": "1", "x-own": "2"}))


@pytest.mark.parametrize(
    ("name", "value", "arrives"),
    [
        ("List-Unsubscribe", "<https://s.example/u?t=1>, <mailto:u@s.example>", None),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click", None),
        ("Reply-To", "Help <help@s.example>, b@s.example", None),
        ("Reply-To", "Jörg <help@s.example>", None),
        ("Reply-To", '"Jörg, der Große" <help@s.example>', None),
        ("Reply-To", "help@straße.example", "help@xn--strae-oqa.example"),
        (
            "Reply-To",
            "Müller <a@s.example>, =?x?= <b@s.example>,",
            "Müller <a@s.example>, =?x?= <b@s.example>",
        ),
        ("Reply-To", "Team Süd: a@s.example;, b@s.example", None),
        ("Reply-To", "b@s.example (Bob)", "Bob <b@s.example>"),
        ("List-Help", "<https://s.example/hélp> (Hilfe)", "<https://s.example/h%C3%A9lp> (Hilfe)"),
        ("List-Unsubscribe", "<https://s.example/?a=?b?=>", "<https://s.example/?a=%3Fb?=>"),
        ("List-Post", "NO (geschlossen)", None),
        ("List-Id", "Zürich <news.s.example>", None),
        ("In-Reply-To", " <a@s.example>  b@s.example ", "<a@s.example> <b@s.example>"),
        ("References", " ".join(f"<{n:040}@s.example>" for n in range(60)), None),
        ("X-Token", "t" * 800, None),
        ("X-Token", "t" * 5000, None),
        ("X-Empty", "", None),
    ],
)
def test_the_callers_headers_arrive_as_they_are(name: str, value: str, arrives: str | None) -> None:
    mail = composed(a_mail(headers={name: value}))

    assert mail.keys() == [*USUAL, name, *CONTENT]
    assert mail[name] == (arrives or value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("List-Unsubscribe", "https://s.example/u"),
        ("List-Unsubscribe", "<https://s.example/" + "a" * 1000 + ">"),
        ("Reply-To", "Jörg"),
        ("Reply-To", "Jörg <a@b>, Ömer <c@d>"),
        ("Reply-To", "Jörg <a@b.example\r\nBcc: x>"),
        ("In-Reply-To", "<ä@s.example>"),
        ("References", "<=?utf-8?q?=0A?=@s.example>"),
    ],
)
def test_a_header_that_programs_read_is_refused_where_they_could_not(name: str, value: str) -> None:
    with pytest.raises(UnsendableError):
        composed(a_mail(headers={name: value}))


@pytest.mark.parametrize(
    "field",
    [
        "X-Own: a\r\nBcc: v\r\n",
        "X-Own: a\nBcc: v\r\n",
        "X-Own: a\rBcc: v\r\n",
        "X-Own: a\r\n\r\nbody\r\n",
        "X-Own: a\r\n \r\n b\r\n",
        "X-Own: a",
        "X-Own: " + "a" * 1000 + "\r\n",
        "From: b\r\n",
    ],
)
def test_a_field_that_got_past_the_other_checks_is_found_in_the_finished_bytes(field: str) -> None:
    with pytest.raises(headers.HeaderError):
        headers.verify(["From: a\r\n", field])


anything = st.text() | st.text(alphabet='=?utf-8qb_0AD \r\n:Bc"\\<>,(ä日\u2028', max_size=200)


@given(anything)
def test_any_subject_arrives_exactly_or_is_refused(text: str) -> None:
    mail = read_back(a_mail(subject=text))

    assert mail is None or mail["Subject"] == text


@given(text=anything.filter(bool))
def test_any_display_name_arrives_exactly_or_is_refused(read_mailbox: Any, text: str) -> None:
    envelope = a_mail(name=text)

    if read_back(envelope) is not None:
        content = written(envelope)
        assert read_mailbox(content, "From") == (text, "shop@sender.example")
        assert read_mailbox(content, "To") == (text, "a@b.example")


@given(anything)
def test_any_header_value_arrives_exactly_or_is_refused(text: str) -> None:
    mail = read_back(a_mail(headers={"X-Own": text}), "X-Own")

    assert mail is None or mail["X-Own"] == text


@given(st.text(min_size=1) | st.from_regex(r"[!-9;-~]{1,80}", fullmatch=True))
def test_any_header_name_is_one_or_is_refused(name: str) -> None:
    mail = read_back(a_mail(headers={name: "value"}), name)

    assert mail is None or mail[name] == "value"


def read_back(envelope: Envelope, *extra: str) -> EmailMessage | None:
    """Return a mail that has the usual headers, the extra ones and no other; nothing if refused."""
    try:
        mail = composed(envelope)
    except UnsendableError:
        return None
    assert mail.keys() == [*USUAL, *extra, *CONTENT]
    assert mail.get_content() == "Hello\r\n"
    return mail
