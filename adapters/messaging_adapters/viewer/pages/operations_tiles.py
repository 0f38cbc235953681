"""The five figures of the operations page."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.operations_channels import blocked_channels, worst_channel
from messaging_adapters.viewer.pages.operations_findings import Parked
from messaging_adapters.viewer.times import span
from messaging_core.models.delivery.health import Health

_MINUTE: Final = 60


@frozen(kw_only=True)
class Tile:
    """One figure.

    Attributes:
        value: The figure.
        unit: Behind it, smaller.
        note: Below it.
        tone: `bad`, `doubt` or nothing.
        url: What it leads to, if there is more to see.
    """

    title: str
    value: str
    unit: str = ""
    note: str = ""
    tone: str = ""
    url: str | None = None


def tiles_of(
    request: PageRequest, health: Health, admitted: int, parked: Parked | None
) -> tuple[Tile, ...]:
    """Return the five figures.

    Args:
        request: Makes links.
        health: Has the figures.
        admitted: How many messages were accepted in the last day, or 0 if that is not known.
        parked: Doubts that wait for a person.
    """
    more = "" if health.is_exact else "+"
    overdue, limit = health.oldest_overdue, health.overdue_limit
    is_late = overdue > limit
    channel = worst_channel(request, health)
    where = f", {channel}" if is_late and channel else ""
    value, unit = _minutes(overdue)
    stuck = sum(own.waiting for own in blocked_channels(request, health))
    live, silent = len(health.live), len(health.silent)
    return (
        Tile(
            title="Oldest overdue",
            value=value,
            unit=unit,
            note=f"limit {span(limit)}{text.line(where, 70)}",
            tone="bad" if is_late else "",
            url=request.urls.to("messages", query=[("channel", channel)]) if channel else None,
        ),
        Tile(
            title="Due and waiting",
            value=f"{health.due:,}{more}",
            note=(f"{stuck:,} of them stuck; " if stuck else "") + f"in work: {health.in_flight:,}",
        ),
        Tile(
            title="In doubt",
            value=f"{health.in_doubt:,}{more}",
            note=f"{parked.number:,} of them {_wait(parked.number)} for a person" if parked else "",
            tone="doubt" if health.in_doubt else "",
            url=request.urls.to("messages", query=[("doubt", "open"), ("since", "ever")]),
        ),
        Tile(
            title="Dead letters, 24 h",
            value=f"{health.dead_letters:,}{more}",
            note=f"{health.dead_letters / admitted:.2%} of {admitted:,}" if admitted else "",
            url=request.urls.to("messages", query=[("status", "sending_failed")]),
        ),
        Tile(
            title="Workers",
            value=f"{live}",
            unit=f"of {live + silent}" if live + silent else "",
            note=_heard(health),
            tone="bad" if silent and not live else "",
        ),
    )


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


def _minutes(length: timedelta) -> tuple[str, str]:
    whole = int(length.total_seconds())
    if whole < _MINUTE:
        return str(whole), "s"
    if whole < _MINUTE * _MINUTE:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}", "min"
    return f"{whole // _MINUTE // _MINUTE}:{whole // _MINUTE % _MINUTE:02}", "h"


def _heard(health: Health) -> str:
    if not health.workers:
        return "none has run for a day"
    return f"last heard {span(health.at - health.workers[0].seen_at)} ago"
