"""Email over Mailgun's API, as whole MIME messages.

Sources: "Send an email in MIME format", "Events" and "Rate limits" of Mailgun's documentation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from attrs import define, evolve, field

from messaging_adapters.mail.compose import compose, message_id_of, receiver_of
from messaging_adapters.mail.failures import UnsendableError, outcome_of, unsendable
from messaging_adapters.providers.answers import (
    UNTAKEN,
    in_doubt,
    json_object,
    masked,
    outcome_of_answer,
    reported_by,
    text_of,
)
from messaging_adapters.providers.credentials import api_root, basic_auth, check_key
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.form_data import Form, form_with_file
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.providers.requests import api_request
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    CodecTransport,
)
from messaging_core.arguments import a_text, checked_init, choice, flag, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import Failure, FailureCode
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import A_MEDIA_SOURCE, a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaSource

_REGIONS: Final = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
_DOMAIN: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})+")
_TAG: Final = re.compile(r"[!-~]([ -~]{0,126}[!-~])?")
_REFERENCE: Final = re.compile(r"<?([^<>\s@]{1,200}@[^<>\s@]{1,255})>?")
_NO_TRACK: Final = 'disable-tracking="true"'
_LARGEST_MAIL: Final = 25_000_000  # bytes
_WRONG_URL: Final = b"Mailgun Magnificent API"
_UNTIL: Final = re.compile(r"try again after (\w{3}, \d{1,2} \w{3} \d{4} [\d:]{8} \w{3})")
_BAD_REQUEST: Final = 400
_TOO_MANY: Final = 429
_REFUSALS: Final = range(400, 500)
# Mailgun names no codes; the first pattern that its words match counts.
_WORDS: Final = (
    (re.compile(r"'?from'? parameter is not a valid address", re.IGNORECASE), "invalid_sender"),
    (re.compile(r"is not a valid address", re.IGNORECASE), "invalid_receiver"),
    (re.compile(r"not allowed to send|not activated", re.IGNORECASE), "not_allowed"),
)
_CAPABILITIES: Final = Capabilities(
    platforms=frozenset({EMAIL}),
    media=True,
    max_recipients=1_000,
    lacks=frozenset({"initial_open_tracking"}),
    receipts=True,
    known_references=True,
    looks_up=True,
)


@checked_init(
    api_key=a_text,
    domain=a_text,
    region=choice(*_REGIONS, case=str.lower),
    tag=optional(a_text),
    test_mode=flag,
    name=a_text,
    base_url=optional(a_text),
    media=optional(A_MEDIA_SOURCE),
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class MailgunTransport(CodecTransport):
    """Send email from a domain of Mailgun.

    The transport makes the whole mail, the same bytes at every try, and Mailgun keeps its
    `Message-ID`. So a report resolves a message in doubt even if no answer ever came. Our message
    id also travels as the variable `message_id`, and comes back in each webhook. Mailgun
    recognises no repeated message; the engine asks its events about one in doubt.

    Tracking is what the message says, whatever the domain's default is.

    Attributes:
        api_key: Of the account, or a sending key of the domain, which can look nothing up.
        domain: From which Mailgun sends, such as `mg.shop.example`.
        region: `us` or `eu`: where the domain is.
        tag: Under which Mailgun counts these mails.
        test_mode: Let Mailgun accept and charge each mail, and send none.
        name: As in timelines and logs, and the source of the receipts.
        base_url: Where the API is, if it is not that of the region.
        media: Where attachments come from that are named by URL; without it they are refused.
        errors: What error codes mean that differs from the table of the engine, by code.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The key, the domain, the tag or the URL is none.
    """

    api_key: str = field(repr=False)
    domain: str
    region: str = "us"
    tag: str | None = None
    test_mode: bool = False
    name: str = "mailgun"
    base_url: str | None = None
    media: MediaSource | None = field(default=None, repr=False)
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(default=_CAPABILITIES, init=False, repr=False)
    largest_files: ClassVar[int | None] = _LARGEST_MAIL
    _table: ErrorTable = field(init=False, repr=False)
    _root: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        check_key("api_key", self.api_key)
        if _DOMAIN.fullmatch(self.domain) is None:
            raise ConfigurationError("domain must be that of Mailgun, such as mg.shop.example")
        if self.tag is not None and _TAG.fullmatch(self.tag) is None:
            raise ConfigurationError("tag must be at most 128 characters of ASCII")
        self._root = f"{api_root(self.base_url or _REGIONS[self.region])}/v3/{self.domain}"
        self._table = error_table("mailgun").with_changes(self.errors)
        self._run_itself()

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        del now  # Mailgun takes no validity
        try:
            form = self._form(envelope)
        except UnsendableError as error:
            return error.outcome
        return self._request("POST", "messages.mime", form)

    def references(self, envelope: Envelope) -> Sequence[str]:
        return (message_id_of(envelope),)

    def _form(self, envelope: Envelope) -> Form:
        content = envelope.content
        if not isinstance(content, EmailContent):
            raise unsendable("Mailgun carries email only", FailureCode.UNSUPPORTED_TYPE)
        mail = compose(envelope, content, media=None, limit=_LARGEST_MAIL, no_track=_NO_TRACK)
        if mail.utf8:
            problem = "Mailgun carries no address with letters beyond ASCII before the @"
            raise unsendable(problem, FailureCode.UNSUPPORTED_DESTINATION)
        return form_with_file(
            [*_receivers(mail.recipients), *self._options(envelope, content)],
            name="message",
            file=mail.content,
            content_type="message/rfc822",
            seed=envelope.message_id.hex,
        )

    def _options(self, envelope: Envelope, content: EmailContent) -> Iterator[tuple[str, str]]:
        # Said each time: what is left out is as the domain at Mailgun has it set.
        yield "o:tracking", _yes(content.open_tracking or content.click_tracking)
        yield "o:tracking-opens", _yes(content.open_tracking)
        yield "o:tracking-clicks", _yes(content.click_tracking)
        yield f"v:{MESSAGE_ID}", str(envelope.message_id)
        if self.tag is not None:
            yield "o:tag", self.tag
        if self.test_mode:
            yield "o:testmode", "yes"

    def _request(self, method: str, path: str, form: Form | None = None) -> HttpRequest:
        credentials = {"authorization": basic_auth("api", self.api_key)}
        url = f"{self._root}/{path}"
        if form is None:
            return api_request(method, url, credentials)
        return api_request(method, url, credentials, form.body, form.content_type)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            return self._accepted(response, answer)
        message = text_of(answer.get("message"))
        return outcome_of_answer(
            _with_pause(response, message),
            name=self.name,
            now=now,
            known=self._known(response, message),
            text=masked(message, envelope, [self.api_key]),
            untaken=UNTAKEN,
        )

    def _accepted(self, response: HttpResponse, answer: Mapping[str, Any]) -> Outcome:
        reference = _REFERENCE.fullmatch(text_of(answer.get("id")))
        if reference is not None:
            return Accepted(references=(reference[1],), raw=str(response.status))
        failure = self._table.find("wrong_url")
        if _WRONG_URL in response.body and failure is not None:
            return outcome_of(reported_by(failure, self.name))
        return in_doubt("the answer names no message", self.name, str(response.status))

    def _known(self, response: HttpResponse, message: str) -> Failure | None:
        if response.status not in _REFUSALS or response.status == _TOO_MANY:
            return None
        codes = (code for pattern, code in _WORDS if pattern.search(message))
        return self._table.find(next(codes, None))

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        """Return a message without receivers and content: a sending key can ask nothing else."""
        del now
        form = Form(content_type="application/x-www-form-urlencoded", body=b"")
        return self._request("POST", "messages", form)

    def is_known(self, response: HttpResponse) -> bool:
        """Know a key by the complaint about the parameters, which are read after it."""
        return response.status == _BAD_REQUEST and bool(json_object(response).get("message"))

    def look_up_request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | None:
        del now
        query = urlencode({"message-id": message_id_of(envelope), "limit": 300})
        return self._request("GET", f"events?{query}")

    def looked_up(self, response: HttpResponse, envelope: Envelope) -> Outcome | None:
        """Find events about each receiver; their absence proves nothing, as they come later."""
        items = json_object(response).get("items")
        listed = items if isinstance(items, list) else []
        own = [item for item in listed if _is_about(item, envelope)]
        taken = {text_of(item.get("recipient")).lower() for item in own}
        receivers = {receiver_of(receiver).lower() for receiver in envelope.receivers}
        refusal = self._table.find("rejected")
        if refusal is not None and any(item.get("event") == "rejected" for item in own):
            return outcome_of(reported_by(refusal, self.name))
        return Accepted(references=(message_id_of(envelope),)) if receivers <= taken else None


def _yes(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "yes" if value else "no"


def _receivers(recipients: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # One field for each: an address may hold a comma in quotes.
    return (("to", address) for address in dict.fromkeys(recipients.values()))


def _with_pause(response: HttpResponse, message: str) -> HttpResponse:
    """Return a refusal for now with the usual header; Mailgun names the instant in words."""
    until = _UNTIL.search(message) if response.status == _TOO_MANY else None
    if until is None or "retry-after" in response.headers:
        return response
    return evolve(response, headers={**response.headers, "retry-after": until[1]})


def _is_about(item: Any, envelope: Envelope) -> bool:
    """Say whether an event has our variable: another mail may have the same Message-ID."""
    variables = item.get("user-variables") if isinstance(item, dict) else None
    own = variables.get(MESSAGE_ID) if isinstance(variables, dict) else None
    return text_of(own).lower() == str(envelope.message_id)
