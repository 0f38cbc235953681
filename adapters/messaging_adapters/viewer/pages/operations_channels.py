"""The channels of a workspace: state, circuit, route, and how many messages each sends."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.charts import seconds, spark
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.operations_figures import (
    by_channel,
    figures_of,
    sent_series,
)
from messaging_adapters.viewer.pages.operations_findings import Blocked
from messaging_adapters.viewer.statuses import Mark
from messaging_adapters.viewer.times import span
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.health import Health
from messaging_core.models.delivery.rollups import RollupOutcome, Rollups
from messaging_core.models.delivery.worker_state import (
    ChannelState,
    CircuitPhase,
    ProviderState,
    blocked_since,
)

_WELL = Mark("delivered", "Well")


@frozen(kw_only=True)
class ChannelRow:
    """A channel as the table shows it.

    Attributes:
        note: Behind its state: since when, by which provider, or until when it is quiet.
        spark: How many it sent, as the path of a small line.
        accepted: How many messages were accepted for it.
        to_sent: How long 95 % of them took at most to be sent.
        failed: The share that failed.
    """

    name: str
    platform: str
    url: str
    state: Mark
    note: str
    spark: str
    accepted: str
    to_sent: str
    failed: str


def channel_rows(
    request: PageRequest,
    health: Health,
    rollups: Rollups | None,
    quiet: Mapping[UUID, datetime],
) -> tuple[ChannelRow, ...]:
    """Return the channels of the workspace by their names, those with a problem first."""
    rows = [
        _row(request, channel, health, rollups, quiet.get(channel.id))
        for channel in request.channels.values()
    ]
    return tuple(sorted(rows, key=lambda row: (row.state == _WELL, row.name)))


def blocked_channels(request: PageRequest, health: Health) -> tuple[Blocked, ...]:
    """Return the channels of which no live worker asks a provider."""
    return tuple(
        Blocked(
            channel=channel.name,
            since=since,
            retry_at=_retry_at(_states(health, channel)),
            waiting=sum(own.number for own in health.backlog if own.channel_id == channel.id),
            oldest=_oldest(health, channel),
        )
        for channel in request.channels.values()
        if (since := blocked_since(health.live, channel.id))
    )


def worst_channel(request: PageRequest, health: Health) -> str | None:
    """Return the channel with the oldest overdue message, if it is one of this workspace."""
    worst = min(health.backlog, key=lambda own: own.oldest_due_at, default=None)
    channel = request.channels.get(worst.channel_id) if worst else None
    return channel.name if channel else None


def _row(
    request: PageRequest,
    channel: Channel,
    health: Health,
    rollups: Rollups | None,
    quiet_until: datetime | None,
) -> ChannelRow:
    state, note = _state(request, channel, health)
    if quiet_until:
        note = ", ".join(filter(None, (note, f"quiet until {_clock(request, quiet_until)}")))
    own = by_channel(rollups, channel.id) if rollups else None
    figures = figures_of(own.rollups) if own else None
    return ChannelRow(
        name=text.line(channel.name, 60),
        platform=channel.platform,
        url=request.urls.to("messages", query=[("channel", channel.name)]),
        state=state,
        note=note,
        spark=spark(sent_series(own)) if own else "",
        accepted=f"{figures.numbers[RollupOutcome.ADMITTED]:,}" if figures else "",
        to_sent=_to_sent(own) if own else "",
        failed=f"{figures.failed_share:.1%}" if figures and figures.tried else "",
    )


def _to_sent(rollups: Rollups) -> str:
    known = [value for value in rollups.sent_within(0.95).values() if value is not None]
    return seconds(max(known).total_seconds()) if known else ""


def _state(request: PageRequest, channel: Channel, health: Health) -> tuple[Mark, str]:
    states = _states(health, channel)
    if since := blocked_since(health.live, channel.id):
        return Mark("sending_failed", "Circuit open"), f"since {_clock(request, since)}"
    if health.live and not states:
        return Mark("sending_failed", "No worker"), "no worker that runs has this channel"
    if is_late(health, channel):
        return Mark("delivery_failed", "Late"), f"oldest {span(_oldest(health, channel))}"
    providers = [provider for state in states for provider in state.providers]
    for phase, mark in (
        (CircuitPhase.OPEN, Mark("delivery_failed", "One circuit open")),
        (CircuitPhase.HALF_OPEN, Mark("processing", "Tries again")),
    ):
        names = sorted(
            {own.name for own in providers if own.circuit and own.circuit.phase is phase}
        )
        if names:
            return mark, ", ".join(filter(None, (*map(_name, names), _route(states))))
    return _WELL, _route(states)


def is_late(health: Health, channel: Channel) -> bool:
    """Return whether a message of a channel waits longer than it may."""
    return _oldest(health, channel) > health.overdue_limit


def _name(name: str) -> str:
    return text.line(name, 60)


def _states(health: Health, channel: Channel) -> list[ChannelState]:
    return [
        state
        for worker in health.live
        for state in worker.channels
        if state.channel_id == channel.id
    ]


def _route(states: Iterable[ChannelState]) -> str:
    """Return by which provider messages go now, if it is not the first of several."""
    used = {
        (number, provider.name)
        for state in states
        for number, provider in enumerate(state.providers, 1)
        if provider.is_latest and number > 1
    }
    return ", ".join(f"on provider {number} ({_name(name)})" for number, name in sorted(used))


def _oldest(health: Health, channel: Channel) -> timedelta:
    due = [own.oldest_due_at for own in health.backlog if own.channel_id == channel.id]
    return max(health.at - min(due), timedelta(0)) if due else timedelta(0)


def _retry_at(states: Sequence[ChannelState]) -> datetime | None:
    providers: list[ProviderState] = [own for state in states for own in state.providers]
    times = [own.circuit.retry_at for own in providers if own.circuit and own.circuit.retry_at]
    return min(times, default=None)


def _clock(request: PageRequest, at: datetime) -> str:
    return request.times.written(at)
