"""What Amazon SES publishes through SNS; events as its developer guide shows them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sns_message_validator import SNSMessageValidator

from messaging_adapters.config import load_config
from messaging_adapters.receipts.ses import SesReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger
from messaging_core.errors import (
    ArgumentError,
    ConfigurationError,
    ForgedRequestError,
    HttpError,
    UnreadableRequestError,
    UnverifiedRequestError,
)
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.ports.http import HttpFault, HttpRequest, HttpResponse
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import RecordingTransport, a_channel
from peers import sns

SECRET = "ours"
ORDERS = a_channel("orders")
OWN = "01890a5d-ac96-774b-bcce-b302099a8057"
ID = "0102019a7c2d1e4f-5b1c2d3e-000000"
UP_TO_DATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def a_parser(client: Any = None, **options: Any) -> SesReceipts:
    topic, channels = sns.topic_of(SECRET), {"Orders@in.example": ORDERS}
    usual = {"topic_arns": topic, "channels": channels, "client": client or sns.Sns([SECRET])}
    return SesReceipts(**usual | options)


def a_request(message: Any) -> HttpRequest:
    body = json.dumps(message).encode()
    return HttpRequest(method="POST", url="https://shop.example/ses", body=body)


def published(event: Any, **fields: Any) -> HttpRequest:
    text = event if isinstance(event, str) else json.dumps(event) + "\n"
    return a_request(sns.notification(text, SECRET, NOW, **fields))


def an_event(kind: str, to: Any = ("a@x.example",), **parts: Any) -> dict[str, Any]:
    tags = {"message_id": [OWN]}
    mail = {"messageId": ID, "timestamp": "2026-01-05T07:00:00.000Z", "destination": list(to)}
    return {"eventType": kind, "mail": {**mail, "tags": tags}, **parts}


def a_bounce(kind: str, detail: str) -> dict[str, Any]:
    people = [{"emailAddress": "A <a@x.example>"}]
    return an_event(
        "Bounce",
        bounce={"bounceType": kind, "bounceSubType": detail, "bouncedRecipients": people},
    )


def read(request: HttpRequest, parser: SesReceipts | None = None, **options: Any) -> list[Any]:
    parser = parser or a_parser(**options)
    parser.verify(request, now=NOW)
    return list(parser.parse(request, now=NOW))


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_verified(version: str) -> None:
    (receipt,) = read(published(an_event("Send"), version=version))

    assert receipt.message_id is not None
    assert str(receipt.message_id) == OWN


class Certificates:
    """Give a foreign validator the certificates that it would fetch."""

    def get(self, url: str) -> Any:
        return HttpResponseOf(sns.Sns([SECRET]).send(HttpRequest(method="GET", url=url)).body)


class HttpResponseOf:
    def __init__(self, content: bytes) -> None:
        self.content = content


@pytest.mark.parametrize(
    "message",
    [
        sns.notification(json.dumps(an_event("Send")) + "\n", SECRET, NOW, version="1"),
        sns.notification("{}", SECRET, NOW, version="1", Subject="Amazon SES Notification é"),
        sns.confirmation(SECRET, NOW, version="1"),
        sns.confirmation(SECRET, NOW, version="1", Type="UnsubscribeConfirmation"),
    ],
)
def test_a_foreign_validator_agrees_about_each_field(message: dict[str, str]) -> None:
    validator = SNSMessageValidator()
    validator._cert_session = Certificates()

    for name in ("", *message.keys() - {"Signature"}):  # of which theirs takes several spellings
        altered = message if not name else {**message, name: message[name] + "x"}
        try:
            validator.validate_message(altered)
            theirs = True
        except Exception:  # noqa: BLE001 - of many kinds
            theirs = False
        try:
            a_parser().verify(a_request(altered), now=NOW)
            ours = True
        except ForgedRequestError:
            ours = False
        assert ours == theirs, name
        assert ours == (name in ("", "UnsubscribeURL"))


def test_a_message_of_another_topic_is_refused_and_nothing_is_fetched() -> None:
    client = sns.Sns([SECRET, "theirs"])
    request = a_request(sns.notification(json.dumps(an_event("Send")), "theirs", NOW))

    with pytest.raises(ForgedRequestError, match="none of topic_arns"):
        a_parser(client).verify(request, now=NOW)

    assert client.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789.pem",
        "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-01234567.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=Publish&x=.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.s3-website-eu-west-1.amazonaws.com/SimpleNotificationService-01234567.pem",
        "https://sns.x.evil.example#.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        UP_TO_DATE + "\n",
        UP_TO_DATE.upper(),
        "https://169.254.169.254/latest/meta-data/x.pem",
        "",
    ],
)
def test_no_certificate_of_another_place_is_fetched(url: str) -> None:
    client = sns.Sns([SECRET])
    message = sns.notification(json.dumps(an_event("Send")), SECRET, NOW) | {"SigningCertURL": url}

    with pytest.raises(ForgedRequestError, match="not one of SNS"):
        a_parser(client).verify(a_request(message), now=NOW)

    assert client.requests == []


def test_a_certificate_is_fetched_once() -> None:
    client = sns.Sns([SECRET])
    parser = a_parser(client)

    for kind in ("Send", "Delivery", "Open"):
        read(published(an_event(kind)), parser)

    assert [request.url for request in client.requests] == [sns.url_of(SECRET)]


def test_a_certificate_that_has_ended_proves_nothing() -> None:
    late = sns.later(days=1)
    request = a_request(sns.notification(json.dumps(an_event("Send")), SECRET, late))

    with pytest.raises(ForgedRequestError, match="ended"):
        a_parser().verify(request, now=late)


def unreachable(_: HttpRequest) -> HttpResponse:
    raise HttpError("no answer", may_be_sent=False, fault=HttpFault.TIMEOUT)


@pytest.mark.parametrize(
    "answer",
    [
        unreachable,
        lambda _: HttpResponse(status=503),
        lambda _: HttpResponse(status=307, headers={"location": "https://evil.example"}),
        lambda _: HttpResponse(status=200, body=b"<html>"),
    ],
)
def test_without_the_certificate_sns_is_asked_to_come_again(answer: Any) -> None:
    request = published(an_event("Send"))
    parser = a_parser(sns.Sns(answer=answer))
    with pytest.raises(UnverifiedRequestError):
        parser.verify(request, now=NOW)

    mail = Channel(name="mail", platform="email", sender="a@x.example")
    channels = {mail: RecordingTransport()}
    messenger = Messenger(storage=MemoryStorage(), channels=channels, receipt_parsers=[parser])
    assert messenger.receive_webhook("ses", request).status == 503


def test_a_certificate_that_sns_does_not_have_is_a_forgery() -> None:
    parser = a_parser(sns.Sns(answer=lambda _: HttpResponse(status=403)))

    with pytest.raises(ForgedRequestError, match="no such certificate"):
        parser.verify(published(an_event("Send")), now=NOW)


def test_an_old_message_is_refused() -> None:
    request = a_request(sns.notification("{}", SECRET, NOW - timedelta(hours=25)))

    with pytest.raises(ForgedRequestError, match="too long ago"):
        a_parser().verify(request, now=NOW)


def test_a_line_break_cannot_move_text_from_one_field_to_another() -> None:
    event = json.dumps(an_event("Send"))
    genuine = sns.notification(f"{event}\nMessageId\nx\nSubject\ny", SECRET, NOW)
    own = genuine["MessageId"]
    moved = genuine | {"Message": event, "MessageId": "x", "Subject": f"y\nMessageId\n{own}"}

    a_parser().verify(a_request(genuine), now=NOW)
    with pytest.raises(ForgedRequestError, match="several lines"):
        a_parser().verify(a_request(moved), now=NOW)


def test_a_message_without_a_signature_is_refused() -> None:
    with pytest.raises(ForgedRequestError):
        a_parser().verify(a_request(an_event("Send")), now=NOW)  # raw message delivery


def confirming(status: int) -> sns.Sns:
    certificates = sns.Sns([SECRET])

    def answer(request: HttpRequest) -> HttpResponse:
        if "Action" in request.url:
            return HttpResponse(status=status)
        return certificates.send(request)

    return sns.Sns(answer=answer)


def test_a_subscription_is_confirmed_at_its_topic_and_nowhere_else() -> None:
    client = confirming(200)

    assert read(a_request(sns.confirmation(SECRET, NOW)), a_parser(client)) == []

    asked = [request.url for request in client.requests]
    topic = sns.topic_of(SECRET).replace(":", "%3A")
    query = f"Action=ConfirmSubscription&TopicArn={topic}&Token=2336412f37"
    assert asked[1:] == [f"https://sns.eu-west-1.amazonaws.com/?{query}"]


def test_a_subscription_that_is_not_confirmed_is_repeated() -> None:
    with pytest.raises(ConfigurationError, match="could not be confirmed"):
        read(a_request(sns.confirmation(SECRET, NOW)), a_parser(confirming(403)))


def test_a_token_cannot_change_the_request_that_confirms() -> None:
    client = confirming(200)

    with pytest.raises(UnreadableRequestError, match="token"):
        read(a_request(sns.confirmation(SECRET, NOW, Token="x&Action=y")), a_parser(client))

    assert len(client.requests) == 1, "but for the certificate"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("SubscriptionConfirmation", {"confirm_subscriptions": False}),
        ("UnsubscribeConfirmation", {}),
    ],
)
def test_other_messages_about_subscriptions_change_nothing(kind: str, options: Any) -> None:
    client = confirming(200)
    request = a_request(sns.confirmation(SECRET, NOW, Type=kind))

    assert read(request, a_parser(client, **options)) == []
    assert len(client.requests) == 1, "the certificate"


@pytest.mark.parametrize(
    "greeting",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "x"},
    ],
)
def test_what_ses_says_about_a_new_topic_is_about_no_mail(greeting: Any) -> None:
    assert read(published(greeting)) == []


@pytest.mark.parametrize(
    ("kind", "detail", "retry", "code"),
    [
        ("Permanent", "NoEmail", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("Permanent", "Suppressed", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("Permanent", "OnAccountSuppressionList", Retry.RECIPIENT_GONE, FailureCode.SUPPRESSED),
        ("Permanent", "Unheard-of", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("Transient", "General", Retry.TRANSIENT, FailureCode.UNREACHABLE),
        ("Transient", "MailboxFull", Retry.TRANSIENT, FailureCode.UNREACHABLE),
        ("Transient", "MessageTooLarge", Retry.PERMANENT, FailureCode.INVALID_CONTENT),
        ("Transient", "ContentRejected", Retry.PERMANENT, FailureCode.INVALID_CONTENT),
        ("Transient", "AttachmentRejected", Retry.PERMANENT, FailureCode.INVALID_CONTENT),
        ("Undetermined", "Undetermined", Retry.TRANSIENT, FailureCode.TRANSIENT),
    ],
)
def test_a_bounce_has_the_class_of_its_type(
    kind: str, detail: str, retry: Retry, code: FailureCode
) -> None:
    (receipt,) = read(published(a_bounce(kind, detail)))

    assert (receipt.failure.retry, receipt.failure.code) == (retry, code)
    assert receipt.recipient == "a@x.example"


def test_a_host_may_change_the_class_of_a_bounce() -> None:
    errors = {"Bounce:Transient:General": {"retry": "permanent"}}

    (receipt,) = read(published(a_bounce("Transient", "General")), errors=errors)

    assert receipt.failure.retry is Retry.PERMANENT


def test_a_repeated_message_is_known_by_its_id_and_each_receiver_counts() -> None:
    event = an_event("Send", to=["a@x.example", "B <b@x.example>"])

    first, second = read(published(event, MessageId="one"))
    again = read(published(event, MessageId="one"))
    other = read(published(event, MessageId="two"))

    assert (first.recipient, second.recipient) == ("a@x.example", "b@x.example")
    assert [receipt.key for receipt in again] == [first.key, second.key]
    assert not {receipt.key for receipt in other} & {first.key, second.key}


def test_an_incoming_mail_without_its_content_is_a_matter_of_configuration() -> None:
    event = {"notificationType": "Received", "mail": {"messageId": "x"}, "receipt": {}}

    with pytest.raises(ConfigurationError, match="SNS action"):
        read(published(event))


@pytest.mark.parametrize(
    ("encoding", "content", "kind"),
    [
        ("BASE64", "no base64!", UnreadableRequestError),
        ("UTF8", "To: orders@in.example\r\n\r\nHi", UnreadableRequestError),
        ("UTF8", "From: a@x.example\r\n\r\nHi", ConfigurationError),
    ],
)
def test_an_incoming_mail_of_no_form_or_channel_is_refused(
    encoding: str, content: str, kind: type[Exception]
) -> None:
    action = {"type": "SNS", "encoding": encoding}
    to = ["orders@in.example"] if kind is UnreadableRequestError else ["x@in.example"]
    receipt = {"recipients": to, "action": action}
    event = {"notificationType": "Received", "mail": {}, "receipt": receipt, "content": content}

    with pytest.raises(kind):
        read(published(event))


@pytest.mark.parametrize("event", [{}, [], {"eventType": "Send"}, {"eventType": "Send", "mail": 7}])
def test_what_is_no_event_is_unreadable(event: Any) -> None:
    with pytest.raises(UnreadableRequestError):
        read(published(event))


@pytest.mark.parametrize(
    "topics", [(), "", None, "events", "arn:aws:sns:eu-west-1:1:events", [sns.topic_of("x"), "y"]]
)
def test_a_parser_needs_topics(topics: Any) -> None:
    with pytest.raises(ArgumentError, match="topic_arns"):
        a_parser(topic_arns=topics)


def test_it_has_a_client_of_its_own_that_reaches_public_addresses_only() -> None:
    parser = SesReceipts(topic_arns=sns.topic_of(SECRET))
    client: Any = parser._sns.client

    assert not client.allows("169.254.169.254")
    assert not client.allows("127.0.0.1")


def test_a_configuration_names_the_topics() -> None:
    hook = {"type": "ses", "topic_arns": [sns.topic_of(SECRET)]}
    channel = {"platform": "email", "sender": "shop@shop.example", "transport": "console:"}
    config = load_config({"channels": {"a": channel}, "webhooks": {"ses": hook}})

    (parser,) = config.make_webhooks({})

    assert isinstance(parser, SesReceipts)
    assert parser.topic_arns == (sns.topic_of(SECRET),)
