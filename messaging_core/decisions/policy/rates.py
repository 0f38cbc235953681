"""Decide what a process gets of a rate limit that it shares with others.

A share is a number of units that its holder may use until an instant. While it is out, it counts as
if all of it were used at that instant; then its holder reports when it used how many. So whatever
a holder does, or if it dies, no window of time ever has more uses than the limit.

A use may last: until it has ended, its holder reports it as held.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from messaging_core.lazy import frozen
from messaging_core.models.common.rate import RateLog, RateUse

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GRAINS: Final = 100
"""How many records a window may have, beside those of holders: uses close together are one."""


@frozen(kw_only=True)
class Share:
    """What a process gets.

    Attributes:
        log: What is not free now.
        granted: How many units; perhaps fewer than were asked for, or none.
        next_at: When enough for another share are free, if no holder reports earlier; nothing if
            all that were asked for were granted.
    """

    log: RateLog
    granted: int
    next_at: datetime | None


def settled(
    log: RateLog,
    holder: str,
    uses: Sequence[RateUse],
    window: timedelta,
    going_on: RateUse | None = None,
) -> RateLog:
    """Return a log in which a holder has reported what it used of its share.

    Args:
        log: What is known.
        holder: Names the process.
        uses: Those that have ended.
        window: How long a use counts.
        going_on: How many have begun and not ended, and until when they are held.
    """
    others = [use for use in log.uses if use.holder != holder]
    held = [going_on] if going_on is not None else []
    return RateLog(uses=(*others, *merged(uses, window), *held))


def take(  # noqa: PLR0913 - by keyword
    log: RateLog,
    *,
    holder: str,
    count: int,
    least: int = 1,
    limit: int,
    window: timedelta,
    now: datetime,
    until: datetime,
    begin_at: datetime | None = None,
) -> Share:
    """Give a holder as many units as are free, up to what it asks for.

    Args:
        log: What is known; a share of this holder must be settled.
        holder: Names the process.
        count: How many units it asks for.
        least: How many it needs, at most the limit: if fewer are free, it gets none.
        limit: How many uses there may be in any window.
        window: How long a use counts.
        now: The present, read while no other process can take.
        until: When the share must be used by.
        begin_at: From when on it is used; by default the present. What is free by then is given.
    """
    begin_at = begin_at or now
    # An instant so far ahead is of a clock that was wrong. Without this, nothing would be free
    # until that instant.
    latest = until + window
    uses = [
        use if use.at <= latest else RateUse(at=until, count=use.count, holder=use.holder)
        for use in log.uses
        if use.at + window > now
    ]
    taken = sum(use.count for use in uses if use.at + window > begin_at)
    free = limit - taken
    granted = min(free, count) if free >= least else 0
    next_at = (
        None
        if granted == count
        else _next_free(
            [use for use in uses if use.at + window > begin_at], least + granted - free, window
        )
    )
    if granted:
        uses.append(RateUse(at=until, count=granted, holder=holder))
    held = [use for use in uses if use.holder is not None]
    used = [use for use in uses if use.holder is None]
    log = RateLog(uses=(*merged(used, window), *held))
    return Share(log=log, granted=granted, next_at=next_at)


def _next_free(uses: Iterable[RateUse], missing: int, window: timedelta) -> datetime | None:
    """Return when enough uses have left the window; nothing if there never were so many."""
    for use in sorted(uses, key=lambda use: use.at):
        missing -= use.count
        if missing <= 0:
            return use.at + window
    return None


def merged(uses: Iterable[RateUse], window: timedelta) -> list[RateUse]:
    """Return uses with those close together as one, at the time of the last: it counts longest.

    Close is in the same part of time, whose parts are fixed: else a use could move on with each
    one that follows, and never leave the window.
    """
    grain, result = window / _GRAINS, dict[int, RateUse]()
    for use in sorted(uses, key=lambda use: use.at):
        part = (use.at - _EPOCH) // grain
        before = result[part].count if part in result else 0
        result[part] = RateUse(at=use.at, count=before + use.count)
    return list(result.values())
