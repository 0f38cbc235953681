"""Each part names the extra that brings all its packages, and as soon as it is made."""

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RSA = generate_private_key(65_537, 2048).private_bytes(*_PEM).decode()
ELLIPTIC = elliptic_key(SECP256R1()).private_bytes(*_PEM).decode()
ACCOUNT = {
    "client_email": "sender@shop.example",
    "private_key": RSA,
    "token_uri": "https://oauth2.example/token",
    "project_id": "shop-1a2b3",
}

FCM = ("transports.push.fcm:FcmTransport", {"service_account": json.dumps(ACCOUNT)})
APNS = (
    "transports.push.apns:ApnsTransport",
    {
        "private_key": ELLIPTIC,
        "key_id": "ABC123DEFG",
        "team_id": "DEF123GHIJ",
        "topic": "com.example.shop",
        "environment": "production",
    },
)
WEBPUSH = (
    "transports.push.webpush:WebPushTransport",
    {"private_key": ELLIPTIC, "subject": "mailto:push@shop.example"},
)
SES = ("transports.email.ses:SesTransport", {"region": "eu-west-1"})
S3 = ("media_stores.s3:S3MediaStore", {"bucket": "media"})
SES_RECEIPTS = (
    "receipts.ses:SesReceipts",
    {"topic_arns": "arn:aws:sns:eu-west-1:123456789012:mail"},
)
SENDGRID_RECEIPTS = ("receipts.sendgrid:SendGridReceipts", {"public_key": "any"})
VONAGE_KEY = ("transports.sms.vonage:VonageTransport", {"application_id": "a", "private_key": RSA})
VONAGE_ACCOUNT = ("transports.sms.vonage:VonageTransport", {"api_key": "a", "api_secret": "b"})
RESEND_RECEIPTS = (
    "receipts.resend:ResendReceipts",
    {"secret": "whsec_" + "a" * 32, "api_key": "k"},
)

TELEMETRY: tuple[str, dict[str, str]] = ("telemetry.open_telemetry:OpenTelemetry", {})

MAKE = """
import importlib, json, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == package:
            raise ImportError(name)

package, part, options = sys.argv[1], sys.argv[2], json.loads(sys.stdin.read())
sys.meta_path.insert(0, Missing())
from messaging_core.errors import MissingDependencyError
module, name = part.split(":")
try:
    getattr(importlib.import_module(f"messaging_adapters.{module}"), name)(**options)
except MissingDependencyError as error:
    print(error.extra)
"""


@pytest.mark.parametrize(
    ("part", "package", "extra"),
    [
        (TELEMETRY, "opentelemetry", "otel"),
        (FCM, "urllib3", "fcm"),
        (FCM, "cryptography", "fcm"),
        (APNS, "h2", "apns"),
        (APNS, "cryptography", "apns"),
        (WEBPUSH, "urllib3", "webpush"),
        (WEBPUSH, "cryptography", "webpush"),
        (SES, "urllib3", "ses"),
        (SES, "botocore", "ses"),
        (S3, "boto3", "s3"),
        (SES_RECEIPTS, "urllib3", "ses"),
        (SES_RECEIPTS, "cryptography", "ses"),
        (SENDGRID_RECEIPTS, "cryptography", "sendgrid"),
        (VONAGE_KEY, "urllib3", "vonage"),
        (VONAGE_KEY, "cryptography", "vonage"),
        (VONAGE_ACCOUNT, "urllib3", "http"),
        (RESEND_RECEIPTS, "urllib3", "http"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0].partition(":")[2],
)
def test_the_extra_of_the_part_is_named_when_it_is_made(
    part: tuple[str, dict[str, str]], package: str, extra: str
) -> None:
    name, options = part

    made = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", MAKE, package, name],
        input=json.dumps(options),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (made.stdout.strip(), made.stderr) == (extra, "")
