"""Mail that came in is read as it was written, and whatever its bytes are."""

import base64
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.mail.compose import compose
from messaging_adapters.mail.received import UnreadableMailError, read_mail
from messaging_core.models import Address, Attachment, EmailContent
from messaging_core.testing.contracts.transport.envelopes import an_envelope

LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"])
LINES = st.text(LETTERS, min_size=1, max_size=60).map(lambda text: " ".join(text.split()) or "x")
FILES = st.builds(
    Attachment,
    filename=st.text("abcéß €", min_size=1, max_size=20).map(lambda name: f"x{name.strip()}.png"),
    content=st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()),
    content_type=st.just("image/png"),
)
CHARSETS = ["us-ascii", "latin-1", "utf-16", "no-charset", "zlib", "unicode_escape", "idna", "a b"]


@given(LINES, LINES, st.none() | LINES, LINES, st.lists(FILES, max_size=2))
def test_what_we_write_is_what_we_read(
    subject: str, text: str, html: str | None, name: str, files: list[Attachment]
) -> None:
    content = EmailContent(subject=subject, text=text, html=html, attachments=tuple(files))
    envelope = an_envelope("email", content)
    sender = Address(value="shop@sender.example", name=name)

    mail = compose(evolve(envelope, sender=sender), content, media=None, limit=1_000_000)
    read = read_mail(mail.content)

    assert (read.sender, read.sender_name) == ("shop@sender.example", name)
    assert read.receivers == (envelope.to,)
    assert read.message_id == f"{envelope.message_id}@sender.example"
    assert read.body.metadata is not None
    assert read.body.metadata.subject == subject
    assert (read.body.text or "").strip() == text.strip()
    assert (read.body.html or "").strip() == (html or "").strip()
    assert [(f.filename, f.content) for f in read.body.attachments] == [
        (f.filename, f.content) for f in files
    ]


def test_pictures_within_the_html_and_a_mail_within_the_mail_are_files() -> None:
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Hi")
    mail = EmailMessage()
    mail["From"] = "a@x.example"
    mail.set_content("Hello")
    mail.add_alternative('<img src="cid:logo">', subtype="html")
    html = mail.get_payload()[1]  # type: ignore[index]
    html.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<logo>")  # type: ignore[union-attr]
    mail.add_attachment(inner)

    body = read_mail(mail.as_bytes(policy=SMTP)).body

    picture, letter = body.attachments
    assert (picture.content_id, picture.inline) == ("logo", True)
    assert letter.content_type == "message/rfc822"
    assert b"Inner" in base64.b64decode(letter.content or "")
    assert (body.text or "").strip() == "Hello"


@pytest.mark.parametrize("charset", CHARSETS)
@given(data=st.binary(max_size=60))
def test_a_text_of_any_charset_is_text_that_utf_8_can_hold(charset: str, data: bytes) -> None:
    lines = [
        "From: a@x.example",
        f"Subject: =?{charset}?b?{base64.b64encode(data).decode()}?=",
        f'Content-Type: text/plain; charset="{charset}"',
    ]
    content = "\r\n".join([*lines, "", ""]).encode() + data

    body = read_mail(content).body

    assert body.metadata is not None
    for text in (body.text, body.metadata.subject):
        assert (text or "").encode() is not None


@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail_or_unreadable(content: bytes) -> None:
    try:
        read_mail(b"From: a@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n" + content)
    except UnreadableMailError:
        return
