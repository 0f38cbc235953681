"""Operations: what is broken, since when, whom it hits, and what can be done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import evolve, field, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.charts import BarChart, LineChart
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_filters import in_doubt
from messaging_adapters.viewer.pages.operations_channels import (
    ChannelRow,
    blocked_channels,
    channel_rows,
    worst_channel,
)
from messaging_adapters.viewer.pages.operations_failures import Reason, reasons_of
from messaging_adapters.viewer.pages.operations_figures import (
    RANGE_WORDS,
    STEPS,
    Figures,
    figures_of,
    lately,
    outcome_chart,
    overdue_chart,
    speed_chart,
)
from messaging_adapters.viewer.pages.operations_findings import (
    Facts,
    Finding,
    Parked,
    findings_of,
)
from messaging_adapters.viewer.pages.operations_rows import (
    Doubt,
    WorkerRow,
    doubt_of,
    worker_rows,
)
from messaging_adapters.viewer.pages.operations_tiles import Tile, tiles_of
from messaging_adapters.viewer.parameters import WINDOWS
from messaging_adapters.viewer.people import named, names_for
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.reasons import sentence
from messaging_adapters.viewer.times import Moment, span
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.page import Page as Results
from messaging_core.models.delivery.health import Health
from messaging_core.models.delivery.rollups import RollupBy, RollupOutcome, Rollups
from messaging_core.models.messages.counts import Counts
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery

_DEFAULT: Final = "24h"
_DOUBTS: Final = 10
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_NUMBERS: Final = {1: "One thing needs", 2: "Two things need", 3: "Three things need"}


@frozen(kw_only=True)
class OperationsModel:
    """What the page reads.

    Attributes:
        span: The range of time, as links name it.
        rollups: Of that time, by interval, outcome, detail and channel.
        usual: Of the last week, by outcome.
        doubts: Messages in doubt, the newest first.
        parked: How many of them wait for a person.
        first_parked: The oldest of those.
        quiet: When the quiet hours of channels end, where they hold now.
    """

    span: str
    health: Health | TooLong
    rollups: Rollups | TooLong
    usual: Rollups | TooLong
    doubts: Results[Message] | TooLong
    parked: Counts | TooLong | None = None
    first_parked: Results[Message] | TooLong | None = None
    quiet: Mapping[UUID, datetime] = field(factory=dict)


@frozen(kw_only=True)
class Verdict:
    """The one sentence, and what is known about it."""

    tone: str
    shape: str
    title: str
    detail: str
    link: str | None = None
    url: str | None = None


@frozen(kw_only=True)
class RangeLink:
    """A range of time to choose."""

    word: str
    url: str
    is_current: bool


@frozen(kw_only=True)
class OperationsView:
    """What the page shows; what took too long is absent."""

    verdict: Verdict
    others: tuple[Verdict, ...]
    ranges: tuple[RangeLink, ...]
    range_word: str
    tiles: tuple[Tile, ...]
    outcomes: BarChart | None
    overdue: LineChart | None
    speed: LineChart | None
    channels: tuple[ChannelRow, ...]
    doubts: tuple[Doubt, ...]
    doubts_url: str
    reasons: tuple[Reason, ...]
    failed: int
    failed_url: str
    workers: tuple[WorkerRow, ...]
    counted: Moment | None
    receipts: str
    disk: str | None


async def read(request: PageRequest, reads: Reads) -> OperationsModel:
    """Read health, roll-ups and doubts."""
    parameters, messenger = request.parameters, reads.messenger
    parameters.require_known(["range"])
    chosen, now = parameters.choice("range", STEPS) or _DEFAULT, request.times.now
    workspace = request.workspace
    model = OperationsModel(
        span=chosen,
        health=await reads(messenger.health, workspace=workspace),
        rollups=await reads(
            messenger.rollups,
            since=now - WINDOWS[chosen] + STEPS[chosen],
            step=STEPS[chosen],
            by=tuple(RollupBy),
            workspace=workspace,
        ),
        usual=await reads(messenger.rollups, since=now - _WEEK, step=_DAY, workspace=workspace),
        doubts=await reads(_named_doubts, messenger, _doubts(request)),
        quiet={
            channel.id: until
            for channel in request.channels.values()
            if (until := messenger.quiet_until(channel.id))
        },
    )
    parked = tuple(own.id for own in request.channels.values() if _is_parked(own))
    if not parked:
        return model
    query = evolve(_doubts(request), channel_id=parked, limit=1, reverse=True)
    return evolve(
        model,
        parked=await reads(messenger.counts, query),
        first_parked=await reads(messenger.find, query),
    )


def _named_doubts(messenger: Messenger, query: MessageQuery) -> Results[Message]:
    """Read messages with the names of their contacts."""
    page = messenger.find(query)
    names = names_for(messenger, page.results, query.workspace)
    return evolve(page, results=tuple(named(message, names) for message in page.results))


def _doubts(request: PageRequest) -> MessageQuery:
    return in_doubt(MessageQuery(workspace=request.workspace, limit=_DOUBTS))


def _is_parked(channel: Channel) -> bool:
    return channel.when_in_doubt is WhenInDoubt.PARK


def show(request: PageRequest, model: OperationsModel) -> OperationsView:
    """Return what the page shows."""
    health = None if model.health is TOO_LONG else model.health
    rollups = None if model.rollups is TOO_LONG else model.rollups
    doubts = None if model.doubts is TOO_LONG else model.doubts
    figures = figures_of(rollups.rollups) if rollups else Figures()
    admitted = figures.numbers[RollupOutcome.ADMITTED] if model.span == _DEFAULT else 0
    verdict, *others = _verdicts(request, findings(request, model))
    return OperationsView(
        verdict=verdict,
        others=tuple(others),
        ranges=tuple(
            RangeLink(
                word=f"{name[:-1]} {name[-1]}",
                url=request.urls.to("operations", query=[("range", name)]),
                is_current=name == model.span,
            )
            for name in STEPS
        ),
        range_word=RANGE_WORDS[model.span],
        tiles=tiles_of(request, health, admitted, _parked(model)) if health else (),
        outcomes=outcome_chart(rollups, health, request.times, model.span) if rollups else None,
        overdue=overdue_chart(rollups, health, model.span) if rollups else None,
        speed=speed_chart(rollups, model.span) if rollups else None,
        channels=channel_rows(request, health, rollups, model.quiet) if health else (),
        doubts=() if doubts is None else tuple(doubt_of(request, own) for own in doubts.results),
        doubts_url=request.urls.to("messages", query=[("doubt", "open"), ("since", "ever")]),
        reasons=reasons_of(request, figures, model.span, may_replay=request.may(Right.ACT_MANY)),
        failed=figures.numbers[RollupOutcome.SENDING_FAILED],
        failed_url=request.urls.to(
            "messages", query=[("status", "sending_failed"), ("since", model.span)]
        ),
        workers=worker_rows(request, health) if health else (),
        counted=request.times.ago(rollups.as_of) if rollups else None,
        receipts=_receipts(health),
        disk=_disk(health),
    )


def findings(request: PageRequest, model: OperationsModel) -> tuple[Finding, ...] | None:
    """Return what is broken, the worst first; nothing if that is not known."""
    if model.health is TOO_LONG:
        return None
    return findings_of(_facts(request, model, model.health), request.times.written)


def _facts(request: PageRequest, model: OperationsModel, health: Health) -> Facts:
    recent = Figures()
    if model.rollups is not TOO_LONG:
        recent = figures_of(lately(model.rollups, request.times.now - _HOUR))
    usual = Figures() if model.usual is TOO_LONG else figures_of(model.usual.rollups)
    return Facts(
        health=health,
        blocked=blocked_channels(request, health),
        worst_channel=worst_channel(request, health),
        recent=recent,
        usual=usual,
        parked=_parked(model),
    )


def _parked(model: OperationsModel) -> Parked | None:
    counts, first = model.parked, model.first_parked
    if counts is None or counts is TOO_LONG or first is None or first is TOO_LONG:
        return None
    if not counts.total or not first.results:
        return None
    return Parked(number=counts.total, since=first.results[0].updated_at)


def _verdicts(request: PageRequest, broken: tuple[Finding, ...] | None) -> list[Verdict]:
    if broken is None:
        return [
            Verdict(
                tone="doubt",
                shape="doubt",
                title="It is not known whether all is well.",
                detail="The storage took too long to answer. This page asks again by itself.",
            )
        ]
    if not broken:
        return [
            Verdict(
                tone="good",
                shape="delivered",
                title="All is well.",
                detail="Messages are delivered in time, and nothing waits for a person.",
            )
        ]
    first, *others = (_verdict(request, finding) for finding in broken)
    number = _NUMBERS.get(len(broken), f"{len(broken)} things need")
    rest = " Everything else is well." if not others else ""
    title = f"{number} you: {first.title}"
    others = [evolve(other, title=sentence(other.title)) for other in others]
    return [evolve(first, title=title, detail=first.detail + rest), *others]


def _verdict(request: PageRequest, finding: Finding) -> Verdict:
    place = finding.place
    return Verdict(
        tone=finding.tone,
        shape="doubt" if finding.tone == "doubt" else "sending_failed",
        title=text.line(finding.sentence),
        detail=text.line(finding.detail, 600),
        link=place.word,
        url=request.urls.to(*place.segments, query=place.query),
    )


def _receipts(health: Health | None) -> str:
    if health is None:
        return ""
    if health.receipts_since is None:
        return "Receipts: none waits"
    return f"Receipts: the oldest waits for {span(health.at - health.receipts_since)}"


def _disk(health: Health | None) -> str | None:
    if health is None or health.disk is None:
        return None
    return f"{health.disk.free / 2**30:,.1f} GB free"


OPERATIONS: Final = Page(
    name="operations", title="Operations", path="/operations", read=read, show=show, in_bar=True
)
