"""Webhooks of Resend: what became of an email, and what its receiver did with it.

Sources: "Event Types" and "Verify Webhooks Requests" of Resend's documentation.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import define, field

from messaging_adapters.providers.credentials import api_root, check_key
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.receipts.incoming import ids_by_address, own_id
from messaging_adapters.receipts.json_body import (
    Document,
    child,
    document_of,
    instant,
    required,
    text,
)
from messaging_adapters.receipts.resend_inbound import ReceivedMails, announced_mail
from messaging_adapters.receipts.standard_webhooks import ID, MAX_AGE, keys_of, verify
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    SENT,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init, optional, part, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import IncomingMessage, Receipt
from messaging_core.ports.components import A_MEDIA_SOURCE
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaSource
from messaging_core.ports.receipts import ReceiptParser, SupportsFetch

WORDS: Final[Mapping[str, Meaning]] = {
    "email.scheduled": NO_CHANGE,
    "email.sent": SENT,
    "email.delivered": DELIVERED,
    "email.delivery_delayed": NO_CHANGE,
    "email.bounced": FAILED,
    "email.failed": FAILED,
    "email.suppressed": FAILED,
    "email.opened": Meaning(interaction=InteractionType.OPENED),
    "email.clicked": Meaning(interaction=InteractionType.CLICKED),
    "email.complained": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "email.received": NO_CHANGE,
}
"""What each `type` of an event means."""

_EMAIL: Final = "email."
_RECEIVED: Final = "email.received"
_TIMEOUT: Final = timedelta(seconds=10)  # a worker applies no other receipts meanwhile
_HEADERS: Final = "svix-"


@checked_init(
    secret=keys_of,
    api_key=optional(a_text),
    media=optional(A_MEDIA_SOURCE),
    base_url=a_text,
    client=optional(part("an HTTP client", "send", remedy="write client=Urllib3Client()")),
    name=a_text,
    max_age=span(),
)
@define(eq=False, kw_only=True)
class ResendReceipts(ReceiptParser, SupportsFetch):
    """Verify and read the webhooks of a Resend team.

    A webhook is recognised by its `svix-id`, which Resend keeps when it repeats one. Events about
    something else than an email, such as a domain, report nothing.

    Of incoming mail Resend only announces that it came. With an API key a worker fetches it: text,
    HTML and files. Without one its event changes nothing.

    Attributes:
        secret: The signing secret of the webhook, `whsec_…`; several during a rotation.
        channels: Channels by the address that people write to.
        api_key: With full access, to fetch incoming mail; needs the extra `http`.
        media: Where the files of incoming mail come from, such as `HttpMediaSource()`; without it
            they stay at Resend for some time, by their URLs.
        base_url: Where the API is.
        client: Carries the requests; by default one of its own.
        name: The name of the webhook; the transport's, if two teams have channels.
        max_age: How old the timestamp of a request may be; each repetition has a new one.
        errors: What error codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no secret, or it is not base64.
    """

    secret: str | Iterable[str] = field(repr=False)
    channels: Mapping[str, UUID] = field(factory=dict, converter=ids_by_address, repr=False)
    api_key: str | None = field(default=None, repr=False)
    media: MediaSource | None = field(default=None, repr=False)
    base_url: str = "https://api.resend.com"
    client: HttpClient | None = field(default=None, repr=False)
    name: str = "resend"
    max_age: timedelta = MAX_AGE
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)
    _mails: ReceivedMails | None = field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("resend").with_changes(self.errors)
        if self.api_key is not None:
            check_key("api_key", self.api_key)
            client, root = self.client or _own_client(), api_root(self.base_url)
            self._mails = ReceivedMails(client, root, self.api_key, self.media)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        verify(request, self.secret, now=now, max_age=self.max_age, prefix=_HEADERS)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        document = document_of(request.body)
        event, data = required(document, "type"), child(document, "data")
        if not event.startswith(_EMAIL):
            return []
        if event == _RECEIVED and self._mails is not None:
            return [announced_mail(data, channels=self.channels, source=self.name, now=now)]
        report = StatusReport(
            source=self.name,
            at=instant(document, "created_at", now),
            word=event,
            reference=required(data, "email_id"),
            key=request.headers.get(_HEADERS + ID, ""),
            raw=request.body.decode(),
            message_id=own_id(text(child(data, "tags"), MESSAGE_ID)),
            codes=_codes(event, data),
        )
        return report.receipts(WORDS.get(event, NO_CHANGE), self._table)

    def fetch(self, message: IncomingMessage) -> IncomingMessage:
        if self._mails is None:
            raise ConfigurationError("the parser of Resend has no api_key to fetch mail with")
        return self._mails.fetch(message)


def _own_client() -> HttpClient:
    from messaging_adapters.http_clients.urllib3_client import (  # noqa: PLC0415 - an extra
        Urllib3Client,
    )

    return Urllib3Client(timeout=_TIMEOUT, max_idle=0)


def _codes(event: str, data: Document) -> tuple[str, ...]:
    """Return the codes of a failure, the most exact one first; see `resend_errors.toml`."""
    if event == "email.bounced":
        bounce = child(data, "bounce")
        kind, detail = text(bounce, "type"), text(bounce, "subType")
        return (f"bounced:{kind}:{detail}", f"bounced:{kind}")
    if event == "email.failed":
        return (f"failed:{text(child(data, 'failed'), 'reason')}", "failed")
    return ("suppressed",) if event == "email.suppressed" else ()
