"""Mail that mail servers send back: bounces, delivery reports and complaints.

Sources: RFC 3464 (delivery status), RFC 6533 (the same beyond ASCII), RFC 5965 (complaints).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from uuid import UUID

from attrs import define, evolve, field

from messaging_adapters.mail.entities import Entity, read_entity
from messaging_adapters.mail.received import plain_text
from messaging_adapters.mail.redaction import Confidential
from messaging_adapters.mail.replies import failure_of_report
from messaging_adapters.mail.reports import Complaint, MailReport, RecipientStatus, report_of
from messaging_adapters.mail.return_path import proven_message
from messaging_adapters.receipts.signatures import secrets_of
from messaging_adapters.receipts.words import DELIVERED, FAILED, NO_CHANGE, SENT, Meaning
from messaging_core.arguments import a_text, checked_init, flag
from messaging_core.errors import ForgedRequestError, UnreadableRequestError
from messaging_core.lazy import frozen
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import (
    InteractionReceipt,
    Receipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.rules.formats.references import bare_reference

WORDS: Final[Mapping[str, Meaning]] = {
    "failed": FAILED,
    "delayed": NO_CHANGE,
    "delivered": DELIVERED,
    "relayed": SENT,
    "expanded": SENT,
    "auto-replied": NO_CHANGE,
    "feedback:abuse": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "feedback:fraud": Meaning(interaction=InteractionType.REPORTED_AS_SPAM),
    "feedback:opt-out": Meaning(interaction=InteractionType.UNSUBSCRIBE_REQUEST),
    "feedback:not-spam": NO_CHANGE,
    "feedback:virus": NO_CHANGE,
    "feedback:auth-failure": NO_CHANGE,
    "feedback:other": NO_CHANGE,
}
"""What each `Action` of a delivery report and each `Feedback-Type` of a complaint means; and
`auto-replied` for the answer of a program, such as an out-of-office note."""

_MOST_BYTES: Final = 64 << 20
_MOST_RECEIPTS: Final = 1_000
_RAW: Final = 4_000  # characters of a report that are kept
_ECHOES: Final = 1 << 16  # characters of the returned mail in which echoes are looked for
_DOMAIN: Final = re.compile(r"@[^\s<>,]*")
_OWN: Final = re.compile(r"<?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})@[^<>@\s]+>?")


@checked_init(secret=secrets_of, trust_unproven=flag, name=a_text)
@define(eq=False, kw_only=True)
class MailReports(ReceiptParser):
    """Verify and read the mail that comes back to the return path of `SmtpTransport`.

    The body of a request is one mail as it came (RFC 5322). It may come from a maildir, from IMAP,
    or from a mail server that calls a URL. Every stranger can write such a mail. The proof is our
    token, which only servers and receivers of the message have seen. It stands in the address that
    the report came to, in the envelope id, or in the headers that the report gives back. A header
    of the request may hold it, too, such as one with the envelope recipient.

    A report without proof is refused. A proven one counts for the message of its token only,
    whatever message it names. A mail with a proof that is neither a report nor the answer of a
    program is unreadable: keep it for a person.

    Attributes:
        secret: `return_path_secret` of the transport; several during a rotation.
        trust_unproven: Believe reports without proof, by the `Message-ID` of the mail that they
            return. For a mailbox to which only your own mail server can deliver.
        name: The name of the webhook.

    Raises:
        ConfigurationError: There is no secret.
    """

    secret: str | Iterable[str] = field(repr=False)
    trust_unproven: bool = False
    name: str = "mail-reports"
    answer: HttpResponse = field(default=HttpResponse(status=204), init=False, repr=False)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        del now
        if len(request.body) > _MOST_BYTES:
            raise ForgedRequestError("the mail is larger than 64 MiB")
        if self.trust_unproven:
            return
        mail = read_entity(request.body)
        if self._proven(request, mail, report_of(mail)) is None:
            raise ForgedRequestError("nothing in the report proves that the mail was ours")

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        mail = read_entity(request.body)
        report = report_of(mail)
        subject = _Subject(
            source=self.name,
            message_id=self._proven(request, mail, report),
            reference=_own_reference(report),
            seed=_seed(mail, request.body),
        )
        if subject.message_id is None and subject.reference is None:
            raise UnreadableRequestError("it names no message of ours")
        if report is not None:
            return _receipts(report, subject, now)
        if _is_automatic(mail):
            at = _instant(mail.fields.get("date"), now)
            return [subject.status("auto-replied", at=at, raw="")]
        raise UnreadableRequestError("it is no report of a mail server (RFC 3464, RFC 5965)")

    def _proven(self, request: HttpRequest, mail: Entity, report: MailReport | None) -> UUID | None:
        return proven_message(_traces(request, mail, report), self.secret)


@frozen(kw_only=True)
class _Subject:
    """The message that a report is about; without an id, the one that its reference names."""

    source: str
    message_id: UUID | None
    reference: str | None
    seed: str

    def status(self, word: str, *, at: datetime, recipient: str = "", raw: str) -> StatusReceipt:
        return StatusReceipt(
            at=at,
            status=WORDS.get(word, NO_CHANGE).status,
            provider_status=word,
            raw=raw,
            **self._named(word, recipient),
        )

    def interaction(
        self, word: str, kind: InteractionType, *, at: datetime, recipient: str, raw: str
    ) -> InteractionReceipt:
        return InteractionReceipt(at=at, type=kind, raw=raw, **self._named(word, recipient))

    def _named(self, word: str, recipient: str) -> dict[str, Any]:
        return {
            "source": self.source,
            "message_id": self.message_id,
            "reference": None if self.message_id else self.reference,
            "recipient": recipient or None,
            "key": self._key(word, recipient),
        }

    def _key(self, word: str, recipient: str) -> str:
        """Return what tells a report from others; no report on another message has the same."""
        named = self.message_id.hex if self.message_id else f"unproven:{self.reference}"
        text = f"{named}\n{self.seed}\n{word}\n{recipient.lower()}"
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _traces(request: HttpRequest, mail: Entity, report: MailReport | None) -> Iterator[str]:
    """Yield the texts that may hold our token; the address that the mail came to is first."""
    yield from request.headers.values()
    yield from mail.fields.values
    if report is not None:
        yield report.text
        yield from report.returned.fields.values


def _own_reference(report: MailReport | None) -> str | None:
    """Return the `Message-ID` of the returned mail, where it is one that we write."""
    if report is None:
        return None
    message_id = report.returned.fields.get("message-id")
    return bare_reference(message_id) if _OWN.fullmatch(message_id.lower()) else None


def _seed(mail: Entity, content: bytes) -> str:
    """Return what is the same when one report comes twice, perhaps over several servers."""
    return mail.fields.get("message-id") or hashlib.sha256(content).hexdigest()


def _receipts(report: MailReport, subject: _Subject, now: datetime) -> list[Receipt]:
    reported_at = _instant(report.head.get("date"), now)
    if report.complaint is not None:
        return _opinions(report.complaint, report, subject, reported_at)
    if not report.recipients:
        raise UnreadableRequestError("the report names no receiver (RFC 3464 section 2.3)")
    if len(report.recipients) > _MOST_RECEIPTS:
        raise UnreadableRequestError(f"the report names more than {_MOST_RECEIPTS} receivers")
    confidential = Confidential(texts=tuple(_contents(report.returned)))
    return [
        _status(recipient, report, subject, confidential, reported_at)
        for recipient in report.recipients
    ]


def _status(
    recipient: RecipientStatus,
    report: MailReport,
    subject: _Subject,
    confidential: Confidential,
    reported_at: datetime,
) -> StatusReceipt:
    receipt = subject.status(
        recipient.action or "no action",
        at=_instant(recipient.date, reported_at),
        recipient=recipient.address,
        raw=report.text[:_RAW],
    )
    if receipt.status is not ReceiptStatus.FAILED:
        return receipt
    failure = failure_of_report(
        recipient.code, recipient.diagnostic, name=subject.source, confidential=confidential
    )
    return evolve(receipt, failure=failure)


def _opinions(
    complaint: Complaint, report: MailReport, subject: _Subject, reported_at: datetime
) -> list[Receipt]:
    word = f"feedback:{complaint.type}"
    meaning, raw = WORDS.get(word, NO_CHANGE), report.text[:_RAW]
    if len(complaint.addresses) > _MOST_RECEIPTS:
        raise UnreadableRequestError(f"the report names more than {_MOST_RECEIPTS} receivers")
    return [
        subject.interaction(word, meaning.interaction, at=reported_at, recipient=address, raw=raw)
        if meaning.interaction
        else subject.status(word, at=reported_at, recipient=address, raw=raw)
        for address in complaint.addresses or ("",)
    ]


def _is_automatic(mail: Entity) -> bool:
    """Tell whether a program answers (RFC 3834 §5), and not a server with a broken report."""
    is_reply = mail.fields.get("auto-submitted").lower().startswith("auto-replied")
    return is_reply and mail.content_type != "multipart/report"


def _instant(text: str, latest: datetime) -> datetime:
    """Return the instant of a date (RFC 5322 §3.3), but none after `latest`; else that."""
    try:
        instant = parsedate_to_datetime(text)
        return min(instant if instant.tzinfo else instant.replace(tzinfo=UTC), latest)
    except (ValueError, TypeError, IndexError, OverflowError):
        return latest


def _contents(returned: Entity) -> Iterator[str]:
    """Yield what the returned mail says, as far as a diagnostic text might repeat it."""
    for name in ("subject", "from", "to", "cc"):
        value = _DOMAIN.sub("", returned.fields.get(name))
        yield from (value, plain_text(value))
    yield returned.text[:_ECHOES].decode("utf-8", "replace")
