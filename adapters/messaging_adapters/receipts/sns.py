"""Notifications of Amazon SNS over HTTPS: whose signature they have, and who may send them.

Sources: "Verifying the signatures of Amazon SNS messages" and "Parsing Amazon SNS message formats"
of the SNS developer guide.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from attrs import define, field

from messaging_adapters.receipts.json_body import Document, document_of, text
from messaging_adapters.receipts.signatures import check_age
from messaging_core.arguments import a_text, optional, part, refuse
from messaging_core.errors import (
    ConfigurationError,
    ForgedRequestError,
    HttpError,
    UnreadableRequestError,
    UnverifiedRequestError,
)
from messaging_core.fork import ForkSafeLock
from messaging_core.lazy import logger
from messaging_core.ports.http import HttpClient, HttpRequest

if TYPE_CHECKING:  # an extra
    from messaging_adapters.receipts.certificate import Certificate

_log = logger(__name__)

NOTIFICATION: Final = "Notification"
_CONFIRMATION: Final = "SubscriptionConfirmation"
_UNSUBSCRIBED: Final = "UnsubscribeConfirmation"
_OF_SUBSCRIPTIONS: Final = (
    *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
)
_SIGNED: Final = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    _CONFIRMATION: _OF_SUBSCRIPTIONS,
    _UNSUBSCRIBED: _OF_SUBSCRIPTIONS,
}
"""What each type signs, in this order."""

_REGION: Final = r"[a-z]{2,3}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}"
_TOPIC: Final = re.compile(
    rf"arn:(aws|aws-cn|aws-us-gov):sns:({_REGION}):[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}(?:\.fifo)?"
)
# Nothing else may be asked for: this URL comes from a stranger. The region in it must really be
# one: sns.s3.amazonaws.com and sns.s3-eu-west-1.amazonaws.com are the bucket "sns" of a customer.
_CERTIFICATE: Final = re.compile(
    rf"https://sns\.{_REGION}\.amazonaws\.com(\.cn)?"
    r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem"
)
_TOKEN: Final = re.compile(r"[A-Za-z0-9]{1,2048}")
_MOST_CERTIFICATES: Final = 16
_LARGEST_CERTIFICATE: Final = 65_536  # bytes
_REFUSALS: Final = range(400, 500)


AN_HTTP_CLIENT: Final = optional(
    part("an HTTP client", "send", remedy="write client=Urllib3Client(), or leave it out")
)
"""Checks the argument `client` of a parser."""


def topics_of(value: Any, name: str) -> Any:
    """Allow the ARN of a topic, or several."""
    given = (value,) if isinstance(value, str) else value
    remedy = f'write {name}="arn:aws:sns:eu-west-1:123456789012:events"'
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise refuse(name, "the ARN of a topic, or several", value, remedy)
    topics = tuple(a_text(topic, name) for topic in given)
    if not topics or not all(map(_TOPIC.fullmatch, topics)):
        raise refuse(name, "the ARN of a topic, or several", value, remedy)
    return topics


@define(eq=False, kw_only=True)
class SnsVerifier:
    """Verify messages of known topics, and confirm subscriptions to them.

    A certificate is fetched from SNS itself, over TLS, and kept; nothing else that a message names
    is asked for. A subscription is confirmed at the address of its topic's region, not at the
    `SubscribeURL` of the message.

    Attributes:
        topics: ARNs; messages of others are forged.
        client: Fetches certificates and confirms subscriptions.
        max_age: How old the timestamp of a message may be.
        confirms: Confirm subscriptions that SNS asks about.
    """

    topics: tuple[str, ...]
    client: HttpClient = field(repr=False)
    max_age: timedelta
    confirms: bool = True
    _certificates: dict[str, "Certificate"] = field(factory=dict, init=False, repr=False)
    _lock: Any = field(factory=ForkSafeLock, init=False, repr=False)
    _certificate_of: Callable[[bytes], "Certificate"] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Here, not at the first message: a missing package stops the start of the service.
        from messaging_adapters.receipts.certificate import Certificate  # noqa: PLC0415 - an extra

        self._certificate_of = Certificate

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        """Return if SNS signed this request for one of the topics.

        Raises:
            ForgedRequestError: It did not, or too long ago.
            UnverifiedRequestError: The certificate could not be fetched.
        """
        message = _message_of(request)
        signed = _signed_text(message)
        if text(message, "TopicArn") not in self.topics:
            raise ForgedRequestError("the topic is none of topic_arns")
        version, url = text(message, "SignatureVersion"), text(message, "SigningCertURL")
        certificate = self._certificate(url, now)
        if not certificate.has_signed(text(message, "Signature"), signed, version):
            raise ForgedRequestError("the signature is missing or wrong")
        check_age(_instant(text(message, "Timestamp")).timestamp(), now, self.max_age)

    def notification(self, request: HttpRequest) -> Document | None:
        """Return a verified message with a notification, or nothing once it is another.

        Raises:
            UnreadableRequestError: A token has no form of one.
            ConfigurationError: A subscription could not be confirmed.
        """
        message = document_of(request.body)
        kind = text(message, "Type")
        if kind == NOTIFICATION:
            return message
        if kind == _CONFIRMATION and self.confirms:
            self._confirm(text(message, "TopicArn"), text(message, "Token"))
        return None

    def _certificate(self, url: str, now: datetime) -> "Certificate":
        if _CERTIFICATE.fullmatch(url) is None:
            raise ForgedRequestError("the certificate is not one of SNS")
        with self._lock:
            certificate = self._certificates.get(url)
        certificate = certificate or self._fetched(url)
        if not certificate.is_valid(now):
            raise ForgedRequestError("the certificate has ended, or is not valid yet")
        with self._lock:
            while len(self._certificates) >= _MOST_CERTIFICATES:
                del self._certificates[next(iter(self._certificates))]
            self._certificates[url] = certificate
        return certificate

    def _fetched(self, url: str) -> "Certificate":
        try:
            request = HttpRequest(method="GET", url=url)
            answer = self.client.send(request, max_answer=_LARGEST_CERTIFICATE)
        except HttpError as error:
            problem = f"the certificate of SNS could not be fetched ({error.fault})"
            raise UnverifiedRequestError(problem) from None
        if answer.status in _REFUSALS:
            raise ForgedRequestError("SNS has no such certificate")
        if not answer.is_ok:
            raise UnverifiedRequestError(f"SNS answered {answer.status} and no certificate")
        try:
            return self._certificate_of(answer.body)
        except ValueError:
            raise UnverifiedRequestError("SNS answered with what is no certificate") from None

    def _confirm(self, topic: str, token: str) -> None:
        if _TOKEN.fullmatch(token) is None:
            raise UnreadableRequestError("the confirmation has no token")
        try:
            answer = self.client.send(HttpRequest(method="GET", url=_confirmation(topic, token)))
            said = f"SNS answered {answer.status}"
        except HttpError as error:
            answer, said = None, str(error.fault)
        if answer is None or not answer.is_ok:
            raise ConfigurationError(
                f"the subscription to {topic} could not be confirmed ({said}):"
                " let SNS request the confirmation again"
            )
        _log.info("the subscription to %s is confirmed", topic)


def _message_of(request: HttpRequest) -> Document:
    try:
        return document_of(request.body)
    except UnreadableRequestError:
        raise ForgedRequestError("the request is no message of SNS") from None


def _signed_text(message: Document) -> bytes:
    names = _SIGNED.get(text(message, "Type"))
    if names is None:
        raise ForgedRequestError("the message has no known type")
    present = [name for name in names if name != "Subject" or message.get(name) is not None]
    if not all(isinstance(message.get(name), str) for name in present):
        raise ForgedRequestError("a field that is signed is missing")
    # Only the message may have lines: elsewhere a line could pass for the name of the next field.
    if any("\n" in message[name] for name in present if name != "Message"):
        raise ForgedRequestError("a field that is signed has several lines")
    return "".join(f"{name}\n{message[name]}\n" for name in present).encode("utf-8", "replace")


def _instant(timestamp: str) -> datetime:
    try:
        return datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise ForgedRequestError("the timestamp is none of SNS") from None


def _confirmation(topic: str, token: str) -> str:
    match = _TOPIC.fullmatch(topic)
    if match is None:
        raise UnreadableRequestError("the confirmation has no topic")
    end = ".cn" if match[1] == "aws-cn" else ""
    query = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic, "Token": token})
    return f"https://sns.{match[2]}.amazonaws.com{end}/?{query}"
