"""Random mails, read back by two readers that others wrote: Python's own and mailparser (npm)."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.mail.compose import compose
from messaging_core.models.content.body import Attachment
from messaging_core.models.messages.envelope import EmailContent, Envelope, Recipient
from messaging_core.models.people.contact import ReceiverType
from messaging_core.testing.contracts.transport import an_envelope
from peers.mails import read_mails

LETTERS = st.characters(
    exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn", "Co"], exclude_characters="\ufeff"
)
LINES = st.text(LETTERS, max_size=120)
WORDS = LINES.map(lambda text: " ".join(text.split()))
TEXTS = st.lists(LINES, min_size=1, max_size=4).map("\n".join)
NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=40)
FILES = st.builds(
    Attachment,
    filename=NAMES.map("{}.pdf".format),
    content=st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()),
    content_type=st.just("application/pdf"),
)
CONTENTS = st.builds(
    EmailContent,
    subject=WORDS,
    text=TEXTS,
    html=st.one_of(st.none(), LINES.map("<p>{}</p>".format)),
    attachments=st.lists(FILES, max_size=2).map(tuple),
)
RECEIVERS = st.lists(
    st.builds(
        Recipient,
        value=st.emails().filter(str.isascii),
        name=st.one_of(st.none(), WORDS.filter(bool)),
        type=st.sampled_from([ReceiverType.TO, ReceiverType.CC]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda receiver: receiver.value.lower(),
)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    envelope = an_envelope("email", draw(CONTENTS))
    return attrs.evolve(envelope, receivers=tuple(draw(RECEIVERS)))


def composed(envelope: Envelope) -> bytes:
    assert isinstance(envelope.content, EmailContent)
    return compose(envelope, envelope.content, media=None, limit=10**7).content


def lines(text: str) -> list[str]:
    """Return the lines of a text; readers differ in line ends, and in blanks at the very end."""
    return text.replace("\r\n", "\n").rstrip().split("\n")


def check(envelope: Envelope, mail: dict[str, Any]) -> None:
    """Assert that a reader finds what the message says."""
    content = envelope.content
    assert isinstance(content, EmailContent)
    assert mail["subject"] == content.subject
    assert lines(mail["text"]) == lines(content.text or "")
    assert content.html is None or mail["html"].strip() == content.html.strip()
    addresses = {
        kind: [receiver.value.lower() for receiver in envelope.receivers if receiver.type == kind]
        for kind in (ReceiverType.TO, ReceiverType.CC)
    }
    assert [address.lower() for _, address in mail["to"]] == addresses[ReceiverType.TO]
    assert [address.lower() for _, address in mail["cc"]] == addresses[ReceiverType.CC]
    assert mail["files"] == [
        (attachment.filename, attachment.content) for attachment in content.attachments
    ]


def of_python(mail: EmailMessage) -> dict[str, Any]:
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert text is not None

    def people(name: str) -> list[tuple[str, str]]:
        field = mail[name]
        return [(own.display_name, own.addr_spec) for own in field.addresses] if field else []

    return {
        "subject": mail["Subject"],
        "text": text.get_content(),
        "html": html.get_content() if html else None,
        "to": people("To"),
        "cc": people("Cc"),
        "files": [
            (part.get_filename(), base64.b64encode(part.get_content()).decode())
            for part in mail.iter_attachments()
        ],
    }


def of_mailparser(mail: dict[str, Any]) -> dict[str, Any]:
    files = [(file["filename"], file["content"]) for file in mail["attachments"]]
    return {**mail, "subject": mail.get("subject") or "", "files": files}


@given(envelopes())
def test_the_standard_library_reads_what_was_meant(envelope: Envelope) -> None:
    mail = message_from_bytes(composed(envelope), policy=policy.default)

    check(envelope, of_python(mail))


@settings(max_examples=8)  # of 25 mails each
@given(st.lists(envelopes(), min_size=25, max_size=25))
def test_mailparser_reads_what_was_meant(several: list[Envelope]) -> None:
    mails = read_mails([composed(envelope) for envelope in several])

    assert len(mails) == len(several)
    for envelope, mail in zip(several, mails, strict=True):
        check(envelope, of_mailparser(mail))
