"""When quiet hours end for a receiver, by the clocks on the walls of all zones it may be in.

An instant is quiet in a zone when the clock on the wall there shows a time within a window. That
settles both days on which clocks are moved: a time that the clock skips is never shown, so a
window that ends in the gap ends when the clock jumps; a time that the clock shows twice is quiet
twice, or outside twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from messaging_core.models.policy.send_rules import QuietWindow
from messaging_core.rules.formats.zones import zone_of

SEARCH_LIMIT: Final = timedelta(days=35)
"""How far ahead the end of quiet hours is looked for; as far as a message may be scheduled."""

_DAY: Final = timedelta(days=1)


def allowed_from(
    instant: datetime, windows: Sequence[QuietWindow], zones: Iterable[str]
) -> datetime | None:
    """Return the earliest instant, not before the given one, that is quiet in none of the zones.

    Args:
        instant: Aware.
        windows: Those of the quiet hours; they may overlap.
        zones: IANA names; unknown ones are passed over.

    Returns:
        The instant in UTC; `None` where everything within `SEARCH_LIMIT` is quiet, or where the
        calendar ends.
    """
    time_zones = [zone for zone in map(zone_of, zones) if zone is not None]
    try:
        return _search(instant.astimezone(UTC), windows, time_zones)
    except OverflowError:
        return None


def is_quiet(instant: datetime, windows: Iterable[QuietWindow], zone: str) -> bool:
    """Return whether the clock on the wall of a zone shows a time within a window.

    Args:
        instant: Aware.
        windows: Those of the quiet hours.
        zone: An IANA name; in one that is unknown it is never quiet.
    """
    time_zone = zone_of(zone)
    return time_zone is not None and any(_ends(_wall(instant, time_zone), windows))


def _search(
    start: datetime, windows: Sequence[QuietWindow], zones: Sequence[tzinfo]
) -> datetime | None:
    instant = start
    while instant - start <= SEARCH_LIMIT:
        # All is quiet in a zone until its end, so nothing before the last end can be right.
        later = max((_quiet_until(instant, windows, zone) for zone in zones), default=instant)
        if later == instant:
            return instant
        instant = later
    return None


def _quiet_until(instant: datetime, windows: Sequence[QuietWindow], zone: tzinfo) -> datetime:
    """Return until when a zone is certainly quiet; the instant itself where it is not."""
    wall = _wall(instant, zone)
    end = max(_ends(wall, windows), default=None)
    if end is None:
        return instant
    return _clock_change(instant, instant + (end - wall), zone)


def _wall(instant: datetime, zone: tzinfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _ends(wall: datetime, windows: Iterable[QuietWindow]) -> Iterator[datetime]:
    """Yield the end, by the clock on the wall, of each window that holds a time."""
    today = wall.date()
    for window in windows:
        for day in (today - _DAY, today):
            begin = datetime.combine(day, window.start)
            end = datetime.combine(day, window.end)
            if end <= begin:
                end += _DAY
            if day.weekday() in window.days and begin <= wall < end:
                yield end


def _clock_change(after: datetime, until: datetime, zone: tzinfo) -> datetime:
    """Return when the clock is first moved within at most a day; `until` if it is not.

    Halving finds it, because no zone has ever moved its clock twice within a day; clocks are
    moved at whole seconds.
    """
    before = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == before:
        return until
    low, high = after.replace(microsecond=0), until.replace(microsecond=0)
    while (span := (high - low) // timedelta(seconds=1)) > 1:
        middle = low + timedelta(seconds=span // 2)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
