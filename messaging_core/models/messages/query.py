"""The query for a page of messages."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.page import DEFAULT_LIMIT
from messaging_core.models.messages.message import Direction, Status


def _several(values: Any) -> tuple[Any, ...]:
    """Return one value or several as a tuple, so that `tag="vip"` and `tag=["vip", "eu"]` work.

    None filters nothing, like an option that was not given.
    """
    if values is None:
        return ()
    if isinstance(values, str) or not isinstance(values, Iterable):
        return (values,)
    return tuple(values)


def _id(value: Any) -> Any:
    """Return the id of a message, channel or batch; other values stay as they are."""
    own = getattr(value, "id", None)
    return own if isinstance(own, UUID) else value


def _ids(values: Any) -> tuple[Any, ...]:
    return tuple(_id(value) for value in _several(values))


def _statuses(values: Any) -> tuple[Any, ...]:
    statuses = set(Status)
    return tuple(Status(value) if value in statuses else value for value in _several(values))


@frozen(kw_only=True)
class MessageQuery:
    """A query for messages; filters are joined by *and*, the values of one filter by *or*.

    The message that was accepted last comes first; `reverse` lists the oldest first.

    Attributes:
        workspace: The tenant.
        limit: Messages a page, 1 to 1000.
        channel_id: Channels, their ids, or their names in the default workspace.
        page_token: `next_page_token` of the page before; only valid with the same filters.
        start_at: Only messages accepted at this instant or later.
        end_at: Only messages accepted before this instant.
        sender: Identifier of the sender; case does not matter on email.
        receiver: Identifier of a receiver, compared in the same way.
        email_subject: Words that must all occur in the subject of an email.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    reverse: bool = False
    platform: tuple[str, ...] = field(default=(), converter=_several)
    direction: Direction | None = None
    id: tuple[UUID, ...] = field(default=(), converter=_ids)
    channel_id: tuple[UUID, ...] = field(default=(), converter=_ids)
    navigator_id: UUID | None = field(default=None, converter=_id)
    start_at: datetime | None = field(default=None, converter=in_utc)
    end_at: datetime | None = field(default=None, converter=in_utc)
    sender: tuple[str, ...] = field(
        default=(), converter=_several, metadata={"wire": "from"}, repr=False
    )
    receiver: tuple[str, ...] = field(
        default=(), converter=_several, metadata={"wire": "to"}, repr=False
    )
    failure_code: tuple[int, ...] = field(default=(), converter=_several)
    failure_source_code: tuple[str, ...] = field(default=(), converter=_several)
    failure_source_name: tuple[str, ...] = field(default=(), converter=_several)
    country_code: tuple[str, ...] = field(default=(), converter=_several)
    tag: tuple[str, ...] = field(default=(), converter=_several)
    email_subject: str | None = field(default=None, repr=False)
    batch_id: UUID | None = field(default=None, converter=_id)
    status: tuple[Status, ...] = field(default=(), converter=_statuses)
    reference: tuple[str, ...] = field(default=(), converter=_several)
