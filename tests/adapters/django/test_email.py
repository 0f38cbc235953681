"""Every part of Django's own mails arrives at the transport."""

from base64 import b64decode
from email.mime.image import MIMEImage
from typing import Any

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection, send_mail
from django.db import transaction
from django.test import TestCase, override_settings

from messaging_adapters.django.test import MessagingMixin
from messaging_core.errors import ConfigurationError, InvalidMessageError
from messaging_core.models import EmailContent, Envelope

BACKEND = "messaging_adapters.django.email.EmailBackend"
ANN = "ann@customer.example"
TWO = {
    "channels": {
        name: {"platform": "email", "sender": sender, "transport": {"type": "console"}}
        for name, sender in [("mail", "shop@shop.example"), ("news", "news@news.example")]
    }
}


@override_settings(EMAIL_BACKEND=BACKEND)
class TestMails(MessagingMixin, TestCase):
    def delivered(self, mail: EmailMessage) -> Envelope:
        assert mail.send() == 1
        self.outbox.drain()
        (envelope,) = self.outbox.sent
        return envelope

    def content(self, mail: EmailMessage) -> EmailContent:
        content = self.delivered(mail).content
        assert isinstance(content, EmailContent)
        return content

    def test_a_text_has_its_subject_and_all_its_receivers(self) -> None:
        mail = EmailMessage(
            "Hi",
            "Hello",
            to=["Ann <ann@customer.example>"],
            cc=["b@b.example"],
            bcc=["c@c.example"],
        )

        envelope = self.delivered(mail)

        receivers = [(receiver.value, str(receiver.type)) for receiver in envelope.receivers]
        assert receivers == [(ANN, "to"), ("b@b.example", "cc"), ("c@c.example", "bcc")]
        assert isinstance(envelope.content, EmailContent)
        assert (envelope.content.subject, envelope.content.text) == ("Hi", "Hello")
        assert envelope.content.html is None

    def test_alternatives_are_the_html_and_files_of_other_types(self) -> None:
        mail = EmailMultiAlternatives("Hi", "Hello", to=[ANN])
        mail.attach_alternative("<p>Hello</p>", "text/html")
        mail.attach_alternative("BEGIN:VCALENDAR", "text/calendar")

        content = self.content(mail)

        assert (content.text, content.html) == ("Hello", "<p>Hello</p>")
        (invitation,) = content.attachments
        assert invitation.content_type == "text/calendar"
        assert b64decode(invitation.content or "") == b"BEGIN:VCALENDAR"

    def test_a_body_may_be_html_alone(self) -> None:
        mail = EmailMessage("Hi", "<p>Hello</p>", to=[ANN])
        mail.content_subtype = "html"

        assert self.content(mail).html == "<p>Hello</p>"

    def test_files_keep_their_names_types_and_bytes(self) -> None:
        mail = EmailMessage("Hi", "Hello", to=[ANN])
        mail.attach("invoice.pdf", b"%PDF\x00\xff", "application/pdf")
        mail.attach("notes.txt", "Grüße", "text/plain")
        mail.attach("old.eml", EmailMessage("Old", "Before", to=[ANN]), "message/rfc822")
        picture = MIMEImage(b"\x89PNG", "png")
        picture.add_header("Content-ID", "<logo>")
        mail.attach(picture)

        files = self.content(mail).attachments

        kinds = [(file.filename, file.content_type, file.inline) for file in files]
        assert kinds == [
            ("invoice.pdf", "application/pdf", False),
            ("notes.txt", "text/plain", False),
            ("old.eml", "message/rfc822", False),
            ("attachment.png", "image/png", True),
        ]
        assert b64decode(files[0].content or "") == b"%PDF\x00\xff"
        assert b64decode(files[1].content or "").decode() == "Grüße"
        assert b"Subject: Old" in b64decode(files[2].content or "")
        assert files[3].content_id == "logo"

    def test_headers_and_reply_to_are_kept(self) -> None:
        mail = EmailMessage(
            "Hi", "Hello", to=[ANN], reply_to=["help@shop.example", "Bo <bo@shop.example>"],
            headers={"List-ID": "<news.shop.example>"},
        )  # fmt: skip

        headers = dict(self.content(mail).headers)

        assert headers == {
            "List-ID": "<news.shop.example>",
            "Reply-To": "help@shop.example, Bo <bo@shop.example>",
        }

    def test_the_sender_is_that_of_the_mail_or_of_the_channel(self) -> None:
        named = EmailMessage("Hi", "Hello", "Help <help@shop.example>", [ANN])
        default = EmailMessage("Hi", "Hello", to=[ANN])

        for mail in (named, default):
            mail.send()
        self.outbox.drain()

        senders = [(sent.sender.value, sent.sender.name) for sent in self.outbox.sent]  # type: ignore[union-attr]
        assert senders == [("help@shop.example", "Help"), ("shop@shop.example", None)]

    def test_a_mail_is_part_of_the_transaction(self) -> None:
        with transaction.atomic():
            send_mail("Hi", "Hello", None, [ANN])
            transaction.set_rollback(True)

        self.outbox.drain()
        self.outbox.assert_nothing_sent()

    def test_a_mail_without_receivers_is_left_out(self) -> None:
        assert EmailMessage("Hi", "Hello").send() == 0
        assert not self.outbox.messages

    def test_a_refused_mail_raises_unless_it_fails_silently(self) -> None:
        foreign: dict[str, Any] = {"from_email": "a@other.example", "to": [ANN]}
        mails = [EmailMessage("Hi", "Hello", **foreign), EmailMessage("Hi", "Hello", to=[ANN])]

        with pytest.raises(InvalidMessageError, match="domain is that of no email channel"):
            mails[0].send()

        assert get_connection(fail_silently=True).send_messages(mails) == 1

    def test_a_header_that_the_engine_writes_is_refused(self) -> None:
        mail = EmailMessage("Hi", "Hello", to=[ANN], headers={"Message-ID": "<1@shop.example>"})

        with pytest.raises(InvalidMessageError, match=r"header\.reserved"):
            mail.send()


@override_settings(EMAIL_BACKEND=BACKEND, MESSAGING=TWO)
class TestSeveralChannels(MessagingMixin, TestCase):
    def test_the_channel_with_the_domain_of_the_mail_is_taken(self) -> None:
        send_mail("Hi", "Hello", "hello@news.example", [ANN])

        self.outbox.drain()
        self.outbox.assert_sent(channel="news")

    def test_without_a_channel_of_the_domain_the_error_names_the_setting(self) -> None:
        with pytest.raises(ConfigurationError, match="MESSAGING_EMAIL_CHANNEL"):
            send_mail("Hi", "Hello", None, [ANN])

        with override_settings(MESSAGING_EMAIL_CHANNEL="news"):
            assert send_mail("Hi", "Hello", None, [ANN]) == 1
