"""Count messages, and tell what became of them; these routes are ours."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs
from attrs import frozen

from messaging_adapters.asgi.call import Call, answer
from messaging_adapters.asgi.parameters import read_parameters
from messaging_adapters.asgi.problems import NOT_FOUND, ProblemError
from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.page import DEFAULT_LIMIT, Page
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.delivery.rollups import (
    FIVE_MINUTES,
    RollupBy,
    RollupOutcome,
    Rollups,
    Tag,
)
from messaging_core.models.messages.counts import CountBy, Counts
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status
from messaging_core.ports.http import HttpResponse
from messaging_core.rules.requests.query import MAX_VALUES
from messaging_core.wire import dump, dump_page

_SECONDS: Final = int(FIVE_MINUTES.total_seconds())
_MILLISECOND: Final = timedelta(milliseconds=1)
_MAX_SECONDS: Final = 1_000_000  # longer than an interval may be; the rules say how long

NO_PAGES: Final = ("limit", "pageToken")
"""The parameters of a listing that a count does not have."""


@frozen(kw_only=True)
class CountsQuery(MessageQuery):
    """A query for counts: the filters of a listing, and by what to group."""

    by: tuple[CountBy, ...] = ()


@frozen(kw_only=True)
class ShownCount:
    """The number of messages of one kind; what they are not grouped by is absent.

    Attributes:
        day: When they were accepted, in UTC: `2026-01-31`.
    """

    number: int
    status: Status | None = None
    channel_id: UUID | None = None
    day: str | None = None


@frozen(kw_only=True)
class ShownCounts:
    """The numbers of messages that a query matches.

    Attributes:
        is_exact: Whether every message was counted; if not, there are more.
    """

    results: tuple[ShownCount, ...]
    total: int
    is_exact: bool


@frozen(kw_only=True)
class RollupsQuery:
    """A query for roll-ups.

    Attributes:
        step: How many seconds an interval has.
    """

    since: datetime
    until: datetime | None = None
    tag: str | None = None
    step: int = _SECONDS
    by: tuple[RollupBy, ...] = (RollupBy.OUTCOME,)


@frozen(kw_only=True)
class ShownRollup:
    """The number of messages of one kind in one interval.

    Attributes:
        longest_ms: The longest time that one of them took, in milliseconds.
    """

    start: datetime
    number: int
    longest_ms: int
    outcome: RollupOutcome | None = None
    detail: str | None = None
    channel_id: UUID | None = None


@frozen(kw_only=True)
class ShownRollups:
    """The roll-ups of a time.

    Attributes:
        as_of: All events until then are counted.
        is_complete: Whether these are all; if not, ask for longer intervals.
    """

    results: tuple[ShownRollup, ...]
    since: datetime
    until: datetime
    step: int
    as_of: datetime
    is_complete: bool


@frozen(kw_only=True)
class TagsQuery:
    """A query for tags, in the order of their names."""

    limit: int = DEFAULT_LIMIT
    page_token: str | None = None


@frozen(kw_only=True)
class ShownTag:
    """A tag of which roll-ups are kept.

    Attributes:
        name: In lower case.
        created_at: When the first message with it was accepted.
        updated_at: When something last happened to a message with it.
    """

    name: str
    created_at: datetime
    updated_at: datetime


@frozen(kw_only=True)
class ShownCampaign:
    """What became of all messages with a tag; see `Campaign`."""

    tag: str
    accepted: int
    waiting: int
    sent: int
    delivered: int
    failed: Mapping[str, int]
    skipped: Mapping[str, int]
    cancelled: int
    opened: int
    clicked: int
    prefetched: int
    converted: int
    as_of: datetime
    is_exact: bool
    has_rollups: bool
    is_done: bool
    held_until: datetime | None = None


async def count_by_workspace(call: Call) -> HttpResponse:
    """Return how many messages of a workspace match."""
    return await _count(call, None, NO_PAGES)


async def count_by_channel(call: Call) -> HttpResponse:
    """Return how many messages of a channel match."""
    return await _count(call, call.channel(), (*NO_PAGES, "channelId"))


async def _count(call: Call, channel: Channel | None, without: tuple[str, ...]) -> HttpResponse:
    asked = read_parameters(CountsQuery, call.query, without=without)
    _check_grouping(asked.by)
    names = [attribute.name for attribute in attrs.fields(MessageQuery)]
    query = MessageQuery(**{name: getattr(asked, name) for name in names})
    channels = query.channel_id if channel is None else (channel.id,)
    query = attrs.evolve(query, workspace=call.workspace, channel_id=channels)
    return answer(dump(_shown_counts(await call.messenger.counts(query, by=asked.by))))


def _check_grouping(by: Sequence[str]) -> None:
    if len(by) > MAX_VALUES:
        message = f"at most {MAX_VALUES} values, not {len(by)}"
        raise InvalidQueryError([Violation("/by", "query.too_many_values", message)])


def _shown_counts(counts: Counts) -> ShownCounts:
    return ShownCounts(
        results=tuple(
            ShownCount(
                number=count.number,
                status=count.status,
                channel_id=count.channel_id,
                day=count.day.isoformat() if count.day else None,
            )
            for count in counts.counts
        ),
        total=counts.total,
        is_exact=counts.is_exact,
    )


async def rollups_by_workspace(call: Call) -> HttpResponse:
    """Return how many messages of a workspace reached which outcome, by interval."""
    return await _roll_up(call, None)


async def rollups_by_channel(call: Call) -> HttpResponse:
    """Return how many messages of a channel reached which outcome, by interval."""
    return await _roll_up(call, call.channel())


async def _roll_up(call: Call, channel: Channel | None) -> HttpResponse:
    query = read_parameters(RollupsQuery, call.query)
    _check_grouping(query.by)
    rollups = await call.messenger.rollups(
        since=query.since,
        until=query.until,
        tag=query.tag,
        channel=channel,
        step=timedelta(seconds=min(max(query.step, 1), _MAX_SECONDS)),
        by=query.by,
        workspace=call.workspace,
    )
    return answer(dump(_shown_rollups(rollups)))


def _shown_rollups(rollups: Rollups) -> ShownRollups:
    return ShownRollups(
        results=tuple(
            ShownRollup(
                start=rollup.start or rollups.since,
                number=rollup.number,
                outcome=rollup.outcome,
                detail=rollup.detail,
                channel_id=rollup.channel_id,
                longest_ms=rollup.longest // _MILLISECOND,
            )
            for rollup in rollups.rollups
        ),
        since=rollups.since,
        until=rollups.until,
        step=int(rollups.step.total_seconds()),
        as_of=rollups.as_of,
        is_complete=rollups.is_complete,
    )


async def list_tags(call: Call) -> HttpResponse:
    """Return one page of the tags of a workspace."""
    query = read_parameters(TagsQuery, call.query)
    page = await call.messenger.tags(
        limit=query.limit, page_token=query.page_token, workspace=call.workspace
    )
    shown = Page(results=[_shown_tag(tag) for tag in page.results])
    return answer(dump_page(attrs.evolve(shown, next_page_token=page.next_page_token)))


async def get_tag(call: Call) -> HttpResponse:
    """Return one tag."""
    tag = await call.messenger.tag(call.path["tag"], workspace=call.workspace)
    if tag is None:
        raise ProblemError(NOT_FOUND)
    return answer(dump(_shown_tag(tag)))


def _shown_tag(tag: Tag) -> ShownTag:
    return ShownTag(name=tag.tag, created_at=tag.since, updated_at=tag.latest)


async def get_campaign(call: Call) -> HttpResponse:
    """Return what became of all messages with a tag; 404 if there are none."""
    try:
        campaign = await call.messenger.campaign(call.path["tag"], workspace=call.workspace)
    except InvalidQueryError:  # no message can have such a tag
        raise ProblemError(NOT_FOUND) from None
    if not campaign.accepted:
        raise ProblemError(NOT_FOUND)
    values = {attribute.name: getattr(campaign, attribute.name) for attribute in _FIGURES}
    return answer(dump(ShownCampaign(**values, is_done=campaign.is_done)))


_FIGURES: Final = attrs.fields(Campaign)
