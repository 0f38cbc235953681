"""The filters beside the list of messages: what may be chosen, what is, and how many are left."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_filters import (
    DEFAULT_WINDOW,
    MessageFilters,
    window_word,
)
from messaging_adapters.viewer.parameters import Parameters
from messaging_adapters.viewer.reads import TOO_LONG, TooLong
from messaging_adapters.viewer.statuses import IN_DOUBT, MARKS, ORDER, Mark
from messaging_core.models.messages.counts import Count, Counts
from messaging_core.models.messages.message import Message

K = TypeVar("K")

_FEW: Final = 8
_PILLS: Final = {
    "platform": "Platform",
    "reference": "Reference",
    "failureCode": "Failure",
    "countryCode": "Country",
    "batchId": "Batch",
    "until": "Until",
}


@frozen(kw_only=True)
class Facet:
    """One value of a filter.

    Attributes:
        number: How many messages it leaves; empty where that is not known, or none.
    """

    word: str
    url: str
    number: str = ""
    is_current: bool
    mark: Mark | None = None
    platform: str | None = None


@frozen(kw_only=True)
class Pill:
    """A filter that is set, with the link that removes it."""

    word: str
    url: str


def link(request: PageRequest, parameters: Parameters) -> str:
    """Return the link of the list with other filters."""
    return request.urls.to("messages", query=parameters.filters)


def statuses_of(
    request: PageRequest,
    filters: MessageFilters,
    figures: Counts | TooLong,
    doubts: Counts | TooLong,
) -> tuple[Facet, ...]:
    """Return all messages, the ten statuses, and what is in doubt."""
    rest = request.parameters.without("status", "doubt", "pageToken")
    chosen = () if filters.in_doubt else filters.query.status
    numbers = _numbers(figures, lambda count: count.status)
    everything = Facet(
        word="All",
        url=link(request, rest),
        number="" if figures is TOO_LONG else str(figures),
        is_current=not chosen and not filters.in_doubt,
    )
    statuses = (
        Facet(
            word=MARKS[status].word,
            url=link(request, rest.with_value("status", status)),
            number=numbers.get(status, ""),
            is_current=status in chosen,
            mark=MARKS[status],
        )
        for status in ORDER
    )
    in_doubt = Facet(
        word=IN_DOUBT.word,
        url=link(request, rest.with_value("doubt", "open")),
        number=str(doubts) if doubts is not TOO_LONG and doubts.total else "",
        is_current=filters.in_doubt,
        mark=IN_DOUBT,
    )
    return (everything, *statuses, in_doubt)


def channels_of(request: PageRequest, figures: Counts | TooLong) -> tuple[Facet, ...]:
    """Return the channels of the workspace."""
    chosen = request.parameters.all("channel")
    numbers = _numbers(figures, lambda count: count.channel_id)
    return tuple(
        Facet(
            word=text.line(channel.name, 60),
            url=_toggled(request, "channel", channel.name),
            number=numbers.get(channel.id, ""),
            is_current=channel.name in chosen or str(channel.id) in chosen,
            platform=channel.platform,
        )
        for channel in request.channels.values()
    )


def tags_of(request: PageRequest, messages: Iterable[Message]) -> tuple[Facet, ...]:
    """Return the tags that are chosen, and the most frequent of the messages on the page."""
    chosen = request.parameters.all("tag")
    frequent = Counter(tag for message in messages for tag in message.tags).most_common(_FEW)
    tags = dict.fromkeys([*chosen, *(tag for tag, _ in frequent)])
    return tuple(
        Facet(
            word=text.line(tag, 60),
            url=_toggled(request, "tag", tag),
            is_current=tag in chosen,
        )
        for tag in tags
    )


def pills_of(request: PageRequest, filters: MessageFilters) -> tuple[Pill, ...]:
    """Return the filters that are set and that no list beside shows as chosen."""
    return tuple(_pills(request, filters))


def _pills(request: PageRequest, filters: MessageFilters) -> Iterator[Pill]:
    parameters = request.parameters.without("pageToken")
    if filters.window != DEFAULT_WINDOW and parameters.get("since"):
        yield Pill(word=window_word(filters.window), url=link(request, parameters.without("since")))
    for name in ("channel", "tag"):
        for value in parameters.all(name):
            yield Pill(word=text.line(value, 60), url=_toggled(request, name, value))
    for look_up in filters.look_ups:
        yield Pill(word=look_up.word, url=link(request, parameters.without(look_up.kind)))
    for name, word in _PILLS.items():
        for value in parameters.all(name):
            yield Pill(
                word=f"{word} {text.line(value, 60)}", url=link(request, parameters.without(name))
            )


def _toggled(request: PageRequest, name: str, value: str) -> str:
    """Return the link with one value of a filter; or without it, if it is the chosen one."""
    rest = request.parameters.without(name, "pageToken")
    is_chosen = value in request.parameters.all(name)
    return link(request, rest if is_chosen else rest.with_value(name, value))


def _numbers(figures: Counts | TooLong, key: Callable[[Count], K | None]) -> dict[K, str]:
    """Return the numbers of messages by status or channel, with a plus sign if there are more."""
    if figures is TOO_LONG:
        return {}
    numbers: Counter[K] = Counter()
    for count in figures.counts:
        if (name := key(count)) is not None:
            numbers[name] += count.number
    more = "" if figures.is_exact else "+"
    return {name: f"{number:,}{more}" for name, number in numbers.items()}
