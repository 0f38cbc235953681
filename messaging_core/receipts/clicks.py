"""Resolve the codes of short links and pixels, and record clicks and opens."""

from datetime import datetime
from typing import Any

from messaging_core.errors import StorageError, UnknownShortLinkError
from messaging_core.lazy import logger
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.content.short_link import LinkKind, ShortLink
from messaging_core.models.delivery.interaction import (
    ClickedLink,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.ports.storage.repetition import repeated
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
    location = location_of(link, now) if link and link.kind is LinkKind.CLICK else None
    if link is None or location is None:
        raise UnknownShortLinkError(code)
    channel = inbox.context.channels.get(link.channel_id)
    _keep(
        inbox,
        link,
        now,
        type=InteractionType.CLICKED,
        # So the Bird Channels API calls it for email (reference §10); for SMS it has no details.
        details="click" if channel is not None and channel.platform == EMAIL else None,
        metadata=InteractionMetadata(link=ClickedLink(url=link.url), prefetched=prefetched or None),
    )
    return location


def record_open(inbox: ReceiptInbox, code: str, *, prefetched: bool, proxy: str | None) -> None:
    """Keep that a pixel was loaded; an unknown code changes nothing.

    An open that cannot be written is lost, and logged: a picture is worth no error.
    """
    try:
        link = _found(inbox, code)
    except StorageError as error:
        _log.error("the code of a pixel could not be looked up: %s", type(error).__name__)
        return
    if link is None or link.kind is LinkKind.CLICK:
        return
    extra = {"proxy": proxy} if proxy else None
    _keep(
        inbox,
        link,
        inbox.context.clock.now(),
        type=InteractionType.OPENED,
        details=link.kind.value,
        metadata=InteractionMetadata(prefetched=prefetched or None, extra=extra)
        if prefetched or extra
        else None,
    )


def _found(inbox: ReceiptInbox, code: str) -> ShortLink | None:
    if not is_code(code):
        return None
    with inbox.context.storage.begin(read_only=True) as tx:
        return tx.short_links.get(code)


def _keep(inbox: ReceiptInbox, link: ShortLink, now: datetime, **said: Any) -> None:
    """Record an interaction with the message of a link; without the storage it is only logged."""
    try:
        _record(inbox, link, now, **said)
    except StorageError as error:
        _log.error(
            "an interaction with message %s could not be kept: %s",
            link.message_id,
            type(error).__name__,
        )


@repeated
def _record(inbox: ReceiptInbox, link: ShortLink, now: datetime, **said: Any) -> None:
    with inbox.context.storage.begin() as tx:
        message = tx.messages.get(link.workspace, link.message_id)
        if message is None:
            return
        reports = ReceiptProcessor(tx, inbox.context)
        reports.record_interaction(link.workspace, message, at=now, created_at=now, **said)
        reports.flush()
