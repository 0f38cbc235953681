"""Email over the v2 API of Amazon SES, as whole MIME messages.

Sources: the service model `sesv2` of botocore, and the SES developer guide.
"""

import base64
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import orjson
from attrs import define, field

from messaging_adapters.mail.compose import Mail, compose
from messaging_adapters.mail.failures import UnsendableError, outcome_of, unsendable
from messaging_adapters.providers.answers import (
    acceptance,
    json_object,
    masked,
    outcome_of_answer,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, check_key
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
)
from messaging_core.arguments import a_text, checked_init, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Deferred, Outcome, SingleOutcome
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.models.people.contact import ReceiverType
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import A_MEDIA_SOURCE, a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaSource

_REGION: Final = re.compile(r"[a-z]{2,3}(-[a-z]{1,12}){1,3}-[0-9]{1,2}")
_SET: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SERVICE: Final = "ses"
_NO_TRACK: Final = "ses:no-track"
_LARGEST_MAIL: Final = 40_000_000  # bytes, of the MIME message
_LONG_WAIT: Final = timedelta(minutes=10)
"""After the daily quota: SES counts the last 24 hours, so that some of it comes back soon."""

_UNAVAILABLE: Final = frozenset({"ServiceUnavailable", "ServiceUnavailableException"})
_DAILY: Final = "ThrottlingException:daily"
_ENDED: Final = frozenset({"ExpiredTokenException", "ExpiredToken"})
# The exceptions that mean several things, and the words that tell them apart.
_BY_WORDS: Final = {
    "ThrottlingException": ("daily message quota", "daily"),
    "MessageRejected": ("not verified", "unverified"),
}
_CAPABILITIES: Final = Capabilities(
    platforms=frozenset({EMAIL}),
    media=True,
    max_recipients=50,
    lacks=frozenset({"initial_open_tracking"}),
    receipts=True,
)


@checked_init(
    region=a_text,
    access_key_id=optional(a_text),
    secret_access_key=optional(a_text),
    session_token=optional(a_text),
    configuration_set=optional(a_text),
    name=a_text,
    base_url=optional(a_text),
    media=optional(A_MEDIA_SOURCE),
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class SesTransport(CodecTransport):
    """Send email through Amazon SES, in one region.

    The transport makes the whole mail; SES writes a `Message-ID` of its own over ours. Our message
    id travels as the tag `message_id`. With a configuration set that publishes events, a report
    resolves a message in doubt even if no answer ever came. SES recognises no repeated message and
    has no list to ask.

    Without keys, botocore finds those of the environment, of files, or of the role of the machine,
    and renews them: that may ask AWS or the machine before a message is sent.

    Attributes:
        region: Such as `eu-west-1`; senders are verified in each region apart.
        access_key_id: Of a user or a role; without it, botocore looks for keys.
        secret_access_key: Beside it.
        session_token: Beside them, for the keys of a role.
        configuration_set: The one that publishes events for `SesReceipts`.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Where the API is, if it is not that of the region.
        media: Where attachments come from that are named by URL; without it they are refused.
        errors: What error names mean that differs from the table of the engine, by name.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time, which is signed.

    Raises:
        ConfigurationError: A key, the region, the configuration set or the URL is none.
        MissingDependencyError: The package `botocore` is missing.
    """

    region: str
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    configuration_set: str | None = None
    name: str = "ses"
    base_url: str | None = None
    media: MediaSource | None = field(default=None, repr=False)
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(default=_CAPABILITIES, init=False, repr=False)
    largest_files: ClassVar[int | None] = _LARGEST_MAIL // 4 * 3
    _table: ErrorTable = field(init=False, repr=False)
    _root: str = field(init=False, repr=False)
    _signer: Any = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        if _REGION.fullmatch(self.region) is None:
            raise ConfigurationError("region must be one of AWS, such as eu-west-1")
        if self.configuration_set is not None and not _SET.fullmatch(self.configuration_set):
            raise ConfigurationError("configuration_set must be a name of letters, digits, _ and -")
        self._root = f"{api_root(self.base_url or _endpoint(self.region))}/v2/email"
        self._table = error_table("ses").with_changes(self.errors)
        self._signer = self._made_signer()
        self._run_itself()

    @property
    def _extra(self) -> str:
        return "ses"

    def _made_signer(self) -> Any:
        from messaging_adapters.providers.aws_signature import (  # noqa: PLC0415 - an extra
            AwsKeys,
            Signer,
        )

        keys = (self.access_key_id, self.secret_access_key)
        if (keys[0] is None) != (keys[1] is None) or (self.session_token and not keys[0]):
            raise ConfigurationError(
                "give access_key_id and secret_access_key together, or neither of them"
            )
        named = dict(zip(("access_key_id", "secret_access_key"), keys, strict=True))
        named["session_token"] = self.session_token
        for name, key in named.items():
            if key is not None:
                check_key(name, key)
        return Signer(
            service=_SERVICE,
            region=self.region,
            keys=AwsKeys(**named) if self.access_key_id else None,  # type: ignore[arg-type]
        )

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        try:
            return self._request("POST", "outbound-emails", orjson.dumps(self._mail(envelope)), now)
        except UnsendableError as error:
            return error.outcome

    def _mail(self, envelope: Envelope) -> dict[str, Any]:
        content = envelope.content
        if not isinstance(content, EmailContent):
            raise unsendable("SES carries email only", FailureCode.UNSUPPORTED_TYPE)
        mail = compose(envelope, content, media=None, limit=_LARGEST_MAIL, no_track=_NO_TRACK)
        if mail.utf8:
            problem = "SES carries no address with letters beyond ASCII before the @"
            raise unsendable(problem, FailureCode.UNSUPPORTED_DESTINATION)
        document = {
            # Without FromEmailAddress, which would replace the From of the mail and its name.
            "Destination": _destination(envelope, mail),
            "Content": {"Raw": {"Data": base64.b64encode(mail.content).decode()}},
            "EmailTags": [{"Name": MESSAGE_ID, "Value": str(envelope.message_id)}],
            "ConfigurationOverrides": {"Tracking": _tracking(content)},
        }
        if self.configuration_set is not None:
            document["ConfigurationSetName"] = self.configuration_set
        return document

    def _request(self, method: str, path: str, body: bytes, now: datetime) -> HttpRequest:
        """Return a signed request.

        Raises:
            UnsendableError: There are no keys to sign with.
        """
        headers = {"accept": "application/json"}
        if body:
            headers["content-type"] = "application/json"
        url = f"{self._root}/{path}"
        request = HttpRequest(method=method, url=url, headers=headers, body=body)
        signed: HttpRequest = self._signer.sign(request, now)
        return signed

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            return acceptance(text_of(answer.get("MessageId")), response, self.name)
        name, message = _error_of(response, answer)
        code = _code_of(name, message)
        outcome = outcome_of_answer(
            response,
            name=self.name,
            now=now,
            known=self._table.find(code),
            text=masked(f"{name}: {message}".strip(": "), envelope, self._secrets),
            # SES says that it is away; a gateway that says so may have passed the mail on.
            untaken={response.status} if name in _UNAVAILABLE and response.status == 503 else (),  # noqa: PLR2004
        )
        return self._waiting(outcome, code)

    @property
    def _secrets(self) -> list[str]:
        return [key for key in (self.secret_access_key, self.session_token) if key]

    def _waiting(self, outcome: SingleOutcome, code: str) -> Outcome:
        """Return an outcome that waits for a quota, or for keys that are renewed."""
        if not isinstance(outcome, Deferred):
            return outcome
        if code in _ENDED and self._signer.renew():
            return outcome_of(_transient(outcome.failure))
        if code == _DAILY and outcome.retry_after is None:
            return outcome_of(outcome.failure, _LONG_WAIT)
        return outcome

    def check(self) -> TransportCheck:
        try:
            return super().check()
        except UnsendableError as error:
            failure = error.outcome.failure if isinstance(error.outcome, Deferred) else None
            return TransportCheck(status=CheckStatus.BAD_CREDENTIALS, failure=failure)

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        return self._request("GET", "account", b"", now)

    def is_known(self, response: HttpResponse) -> bool:
        """Know keys that may send and not read the account: SES says so."""
        name, _ = _error_of(response, json_object(response))
        return response.is_ok or name == "AccessDeniedException"


def _endpoint(region: str) -> str:
    return f"https://email.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _destination(envelope: Envelope, mail: Mail) -> dict[str, list[str]]:
    """Return whom this attempt goes to; the mail shows all receivers of the message."""
    lines: dict[ReceiverType, list[str]] = {}
    for receiver in envelope.receivers:
        lines.setdefault(receiver.type, []).append(mail.recipients[receiver.value])
    return {f"{kind.value.capitalize()}Addresses": line for kind, line in lines.items()}


def _tracking(content: EmailContent) -> dict[str, str]:
    # Said each time: what is left out is as the configuration set has it.
    return {
        "OpenTrackingEnabled": "ENABLED" if content.open_tracking else "DISABLED",
        "ClickTrackingEnabled": "ENABLED" if content.click_tracking else "DISABLED",
    }


def _error_of(response: HttpResponse, answer: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and text of an error; the name stands in a header or in the body."""
    name = response.headers.get("x-amzn-errortype") or text_of(answer.get("__type"))
    message = text_of(answer.get("message")) or text_of(answer.get("Message"))
    # `name:URL` in the header, `namespace#name` in the body.
    return name.partition(":")[0].rpartition("#")[2], message


def _code_of(name: str, message: str) -> str:
    """Return the code of an error; a few names mean several things, which their words tell."""
    words, kind = _BY_WORDS.get(name, ("", ""))
    return f"{name}:{kind}" if words and words in message.lower() else name


def _transient(failure: Failure) -> Failure:
    return Failure(
        code=FailureCode.TRANSIENT,
        description="the session token has ended; other keys are looked for",
        source=failure.source,
        retry=Retry.TRANSIENT,
    )
