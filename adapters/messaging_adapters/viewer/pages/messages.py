"""The list of messages: what went out, what did not, and why."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer.look_ups import SUBJECT, TO, recall
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_facets import (
    Facet,
    Pill,
    channels_of,
    link,
    pills_of,
    statuses_of,
    tags_of,
)
from messaging_adapters.viewer.pages.message_filters import (
    EVER,
    WINDOW_WORDS,
    MessageFilters,
    page_token,
    read_filters,
    wider,
    window_word,
    with_look_ups,
)
from messaging_adapters.viewer.pages.message_rows import Row, row_of
from messaging_adapters.viewer.people import named, names_for
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_core.messenger import Messenger
from messaging_core.models.common.page import Page as Results
from messaging_core.models.messages.counts import CountBy, Counts
from messaging_core.models.messages.message import Message

_FIGURES: Final = (CountBy.STATUS, CountBy.CHANNEL)
# Counting costs two microseconds a message, and a page has 50 milliseconds for all its reads.
_COUNTED: Final = 2_000
_WIDER: Final = {"since": "Look at all times"}


@frozen(kw_only=True)
class Beside:
    """What rows show besides messages.

    Attributes:
        tries: How often each message was tried.
        names: Of contacts, by id.
    """

    tries: Mapping[UUID, int]
    names: Mapping[str, str]


@frozen(kw_only=True)
class ListModel:
    """What the list reads.

    Attributes:
        filters: What was asked.
        results: One page of messages.
        figures: How many there are by status and channel.
        doubts: How many are in doubt.
        position: From where the page follows what changes.
        beside: What else the rows show; nothing if it took too long, or there are no rows.
        more: How many the next wider search finds, when this one finds nothing.
    """

    filters: MessageFilters
    results: Results[Message] | TooLong
    figures: Counts | TooLong
    doubts: Counts | TooLong
    position: int | None = None
    beside: Beside | None = None
    more: Counts | TooLong | None = None


@frozen(kw_only=True)
class Choice:
    """A value of a form's list."""

    value: str
    word: str
    is_chosen: bool


@frozen(kw_only=True)
class Nothing:
    """What an empty list says: why, and where there is more.

    Attributes:
        first: Whether a developer has not sent anything yet.
    """

    sentence: str
    link: str | None = None
    url: str | None = None
    first: bool = False


@frozen(kw_only=True)
class ListView:
    """What the list shows."""

    statuses: tuple[Facet, ...]
    channels: tuple[Facet, ...]
    tags: tuple[Facet, ...]
    windows: tuple[Choice, ...]
    pills: tuple[Pill, ...]
    rows: tuple[Row, ...]
    summary: str
    newest_url: str | None
    older_url: str | None
    earlier_url: str | None
    nothing: Nothing | None
    took_too_long: bool
    position: int | None
    counts_up_to: str | None


async def read(request: PageRequest, reads: Reads) -> ListModel:
    """Read one page of messages, and the figures beside the filters."""
    messenger, parameters = reads.messenger, request.parameters
    filters = read_filters(
        parameters,
        workspace=request.workspace,
        channels=request.channels,
        now=request.times.now,
    )
    names = {kind: name for kind in (TO, SUBJECT) if (name := parameters.get(kind))}
    filters = with_look_ups(filters, await recall(names, request.workspace, reads))
    position = await position_of(reads)
    results = await reads(messenger.find, filters.query)
    figures = await reads(messenger.counts, filters.population, by=_FIGURES, most=_COUNTED)
    doubts = await reads(messenger.counts, filters.doubts, most=_COUNTED)
    more, beside = None, None
    if results is not TOO_LONG and results.results:
        beside = await reads(_beside, messenger, results.results, request.workspace)
    elif results is not TOO_LONG:
        more = await reads(messenger.counts, wider(filters, parameters).query, most=_COUNTED)
    return ListModel(
        filters=filters,
        results=results,
        figures=figures,
        doubts=doubts,
        more=more,
        position=position,
        beside=None if beside is TOO_LONG else beside,
    )


def _beside(messenger: Messenger, messages: Sequence[Message], workspace: UUID) -> Beside:
    """Read what stands beside the messages of one page."""
    tries = messenger.attempts([message.id for message in messages], workspace=workspace)
    return Beside(tries=tries, names=names_for(messenger, messages, workspace))


async def position_of(reads: Reads) -> int | None:
    """Return from where a page follows what changes; read it before what the page shows."""
    changes = await reads(reads.messenger.changes)
    return None if changes is TOO_LONG else changes.position


def show(request: PageRequest, model: ListModel) -> ListView:
    """Return what the list shows."""
    parameters, results = request.parameters, model.results
    messages = [] if results is TOO_LONG else list(results.results)
    first_page = parameters.without("pageToken")
    return ListView(
        statuses=statuses_of(request, model.filters, model.figures, model.doubts),
        channels=channels_of(request, model.figures),
        tags=tags_of(request, messages),
        windows=_windows(model.filters.window),
        pills=pills_of(request, model.filters),
        rows=_rows(request, model, messages),
        summary=_summary(request, messages),
        newest_url=link(request, first_page) if first_page != parameters else None,
        older_url=_older(request, model),
        earlier_url=_earlier(request, model) if messages else None,
        nothing=None if messages or results is TOO_LONG else _nothing(request, model),
        took_too_long=results is TOO_LONG,
        position=model.position,
        counts_up_to=None if _is_exact(model.figures) else f"{_COUNTED:,}",
    )


def _rows(request: PageRequest, model: ListModel, messages: Sequence[Message]) -> tuple[Row, ...]:
    beside = model.beside
    if beside is None:
        return tuple(row_of(message, request) for message in messages)
    return tuple(
        row_of(named(message, beside.names), request, tries=beside.tries.get(message.id, 0))
        for message in messages
    )


def _is_exact(figures: Counts | TooLong) -> bool:
    return figures is not TOO_LONG and figures.is_exact


def _windows(current: str) -> tuple[Choice, ...]:
    """Return the spans of time to choose from; an instant of a link is one of them."""
    values = dict.fromkeys([*WINDOW_WORDS, current])
    return tuple(
        Choice(value=value, word=window_word(value), is_chosen=value == current) for value in values
    )


def _older(request: PageRequest, model: ListModel) -> str | None:
    if model.results is TOO_LONG or model.results.next_page_token is None:
        return None
    token = page_token(model.filters, model.results.next_page_token)
    return link(request, request.parameters.with_value("pageToken", token))


def _earlier(request: PageRequest, model: ListModel) -> str | None:
    """Return the link to what came before the time that is looked at, at its end."""
    start = model.filters.query.start_at
    if start is None or model.results is TOO_LONG or model.results.next_page_token:
        return None
    rest = request.parameters.without("pageToken", "since", "until")
    return link(request, rest.with_value("since", EVER).with_value("until", start.isoformat()))


def _summary(request: PageRequest, messages: Sequence[Message]) -> str:
    """Return how many messages are shown, and the time that they span."""
    if not messages:
        return "None shown"
    newest, oldest = (request.times.written(messages[index].created_at) for index in (0, -1))
    return f"{len(messages)} shown, from {newest} back to {oldest}"


def _nothing(request: PageRequest, model: ListModel) -> Nothing:
    """Return what to say when there is no row: where there are some, or how to send the first."""
    assert model.results is not TOO_LONG  # noqa: S101 - for mypy
    if model.results.next_page_token:
        return Nothing(
            sentence="Nothing among the last messages that were looked at.",
            link="Look further",
            url=_older(request, model),
        )
    search = wider(model.filters, request.parameters)
    more = model.more
    if more is None or more is TOO_LONG or more.total:
        number = "" if more is None or more is TOO_LONG else f": {more} messages"
        return Nothing(
            sentence="No message fits these filters.",
            link=f"{_WIDER.get(search.name, f'Without the filter {search.name}')}{number}",
            url=link(request, search.parameters),
        )
    return Nothing(sentence="There is no message yet.", first=request.development)


MESSAGES: Final = Page(
    name="messages", title="Messages", path="/messages", read=read, show=show, in_bar=True
)
