"""Every provider over HTTP, for the tests that hold all of them to the same rules."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from attrs import field, frozen

from apns_peer import APNS_ID
from apns_peer import options as apns_options
from google_peer import FCM_ERROR, PROJECT, GooglePeer
from messaging_adapters.transports.email.mailgun import MailgunTransport
from messaging_adapters.transports.email.postmark import PostmarkTransport
from messaging_adapters.transports.email.resend import ResendTransport
from messaging_adapters.transports.email.sendgrid import SendGridTransport
from messaging_adapters.transports.email.ses import SesTransport
from messaging_adapters.transports.push.apns import ApnsTransport
from messaging_adapters.transports.push.fcm import FcmTransport
from messaging_adapters.transports.sms.bird import BirdTransport
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_adapters.transports.sms.vonage import VonageTransport
from messaging_core.models import EmailContent, Envelope, PushContent, SmsContent
from messaging_core.models.messages.envelope import Content
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import an_envelope

SECRET: Final = "s3cret-of-theirs"
TEXT: Final = "Your code is kerfuffle 4711"
AN_SMS: Final = SmsContent(sms=split_sms(TEXT))
AN_EMAIL: Final = EmailContent(subject="Your code", text=TEXT)
A_PUSH: Final = PushContent(title="Your code", text=TEXT)


@cache
def an_account() -> str:
    """Return a service account of Google, whose tokens are good for any FCM."""
    return GooglePeer(token=SECRET).account()


@frozen
class Provider:
    """One provider.

    Attributes:
        make: Makes its transport, whose credentials hold `SECRET`; takes `base_url` and `client`.
        platform: Of its messages.
        content: Of its messages.
        keys: Of its answers.
        words: In its answers: ids, codes and states.
        untaken: Answers from 500 on after which the provider has not taken a message.
    """

    make: Callable[..., Any]
    platform: str
    content: Content
    keys: Sequence[str]
    words: Sequence[str]
    untaken: frozenset[int] = field(default=frozenset())

    def envelope(self) -> Envelope:
        return an_envelope(self.platform, self.content)


PROVIDERS: Final[dict[str, Provider]] = {
    "twilio": Provider(
        lambda **options: TwilioTransport("AC" + "1" * 32, auth_token=SECRET, **options),
        "sms",
        AN_SMS,
        keys=(
            *("sid", "code", "message", "status", "messages", "to", "body", "direction"),
            *("date_created", "error_code", "next_page_uri"),
        ),
        words=("SM" + "a" * 32, "21211", "20500", "30007", "failed"),
    ),
    "vonage": Provider(
        lambda **options: VonageTransport(api_key="abcd", api_secret=SECRET, **options),
        "sms",
        AN_SMS,
        keys=("message_uuid", "type", "title", "detail"),
        words=("#1120", "#1000"),
        untaken=frozenset({503}),
    ),
    "bird": Provider(
        lambda **options: BirdTransport(
            workspace_id=UUID(int=1), channel_id=UUID(int=2), access_key=SECRET, **options
        ),
        "sms",
        AN_SMS,
        keys=("id", "code", "message", "status", "results", "reference", "nextPageToken"),
        words=("failed", "InvalidPayload"),
    ),
    "postmark": Provider(
        lambda **options: PostmarkTransport(server_token=SECRET, **options),
        "email",
        AN_EMAIL,
        keys=("ErrorCode", "Message", "MessageID", "Messages", "Recipients", "Metadata"),
        words=(
            *(str(UUID(int=3)), "0", "100", "300", "406", "Error parsing 'To'"),
            "Found inactive addresses: kerfuffle@receiver.example",
        ),
        untaken=frozenset({503}),
    ),
    "sendgrid": Provider(
        lambda **options: SendGridTransport(SECRET, **options),
        "email",
        AN_EMAIL,
        keys=("errors", "message", "field", "help"),
        words=("from.email", "The from address does not match"),
        untaken=frozenset({503}),
    ),
    "resend": Provider(
        lambda **options: ResendTransport(api_key=SECRET, **options),
        "email",
        AN_EMAIL,
        keys=("id", "name", "message", "statusCode"),
        words=(str(UUID(int=3)), "validation_error", "daily_quota_exceeded", "rate_limit_exceeded"),
    ),
    "fcm": Provider(
        lambda **options: FcmTransport(service_account=an_account(), **options),
        "push",
        A_PUSH,
        keys=("name", "error", "status", "message", "details", "@type", "errorCode"),
        words=(
            *(f"projects/{PROJECT}/messages/0:1%a", FCM_ERROR, "UNREGISTERED", "UNAVAILABLE"),
            *("INVALID_ARGUMENT", "QUOTA_EXCEEDED"),
        ),
        untaken=frozenset({503}),
    ),
    "ses": Provider(
        lambda **options: SesTransport(
            region="eu-west-1", access_key_id="AKIA", secret_access_key=SECRET, **options
        ),
        "email",
        AN_EMAIL,
        keys=("MessageId", "message", "Message", "__type"),
        words=(
            *("0102019a-5b1c2d3e-000000", "x#SendingPausedException", "ServiceUnavailable"),
            *("ThrottlingException", "Daily message quota exceeded.", "MessageRejected"),
        ),
        untaken=frozenset({503}),
    ),
    "mailgun": Provider(
        lambda **options: MailgunTransport(api_key=SECRET, domain="mg.shop.example", **options),
        "email",
        AN_EMAIL,
        keys=("id", "message", "items", "event", "recipient", "user-variables", "message_id"),
        words=(
            *("<1@mg.shop.example>", "rejected", "'to' parameter is not a valid address"),
            "try again after Mon, 20 Dec 2021 20:33:21 UTC",
        ),
        untaken=frozenset({503}),
    ),
    "apns": Provider(
        lambda **options: ApnsTransport(**apns_options(**options)),
        "push",
        A_PUSH,
        keys=("reason", "timestamp"),
        words=(APNS_ID, "Unregistered", "BadDeviceToken", "Shutdown", "ExpiredProviderToken"),
        untaken=frozenset({503}),
    ),
}
