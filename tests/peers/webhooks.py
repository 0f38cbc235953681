"""How providers sign their webhooks, by their own packages where there is one."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import jwt
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standardwebhooks import Webhook
from twilio.request_validator import RequestValidator

from messaging_adapters.mail.return_path import message_token
from messaging_adapters.receipts.bird import BirdReceipts
from messaging_adapters.receipts.mail_reports import MailReports
from messaging_adapters.receipts.mailgun import MailgunReceipts
from messaging_adapters.receipts.postmark import PostmarkReceipts
from messaging_adapters.receipts.resend import ResendReceipts
from messaging_adapters.receipts.sendgrid import SendGridReceipts
from messaging_adapters.receipts.ses import SesReceipts
from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.receipts.vonage import VonageReceipts
from messaging_core.ports.http import HttpRequest
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.testing import ReceiptParserContract, a_channel
from peers import sns

FIXTURES = Path(__file__).parents[1] / "adapters" / "receipts" / "fixtures"
ORDERS = a_channel("orders")


def with_headers(request: HttpRequest, **headers: str) -> HttpRequest:
    return evolve(
        request,
        headers={
            **request.headers,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        },
    )


class Twilio(ReceiptParserContract):
    fixtures = FIXTURES / "twilio"
    algorithm: str | None = None

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        return TwilioReceipts(auth_token=secrets, channels={"+31600000009": ORDERS})

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:  # noqa: ARG002 - Twilio signs no time
        fields = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        signature = RequestValidator(secret).compute_signature(request.url, fields, self.algorithm)
        return with_headers(request, x_twilio_signature=signature)


class TwilioBySharedKey(Twilio):
    algorithm = "HMAC_SHA256"

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        settings = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
        signed = super().sign(request, secret, at)
        return with_headers(signed, x_twilio_webhooks_signature_settings=settings)


class Vonage(ReceiptParserContract):
    fixtures = FIXTURES / "vonage"
    signs_url = False
    retry_window = timedelta(hours=24)
    max_age = timedelta(hours=25)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        return VonageReceipts(signature_secret=secrets, channels={"31600000009": ORDERS})

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        claims = {
            "iat": int(at.timestamp()),
            "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(request.body).hexdigest(),
            "api_key": "a1b2c3d",
        }
        token = jwt.encode(claims, secret, algorithm="HS256")
        return with_headers(request, authorization=f"Bearer {token}")


class Bird(ReceiptParserContract):
    fixtures = FIXTURES / "bird"
    retry_window = timedelta(hours=8)
    max_age = timedelta(hours=24)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        channel = "99999999-2222-4333-8444-555555555555"
        return BirdReceipts(signing_key=secrets, channels={channel: ORDERS})

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        timestamp = str(int(at.timestamp()))
        content = f"{timestamp}\n{request.url}\n".encode()
        content += hashlib.sha256(request.body).digest()
        signature = base64.b64encode(hmac.new(secret.encode(), content, "sha256").digest())
        return with_headers(
            request,
            messagebird_signature=signature.decode(),
            messagebird_request_timestamp=timestamp,
        )


class Postmark(ReceiptParserContract):
    fixtures = FIXTURES / "postmark"
    signs_url = signs_body = False
    retry_window = timedelta(hours=11)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        return PostmarkReceipts(secret=secrets, channels={"orders@in.example": ORDERS})

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:  # noqa: ARG002 - Postmark shows no time
        user = base64.b64encode(f"postmark:{secret}".encode()).decode()
        return with_headers(request, authorization=f"Basic {user}")


class PostmarkByHeader(Postmark):
    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        channels = {"Orders@in.example": ORDERS}
        return PostmarkReceipts(secret=secrets, header="X-Shop-Secret", channels=channels)

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:  # noqa: ARG002 - the same
        return with_headers(request, x_shop_secret=secret)


class MailServer(ReceiptParserContract):
    fixtures = FIXTURES / "mail-reports"
    signs_url = signs_body = False
    message_id = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        return MailReports(secret=secrets)

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:  # noqa: ARG002 - a return path is for ever
        return with_headers(request, x_original_to=message_token(self.message_id, secret))


class SendGrid(ReceiptParserContract):
    fixtures = FIXTURES / "sendgrid"
    signs_url = False
    retry_window = timedelta(hours=24)
    max_age = timedelta(hours=25)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        keys = [public_key_of(secret) if secret.strip() else secret for secret in secrets]
        return SendGridReceipts(public_key=keys)

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        timestamp = str(int(at.timestamp()))
        content = timestamp.encode() + request.body
        signature = key_pair_of(secret).sign(content, ec.ECDSA(SHA256()))
        return with_headers(
            request,
            x_twilio_email_event_webhook_signature=base64.b64encode(signature).decode(),
            x_twilio_email_event_webhook_timestamp=timestamp,
        )


class SendGridInbound(SendGrid):
    fixtures = FIXTURES / "sendgrid-inbound"
    retry_window = timedelta(days=3)
    max_age = timedelta(hours=73)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        keys = [public_key_of(secret) if secret.strip() else secret for secret in secrets]
        return SendGridReceipts(public_key=keys, channels={"orders@in.example": ORDERS})


def key_pair_of(seed: str) -> ec.EllipticCurvePrivateKey:
    """Return the same key pair for the same text."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:31])
    return ec.derive_private_key(number, ec.SECP256R1())


def public_key_of(seed: str) -> str:
    """Return the verification key of a pair, as SendGrid shows it."""
    key = key_pair_of(seed).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(encoded).decode()


class Resend(ReceiptParserContract):
    fixtures = FIXTURES / "resend"
    signs_url = False
    max_age = timedelta(minutes=5)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        return ResendReceipts(secret=[_encoded(secret) for secret in secrets])

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        own = f"msg_{hashlib.sha256(request.body).hexdigest()}"
        try:
            text = request.body.decode()
            signature = Webhook(_encoded(secret)).sign(own, at.astimezone(UTC), text)
        except UnicodeDecodeError:  # the package signs text only
            signature = "v1,"
        timestamp = str(int(at.timestamp()))
        return with_headers(
            request, svix_id=own, svix_timestamp=timestamp, svix_signature=signature
        )


def _encoded(secret: str) -> str:
    """Return a secret as Standard Webhooks writes it; no secret stays none."""
    return f"whsec_{base64.b64encode(secret.encode()).decode()}" if secret.strip() else secret


class Mailgun(ReceiptParserContract):
    fixtures = FIXTURES / "mailgun"
    signs_url = signs_body = False
    signature_fields = ("timestamp", "token", "signature")
    retry_window = timedelta(hours=8)
    max_age = timedelta(hours=24)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        return MailgunReceipts(signing_key=secrets, channels={"orders@in.example": ORDERS})

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        timestamp, token = str(int(at.timestamp())), hashlib.sha256(request.body).hexdigest()[:50]
        signature = hmac.new(secret.encode(), f"{timestamp}{token}".encode(), "sha256").hexdigest()
        fields = {"timestamp": timestamp, "token": token, "signature": signature}
        return evolve(request, body=_with_signature(request, fields))


def _with_signature(request: HttpRequest, fields: dict[str, str]) -> bytes:
    """Return a body with the fields of a signature: an object in JSON, or fields of a form."""
    kind, _, boundary = request.headers.get("content-type", "").partition("; boundary=")
    if kind == "application/json":
        try:
            return json.dumps({"signature": fields, **json.loads(request.body)}).encode()
        except (ValueError, TypeError, RecursionError):
            return request.body
    if kind == "multipart/form-data":
        parts = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        return parts.encode() + request.body
    return b"&".join([part for part in (request.body, urlencode(fields).encode()) if part])


class Ses(ReceiptParserContract):
    fixtures = FIXTURES / "ses"
    signs_url = False
    signature_fields = (
        *("Type", "MessageId", "TopicArn", "Timestamp", "SignatureVersion", "Signature"),
        "SigningCertURL",
    )
    retry_window = timedelta(hours=1)
    max_age = timedelta(hours=24)

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        topics = [sns.topic_of(secret) if secret.strip() else secret for secret in secrets]
        channels = {"orders@in.example": ORDERS}
        return SesReceipts(topic_arns=topics, channels=channels, client=sns.Sns(secrets))

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        message = request.body.decode("utf-8", "replace")
        own = str(UUID(bytes=hashlib.sha256(request.body).digest()[:16]))
        document = sns.notification(message, secret, at, MessageId=own)
        return evolve(request, body=json.dumps(document).encode())
