"""Amazon SNS as tests need it: certificates, signed messages, and a client that reaches both."""

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from messaging_core.ports.http import HttpRequest, HttpResponse

HASHES = {"1": SHA1(), "2": SHA256()}  # noqa: S303 - version 1 of SNS
FROM, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


def topic_of(secret: str) -> str:
    return f"arn:aws:sns:eu-west-1:123456789012:{hashlib.sha256(secret.encode()).hexdigest()[:16]}"


def url_of(secret: str) -> str:
    name = hashlib.sha256(secret.encode()).hexdigest()[:32]
    return f"https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{name}.pem"


@cache
def key_of(secret: str) -> RSAPrivateKey:
    """Return the same key pair for the same text, within one run."""
    del secret
    return generate_private_key(65537, 2048)


@cache
def certificate_of(secret: str, start: datetime = FROM, end: datetime = UNTIL) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    key = key_of(secret)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, start, end)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def signed(message: dict[str, str], secret: str, version: str = "2") -> dict[str, str]:
    """Return a message with its signature, over the fields that SNS signs, sorted by name."""
    names = sorted({*message} - {"UnsubscribeURL"} - ({"SubscribeURL"} & _unsigned(message)))
    text = "".join(f"{name}\n{message[name]}\n" for name in names).encode()
    signature = base64.b64encode(key_of(secret).sign(text, PKCS1v15(), HASHES[version])).decode()
    url = {"SigningCertURL": url_of(secret)}
    return {**message, "SignatureVersion": version, "Signature": signature, **url}


def _unsigned(message: dict[str, str]) -> set[str]:
    return {"SubscribeURL"} if message["Type"] == "Notification" else set()


def notification(
    text: str, secret: str, at: datetime, version: str = "2", **fields: str
) -> dict[str, str]:
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": topic_of(secret),
        "Message": text,
        "Timestamp": moment,
        **fields,
    }
    return signed(message, secret, version)


def confirmation(secret: str, at: datetime, version: str = "2", **fields: str) -> dict[str, str]:
    asked = {
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37",
        "SubscribeURL": "https://evil.example/?Action=ConfirmSubscription",
    }
    return notification("You have chosen to subscribe", secret, at, version, **asked | fields)


class Sns:
    """An HTTP client that reaches certificates of these secrets, and keeps what it was asked."""

    def __init__(
        self, secrets: Iterable[str] = (), answer: Callable[[HttpRequest], Any] | None = None
    ) -> None:
        self.certificates = {url_of(secret): secret for secret in secrets}
        self.answer = answer
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        self.requests.append(request)
        if self.answer is not None:
            response: HttpResponse = self.answer(request)
            return response
        secret = self.certificates.get(request.url)
        if secret is None:
            return HttpResponse(status=403)
        return HttpResponse(status=200, body=certificate_of(secret))


def later(**span: float) -> datetime:
    return UNTIL + timedelta(**span)
