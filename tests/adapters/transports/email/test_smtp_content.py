"""What a real server gets is what the message says: read back with Python's own parser."""

import base64
import quopri
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.mail.parts import text_part
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.errors import MediaError
from messaging_core.models.common.channel import Channel, MessageType
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import Attachment
from messaging_core.models.delivery.outcome import Accepted, Deferred, Rejected
from messaging_core.models.messages.envelope import Address, EmailContent, Envelope, Recipient
from messaging_core.models.people.contact import ReceiverType
from messaging_core.ports.media import Media
from messaging_core.testing.contracts.transport import Leave, an_envelope

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20


@pytest.fixture
def transport(server: Any) -> Iterator[SmtpTransport]:
    with SmtpTransport("127.0.0.1", server.port, security="none") as transport:
        yield transport


def a_mail(*receivers: Recipient, sender: Address | None = None, **content: Any) -> Envelope:
    content = {"text": "Hello"} | content
    envelope = an_envelope("email", EmailContent(**content))
    return attrs.evolve(
        envelope,
        receivers=receivers or envelope.receivers,
        sender=sender or envelope.sender,
    )


def test_a_mail_carries_who_when_and_what(server: Any, transport: SmtpTransport) -> None:
    envelope = a_mail(subject="Your order", headers={"X-Order": "1 2 3"})

    outcome = transport.send(envelope, Leave())

    (mail,) = server.mails
    reference = f"{envelope.message_id}@sender.example"
    assert outcome == Accepted(references=(reference,), raw="2.0.0 Ok: queued as 4TZx1")
    assert mail["Subject"] == "Your order"
    assert mail["From"] == "A Shop <kerfuffle-shop@sender.example>"
    assert mail["To"] == "kerfuffle@receiver.example"
    assert mail["Message-ID"] == f"<{reference}>"
    assert mail["Date"].datetime == envelope.created_at.replace(microsecond=0)
    assert mail["MIME-Version"] == "1.0"
    assert mail["X-Order"] == "1 2 3"
    assert mail.get_content() == "Hello\r\n"


def test_a_scheduled_mail_has_the_date_it_was_scheduled_for(
    server: Any, transport: SmtpTransport
) -> None:
    envelope = a_mail(subject="Your order")
    at = envelope.created_at + timedelta(days=20)

    transport.send(attrs.evolve(envelope, scheduled_for=at), Leave())

    assert server.mails[0]["Date"].datetime == at.replace(microsecond=0)


def test_every_try_sends_the_same_bytes(server: Any, transport: SmtpTransport) -> None:
    envelope = a_mail(text="a", html="<b>ä</b>", subject="ü")

    transport.send(envelope, Leave())
    transport.send(attrs.evolve(envelope, attempt=2), Leave())

    first, second = server.envelopes
    assert first.original_content == second.original_content


def test_text_stands_before_its_html(server: Any, transport: SmtpTransport) -> None:
    transport.send(a_mail(text="Grüße", html="<p>Grüße</p>"), Leave())

    (mail,) = server.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content() for part in mail.iter_parts()] == ["Grüße", "<p>Grüße</p>"]


@pytest.mark.parametrize(
    "text",
    [
        ".\n..\n.dot\n",
        "a" * 5000,
        "ä" * 5000,
        "one\rtwo\r\nthree\n\rfour",
        "x\0y",
        "blank at the end \t\n \n",
        "--=_alt\n=_mix",
        "From here\n\n.\n",
        "",
        "=41 is not A",
        "日本語" * 400,
    ],
)
def test_any_text_arrives(server: Any, transport: SmtpTransport, text: str) -> None:
    outcome = transport.send(a_mail(text=text, html="<p>"), Leave())

    (mail,) = server.mails
    assert isinstance(outcome, Accepted)
    arrived = next(mail.iter_parts()).get_payload(decode=True).decode()
    assert arrived == text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    lines = server.envelopes[0].original_content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\r" in line or b"\n" in line for line in lines)


def test_pictures_are_related_to_the_html_and_files_mixed_with_it(
    server: Any, transport: SmtpTransport
) -> None:
    content = base64.b64encode(PNG).decode()
    picture = Attachment(
        filename="logo.png",
        content=content,
        content_type="image/png",
        inline=True,
        content_id="logo@shop",
    )
    document = Attachment(filename="a.pdf", content=content, content_type="application/pdf")

    transport.send(
        a_mail(html='<img src="cid:logo@shop">', attachments=(document, picture)), Leave()
    )

    (mail,) = server.mails
    kinds = [part.get_content_type() for part in mail.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    image, file = list(mail.walk())[-2:]
    assert image["Content-ID"] == "<logo@shop>"
    assert image.get_content_disposition() == "inline"
    assert file.get_content_disposition() == "attachment"
    assert image.get_content() == file.get_content() == PNG


@pytest.mark.parametrize(
    ("filename", "arrives"),
    [
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("日本語の長い名前" * 20 + ".txt", "日本語の長い名前" * 20 + ".txt"),
        ('quo"te\\d.txt', "d.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\autoexec.bat", "autoexec.bat"),
        ("semi;colon=%41.txt", "semi;colon=%41.txt"),
        ("=?utf-8?q?x?=", "=?utf-8?q?x?="),
        ("", "attachment"),
    ],
)
def test_file_names_arrive_without_their_folders(
    server: Any, transport: SmtpTransport, filename: str, arrives: str
) -> None:
    attachment = Attachment(filename=filename, content="aGk=", content_type="text/plain")

    transport.send(a_mail(attachments=(attachment,)), Leave())

    (mail,) = server.mails
    assert [part.get_filename() for part in mail.iter_attachments()] == [arrives]


INVITATION = Attachment(
    filename="invite.ics",
    content=base64.b64encode(b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n").decode(),
    content_type="text/calendar; method=REQUEST; charset=utf-8",
)


def test_an_invitation_is_an_alternative_of_the_text(server: Any, transport: SmtpTransport) -> None:
    document = Attachment(filename="a.txt", content="aGk=", content_type="text/plain")

    mail = a_mail(text="Tuesday", html="<p>Tuesday</p>", attachments=(document, INVITATION))
    transport.send(mail, Leave())

    alternatives, file = server.mails[0].iter_parts()
    kinds = [part.get_content_type() for part in alternatives.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    *_, calendar = alternatives.iter_parts()
    assert calendar.get_param("method") == "REQUEST"
    assert calendar.get_content_disposition() == "inline"
    assert calendar.get_content().startswith("BEGIN:VCALENDAR")
    assert file.get_filename() == "a.txt"


def test_an_invitation_is_beside_a_text_without_html(server: Any, transport: SmtpTransport) -> None:
    transport.send(a_mail(text="Tuesday", attachments=(INVITATION,)), Leave())

    assert server.mails[0].get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    "kind", ["text/calendar", "text/calendar; charset=utf-8", "text/plain; method=x"]
)
def test_a_calendar_without_a_method_is_a_file(
    server: Any, transport: SmtpTransport, kind: str
) -> None:
    transport.send(a_mail(attachments=(attrs.evolve(INVITATION, content_type=kind),)), Leave())

    (file,) = server.mails[0].iter_attachments()
    assert file.get_content_disposition() == "attachment"


def test_an_attached_message_is_carried_as_a_file(server: Any, transport: SmtpTransport) -> None:
    attachment = Attachment(filename="a.eml", content="aGk=", content_type="message/rfc822")

    transport.send(a_mail(attachments=(attachment,)), Leave())

    (part,) = server.mails[0].iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_content() == b"hi"


@pytest.mark.parametrize(
    "name",
    ["Müller, der Große", 'O"Neil, "J"', "Smith (Sales) <x@y>", "a\\b", "日本" * 40, " spaced  "],
)
def test_display_names_arrive_as_they_are(
    server: Any, transport: SmtpTransport, read_mailbox: Any, name: str
) -> None:
    sender = Address(value="shop@sender.example", name=name)

    transport.send(a_mail(Recipient(value="a@b.example", name=name), sender=sender), Leave())

    (envelope,) = server.envelopes
    assert read_mailbox(envelope.original_content, "From") == (name, "shop@sender.example")
    assert read_mailbox(envelope.original_content, "To") == (name, "a@b.example")


def test_blind_copies_are_sent_and_not_shown(server: Any, transport: SmtpTransport) -> None:
    receivers = (
        Recipient(value="to@b.example"),
        Recipient(value="cc@b.example", type=ReceiverType.CC),
        Recipient(value="hidden@b.example", type=ReceiverType.BCC),
    )

    transport.send(a_mail(*receivers), Leave())

    (envelope,), (mail,) = server.envelopes, server.mails
    assert envelope.rcpt_tos == ["to@b.example", "cc@b.example", "hidden@b.example"]
    assert (mail["To"], mail["Cc"], mail["Bcc"]) == ("to@b.example", "cc@b.example", None)
    assert b"hidden" not in envelope.original_content


def test_a_mail_to_blind_copies_only_names_none(server: Any, transport: SmtpTransport) -> None:
    transport.send(a_mail(Recipient(value="x@b.example", type=ReceiverType.BCC)), Leave())

    (mail,) = server.mails
    assert mail["To"] == "undisclosed-recipients:;"


def test_a_retry_goes_to_the_rest_and_names_all_receivers(
    server: Any, transport: SmtpTransport
) -> None:
    both = (Recipient(value="a@b.example"), Recipient(value="c@d.example"))

    transport.send(attrs.evolve(a_mail(both[1]), copies=both), Leave())

    assert server.envelopes[0].rcpt_tos == ["c@d.example"]
    assert server.mails[0]["To"] == "a@b.example, c@d.example"


def test_a_domain_beyond_ascii_needs_no_extension(server: Any, transport: SmtpTransport) -> None:
    transport.send(a_mail(Recipient(value="jo@straße.example")), Leave())

    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == ["jo@xn--strae-oqa.example"]
    assert envelope.smtp_utf8 is False


def test_a_name_beyond_ascii_uses_smtputf8(server: Any, transport: SmtpTransport) -> None:
    transport.send(a_mail(Recipient(value="jörg@straße.example")), Leave())

    (envelope,), (mail,) = server.envelopes, server.mails
    assert envelope.smtp_utf8 is True
    assert envelope.rcpt_tos == ["jörg@xn--strae-oqa.example"]
    assert mail["To"] == "jörg@xn--strae-oqa.example"


@pytest.mark.parametrize(
    ("message_type", "headers", "expected"),
    [
        (MessageType.TRANSACTIONAL, {}, "auto-generated"),
        (MessageType.CONVERSATIONAL, {}, None),
        (MessageType.PROMOTIONAL, {"auto-submitted": "no"}, "no"),
    ],
)
def test_notifications_say_that_a_program_wrote_them(
    server: Any,
    transport: SmtpTransport,
    message_type: MessageType,
    headers: dict[str, str],
    expected: str | None,
) -> None:
    channel = Channel(name="shop", platform="email", message_type=message_type)

    transport.send(attrs.evolve(a_mail(headers=headers), channel=channel), Leave())

    assert server.mails[0]["Auto-Submitted"] == expected


class Shelf:
    """Media in memory, or an error."""

    def __init__(self, answer: Media | MediaError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, int]] = []

    def read(self, url: str, limit: int) -> Media:
        self.asked.append((url, limit))
        if isinstance(self.answer, MediaError):
            raise self.answer
        return self.answer


BY_URL = (Attachment(filename="a.png", media_url="https://m.example/a.png"),)


@pytest.mark.parametrize(
    "said", ["", "png", "image/png;", "image/=?utf-8?q?=0A?=", "a/b\r\nBcc: x"]
)
def test_a_source_of_media_that_names_no_type_does_not_lose_the_mail(
    server: Any, said: str
) -> None:
    shelf = Shelf(Media(content=PNG, content_type=said))

    with SmtpTransport("127.0.0.1", server.port, security="none", media=shelf) as transport:
        outcome = transport.send(a_mail(attachments=BY_URL), Leave())

    assert isinstance(outcome, Accepted)
    (part,) = server.mails[0].iter_attachments()
    assert (part.get_content_type(), part.get_content()) == ("application/octet-stream", PNG)


def test_attachments_by_url_come_from_the_source_of_media(server: Any) -> None:
    shelf = Shelf(Media(content=PNG, content_type="image/png"))

    with SmtpTransport(
        "127.0.0.1", server.port, security="none", media=shelf, max_size=9_000
    ) as transport:
        transport.send(a_mail(attachments=BY_URL), Leave())

    (part,) = server.mails[0].iter_attachments()
    assert (part.get_content_type(), part.get_content()) == ("image/png", PNG)
    assert shelf.asked == [("https://m.example/a.png", 9_000)]


@pytest.mark.parametrize(
    ("media", "kind", "retry"),
    [
        (None, Deferred, Retry.CONFIGURATION),
        (Shelf(MediaError("gone", permanent=True)), Rejected, Retry.PERMANENT),
        (Shelf(MediaError("busy", permanent=False)), Deferred, Retry.TRANSIENT),
    ],
)
def test_attachments_that_are_not_to_be_had_stop_the_mail(
    server: Any, media: Shelf | None, kind: type[Deferred | Rejected], retry: Retry
) -> None:
    leave = Leave()
    with SmtpTransport("127.0.0.1", server.port, security="none", media=media) as transport:
        outcome = transport.send(a_mail(attachments=BY_URL), leave)

    assert isinstance(outcome, kind)
    assert outcome.failure.retry is retry
    assert "m.example" not in outcome.failure.description
    assert (leave.calls, server.connections) == (0, 0)


@pytest.mark.parametrize(
    "content",
    [
        {"attachments": (Attachment(filename="a", content="no base64!"),)},
        {"attachments": (Attachment(filename="a", content="ä"),)},
        {"attachments": (Attachment(filename="a"),)},
        {"attachments": (Attachment(filename="a", content="", content_type="text"),)},
        {"attachments": (Attachment(filename="a", content="", content_type="a/b\r\nBcc: x"),)},
        {"attachments": (Attachment(filename="a\r\nBcc: x@y", content=""),)},
        {"attachments": (Attachment(filename="a", content="", content_id="a>\r\nBcc: x"),)},
        {"text": "half a pair: \ud83d"},
        {"text": None},
        {"text": "x" * 3_000_000},
    ],
)
def test_content_that_cannot_be_carried_is_refused_before_connecting(
    server: Any, content: dict[str, Any]
) -> None:
    leave = Leave()
    with SmtpTransport("127.0.0.1", server.port, security="none", max_size=3_000_000) as transport:
        outcome = transport.send(a_mail(**content), leave)

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.INVALID_CONTENT
    assert outcome.failure.retry is Retry.PERMANENT
    assert (leave.calls, server.connections) == (0, 0)


@pytest.mark.parametrize("sender", [None, Address(value="A SHOP")])
def test_a_mail_without_a_sender_is_the_channels_fault(
    transport: SmtpTransport, sender: Address | None
) -> None:
    outcome = transport.send(attrs.evolve(a_mail(), sender=sender), Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.CONFIGURATION


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nRCPT TO:<evil@x.example>",
        '"a\r\nb"@x.example',
        "a b@x.example",
        "a@x.example> SIZE=1",
        "<a@x.example>",
        "a@@x.example",
        "a.@x.example",
        "a@-x.example",
        "a@[127.0.0.1]",
        "a\u2028b@x.example",
        "a@x..example",
        "a@xn--\u00e4.example",
        "x" * 250 + "@x.example",
        "a@" + "x." * 130 + "example",
        "unknown",
        "",
        "\ud800@x.example",
    ],
)
def test_addresses_that_could_smuggle_anything_are_refused(
    server: Any, transport: SmtpTransport, address: str
) -> None:
    outcome = transport.send(a_mail(Recipient(value=address)), Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.INVALID_RECEIVER
    assert server.connections == 0


_LONG_LINES = st.text(alphabet="é=b. \t\n\r", min_size=60, max_size=400)


@given(_LONG_LINES | st.tuples(st.integers(60, 80), _LONG_LINES).map(lambda p: "b" * p[0] + p[1]))
def test_no_line_of_quoted_printable_has_more_than_76_characters(text: str) -> None:
    part = text_part(text, "plain")

    if "quoted-printable" in part.fields[1]:
        lines = part.body.split(b"\r\n")
        assert max(map(len, lines)) <= 76
        assert not any(line.endswith((b" ", b"\t")) or b"\n" in line for line in lines)
        meant = "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        assert quopri.decodestring(part.body).decode() == meant


@pytest.mark.parametrize("length", range(60, 80))
@pytest.mark.parametrize("end", [" ", "\t", " \n", "\t\n", "=", "é", ".", "é \n</p>"])
def test_a_full_line_of_quoted_printable_is_broken_before_its_last_character(
    length: int, end: str
) -> None:
    part = text_part("é" + "b" * length + end, "html")

    assert max(map(len, part.body.split(b"\r\n"))) <= 76
