"""Resolve the code of a short link, and record the click."""

from datetime import datetime

from messaging_core.errors import StorageError, UnknownShortLinkError
from messaging_core.lazy import logger
from messaging_core.models.content.short_link import ShortLink
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.receipts.inbox import ReceiptInbox
from messaging_core.receipts.processor import ReceiptProcessor
from messaging_core.rules.links.short_links import is_code, location_of

_log = logger(__name__)


def resolve_short_link(inbox: ReceiptInbox, code: str, *, prefetched: bool) -> str:
    """Return where a short link leads, and keep that it was clicked.

    A reader is never kept waiting for what cannot be written: then the click is lost, and logged.

    Raises:
        UnknownShortLinkError: The short link does not exist or has expired.
        StorageError: The code could not be looked up.
    """
    now = inbox.context.clock.now()
    link = _found(inbox, code)
    location = location_of(link, now) if link else None
    if link is None or location is None:
        raise UnknownShortLinkError(code)
    try:
        _keep(inbox, link, now, prefetched=prefetched)
    except StorageError as error:
        _log.error(
            "a click on message %s could not be kept: %s", link.message_id, type(error).__name__
        )
    return location


def _found(inbox: ReceiptInbox, code: str) -> ShortLink | None:
    if not is_code(code):
        return None
    with inbox.context.storage.begin(read_only=True) as tx:
        return tx.short_links.get(code)


def _keep(inbox: ReceiptInbox, link: ShortLink, now: datetime, *, prefetched: bool) -> None:
    with inbox.context.storage.begin() as tx:
        message = tx.messages.get(link.workspace, link.message_id)
        if message is None:
            return
        reports = ReceiptProcessor(tx, inbox.context)
        reports.record_interaction(
            link.workspace,
            message,
            at=now,
            type=InteractionType.CLICKED,
            created_at=now,
            metadata=InteractionMetadata(
                link=ClickedLink(url=link.url), prefetched=prefetched or None
            ),
        )
        reports.flush()
