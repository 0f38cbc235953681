"""The audit log: who looked at what, who did what, when and why; no content."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.parameters import Parameters
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.times import Moment
from messaging_core.models.common.audit import AuditAction, AuditEntry

ROWS: Final = 50
_MESSAGE: Final = "messageId"
_BEFORE: Final = "before"
_LONGEST_NAME: Final = 80
WORDS: Final = {
    AuditAction.CONTENT_OPENED: "opened the content",
    AuditAction.ADDRESS_SHOWN: "had an address shown",
    AuditAction.LOOKED_UP: "searched for an address",
    AuditAction.DOWNLOADED: "downloaded a file",
    AuditAction.REPLAYED: "sent it again",
    AuditAction.CANCELLED: "withdrew it",
    AuditAction.RESCHEDULED: "moved it to another time",
    AuditAction.SIGNED_IN: "signed in",
}
"""What was done, after the name of the person."""


@frozen(kw_only=True)
class AuditModel:
    """What the page reads.

    Attributes:
        entries: One more than is shown, if there is a next page.
        message_id: Of the message that all are about, if only one was asked for.
    """

    entries: Sequence[AuditEntry] | TooLong
    message_id: UUID | None = None


@frozen(kw_only=True)
class Entry:
    """One act of a person.

    Attributes:
        what: In words, such as `opened the content`.
        message: The beginning of the id of the message; nothing if it was about none.
        why: In the words of the person.
    """

    at: Moment
    who: str
    action: str
    what: str
    message: str | None
    url: str | None
    why: str | None


@frozen(kw_only=True)
class AuditView:
    """What the page shows.

    Attributes:
        message: The beginning of the id of the message that all entries are about.
        all_url: The page without that filter.
    """

    entries: tuple[Entry, ...]
    took_too_long: bool
    message: str | None
    all_url: str
    newest_url: str | None
    older_url: str | None


async def read(request: PageRequest, reads: Reads) -> AuditModel:
    """Read one page of entries, and one entry more."""
    request.parameters.require_known((_MESSAGE, _BEFORE))
    message_id = request.parameters.id(_MESSAGE)
    entries = await reads(
        reads.messenger.audit.find,
        workspace=request.workspace,
        limit=ROWS + 1,
        message_id=message_id,
        before=request.parameters.id(_BEFORE),
    )
    return AuditModel(entries=entries, message_id=message_id)


def show(request: PageRequest, model: AuditModel) -> AuditView:
    """Return what the page shows."""
    entries = () if model.entries is TOO_LONG else model.entries
    parameters = request.parameters
    newest = parameters.without(_BEFORE)
    older = None
    if len(entries) > ROWS:
        older = _url(request, newest.with_value(_BEFORE, str(entries[ROWS - 1].id)))
    return AuditView(
        entries=tuple(_entry(entry, request) for entry in entries[:ROWS]),
        took_too_long=model.entries is TOO_LONG,
        message=_short(model.message_id),
        all_url=request.urls.to("audit"),
        newest_url=_url(request, newest) if newest != parameters else None,
        older_url=older,
    )


def _url(request: PageRequest, parameters: Parameters) -> str:
    return request.urls.to("audit", query=parameters.filters)


def _entry(entry: AuditEntry, request: PageRequest) -> Entry:
    message_id = entry.message_id
    return Entry(
        at=request.times.clock(entry.at),
        who=text.line(entry.actor, _LONGEST_NAME),
        action=entry.action,
        what=WORDS[entry.action],
        message=_short(message_id),
        url=request.urls.to("messages", str(message_id)) if message_id else None,
        why=text.line(entry.reason) if entry.reason else None,
    )


def _short(message_id: UUID | None) -> str | None:
    """Return the end of an id: the beginnings of ids of one minute are all alike."""
    return f"…{str(message_id)[-8:]}" if message_id else None


AUDIT: Final = Page(
    name="audit",
    title="Audit",
    path="/audit",
    read=read,
    show=show,
    right=Right.AUDIT,
    in_bar=True,
)
