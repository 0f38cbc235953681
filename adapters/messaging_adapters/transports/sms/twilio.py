"""SMS and MMS over Twilio's Messages resource.

Sources: Twilio's OpenAPI `twilio_api_v2010`, and the pages "Messages resource" and "Track outbound
message status" of its documentation.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from unicodedata import normalize
from urllib.parse import urlencode, urlsplit

from attrs import define, field

from messaging_adapters.providers.answers import (
    in_doubt,
    json_object,
    masked,
    missing,
    outcome_of_answer,
    reported_by,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, basic_auth
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.message_token import PARAMETER, sign_message_id
from messaging_adapters.providers.requests import FORM, api_request
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import SMS
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Accepted, Outcome, Rejected
from messaging_core.models.messages.envelope import Envelope, MmsContent, SmsContent
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.rules.formats.sms import encode_smartly

_ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}")
_API_KEY: Final = re.compile(r"SK[0-9a-fA-F]{32}")
_SERVICE: Final = re.compile(r"MG[0-9a-fA-F]{32}")
_MESSAGE: Final = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_LONGEST_VALIDITY: Final = 36_000  # seconds
_LONGEST_TEXT: Final = 1_600  # characters
_PAGE: Final = 200
_SKEW: Final = timedelta(minutes=2)  # between Twilio's clock and ours
_TRIAL: Final = "Sent from your Twilio trial account - "
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FAILED: Final = frozenset({"failed", "undelivered", "canceled"})


@checked_init(
    account_sid=a_text,
    auth_token=optional(a_text),
    api_key=optional(a_text),
    api_secret=optional(a_text),
    messaging_service_sid=optional(a_text),
    status_callback=optional(a_text),
    name=a_text,
    base_url=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False)
class TwilioTransport(CodecTransport):
    """Send SMS and MMS with an account of Twilio.

    Twilio carries no id of ours and recognises no repeated message. So our message id goes, signed,
    in the URL of the status callback: a callback resolves a message in doubt even if no answer
    ever came. Without one the engine asks Twilio's list of messages before it sends again.

    A message goes from its sender, out of the messaging service, or both: then the sender is one
    of the service's numbers. A validity of more than ten hours is ten hours for Twilio.

    Attributes:
        account_sid: Of the account, `AC…`.
        auth_token: Of the account. Needed with a status callback, which is signed with it.
        api_key: `SK…`, to be used instead of the auth token for requests.
        api_secret: Beside it.
        messaging_service_sid: `MG…`, for messages of channels without a sender, or with one of
            its senders.
        status_callback: The public URL of your webhook; without it there are no receipts.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Of another region, such as `https://api.dublin.ie1.twilio.com`.
        errors: What error codes mean that differs from the table of the engine: by code, such as
            `{"30007": {"retry": "transient"}}`.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The ids have another form, or something is missing.
    """

    account_sid: str
    auth_token: str | None = field(default=None, kw_only=True, repr=False)
    api_key: str | None = field(default=None, kw_only=True)
    api_secret: str | None = field(default=None, kw_only=True, repr=False)
    messaging_service_sid: str | None = field(default=None, kw_only=True)
    status_callback: str | None = field(default=None, kw_only=True, repr=False)
    name: str = field(default="twilio", kw_only=True)
    base_url: str = field(default="https://api.twilio.com", kw_only=True)
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, kw_only=True, repr=False)
    timeout: timedelta = field(default=TIMEOUT, kw_only=True)
    client: HttpClient | None = field(default=None, kw_only=True, repr=False)
    clock: Clock | None = field(default=None, kw_only=True, repr=False)
    capabilities: Capabilities = field(init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)
    _messages_url: str = field(init=False, repr=False)
    _authorization: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        self._check_ids()
        self._authorization = self._credentials()
        if self.status_callback is not None:
            self._check_callback(self.status_callback)
        root = api_root(self.base_url)
        self._messages_url = f"{root}/2010-04-01/Accounts/{self.account_sid}/Messages.json"
        self._table = error_table("twilio").with_changes(self.errors)
        self.capabilities = Capabilities(
            platforms=frozenset({SMS}),
            media=True,
            max_media=10,
            max_text=_LONGEST_TEXT,
            max_recipients=1,
            lacks=frozenset({"subject", "alt_text", "filename"}),
            receipts=self.status_callback is not None,
            looks_up=True,
        )
        self._run_itself()

    @property
    def media_credentials(self) -> Mapping[str, str]:
        """Return what shows the media of incoming messages, for `HttpMediaSource`."""
        return {urlsplit(self.base_url).hostname or "": self._authorization}

    def _check_ids(self) -> None:
        for name, pattern, start in (
            ("account_sid", _ACCOUNT, "AC"),
            ("api_key", _API_KEY, "SK"),
            ("messaging_service_sid", _SERVICE, "MG"),
        ):
            value = getattr(self, name)
            if value is not None and not pattern.fullmatch(value):
                raise ConfigurationError(f"{name} must be {start} and 32 hexadecimal digits")

    def _credentials(self) -> str:
        if (self.api_key is None) != (self.api_secret is None):
            raise ConfigurationError("an api_key of Twilio needs its api_secret")
        if self.api_key is not None and self.api_secret is not None:
            return basic_auth(self.api_key, self.api_secret)
        if self.auth_token is None:
            raise ConfigurationError(
                "give the auth_token of the account, or api_key and api_secret"
            )
        return basic_auth(self.account_sid, self.auth_token)

    def _check_callback(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if self.auth_token is None:
            raise ConfigurationError("a status_callback is signed with the auth_token: give it too")
        if urlsplit(url).scheme not in ("https", "http") or not host or "_" in host:
            raise ConfigurationError("status_callback must be an HTTP URL of a host without `_`")

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        content = envelope.content
        if envelope.sender is None and self.messaging_service_sid is None:
            return refused(
                "the message has no sender, and the transport no messaging service",
                self.name,
                code=FailureCode.INVALID_SENDER,
                retry=Retry.CONFIGURATION,
                rule="sender",
            )
        fields = {"To": envelope.to, "ValidityPeriod": str(_validity(envelope, now))}
        if envelope.sender is not None:
            fields["From"] = envelope.sender.value
        if self.messaging_service_sid is not None:
            fields["MessagingServiceSid"] = self.messaging_service_sid
        if self.status_callback is not None and self.auth_token is not None:
            fields["StatusCallback"] = _with_token(
                self.status_callback, sign_message_id(envelope.message_id, self.auth_token)
            )
        if isinstance(content, SmsContent | MmsContent) and content.text:
            fields["Body"] = content.text
        media = content.media if isinstance(content, MmsContent) else ()
        pairs = [*fields.items(), *(("MediaUrl", item.media_url) for item in media)]
        return self._request("POST", self._messages_url, urlencode(pairs).encode())

    def _request(self, method: str, url: str, body: bytes = b"") -> HttpRequest:
        return api_request(method, url, {"authorization": self._authorization}, body, FORM)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            sid = text_of(answer.get("sid"))
            if not _MESSAGE.fullmatch(sid):
                return in_doubt("the answer names no message", self.name, str(response.status))
            return Accepted(references=(sid,), raw=f"{response.status} {_word(answer)}".strip())
        known = self._table.find(text_of(answer.get("code")))
        text = masked(text_of(answer.get("message")), envelope, self._secrets)
        return outcome_of_answer(response, name=self.name, now=now, known=known, text=text)

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        del now
        return self._request("GET", f"{self._messages_url}?PageSize=1")

    def look_up_request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | None:
        del now
        # Not by DateSent: a message that waits in a queue has none yet.
        query = urlencode({"To": envelope.to, "PageSize": _PAGE})
        return self._request("GET", f"{self._messages_url}?{query}")

    def looked_up(self, response: HttpResponse, envelope: Envelope) -> Outcome | None:
        """Find the message by receiver, text and time.

        A list that is cut short proves nothing, nor does a message whose text was removed or
        changed, or one without a date. Of several messages one that failed may be another of ours.
        """
        answer = json_object(response)
        listed = answer.get("messages")
        if not isinstance(listed, list):
            return None
        candidates = [item for item in listed if isinstance(item, dict) and _may_be(item, envelope)]
        text = _comparable(envelope.content)
        matches = [item for item in candidates if _age(item) and _body(item) == text]
        if matches:
            going = [item for item in matches if _word(item) not in _FAILED]
            return self._found(min(going or matches, key=lambda item: _age(item) or _LONG_AGO))
        is_open = any(_is_unclear(item, text) for item in candidates)
        return None if is_open or answer.get("next_page_uri") else missing(self.name)

    def _found(self, item: Mapping[str, Any]) -> Outcome | None:
        sid, word = text_of(item.get("sid")), _word(item)
        if not _MESSAGE.fullmatch(sid):
            return None
        failure = self._table.find(text_of(item.get("error_code")))
        if word in _FAILED and failure is not None:
            return Rejected(failure=reported_by(failure, self.name), references=(sid,))
        return Accepted(references=(sid,), raw=word)

    @property
    def _secrets(self) -> list[str]:
        return [secret for secret in (self.auth_token, self.api_secret) if secret]


def _validity(envelope: Envelope, now: datetime) -> int:
    left = (envelope.expires_at - now) // timedelta(seconds=1)
    return max(1, min(left, _LONGEST_VALIDITY))


def _with_token(url: str, token: str) -> str:
    parts = urlsplit(url)
    query = f"{parts.query}&{PARAMETER}={token}" if parts.query else f"{PARAMETER}={token}"
    return parts._replace(query=query).geturl()


def _word(message: Mapping[str, Any]) -> str:
    """Return the status of a message: a word of Twilio's, and nothing that is hidden in it."""
    word = text_of(message.get("status"))
    return word if word.isascii() and word.replace("_", "").isalpha() else ""


def _may_be(item: Mapping[str, Any], envelope: Envelope) -> bool:
    """Tell whether a message went to the same receiver, and not before ours was accepted."""
    since = (envelope.scheduled_for or envelope.created_at) - _SKEW
    is_outbound = text_of(item.get("direction")).startswith("outbound")
    age = _age(item)
    return item.get("to") == envelope.to and is_outbound and (age is None or age >= since)


def _is_unclear(item: Mapping[str, Any], text: str) -> bool:
    """Tell whether a message that does not match may still be the one with this text."""
    body = _body(item)
    return not body or _letters(body) == _letters(text)


def _age(item: Mapping[str, Any]) -> datetime | None:
    """Return when a message was created, if it says so."""
    return _instant(item.get("date_created"))


def _body(item: Mapping[str, Any]) -> str:
    return _bare(text_of(item.get("body")))


def _comparable(content: object) -> str:
    return _bare((content.text or "") if isinstance(content, SmsContent | MmsContent) else "")


def _bare(text: str) -> str:
    """Return a text without what Twilio may change: blanks, typography, and the note on trials."""
    return " ".join(encode_smartly(text.removeprefix(_TRIAL)[:_LONGEST_TEXT]).split())


def _letters(text: str) -> str:
    """Return what no typography changes."""
    return "".join(filter(str.isalnum, normalize("NFKD", text).casefold()))


def _instant(value: Any) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    return instant if instant.tzinfo else None
