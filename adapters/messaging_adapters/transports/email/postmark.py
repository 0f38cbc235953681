"""Email over Postmark's API.

Sources: "Email API", "Messages API" and "API error codes" of Postmark's documentation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import orjson
from attrs import define, field

from messaging_adapters.mail.compose import receiver_of
from messaging_adapters.mail.failures import UnsendableError, outcome_of
from messaging_adapters.providers.answers import (
    in_doubt,
    json_object,
    masked,
    missing,
    outcome_of_answer,
    reported_by,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, check_key
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.providers.postmark_message import LARGEST_FILES, message_of
from messaging_adapters.providers.requests import api_request
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import (
    Accepted,
    Outcome,
    PerRecipient,
    SingleOutcome,
)
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import A_MEDIA_SOURCE, a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaSource

_REFERENCE: Final = re.compile(r"[0-9a-fA-F-]{36}")
_STREAM: Final = re.compile(r"[A-Za-z0-9_-]{1,50}")
_ADDRESS: Final = re.compile(r"[^\s,;:<>()]+@[^\s,;:<>()]*[^\s,;:<>().]")
_INVALID: Final = re.compile(r"(?:Invalid|Error parsing) '(To|Cc|Bcc|From)'")
_INACTIVE: Final = "inactive addresses: "
_CAPABILITIES: Final = Capabilities(
    platforms=frozenset({EMAIL}),
    media=True,
    max_recipients=50,
    lacks=frozenset({"initial_open_tracking"}),
    receipts=True,
    looks_up=True,
)
_PAGE: Final = 50
_AWAY: Final = 503


@checked_init(
    server_token=a_text,
    message_stream=a_text,
    name=a_text,
    base_url=a_text,
    media=optional(A_MEDIA_SOURCE),
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class PostmarkTransport(CodecTransport):
    """Send email through a server of Postmark.

    Our message id travels in `Metadata` and comes back in each webhook. Postmark recognises no
    repeated message, so the engine asks its list of messages about one in doubt.

    A receiver whom Postmark holds for inactive, after a hard bounce or a complaint, is the only
    one rejected. When a message is tried again for some of its receivers, the mail names only
    these. Postmark takes no validity.

    Attributes:
        server_token: Of the server, from its page "API Tokens".
        message_stream: `outbound`, or the id of another stream, such as one for broadcasts.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Where the API is.
        media: Where attachments come from that are named by URL; without it they are refused.
        errors: What error codes mean that differs from the table of the engine, by code.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The token, the stream or the URL is none.
    """

    server_token: str = field(repr=False)
    message_stream: str = "outbound"
    name: str = "postmark"
    base_url: str = "https://api.postmarkapp.com"
    media: MediaSource | None = field(default=None, repr=False)
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(default=_CAPABILITIES, init=False, repr=False)
    largest_files: ClassVar[int | None] = LARGEST_FILES
    _table: ErrorTable = field(init=False, repr=False)
    _root: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        check_key("server_token", self.server_token)
        if _STREAM.fullmatch(self.message_stream) is None:
            raise ConfigurationError("message_stream must be the id of a stream, such as outbound")
        self._root = api_root(self.base_url)
        self._table = error_table("postmark").with_changes(self.errors)
        self._run_itself()

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        del now
        content = envelope.content
        if not isinstance(content, EmailContent):
            code = FailureCode.UNSUPPORTED_TYPE
            return refused("Postmark carries email only", self.name, code=code, rule="content")
        try:
            message = message_of(envelope, content)
        except UnsendableError as error:
            return error.outcome
        message["Metadata"] = {MESSAGE_ID: str(envelope.message_id)}
        message["MessageStream"] = self.message_stream
        return self._request("POST", "/email", orjson.dumps(message))

    def _request(self, method: str, path: str, body: bytes = b"") -> HttpRequest:
        credentials = {"x-postmark-server-token": self.server_token}
        return api_request(method, f"{self._root}{path}", credentials, body)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        code, said = text_of(answer.get("ErrorCode")), text_of(answer.get("Message"))
        if response.is_ok and code in ("", "0"):
            return self._accepted(response, answer, envelope)
        known = self._known(code, said)
        outcome = outcome_of_answer(
            response,
            name=self.name,
            now=now,
            known=known,
            text=masked(said, envelope, [self.server_token]),
            # Postmark says that it is away; a gateway that says so may have passed the mail on.
            untaken={response.status} if code == "100" and response.status == _AWAY else (),
        )
        if code == "406" and 400 <= response.status < 500:  # noqa: PLR2004 - a refusal
            return self._without_inactive(said, envelope, _again(self.name)) or outcome
        return outcome

    def _accepted(
        self, response: HttpResponse, answer: Mapping[str, Any], envelope: Envelope
    ) -> Outcome:
        reference = text_of(answer.get("MessageID"))
        if not _REFERENCE.fullmatch(reference):
            return in_doubt("the answer names no message", self.name, str(response.status))
        accepted = Accepted(references=(reference,))
        said = text_of(answer.get("Message"))
        return self._without_inactive(said, envelope, accepted) or accepted

    def _known(self, code: str, said: str) -> Failure | None:
        """Return what an error code means; the text names the field that is not valid."""
        invalid = _INVALID.match(said) if code == "300" else None
        if invalid is None:
            return self._table.find(code)
        return self._table.find("300:sender" if invalid[1] == "From" else "300:receiver")

    def _without_inactive(
        self, said: str, envelope: Envelope, others: SingleOutcome
    ) -> Outcome | None:
        """Return who was left out, which Postmark says in words only; nothing if all are in."""
        listed = said.partition(_INACTIVE)[2].lower()
        inactive = set(_ADDRESS.findall(listed))
        failure = self._table.find("406")
        if not inactive or failure is None:
            return None
        gone = outcome_of(reported_by(failure, self.name))
        outcomes = {
            receiver.value: gone if receiver_of(receiver).lower() in inactive else others
            for receiver in envelope.receivers
        }
        if gone not in outcomes.values():
            return None
        return PerRecipient(outcomes=outcomes) if others in outcomes.values() else gone

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        del now
        return self._request("GET", "/server")

    def look_up_request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | None:
        del now
        own = {f"metadata_{MESSAGE_ID}": str(envelope.message_id)}
        query = urlencode({"count": _PAGE, "offset": 0, **own})
        return self._request("GET", f"/messages/outbound?{query}")

    def looked_up(self, response: HttpResponse, envelope: Envelope) -> Outcome | None:
        """Find the message by our id and its receivers: an earlier attempt had others.

        A receiver who is not named was inactive, or the mail is not there: it goes once more.
        """
        listed = json_object(response).get("Messages")
        if not isinstance(listed, list) or not all(map(_is_readable, listed)):
            return None
        own = [item for item in listed if _own_id(item) == str(envelope.message_id)]
        if len(listed) >= _PAGE or len(own) < len(listed):
            return None
        taken = {address: item["MessageID"] for item in own for address in _recipients(item)}
        outcomes: dict[str, SingleOutcome] = {}
        for receiver in envelope.receivers:
            reference = taken.get(receiver_of(receiver).lower())
            outcome = Accepted(references=(reference,)) if reference else missing(self.name)
            outcomes[receiver.value] = outcome
        first, *rest = outcomes.values()
        return PerRecipient(outcomes=outcomes) if any(item != first for item in rest) else first


def _again(name: str) -> SingleOutcome:
    """Return the outcome of a receiver who is well, of a mail refused because of others."""
    failure = Failure(
        code=FailureCode.TRANSIENT,
        description="the mail was refused because of other receivers",
        retry=Retry.TRANSIENT,
    )
    return outcome_of(reported_by(failure, name))


def _is_readable(item: Any) -> bool:
    is_object = isinstance(item, dict) and isinstance(item.get("Recipients"), list)
    return is_object and _REFERENCE.fullmatch(text_of(item.get("MessageID"))) is not None


def _own_id(item: Mapping[str, Any]) -> str:
    metadata = item.get("Metadata")
    return text_of(metadata.get(MESSAGE_ID)).lower() if isinstance(metadata, dict) else ""


def _recipients(item: Mapping[str, Any]) -> set[str]:
    listed: Sequence[Any] = item["Recipients"]
    return {address.lower() for text in listed for address in _addresses_in(text)}


def _addresses_in(value: Any) -> Iterator[str]:
    yield from _ADDRESS.findall(text_of(value))
