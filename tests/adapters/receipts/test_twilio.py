"""What Twilio signs and reports; requests as its documentation shows them."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging_adapters.providers.message_token import sign_message_id
from messaging_adapters.receipts.twilio import WORDS, TwilioReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import FileBody, ImageBody, TextBody
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.outcome import Accepted, Unknown
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.message import Status
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_failure, a_request

TOKEN = "12345"
URL = "https://example.test/hooks/twilio"
SID = f"SM{'0' * 32}"
ORDERS = a_channel("orders")
MESSAGE = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
FORM = "application/x-www-form-urlencoded"
GENUINE = '{"a": 1}'


def signed(
    fields: dict[str, Any],
    url: str = URL,
    *,
    token: str = TOKEN,
    algorithm: str | None = None,
    method: str = "POST",
) -> HttpRequest:
    """Return a request as Twilio's own package signs it."""
    if method == "GET":
        url, fields = f"{url}?{urlencode(fields)}", {}
    signature = RequestValidator(token).compute_signature(url, fields, algorithm)
    headers = {"Content-Type": FORM, "X-Twilio-Signature": signature}
    if algorithm:
        headers["X-Twilio-Webhooks-Signature-Settings"] = f"key=shared,algorithm={algorithm}"
    return HttpRequest(method=method, url=url, headers=headers, body=urlencode(fields).encode())


def a_status(word: str = "delivered", **fields: str) -> dict[str, Any]:
    return {
        "MessageSid": SID,
        "SmsSid": SID,
        "MessageStatus": word,
        "SmsStatus": word,
        "To": "+31600000001",
        "From": "+31600000009",
        "AccountSid": f"AC{'1' * 32}",
        "ApiVersion": "2010-04-01",
        **fields,
    }


def an_incoming(**fields: str) -> dict[str, Any]:
    return {
        "MessageSid": SID,
        "SmsMessageSid": SID,
        "SmsStatus": "received",
        "From": "+31612345678",
        "To": "+31600000009",
        "Body": "Thank you €",
        "NumMedia": "0",
        "NumSegments": "1",
        "FromCountry": "NL",
        "ApiVersion": "2010-04-01",
        **fields,
    }


def a_parser(**options: Any) -> TwilioReceipts:
    return TwilioReceipts(**{"auth_token": TOKEN, "channels": {"+31600000009": ORDERS}, **options})


def read(request: HttpRequest, **options: Any) -> list[Any]:
    parser = a_parser(**options)
    parser.verify(request, now=NOW)
    return list(parser.parse(request, now=NOW))


def test_a_message_is_delivered_by_a_status_callback() -> None:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: RecordingTransport([Accepted(references=(SID,))], name="twilio")},
        clock=ManualClock(),
        receipt_parsers=[a_parser()],
    )
    worker = Worker(messenger)
    message = messenger.send(ORDERS, a_request())
    worker.drain()

    answers = [
        messenger.receive_webhook("twilio", signed(a_status(word)))
        for word in ("delivered", "sent", "delivered")
    ]
    worker.drain()

    assert {answer.status for answer in answers} == {200}
    assert answers[0].headers == {"content-type": "text/xml"}
    assert answers[0].body == b"<Response></Response>"
    assert messenger.get(message.id).status is Status.DELIVERED


def test_a_callback_ends_the_doubt_about_a_message_that_got_no_answer() -> None:
    lost = Unknown(failure=a_failure(FailureCode.IN_DOUBT, retry=Retry.AMBIGUOUS))
    transport = RecordingTransport([lost], name="twilio")
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: transport},
        clock=ManualClock(),
        receipt_parsers=[a_parser()],
    )
    worker = Worker(messenger)
    message = messenger.send(ORDERS, a_request())
    worker.drain()
    assert messenger.get(message.id).status is Status.PROCESSING

    url = f"{URL}?m={sign_message_id(message.id, TOKEN)}"
    answer = messenger.receive_webhook("twilio", signed(a_status("delivered"), url))
    worker.drain()

    assert answer.status == 200
    assert messenger.get(message.id).status is Status.DELIVERED
    assert len(transport.attempts) == 1


@pytest.mark.parametrize(
    ("algorithm", "signature"),
    [
        (None, "quVuMyZljDqt51xk6pVL5v1MLAM="),
        ("HMAC_SHA256", "Y5cXtYbnHizrLjFW6aASJFNBoIXkt9oO+OeH3y77mi4="),
    ],
)
def test_known_signatures_are_right(algorithm: str | None, signature: str) -> None:
    fields = {"MessageSid": SID, "MessageStatus": "delivered", "To": "+31600000001"}
    request = signed(fields, "https://example.test/hooks/twilio?m=abc", algorithm=algorithm)

    assert request.headers["x-twilio-signature"] == signature
    a_parser().verify(request, now=NOW)


@pytest.mark.parametrize("word", [*WORDS, "on_its_way"])
def test_a_word_becomes_a_status(word: str) -> None:
    receipt = read(signed(a_status(word)))[0]

    assert isinstance(receipt, StatusReceipt)
    assert receipt.provider_status == word
    assert (receipt.source, receipt.reference, receipt.at) == ("twilio", SID, NOW)
    assert receipt.key == f"{SID}:{word}"
    assert receipt.status is (WORDS[word].status if word in WORDS else None)
    assert (receipt.failure is not None) == (receipt.status is ReceiptStatus.FAILED)
    assert "MessageStatus" in receipt.raw


def test_a_read_message_was_delivered_too() -> None:
    delivered, opened = read(signed(a_status("read")))

    assert delivered.status is ReceiptStatus.DELIVERED
    assert isinstance(opened, InteractionReceipt)
    assert opened.type is InteractionType.READ
    assert opened.key != delivered.key


def test_an_error_code_has_its_class_which_a_host_may_change() -> None:
    request = signed(a_status("undelivered", ErrorCode="30005"))
    (receipt,) = read(request)
    (changed,) = read(request, errors={"30005": {"retry": "transient"}})

    assert receipt.failure.code == FailureCode.UNKNOWN_RECEIVER
    assert receipt.failure.retry is Retry.RECIPIENT_GONE
    assert changed.failure.retry is Retry.TRANSIENT


def test_our_message_id_comes_back_in_the_callback_url() -> None:
    token = sign_message_id(MESSAGE, TOKEN)
    forged = sign_message_id(MESSAGE, "guess")

    assert read(signed(a_status(), f"{URL}?m={token}"))[0].message_id == MESSAGE
    assert read(signed(a_status(), f"{URL}?m={forged}"))[0].message_id is None
    assert read(signed(a_status()))[0].message_id is None


def test_a_webhook_may_come_as_get() -> None:
    (receipt,) = read(signed(a_status(), method="GET"))

    assert receipt.status is ReceiptStatus.DELIVERED


def test_an_incoming_message_belongs_to_the_channel_of_its_number() -> None:
    (message,) = read(signed(an_incoming()))

    assert isinstance(message, IncomingMessage)
    assert message.channel_id == ORDERS.id
    assert message.sender == "+31612345678"
    assert message.body == TextBody(text="Thank you €")
    assert (message.source, message.reference, message.at) == ("twilio", SID, NOW)


def test_an_incoming_message_may_come_to_a_messaging_service() -> None:
    request = signed(an_incoming(To="+31600000010", MessagingServiceSid="MG1"))
    (message,) = read(request, channels={"MG1": ORDERS.id})

    assert message.channel_id == ORDERS.id


def test_incoming_media_are_named_by_their_urls() -> None:
    picture = {"MediaUrl0": "https://api.twilio.com/a", "MediaContentType0": "image/png"}
    card = {"MediaUrl1": "https://api.twilio.com/b", "MediaContentType1": "text/vcard"}
    (pictures,) = read(signed(an_incoming(NumMedia="1", **picture, Body="")))
    (files,) = read(signed(an_incoming(NumMedia="2", **picture, **card)))

    assert isinstance(pictures.body, ImageBody)
    assert pictures.body.images[0].media_url == "https://api.twilio.com/a"
    assert pictures.body.text is None
    assert isinstance(files.body, FileBody)
    assert [file.content_type for file in files.body.files] == ["image/png", "text/vcard"]
    assert files.body.text == "Thank you €"


def test_a_number_without_a_channel_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="name the channel in `channels`") as raised:
        read(signed(an_incoming(To="+31600000077")))

    assert "31600000077" not in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"MessageStatus": "sent"}, "it has no MessageSid"),
        ({"MessageSid": SID}, "it has neither a MessageStatus nor a Body"),
        ({"MessageSid": SID, "Body": "hi", "To": "+1"}, "it has no From"),
    ],
)
def test_what_is_no_callback_is_unreadable(fields: dict[str, str], said: str) -> None:
    channels = {"+1": ORDERS}

    with pytest.raises(UnreadableRequestError, match=said):
        read(signed(fields), channels=channels)


def test_values_whose_order_nothing_proves_are_unreadable() -> None:
    request = HttpRequest(
        method="POST", url=URL, body=b"MessageSid=a&MessageStatus=sent&MessageStatus=delivered"
    )

    with pytest.raises(UnreadableRequestError, match="it has several values of MessageStatus"):
        a_parser().parse(request, now=NOW)


@pytest.mark.parametrize("token", ["", [], (), "  ", ["a", ""], None, 7, b"12345"])
def test_no_parser_is_made_without_a_secret(token: Any) -> None:
    with pytest.raises(ArgumentError, match="auth_token must be"):
        TwilioReceipts(auth_token=token)


@pytest.mark.parametrize("token", [f"{TOKEN}\n", ("new", f" {TOKEN}")])
def test_a_secret_with_the_end_of_its_line_is_refused(token: Any) -> None:
    with pytest.raises(ArgumentError, match="a secret without blanks around it") as raised:
        TwilioReceipts(auth_token=token)

    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("channels", [None, ["+31"], {7: ORDERS}, {"+31": "orders"}])
def test_wrong_channels_are_refused(channels: Any) -> None:
    with pytest.raises(ArgumentError, match="channels"):
        a_parser(channels=channels)


def test_neither_secret_nor_number_shows() -> None:
    shown = repr(a_parser(errors={"30007": {"retry": "transient"}}))

    assert shown == "TwilioReceipts(name='twilio')"


def test_two_secrets_count_during_a_rotation() -> None:
    parser = a_parser(auth_token=("new", TOKEN))

    parser.verify(signed(a_status()), now=NOW)
    parser.verify(signed(a_status(), token="new"), now=NOW)
    with pytest.raises(ForgedRequestError):
        parser.verify(signed(a_status(), token="newer"), now=NOW)


def test_a_callback_has_no_age() -> None:
    request = signed(a_status())

    a_parser().verify(request, now=NOW + timedelta(days=400))


@pytest.mark.parametrize("settings", ["algorithm=HMAC_MD5", "key=k,algorithm=none"])
def test_an_unknown_algorithm_is_refused(settings: str) -> None:
    request = signed(a_status())
    headers = {**request.headers, "x-twilio-webhooks-signature-settings": settings}

    with pytest.raises(ForgedRequestError, match="unknown algorithm"):
        a_parser().verify(HttpRequest(method="POST", url=URL, headers=headers), now=NOW)


def accepts(parser: TwilioReceipts, request: HttpRequest) -> bool:
    try:
        parser.verify(request, now=NOW)
    except ForgedRequestError:
        return False
    return True


FIELDS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5)


@given(
    FIELDS,
    st.sampled_from(
        [
            URL,
            "https://example.test:443/hooks/twilio?m=abc",
            "https://example.test:8443/hooks?a=1&b=%20",
            "http://example.test/",
            "http://example.test:80",
            "https://example.test",
        ]
    ),
    st.sampled_from([None, "HMAC_SHA1", "HMAC_SHA256", "hmac_sha256"]),
    st.sampled_from([TOKEN, "guess"]),
)
def test_twilios_own_validator_says_the_same(
    fields: dict[str, str], url: str, algorithm: str | None, token: str
) -> None:
    fields = {name: text for name, text in fields.items() if _is_utf8(name + text)}
    request = signed(fields, url, algorithm=algorithm, token=token)
    signature = request.headers["x-twilio-signature"]

    theirs = RequestValidator(TOKEN).validate(url, fields, signature, algorithm)

    assert accepts(a_parser(), request) is theirs is (token == TOKEN)


@pytest.mark.parametrize(
    ("told", "called"),
    [
        ("https://example.test/x", "https://example.test:443/x"),
        ("https://example.test:443/x", "https://example.test/x"),
        ("https://example.test:8443/x", "https://example.test/x"),
        ("http://example.test:80/x", "http://example.test/x"),
        ("http://example.test/x", "http://example.test:80/x"),
        ("http://example.test:443/x", "http://example.test/x"),
    ],
)
def test_the_port_may_be_left_out_as_twilios_validator_does(told: str, called: str) -> None:
    request = signed(a_status(), told)
    signature = request.headers["x-twilio-signature"]
    received = HttpRequest(method="POST", url=called, headers=request.headers, body=request.body)

    theirs = RequestValidator(TOKEN).validate(called, a_status(), signature)

    assert accepts(a_parser(), received) is theirs


@pytest.mark.parametrize("body", [GENUINE, '{"a": 2}', ""])
def test_a_json_body_is_proved_by_its_hash_as_twilios_validator_does(body: str) -> None:
    validator = RequestValidator(TOKEN)
    url = f"{URL}?bodySHA256={validator.compute_hash(GENUINE)}"
    signature = validator.compute_signature(url, {})
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": signature}
    request = HttpRequest(method="POST", url=url, headers=headers, body=body.encode())

    assert accepts(a_parser(), request) is validator.validate(url, body, signature)
    assert accepts(a_parser(), request) is (body == GENUINE)


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any(0xD800 <= ord(letter) < 0xE000 for letter in text)
