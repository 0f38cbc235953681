"""Mail is signed with DKIM: dkimpy signs, and the npm package mailauth verifies."""

import base64
import sys
from contextlib import ExitStack
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.errors import ConfigurationError, MissingDependencyError
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.messages.envelope import EmailContent
from messaging_core.testing.contracts.transport import Leave, an_envelope
from peers.mails import read_mails

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
LIST = {
    "List-Unsubscribe": "<https://shop.example/u/1>, <mailto:u@shop.example>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}


def pem(kind: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return KEY.private_bytes(Encoding.PEM, kind, NoEncryption()).decode()


SIGNED: dict[str, Any] = {
    "dkim_domain": "sender.example",
    "dkim_selector": "mail2026",
    "dkim_key": pem(),
}
RECORDS = {
    "mail2026._domainkey.sender.example": "v=DKIM1; k=rsa; p="
    + base64.b64encode(
        KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()
}


@pytest.fixture
def send(server: Any, closing: ExitStack) -> Any:
    def sent(content: EmailContent, **options: Any) -> bytes:
        transport = SmtpTransport("127.0.0.1", server.port, security="none", **SIGNED | options)
        outcome = closing.enter_context(transport).send(an_envelope("email", content), Leave())
        assert isinstance(outcome, Accepted)
        original: bytes = server.envelopes[-1].original_content
        return original

    return sent


def signature(content: bytes) -> dict[str, Any]:
    (mail,) = read_mails([content], RECORDS)
    (verdict,) = mail["signatures"]
    return dict(verdict)


@pytest.mark.parametrize("kind", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_another_library_verifies_the_signature(send: Any, kind: PrivateFormat) -> None:
    content = EmailContent(text="Hello", html="<p>Grüße</p>", subject="Grüße", headers=LIST)

    verdict = signature(send(content, dkim_key=pem(kind)))

    assert verdict["result"] == "pass"
    assert (verdict["domain"], verdict["selector"]) == ("sender.example", "mail2026")


def test_the_signature_covers_what_a_receiver_acts_on(send: Any) -> None:
    covered = signature(send(EmailContent(text="Hello", subject="Hi", headers=LIST)))["fields"]

    fields = {field.strip().lower() for field in covered.split(":")}
    assert {
        *("from", "to", "subject", "date", "message-id", "mime-version", "content-type"),
        *("list-unsubscribe", "list-unsubscribe-post"),  # RFC 8058 §4
    } <= fields


def test_an_altered_mail_is_not_verified(send: Any) -> None:
    content = send(EmailContent(text="Pay 10 euros", subject="Invoice"))

    results = [
        signature(content.replace(b"Pay 10", b"Pay 99"))["result"],
        signature(content.replace(b"Invoice", b"Notices"))["result"],
        signature(b"From: other@sender.example\r\n" + content)["result"],
        signature(b"Cc: other@sender.example\r\n" + content)["result"],
    ]

    assert "pass" not in results


def test_what_servers_do_to_blanks_leaves_the_signature_valid(send: Any) -> None:
    content = send(EmailContent(text="Hello", subject="a long subject " * 8))

    folded = content.replace(b"MIME-Version: 1.0", b"mime-version:\r\n   1.0 ") + b"\r\n\r\n"

    assert signature(folded)["result"] == "pass"


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


@settings(max_examples=4)  # of ten mails each
@given(st.lists(st.tuples(TEXTS, st.one_of(st.none(), TEXTS)), min_size=10, max_size=10))
def test_random_mails_are_verified(contents: list[tuple[str, str | None]]) -> None:
    from messaging_adapters.mail.compose import compose  # noqa: PLC0415 - beside its signer
    from messaging_adapters.mail.dkim_signature import DkimSigner  # noqa: PLC0415 - the same

    signer = DkimSigner(domain="sender.example", selector="mail2026", key=pem())
    mails = []
    for text, html in contents:
        content = EmailContent(text=text, html=html, subject=text[:40])
        mail = compose(an_envelope("email", content), content, media=None, limit=10**6)
        mails.append(signer.sign(mail.content))

    verdicts = [mail["signatures"][0] for mail in read_mails(mails, RECORDS)]

    assert [verdict["result"] for verdict in verdicts] == ["pass"] * len(mails), verdicts


@pytest.mark.parametrize(
    "options",
    [
        {"dkim_key": None},
        {"dkim_domain": None},
        {"dkim_selector": None},
        {"dkim_domain": "sender example"},
        {"dkim_selector": "a;b=c"},
        {"dkim_key": "kerfuffle"},
        {"dkim_key": "-----BEGIN PRIVATE KEY-----\nkerfuffle\n-----END PRIVATE KEY-----"},
        {"dkim_key": pem().replace("A", "B")},
    ],
)
def test_a_set_up_that_signs_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        SmtpTransport("mail.example", **SIGNED | options)

    assert "kerfuffle" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_the_key_shows_nowhere() -> None:
    transport = SmtpTransport("mail.example", **SIGNED)

    assert "PRIVATE" not in repr(transport) + repr(transport._signer)


def test_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dkim", None)
    monkeypatch.delitem(sys.modules, "messaging_adapters.mail.dkim_signature", raising=False)

    with pytest.raises(MissingDependencyError, match=r"messaging-engine\[dkim\]"):
        SmtpTransport("mail.example", **SIGNED)
