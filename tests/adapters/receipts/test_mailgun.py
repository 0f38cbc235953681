"""What Mailgun reports; requests as its documentation shows them."""

import hmac
import json
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from mailgun.security import SecurityGuard

from messaging_adapters.config import load_config
from messaging_adapters.receipts.mailgun import MailgunReceipts
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.content.body import HtmlBody
from messaging_core.ports.http import HttpRequest
from messaging_core.ports.receipts import MAX_SIZE
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel

KEY = "test-signing-key"
ORDERS = a_channel("orders")
OWN = "01890a5d-ac96-774b-bcce-b302099a8057"
TOKEN = "a" * 50
NESTED = "".join(
    f"Content-Type: multipart/mixed; boundary=b{number}\n\n--b{number}\n" for number in range(5000)
)
FORM = "application/x-www-form-urlencoded"


def a_signature(token: str = TOKEN, at: int | None = None, key: str = KEY) -> dict[str, str]:
    timestamp = str(int(NOW.timestamp()) if at is None else at)
    signature = hmac.new(key.encode(), f"{timestamp}{token}".encode(), "sha256").hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": signature}


def an_event(event: str, **fields: Any) -> dict[str, Any]:
    headers = {"message-id": f"{OWN}@shop.example", "to": "Ada <a@x.example>"}
    own = {"user-variables": {"message_id": OWN}, "message": {"headers": headers}}
    return {"event": event, "recipient": "a@x.example", "timestamp": 1767600000.5, **own, **fields}


def a_failure(reason: str, **status: Any) -> dict[str, Any]:
    return an_event("failed", severity="permanent", reason=reason, **{"delivery-status": status})


def a_request(event: Any, **signature: Any) -> HttpRequest:
    body = orjson.dumps({"signature": a_signature(**signature), "event-data": event})
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return HttpRequest(method="POST", url="https://shop.example/m", headers=headers, body=body)


def a_form(fields: Any) -> HttpRequest:
    headers = {"Content-Type": FORM}
    body = urlencode(fields).encode()
    return HttpRequest(method="POST", url="https://shop.example/m", headers=headers, body=body)


def a_parser(**options: Any) -> MailgunReceipts:
    channels = {"Orders@in.example": ORDERS}
    return MailgunReceipts(**{"signing_key": KEY, "channels": channels} | options)


def read(request: HttpRequest, **options: Any) -> Any:
    parser = a_parser(**options)
    parser.verify(request, now=NOW)
    (receipt,) = parser.parse(request, now=NOW)
    return receipt


@pytest.mark.parametrize(
    ("failure", "retry", "code"),
    [
        (
            a_failure("bounce", code=550, message="5.1.1 No such user"),
            Retry.RECIPIENT_GONE,
            FailureCode.UNKNOWN_RECEIVER,
        ),
        (
            a_failure("bounce", **{"enhanced-code": "5.2.2"}),
            Retry.TRANSIENT,
            FailureCode.UNREACHABLE,
        ),
        (a_failure("bounce", code=550, message="no"), Retry.PERMANENT, FailureCode.REFUSED),
        (
            a_failure("generic", code=550, message="5.7.1 blocked"),
            Retry.PERMANENT,
            FailureCode.REFUSED,
        ),
        (
            a_failure("suppress-complaint", code=607),
            Retry.RECIPIENT_GONE,
            FailureCode.SUPPRESSED,
        ),
        (a_failure("old", code=602, message="4.4.1"), Retry.TRANSIENT, FailureCode.UNREACHABLE),
        (a_failure("unheard-of", code=499), Retry.TRANSIENT, FailureCode.TRANSIENT),
    ],
)
def test_a_failure_has_the_class_of_its_reason(failure: Any, retry: Retry, code: int) -> None:
    receipt = read(a_request(failure))

    assert (receipt.failure.retry, receipt.failure.code) == (retry, code)


def test_a_host_may_change_the_class_of_a_reason() -> None:
    errors = {"reason:old": {"retry": "permanent"}}

    receipt = read(a_request(a_failure("old")), errors=errors)

    assert receipt.failure.retry is Retry.PERMANENT


def test_a_rejection_names_its_only_receiver_in_the_headers() -> None:
    receipt = read(a_request(an_event("rejected", recipient=None)))

    assert receipt.recipient == "a@x.example"
    assert receipt.failure.retry is Retry.PERMANENT


def test_what_comes_with_a_used_token_is_a_repetition_whatever_it_says() -> None:
    opened, delivered = (read(a_request(an_event(word))) for word in ("opened", "delivered"))
    other = read(a_request(an_event("opened"), token="b" * 50))
    mail = read(
        a_form({"recipient": "orders@in.example", "sender": "a@x.example", **a_signature()})
    )

    assert opened.key == delivered.key == mail.key
    assert opened.key != other.key


def test_no_digit_can_move_between_the_timestamp_and_the_token() -> None:
    genuine = a_signature(token="7" + "a" * 49)
    moved = {**genuine, "timestamp": genuine["timestamp"] + "7", "token": "a" * 49}

    a_parser().verify(a_form(genuine), now=NOW)
    with pytest.raises(ForgedRequestError, match="malformed"):
        a_parser().verify(a_form(moved), now=NOW)


def test_the_signature_is_that_of_the_official_client() -> None:
    signature = a_signature(at=1_700_000_000)

    assert signature["signature"] == (
        "fba02b5dc7e0ed59317d3f7fa9c5a1e7b6565a72c562a6f5b640507ae4d77fa5"
    )
    now = a_signature()
    guarded = SecurityGuard.verify_webhook(
        KEY, now["token"], now["timestamp"], now["signature"], max_age_seconds=10**9
    )
    assert guarded
    a_parser().verify(a_form(now), now=NOW)


@pytest.mark.parametrize("age", [timedelta(hours=24, minutes=1), timedelta(minutes=-6)])
def test_an_old_request_and_one_of_the_future_are_refused(age: timedelta) -> None:
    request = a_form(a_signature(at=int((NOW - age).timestamp())))

    with pytest.raises(ForgedRequestError, match="too long ago"):
        a_parser().verify(request, now=NOW)


def test_the_last_of_several_signatures_in_a_form_counts() -> None:
    forged = [("token", "x" * 50), ("timestamp", "1"), ("signature", "0")]

    a_parser().verify(a_form([*forged, *a_signature().items()]), now=NOW)
    with pytest.raises(ForgedRequestError):
        a_parser().verify(a_form([*a_signature().items(), *forged]), now=NOW)


def an_incoming_mail(**fields: str) -> HttpRequest:
    mail = {"recipient": "orders@IN.example", "sender": "bounce@x.example", "body-plain": "Hi"}
    return a_form({**mail, **fields, **a_signature()})


def test_an_incoming_mail_is_from_the_person_and_not_from_the_envelope() -> None:
    headers = json.dumps([["Message-Id", "<q@x.example>"], ["Date", "no date"], 7, ["x"]])

    message = read(
        an_incoming_mail(
            **{"from": "=?utf-8?q?K=C3=A4the?= <k@x.example>", "subject": "A question"},
            **{"message-headers": headers},
        )
    )

    assert (message.sender, message.sender_name) == ("k@x.example", "Käthe")
    assert (message.channel_id, message.reference) == (ORDERS.id, "q@x.example")
    assert message.at == NOW
    assert isinstance(message.body, HtmlBody)
    assert message.body.text == "Hi"
    assert message.body.metadata is not None
    assert message.body.metadata.subject == "A question"


def test_a_mail_without_a_from_is_from_the_envelope() -> None:
    assert read(an_incoming_mail()).sender == "bounce@x.example"


def test_a_whole_mail_is_read_with_its_files() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = (
        "Ada <a@x.example>",
        "Grüße",
        "<1@x.example>",
    )
    mail.set_content("Hi")
    mail.add_alternative("<p>Hi</p>", subtype="html")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="l.png")

    message = read(an_incoming_mail(**{"body-mime": mail.as_string()}))

    assert (message.sender, message.reference) == ("a@x.example", "1@x.example")
    assert (message.body.text, message.body.html) == ("Hi\n", "<p>Hi</p>\n")
    assert message.body.metadata.subject == "Grüße"
    (file,) = message.body.attachments
    assert (file.filename, file.content_type, file.content) == ("l.png", "image/png", "iVBORw==")
    assert "iVBORw" not in message.raw


def test_a_whole_mail_may_have_another_charset() -> None:
    lines = ["From: a@x.example", "Content-Type: text/plain; charset=latin-1", "", "Gr\xfc\xdfe"]
    fields = {"recipient": "orders@in.example", **a_signature()}
    form = urlencode({**fields, "body-mime": "\r\n".join(lines)}, encoding="latin-1").encode()

    message = read(evolve(a_form(fields), body=form))

    assert message.body.text == "Grüße"


def test_a_mail_to_an_address_without_a_channel_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="name the channel in `channels`"):
        read(an_incoming_mail(recipient="other@in.example"))


@pytest.mark.parametrize(
    "request_",
    [
        a_request({}),
        a_request(an_event("opened", message={})),
        a_form(a_signature()),
        an_incoming_mail(**{"body-mime": NESTED}),
    ],
)
def test_what_is_no_webhook_is_unreadable(request_: HttpRequest) -> None:
    with pytest.raises((UnreadableRequestError, ConfigurationError)):
        read(request_)


@given(st.binary(max_size=300))
def test_any_bytes_of_a_mail_are_read_or_unreadable(content: bytes) -> None:
    try:
        message = read(an_incoming_mail(**{"body-mime": content.decode("latin-1")}))
    except UnreadableRequestError:
        return
    assert message.sender


def test_mail_may_be_larger_where_there_are_channels() -> None:
    assert a_parser(channels={}).max_size == MAX_SIZE
    assert a_parser().max_size > 25_000_000
    assert a_parser(max_size=7).max_size == 7


@pytest.mark.parametrize("options", [{"signing_key": ""}, {"signing_key": None}, {"max_size": 0}])
def test_a_set_up_that_cannot_work_is_refused(options: Any) -> None:
    with pytest.raises(ArgumentError):
        a_parser(**options)


def test_a_configuration_names_the_key() -> None:
    hook = {"type": "mailgun", "signing_key_env": "KEY"}
    channel = {"platform": "email", "sender": "shop@shop.example", "transport": "console:"}
    config = load_config({"channels": {"a": channel}, "webhooks": {"mailgun": hook}})

    (parser,) = config.make_webhooks({"KEY": KEY})

    parser.verify(a_form(a_signature()), now=NOW)
