"""VAPID: tokens that other libraries verify, one for each push service."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from py_vapid import Vapid02

from messaging_adapters.push.vapid import VapidKey
from messaging_core.errors import ConfigurationError
from push_service import encoded

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = generate_private_key(SECP256R1())
RAW = encoded(KEY.private_numbers().private_value.to_bytes(32, "big"))
SUBJECT = "mailto:ops@shop.example"


def pem_of(key: object) -> str:
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    text: bytes = key.private_bytes(*form)  # type: ignore[attr-defined]
    return text.decode()


def token_of(header: str) -> str:
    scheme, _, rest = header.partition(" ")
    assert scheme == "vapid"
    fields = dict(field.strip().split("=", 1) for field in rest.split(","))
    assert fields["k"] == VapidKey(RAW, SUBJECT).public_key
    return fields["t"]


def claims(header: str) -> dict[str, object]:
    options: dict[str, bool] = {"verify_exp": False, "verify_aud": False}
    read: dict[str, object] = jwt.decode(
        token_of(header),
        KEY.public_key(),
        algorithms=["ES256"],
        options=options,  # type: ignore[arg-type]
    )
    return read


def test_the_token_names_the_push_service_and_the_sender() -> None:
    header = VapidKey(RAW, SUBJECT).authorization("https://push.example/send/a?b", NOW)

    assert jwt.get_unverified_header(token_of(header)) == {"typ": "JWT", "alg": "ES256"}
    assert claims(header) == {
        "aud": "https://push.example",
        "exp": int(NOW.timestamp()) + 12 * 3600,
        "sub": SUBJECT,
    }


def test_another_library_verifies_it() -> None:
    header = VapidKey(RAW, SUBJECT).authorization("https://push.example", NOW)

    assert Vapid02.verify(header)


@pytest.mark.parametrize("form", [RAW, f"{RAW}=", f" {RAW}\n", pem_of(KEY)], ids=range(4))
def test_a_key_is_read_in_each_usual_form(form: str) -> None:
    theirs = Vapid02.from_raw(RAW.encode())
    headers = theirs.sign({"aud": "https://push.example", "sub": SUBJECT})

    assert VapidKey(form, SUBJECT).public_key == headers["Authorization"].partition("k=")[2]


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://push.example:443/a", "https://push.example"),
        ("https://PUSH.example:8443/a", "https://push.example:8443"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]"),
    ],
)
def test_the_audience_is_the_origin_of_the_endpoint(endpoint: str, origin: str) -> None:
    assert claims(VapidKey(RAW, SUBJECT).authorization(endpoint, NOW))["aud"] == origin


def test_a_token_serves_its_push_service_for_eleven_hours() -> None:
    key = VapidKey(RAW, SUBJECT)
    hours = (0, 10.9, 11, 21, -30)

    tokens = [
        key.authorization("https://push.example/a", NOW + timedelta(hours=hour)) for hour in hours
    ]

    assert tokens[0] == tokens[1] != tokens[2]
    assert tokens[2] == tokens[3] != tokens[4]  # which a clock set back must not keep
    assert key.authorization("https://other.example/a", NOW) not in tokens


def test_the_tokens_that_are_kept_are_bounded() -> None:
    key = VapidKey(RAW, SUBJECT)

    for number in range(300):
        key.authorization(f"https://{number}.example", NOW)

    assert len(key._tokens) <= 256


@pytest.mark.parametrize(
    ("private_key", "subject", "word"),
    [
        ("s3cret", SUBJECT, "private_key"),
        ("A" * 43, SUBJECT, "private_key"),  # zero
        ("_" * 43, SUBJECT, "private_key"),  # beyond the order of the curve
        (pem_of(generate_private_key(SECP384R1())), SUBJECT, "private_key"),
        (pem_of(rsa_key(65_537, 2048)), SUBJECT, "private_key"),
        ("-----BEGIN PRIVATE KEY-----", SUBJECT, "private_key"),
        (RAW, "ops@shop.example", "subject"),
        (RAW, "mailto:ops@localhost", "subject"),
        (RAW, "https://localhost", "subject"),
        (RAW, "mailto:<ops@shop.example>", "subject"),
        (RAW, "", "subject"),
    ],
    ids=range(11),
)
def test_a_wrong_set_up_is_refused(private_key: str, subject: str, word: str) -> None:
    with pytest.raises(ConfigurationError, match=word) as caught:
        VapidKey(private_key, subject)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_secret_is_shown() -> None:
    assert RAW not in repr(VapidKey(RAW, SUBJECT))
