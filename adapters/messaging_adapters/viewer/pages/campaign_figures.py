"""The figures of a campaign or a batch: a sentence, a funnel, and the reasons."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.charts import BarChart, Layer, stacked_bars
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.operations_failures import words_of
from messaging_adapters.viewer.times import Times, zone_of
from messaging_core.messages.upcoming import Upcoming, UpcomingMessages
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.status import Status
from messaging_core.models.policy.reasons import ReasonCode

_HOUR: Final = timedelta(hours=1)
_MOST_HOURS: Final = 48
_FAILED: Final = (Status.SENDING_FAILED, Status.DELIVERY_FAILED, Status.REJECTED)
_HANDED_OVER: Final = (Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED)
_WAITING: Final = (Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING)

Query = Sequence[tuple[str, str]]
"""The filters of the list of messages that show what a figure counts."""


@frozen(kw_only=True)
class Step:
    """A step of the funnel.

    Attributes:
        share: Of the first step, in words.
        width: The same, from 0 to 100, for its bar.
        tone: Of its bar.
        note: What the number does not say.
    """

    word: str
    number: str
    share: str
    width: str
    tone: str
    note: str = ""
    url: str | None = None


@frozen(kw_only=True)
class ReasonRow:
    """Why messages were left out or failed, and how many."""

    code: str
    words: str
    number: str
    url: str


def sentence_of(campaign: Campaign) -> str:
    """Return how it went, in one sentence: never more than is proven."""
    failed = sum(campaign.failed.values())
    unproven = max(campaign.sent - campaign.delivered - _not_delivered(campaign), 0)
    parts = [
        (campaign.delivered, "got it"),
        (unproven, "{} sent without a proof that it arrived"),
        (sum(campaign.skipped.values()), "{} left out"),
        (failed, "failed"),
        (campaign.cancelled, "{} withdrawn"),
        (campaign.waiting, "{} still to come"),
    ]
    told = [f"{number:,} {words.format(_were(number, words))}" for number, words in parts if number]
    more = "" if campaign.is_exact else "More than "
    first = f"{more}{campaign.accepted:,} chosen"
    return f"{', '.join([first, *told])}."


def _were(number: int, words: str) -> str:
    if "still" in words:
        return "is" if number == 1 else "are"
    return "was" if number == 1 else "were"


def _not_delivered(campaign: Campaign) -> int:
    """Return how many failed after they were sent: all but those of codes before that."""
    failed = sum(campaign.failed.values())
    skipped = sum(campaign.skipped.values())
    ended = campaign.accepted - campaign.waiting - skipped - campaign.cancelled
    return max(min(campaign.sent + failed - ended, failed), 0)


def funnel_of(request: PageRequest, campaign: Campaign, query: Query) -> tuple[Step, ...]:
    """Return how many messages came how far."""
    url = _list_url(request, query)
    bots = f"machines, which are not counted here: {campaign.prefetched:,}"
    steps = [
        ("Accepted", campaign.accepted, "wait", "", url),
        ("Sent", campaign.sent, "move", "a provider has them", None),
        ("Delivered", campaign.delivered, "good", "as far as providers report it", None),
    ]
    if campaign.opened or campaign.clicked or campaign.prefetched:
        machines = bots if campaign.prefetched else ""
        steps += [
            ("Opened", campaign.opened, "good", "an open may be a filter", None),
            ("Clicked", campaign.clicked, "good", machines, None),
        ]
    if campaign.converted:
        steps.append(("Converted", campaign.converted, "good", "", None))
    return tuple(
        Step(
            word=word,
            number=f"{number:,}",
            share=f"{number / campaign.accepted:.1%}" if campaign.accepted else "",
            width=f"{min(100 * number / max(campaign.accepted, 1), 100):.1f}",
            tone=tone,
            note=note,
            url=link,
        )
        for word, number, tone, note, link in steps
    )


def skipped_rows(
    request: PageRequest, numbers: Mapping[str, int], query: Query
) -> tuple[ReasonRow, ...]:
    """Return why messages were left out; a rule did so."""
    url = _list_url(request, [("status", "skipped"), *query])
    return tuple(
        ReasonRow(code=text.line(code, 60), words=_skip_words(code), number=f"{number:,}", url=url)
        for code, number in numbers.items()
    )


def failed_rows(
    request: PageRequest, numbers: Mapping[str, int], query: Query
) -> tuple[ReasonRow, ...]:
    """Return why messages failed."""
    return tuple(
        ReasonRow(
            code=text.line(code, 20),
            words=words_of(code),
            number=f"{number:,}",
            url=_list_url(request, [("failureCode", code), *query]),
        )
        for code, number in numbers.items()
    )


def _skip_words(code: str) -> str:
    try:
        meaning = ReasonCode(code).meaning
    except ValueError:
        return text.line(code, 120)
    return meaning[0].upper() + meaning[1:]


def _list_url(request: PageRequest, query: Query) -> str:
    return request.urls.to("messages", query=[*query, ("since", "ever")])


def hours_chart(upcoming: UpcomingMessages) -> BarChart | None:
    """Return when scheduled messages go, by the hour on the clocks of their receivers."""
    planned = Counter(_local_hour(message) for message in upcoming.messages)
    if not planned:
        return None
    first = min(planned)
    last = min(max(planned), first + (_MOST_HOURS - 1) * _HOUR)
    hours = [first + index * _HOUR for index in range((last - first) // _HOUR + 1)]
    numbers = tuple(planned[hour] for hour in hours)
    labels = [f"{hour:%a %H:%M}" for hour in hours]
    unknown = sum(message.zone_from == "fallback" for message in upcoming.messages)
    zones = sorted({own.zone for own in upcoming.messages if own.zone_from == "fallback"})
    guessed = f"; the zone of {unknown:,} is not known: {', '.join(zones)}" if unknown else ""
    return stacked_bars(
        [Layer(word="still to come", tone="wait", numbers=numbers)],
        labels,
        sentence=(
            "When scheduled messages go, by the hour where the receivers are:"
            f" {sum(numbers):,} from {labels[0]} to {labels[-1]}{guessed}"
        ),
        first_column="Hour",
    )


def _local_hour(message: Upcoming) -> datetime:
    """Return the hour on the clock of a receiver, without its zone."""
    local = message.due_at.astimezone(zone_of(message.zone) or UTC)
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=None)


def campaign_of(batch_id: str, messages: Sequence[Message], now: Times) -> Campaign:
    """Return the figures of a batch, which are counted from its messages."""
    statuses = Counter(message.status for message in messages)
    codes = Counter(
        str(message.failure.code)
        for message in messages
        if message.status in _FAILED and message.failure
    )
    reasons = Counter(
        (message.reason or "").partition("\n")[0] or "No reason was given"
        for message in messages
        if message.status is Status.SKIPPED
    )
    return Campaign(
        tag=batch_id,
        accepted=len(messages),
        waiting=sum(statuses[status] for status in _WAITING),
        sent=sum(statuses[status] for status in _HANDED_OVER),
        delivered=statuses[Status.DELIVERED],
        failed=dict(codes.most_common()),
        skipped=dict(reasons.most_common()),
        cancelled=statuses[Status.DELETED],
        as_of=now.now,
        has_rollups=False,
    )
