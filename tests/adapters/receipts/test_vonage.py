"""What Vonage signs and reports; requests as its documentation shows them."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vonage_jwt import VonageVerifyJwtError, verify_signature

from messaging_adapters.receipts.signatures import claims_of
from messaging_adapters.receipts.vonage import WORDS, VonageReceipts
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import FileBody, ImageBody, TextBody
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel

SECRET = "a signature secret, which is a text of some length"
ORDERS = a_channel("orders")
UUID_TEXT = "01890a5d-ac96-774b-bcce-b302099a8057"
PROVIDERS = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def signed(document: Any, *, secret: str = SECRET, **claims: Any) -> HttpRequest:
    """Return a request whose token PyJWT has made."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    token = jwt.encode(
        {
            "iat": int(NOW.timestamp()),
            "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": "a1b2c3d",
            "application_id": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
            **claims,
        },
        secret,
        algorithm="HS256",
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return HttpRequest(
        method="POST", url="https://example.test/hooks/vonage", headers=headers, body=body
    )


def a_status(word: str = "delivered", **fields: Any) -> dict[str, Any]:
    return {
        "message_uuid": PROVIDERS,
        "to": "31600000001",
        "from": "31600000009",
        "timestamp": "2026-03-01T12:14:25.5Z",
        "status": word,
        "channel": "sms",
        "client_ref": UUID_TEXT,
        "usage": {"currency": "EUR", "price": "0.0333"},
        "destination": {"network_code": "20408"},
        "sms": {"count_total": "2"},
        **fields,
    }


def an_incoming(**fields: Any) -> dict[str, Any]:
    return {
        "message_uuid": PROVIDERS,
        "to": "31600000009",
        "from": "31612345678",
        "timestamp": "2026-03-01T12:14:25Z",
        "channel": "sms",
        "message_type": "text",
        "text": "Thank you €",
        "sms": {"num_messages": "1", "keyword": "THANK"},
        **fields,
    }


def a_parser(**options: Any) -> VonageReceipts:
    channels = {"+31600000009": ORDERS}
    return VonageReceipts(**{"signature_secret": SECRET, "channels": channels, **options})


def read(request: HttpRequest, **options: Any) -> list[Any]:
    parser = a_parser(**options)
    parser.verify(request, now=NOW)
    return list(parser.parse(request, now=NOW))


@pytest.mark.parametrize("word", [*WORDS, "teleported"])
def test_a_word_becomes_a_status(word: str) -> None:
    receipt = read(signed(a_status(word)))[0]

    assert isinstance(receipt, StatusReceipt)
    assert receipt.provider_status == word
    assert receipt.status is (WORDS[word].status if word in WORDS else None)
    assert (receipt.source, receipt.reference) == ("vonage", PROVIDERS)
    assert receipt.at == datetime(2026, 3, 1, 12, 14, 25, 500_000, tzinfo=UTC)
    assert receipt.key == f"{PROVIDERS}:{word}"
    assert str(receipt.message_id) == UUID_TEXT
    assert (receipt.failure is not None) == (receipt.status is ReceiptStatus.FAILED)


def test_a_read_message_was_delivered_too() -> None:
    delivered, interaction = read(signed(a_status("read")))

    assert delivered.status is ReceiptStatus.DELIVERED
    assert interaction.type is InteractionType.READ


@pytest.mark.parametrize("client_ref", ["order-7", "", 7, None, {}])
def test_a_reference_of_the_hosts_own_is_no_message_id(client_ref: Any) -> None:
    (receipt,) = read(signed(a_status(client_ref=client_ref)))

    assert receipt.message_id is None


@pytest.mark.parametrize(
    "error",
    [
        {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": "1240"},
        {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": 1240},
        {"type": "https://developer.vonage.com/api-errors/messages#1240", "title": "Illegal"},
        {"title": 1240, "detail": "+31600000001 has opted out"},
    ],
)
def test_an_error_has_its_class(error: dict[str, Any]) -> None:
    (receipt,) = read(signed(a_status("rejected", error=error)))

    assert receipt.failure.code == FailureCode.SUPPRESSED
    assert receipt.failure.retry is Retry.RECIPIENT_GONE
    assert "31600000001" not in receipt.failure.description


def test_a_host_may_change_the_class_of_an_error() -> None:
    request = signed(a_status("rejected", error={"title": "1330"}))
    (receipt,) = read(request, errors={"1330": {"retry": "recipient_gone"}})

    assert receipt.failure.code == FailureCode.UNKNOWN_RECEIVER


@pytest.mark.parametrize("timestamp", ["", None, "yesterday", "0001-01-01T00:00:00+14:00", 7])
def test_without_an_instant_it_happened_when_it_came(timestamp: Any) -> None:
    (receipt,) = read(signed(a_status(timestamp=timestamp)))

    assert receipt.at == NOW


def test_an_incoming_message_belongs_to_the_channel_of_its_number() -> None:
    (message,) = read(signed(an_incoming()))

    assert message.channel_id == ORDERS.id
    assert message.sender == "+31612345678"
    assert message.body == TextBody(text="Thank you €")
    assert message.reference == PROVIDERS


def test_incoming_media_are_named_by_their_urls() -> None:
    picture = {"url": "https://x.example/a?b=c.png", "caption": "Look", "name": "a.jpg"}
    (image,) = read(signed(an_incoming(message_type="image", image=picture, text=None)))
    (card,) = read(signed(an_incoming(message_type="vcard", vcard={"url": "https://x.example/b"})))
    content = [{"type": "image", "image": picture}, {"type": "text", "text": "Both"}, 7]
    (mixed,) = read(signed(an_incoming(message_type="content", content=content, text=None)))
    flat = [{"type": "file", "url": "https://x.example/c.pdf"}]
    (plain,) = read(signed(an_incoming(message_type="content", content=flat, text=None)))

    assert isinstance(image.body, ImageBody)
    assert (image.body.images[0].media_url, image.body.text) == (picture["url"], "Look")
    assert isinstance(card.body, FileBody)
    assert card.body.files[0].content_type == "text/vcard"
    assert isinstance(mixed.body, ImageBody)
    assert mixed.body.text == "Both\nLook"
    assert isinstance(plain.body, FileBody)
    assert plain.body.files[0].content_type == "application/pdf"


def test_a_number_without_a_channel_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="name the channel in `channels`"):
        read(signed(an_incoming(to="31600000077")))


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"{", b'"text"', b"\xff", {}, {"status": "sent"}, {"message_type": "text"}],
)
def test_what_is_no_webhook_is_unreadable(document: Any) -> None:
    with pytest.raises(UnreadableRequestError):
        read(signed(document))


@pytest.mark.parametrize("secret", ["", [], None, 7])
def test_no_parser_is_made_without_a_secret(secret: Any) -> None:
    with pytest.raises(ArgumentError, match="signature_secret must be"):
        VonageReceipts(signature_secret=secret)


def test_two_secrets_count_during_a_rotation() -> None:
    parser = a_parser(signature_secret=["new", SECRET])

    parser.verify(signed(a_status()), now=NOW)
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        request = signed(a_status(), secret="new")
    parser.verify(request, now=NOW)
    with pytest.raises(ForgedRequestError, match="signature of the token is wrong"):
        parser.verify(signed(a_status(), secret=SECRET + "!"), now=NOW)


def test_a_repetition_of_a_day_counts_and_an_older_one_does_not() -> None:
    request, parser = signed(a_status()), a_parser()

    parser.verify(request, now=NOW + timedelta(hours=24))
    parser.verify(request, now=NOW - timedelta(minutes=4))
    for moment in (NOW + timedelta(hours=26), NOW - timedelta(minutes=6)):
        with pytest.raises(ForgedRequestError, match="too long ago, or in the future"):
            parser.verify(request, now=moment)
    with pytest.raises(ForgedRequestError, match="too long ago"):
        a_parser(max_age=60).verify(request, now=NOW + timedelta(seconds=61))


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"payload_hash": "0" * 64}, "not the one that was signed"),
        ({"payload_hash": None}, "not the one that was signed"),
        ({"iat": None}, "the token has no iat"),
        ({"iat": True}, "the token has no iat"),
        ({"exp": int(NOW.timestamp()) - 1}, "has expired"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(claims: dict[str, Any], said: str) -> None:
    request = signed(a_status(), **{key: value for key, value in claims.items() if key != "iat"})
    if "iat" in claims:  # PyJWT makes no such token
        own = claims_of(request.headers["authorization"][7:], [SECRET]) | claims
        request = with_token(request, jwt.encode(own, SECRET) if own["iat"] else _bare(own))

    with pytest.raises(ForgedRequestError, match=said):
        a_parser().verify(request, now=NOW)


def _bare(claims: dict[str, Any]) -> str:
    del claims["iat"]
    return jwt.encode(claims, SECRET)


def with_token(request: HttpRequest, token: str) -> HttpRequest:
    headers = {**request.headers, "authorization": f"Bearer {token}"}
    return HttpRequest(method="POST", url=request.url, headers=headers, body=request.body)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_no_other_algorithm_counts(algorithm: str) -> None:
    claims = claims_of(signed(a_status()).headers["authorization"][7:], [SECRET])
    key = None if algorithm == "none" else SECRET * 2
    token = jwt.encode(claims, key, algorithm=algorithm)

    with pytest.raises(ForgedRequestError):
        a_parser(signature_secret=SECRET * 2).verify(with_token(signed(a_status()), token), now=NOW)


def theirs(token: str) -> bool:
    try:
        return bool(verify_signature(token, SECRET))
    except VonageVerifyJwtError:
        return False


def ours(token: str) -> bool:
    try:
        claims_of(token, [SECRET])
    except ForgedRequestError:
        return False
    return True


TOKEN = jwt.encode({"jti": "1", "payload_hash": "0" * 64}, SECRET)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("AZaz09-_.=+/é "))
def test_vonages_own_package_says_the_same_of_an_altered_token(place: int, letter: str) -> None:
    altered = TOKEN[:place] + letter + TOKEN[place + 1 :]

    # Ours is stricter in one thing: it takes a token only in the one spelling that base64 makes.
    if ours(altered):
        assert theirs(altered)
    if theirs(altered) and not ours(altered):
        assert altered[:-1] == TOKEN[:-1]


@given(
    st.dictionaries(
        st.sampled_from(["iat", "exp", "nbf", "jti", "iss", "aud", "x"]),
        st.one_of(st.integers(0, 10**12), st.text(max_size=5), st.none(), st.booleans()),
        max_size=4,
    ),
    st.dictionaries(
        st.sampled_from(["typ", "kid", "crit", "b64"]),
        st.one_of(st.text(max_size=4), st.booleans(), st.lists(st.just("b64"), max_size=1)),
        max_size=2,
    ),
)
def test_ours_reads_what_vonages_own_package_reads(
    claims: dict[str, Any], header: dict[str, Any]
) -> None:
    try:
        token = jwt.encode(claims, SECRET, headers=header)
    except (TypeError, ValueError, jwt.PyJWTError):
        return

    # Claims about time are the business of `verify`, which has a clock of its own.
    if theirs(token):
        assert ours(token)
        assert claims_of(token, [SECRET]) == claims
