"""The filters of the list of messages: from a link to a query, and back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from attrs import evolve, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.look_ups import TO, LookUp
from messaging_adapters.viewer.parameters import WINDOWS, FilterError, Parameters
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status

NAMES: Final = (
    "status",
    "doubt",
    "channel",
    "platform",
    "tag",
    "reference",
    "to",
    "subject",
    "failureCode",
    "countryCode",
    "batchId",
    "since",
    "until",
    "pageToken",
)
"""The parameters of the list."""

EVER: Final = "ever"
DEFAULT_WINDOW: Final = "24h"
WINDOW_WORDS: Final = {
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    EVER: "At any time",
}
_OPEN: Final = "open"
ROWS: Final = 50


@frozen(kw_only=True)
class MessageFilters:
    """What the list shows.

    Attributes:
        query: For the engine.
        in_doubt: Whether only messages in doubt are shown.
        window: Since when, as the link says it.
        look_ups: What was searched for by address or by words.
        page_start: Where the window of a listing of several pages begins: a token fits only the
            listing that it came from, and a window that ends now begins later on every page.
    """

    query: MessageQuery
    in_doubt: bool
    window: str
    look_ups: tuple[LookUp, ...] = ()

    @property
    def population(self) -> MessageQuery:
        """Return the query without a status, for the figures beside the statuses."""
        failure_code = () if self.in_doubt else self.query.failure_code
        return evolve(self.query, status=(), failure_code=failure_code, page_token=None)

    @property
    def doubts(self) -> MessageQuery:
        """Return the query for what is in doubt, for the figure beside it."""
        return in_doubt(self.population)


def window_word(window: str) -> str:
    """Return a window of time in words; a link may also have an instant."""
    return WINDOW_WORDS.get(window) or f"Since {text.line(window, 60)}"


def in_doubt(query: MessageQuery) -> MessageQuery:
    """Return a query for those messages that are in doubt."""
    return evolve(query, status=Status.PROCESSING, failure_code=FailureCode.IN_DOUBT)


def read_filters(
    parameters: Parameters, *, workspace: UUID, channels: Mapping[UUID, Channel], now: datetime
) -> MessageFilters:
    """Return the filters of a link.

    Raises:
        FilterError: One has a value that it cannot have, or does not exist.
    """
    parameters.require_known(NAMES)
    since, token = _page(parameters, now)
    query = MessageQuery(
        workspace=workspace,
        limit=ROWS,
        status=_statuses(parameters.all("status")),
        channel_id=_channels(parameters.all("channel"), channels),
        platform=parameters.all("platform"),
        tag=parameters.all("tag"),
        reference=parameters.all("reference"),
        failure_code=_codes(parameters.all("failureCode")),
        country_code=parameters.all("countryCode"),
        batch_id=parameters.id("batchId"),
        start_at=since,
        end_at=parameters.instant("until", now),
        page_token=token,
    )
    doubt = parameters.choice("doubt", [_OPEN]) is not None
    window = parameters.get("since") or DEFAULT_WINDOW
    return MessageFilters(query=in_doubt(query) if doubt else query, in_doubt=doubt, window=window)


def with_look_ups(filters: MessageFilters, look_ups: Sequence[LookUp]) -> MessageFilters:
    """Return the filters with what was searched for by address or by words."""
    query = filters.query
    for look_up in look_ups:
        if look_up.kind == TO:
            query = evolve(query, receiver=look_up.value)
        else:
            query = evolve(query, email_subject=look_up.value)
    return evolve(filters, query=query, look_ups=tuple(look_ups))


def page_token(filters: MessageFilters, token: str) -> str:
    """Return a token for links: it also holds where the window of the listing begins."""
    start = filters.query.start_at
    return f"{start.isoformat() if start else EVER}~{token}"


def _page(parameters: Parameters, now: datetime) -> tuple[datetime | None, str | None]:
    """Return since when, and where the page begins."""
    text = parameters.get("pageToken")
    if text is None:
        return _since(parameters, now), None
    start, _, token = text.partition("~")
    try:
        return (None if start == EVER else datetime.fromisoformat(start)), token
    except ValueError:
        raise FilterError("pageToken", "what a link of this list has") from None


def _since(parameters: Parameters, now: datetime) -> datetime | None:
    text = parameters.get("since")
    if text == EVER:
        return None
    return now - WINDOWS[DEFAULT_WINDOW] if text is None else parameters.instant("since", now)


def _statuses(values: Iterable[str]) -> tuple[Status, ...]:
    try:
        return tuple(map(Status, values))
    except ValueError:
        raise FilterError("status", f"one of {', '.join(Status)}") from None


def _channels(values: Iterable[str], channels: Mapping[UUID, Channel]) -> tuple[UUID, ...]:
    """Return the ids of channels that a link names; an id may be of a channel that is gone."""
    by_name = {channel.name: channel.id for channel in channels.values()}
    ids = [by_name.get(value) or _id(value) for value in values]
    if None in ids:
        raise FilterError("channel", f"one of {', '.join(sorted(by_name))}, or an id")
    return tuple(channel_id for channel_id in ids if channel_id)


def _id(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def _codes(values: Iterable[str]) -> tuple[int, ...]:
    if not all(value.isascii() and value.isdigit() and len(value) == 5 for value in values):  # noqa: PLR2004
        raise FilterError("failureCode", "a number of five digits, such as 15005")
    return tuple(map(int, values))


@frozen(kw_only=True)
class WiderSearch:
    """The next wider search.

    Attributes:
        name: Of the filter that is left out.
        parameters: Of the link.
        query: For the engine.
    """

    name: str
    parameters: Parameters
    query: MessageQuery


def wider(filters: MessageFilters, parameters: Parameters) -> WiderSearch:
    """Return the search without the most special filter; the window of time goes last."""
    query = evolve(filters.query, page_token=None)
    for name, without in _WITHOUT.items():
        if parameters.get(name):
            left = parameters.without(name, "pageToken")
            return WiderSearch(name=name, parameters=left, query=evolve(query, **without))
    ever = parameters.without("pageToken").with_value("since", EVER)
    return WiderSearch(name="since", parameters=ever, query=evolve(query, start_at=None))


_WITHOUT: Final[Mapping[str, Mapping[str, Any]]] = {
    "subject": {"email_subject": None},
    "to": {"receiver": ()},
    "reference": {"reference": ()},
    "batchId": {"batch_id": None},
    "failureCode": {"failure_code": ()},
    "doubt": {"status": (), "failure_code": ()},
    "status": {"status": ()},
    "tag": {"tag": ()},
    "countryCode": {"country_code": ()},
    "channel": {"channel_id": ()},
    "platform": {"platform": ()},
    "until": {"end_at": None},
}
