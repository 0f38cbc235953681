"""Webhooks of Resend: what became of an email, and what its receiver did with it.

Sources: "Event Types" and "Verify Webhooks Requests" of Resend's documentation.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field

from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.own_id import MESSAGE_ID
from messaging_adapters.receipts.incoming import own_id
from messaging_adapters.receipts.json_body import (
    Document,
    child,
    document_of,
    instant,
    required,
    text,
)
from messaging_adapters.receipts.standard_webhooks import ID, MAX_AGE, keys_of, verify
from messaging_adapters.receipts.words import (
    DELIVERED,
    FAILED,
    NO_CHANGE,
    SENT,
    Meaning,
    StatusReport,
)
from messaging_core.arguments import a_text, checked_init, span
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser

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
_HEADERS: Final = "svix-"


@checked_init(secret=keys_of, name=a_text, max_age=span())
@define(eq=False, kw_only=True)
class ResendReceipts(ReceiptParser):
    """Verify and read the webhooks of a Resend team.

    A webhook is recognised by its `svix-id`, which Resend keeps when it repeats one. Events about
    something else than an email, such as a domain, report nothing.

    Attributes:
        secret: The signing secret of the webhook, `whsec_…`; several during a rotation.
        name: The name of the webhook; the transport's, if two teams have channels.
        max_age: How old the timestamp of a request may be; each repetition has a new one.
        errors: What error codes mean that differs from the table of the engine.

    Raises:
        ConfigurationError: There is no secret, or it is not base64.
    """

    secret: str | Iterable[str] = field(repr=False)
    name: str = "resend"
    max_age: timedelta = MAX_AGE
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)
    _table: ErrorTable = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._table = error_table("resend").with_changes(self.errors)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        verify(request, self.secret, now=now, max_age=self.max_age, prefix=_HEADERS)

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        document = document_of(request.body)
        event, data = required(document, "type"), child(document, "data")
        if not event.startswith(_EMAIL):
            return []
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


def _codes(event: str, data: Document) -> tuple[str, ...]:
    """Return the codes of a failure, the most exact one first; see `resend_errors.toml`."""
    if event == "email.bounced":
        bounce = child(data, "bounce")
        kind, detail = text(bounce, "type"), text(bounce, "subType")
        return (f"bounced:{kind}:{detail}", f"bounced:{kind}")
    if event == "email.failed":
        return (f"failed:{text(child(data, 'failed'), 'reason')}", "failed")
    return ("suppressed",) if event == "email.suppressed" else ()
