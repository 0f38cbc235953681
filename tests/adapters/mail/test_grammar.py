"""What `send` accepts is a mail: it can be composed, and two readers read what was meant."""

import re
from base64 import b64decode, b64encode
from email import message_from_bytes, message_from_string, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses
from typing import Any

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging_adapters.mail.compose import Mail, compose
from messaging_adapters.mail.failures import UnsendableError
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger, SendMessage, Status, Worker, to
from messaging_core.models import (
    Attachment,
    HtmlBody,
    HtmlMetadata,
    Sender,
    SenderAnnotations,
    SenderConnector,
)
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.ports.transport import Capabilities, Handoff, Transport
from messaging_core.rules.addressing.addresses import check_email_address, normalize_email
from messaging_core.rules.addressing.sender import check_display_name
from messaging_core.rules.content.attachments import check_attachments, content_id_of
from messaging_core.rules.content.headers import check_headers
from messaging_core.rules.content.mail_fields import field_tokens, is_structured
from messaging_core.rules.content.media import media_type_of
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock

MAIL = Channel(name="mail", platform="email", sender="help@shop.example")
TEXT = 'aé日🎉 "\\<>(),:;@=?.-_%\u00a0\u200b'


@define
class Composer(Transport):
    """Compose each mail as SMTP would, and keep it."""

    mails: list[Mail] = field(factory=list)
    name: str = "composer"
    capabilities: Capabilities = field(factory=Capabilities)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        assert isinstance(envelope.content, EmailContent)
        try:
            mail = compose(envelope, envelope.content, media=None, limit=25_000_000)
        except UnsendableError as error:
            return error.outcome
        handoff()
        self.mails.append(mail)
        return Accepted()


text = st.text(TEXT, max_size=30) | st.text(max_size=20)
local = st.text("abé.+-_日0", min_size=1, max_size=70)
domain = st.sampled_from(["x.example", "Straße.example", "日本.example", "a.b-c.example"])
address = st.builds("{}@{}".format, local, domain).filter(
    lambda address: check_email_address(address, "") is None
)
comment = st.sampled_from(["", " (Ü)", " (a (b))", "(" + "é" * 60 + ")"])
mailbox = address | st.builds("{} <{}>".format, text, address)
url = st.builds(
    "<{}{}>{}".format, st.sampled_from(["https://x.example/", "mailto:"]), text, comment
)
blanks = st.sampled_from(["", " ", "  "])
value = st.one_of(
    text,
    st.lists(mailbox, min_size=1, max_size=4).map(", ".join),
    st.builds("{}: {};".format, text, mailbox),
    st.lists(url, min_size=1, max_size=3).map(",".join),
    st.lists(st.builds("<{}>".format, address), min_size=1).map(" ".join),
    st.builds("{} <{}>".format, text, st.sampled_from(["news.x.example", "a"])),
    st.sampled_from(["NO (geschlossen)", "bulk", "auto-generated", "List-Unsubscribe=One-Click"]),
)
name = st.sampled_from(
    [
        *["Reply-To", "Errors-To", "Mail-Followup-To", "Disposition-Notification-To"],
        *["List-Help", "List-Unsubscribe", "List-Post", "List-Owner", "List-Archive", "List-Id"],
        *["In-Reply-To", "References", "List-Unsubscribe-Post", "Auto-Submitted", "Precedence"],
        *["X-Own", "List-Own", "X-" + "a" * 74, "Comments", "Keywords", "Organization"],
    ]
)
headers = st.dictionaries(name, st.builds("{}{}{}".format, blanks, value, blanks), max_size=4).map(
    lambda headers: {
        name: value for name, value in headers.items() if not check_headers({name: value}, "")
    }
)
parameter = st.builds(" ;{}={}".format, st.sampled_from(["a", " b"]), st.sampled_from(["c", '" "']))
content_type = st.one_of(
    st.sampled_from(["image/png", "message/rfc822", "multipart/mixed; boundary=x", " text/plain "]),
    st.builds("{}{}".format, st.sampled_from(["a/b", "text/x.y-z+q"]), parameter),
)
attachment = st.builds(
    Attachment,
    filename=text,
    content=st.binary(min_size=1, max_size=99).map(lambda data: b64encode(data).decode()),
    content_type=content_type,
    inline=st.booleans(),
    content_id=st.none() | text | st.text("!#$abc~.@%", min_size=1, max_size=255),
)
attachments = st.lists(attachment, max_size=3).filter(
    lambda files: not check_attachments(files, "email", "", inline_content=True)
)
display_name = text.filter(lambda name: not check_display_name(name, ""))


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
@given(
    address=address,
    copies=st.lists(address, max_size=2, unique_by=str.casefold),
    subject=display_name,
    own_name=display_name,
    headers=headers,
    attachments=attachments,
    words=st.text(TEXT + "\n", min_size=1).filter(str.strip),
)
def test_what_is_accepted_is_composed_and_read_as_it_was_meant(  # noqa: PLR0913, PLR0917 - all of a mail
    address: str,
    copies: list[str],
    subject: str,
    own_name: str,
    headers: dict[str, str],
    attachments: list[Attachment],
    words: str,
) -> None:
    copies = [copy for copy in copies if copy.casefold() != address.casefold()]
    metadata = HtmlMetadata(subject=subject, headers=headers)
    annotations = SenderAnnotations(name=own_name or None)
    request = SendMessage(
        receiver=to(address, cc=copies),
        sender=Sender(connector=SenderConnector(identifier_value="me", annotations=annotations)),
        body=HtmlBody(html=words, metadata=metadata, attachments=tuple(attachments)),
    )
    composer = Composer()
    messenger = Messenger(
        storage=MemoryStorage(), channels={MAIL: composer}, clock=ManualClock(NOW)
    )

    message = messenger.send("mail", request)
    Worker(messenger, threads=1).drain()

    assert messenger.get(message.id).status is Status.SENT
    (mail,) = composer.mails
    assert_lines(mail.content)
    expected = [normalize_email(address) for address in (address, *copies)]
    assert list(mail.recipients.values()) == expected
    new = message_from_bytes(mail.content, policy=policy.default)
    old = message_from_string(mail.content.decode(), policy=policy.compat32)
    assert (new["Subject"], decoded(old, "Subject")) == (subject, subject)
    assert addresses(old, "To") + addresses(old, "Cc") == expected
    for name, value in headers.items():
        assert_header(new, old, name, value)
    assert_files(new, old, attachments)


def assert_lines(content: bytes) -> None:
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)


def decoded(mail: Message, name: str) -> str:
    return str(make_header(decode_header(mail[name].replace("\r\n", ""))))


def addresses(mail: Message, name: str) -> list[str]:
    fields = [field.replace("\r\n", "") for field in mail.get_all(name, [])]
    return [address for _, address in getaddresses(fields)]


def assert_header(new: EmailMessage, old: Message, name: str, value: str) -> None:
    assert [key.lower() for key in new].count(name.lower()) == 1
    if not is_structured(name):
        assert (str(new[name]), decoded(old, name)) == (value, value)
        return
    atoms = [token.text for token in field_tokens(name, value) if token.kind.name == "ATOM"]
    words = [atom.strip("<>") for atom in atoms if atom not in {",", ";", ":"}]
    raw = old[name].replace("\r\n", "")
    assert all(word in raw and word in str(new[name]) for word in words)
    if name == "Reply-To":
        raw_addresses = [mailbox.addr_spec for mailbox in new[name].addresses]  # UTF-8, escaped
        assert [as_utf8(address) for address in raw_addresses] == words
    if all("@" in word for word in words) and name.endswith("-To") and ":" not in atoms:
        assert addresses(old, name) == words or name == "In-Reply-To"


def as_utf8(escaped: str) -> str:
    return escaped.encode(errors="surrogateescape").decode()


def as_read(filename: str) -> set[str]:
    """Return how Python's readers may read a file name.

    All strip outer spaces. Where the name is no RFC 2231 parameter they strip angle brackets too,
    before the spaces or after them.
    """
    name = filename.strip()
    if not (name.startswith("<") and name.endswith(">")):
        return {name}
    return {name, name[1:-1], name[1:-1].strip()}


def assert_files(new: EmailMessage, old: Message, attachments: list[Attachment]) -> None:
    for mail in (new, old):
        parts: list[Any] = [part for part in mail.walk() if part.get_content_disposition()]
        ordered = sorted(attachments, key=lambda attachment: not attachment.inline)
        for part, attachment in zip(parts, ordered, strict=True):
            kind = (media_type_of(attachment.content_type or "") or "").partition(";")[0]
            composite = kind.startswith(("message/", "multipart/"))
            assert part.get_content_type() == ("application/octet-stream" if composite else kind)
            assert part.get_filename() in as_read(attachment.filename)
            own = content_id_of(attachment)
            assert part["Content-ID"] == (own and f"<{own}>")
            assert part.get_payload(decode=True) == b64decode(attachment.content or "")


@pytest.mark.parametrize("name", ["Reply-To", "Errors-To", "Mail-Followup-To"])
@pytest.mark.parametrize("boxes", [1, 2, 7])
def test_several_mailboxes_with_names_beyond_ascii_arrive(name: str, boxes: int) -> None:
    meant = [(f"Jörg, der {n}. <Große>", f"a{n}@x.example") for n in range(boxes)]
    value = ", ".join(f'"{display}" <{address}>' for display, address in meant)
    field = compose_field(name, value)

    assert getaddresses([re.sub(r"\r\n", "", field)]) is not None
    read = [(str(make_header(decode_header(n))), a) for n, a in getaddresses([field])]
    assert read == meant


def compose_field(name: str, value: str) -> str:
    from messaging_adapters.mail import headers  # noqa: PLC0415 - a strategy has this name

    written = headers.structured(name, value)
    assert max(map(len, written.split("\r\n"))) <= 78
    return written.partition(":")[2].replace("\r\n", "").strip()
