"""Show instants and spans in the zone of the visitor, the exact value beside the short one."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

_UNITS: Final[tuple[tuple[str, int], ...]] = (("day", 86400), ("hour", 3600), ("min", 60), ("s", 1))
_SOON: Final = 2  # of a unit: 90 min says more than 1 hour
_CLOCKS: Final = "0 s (clocks differ)"
_WITH_PLURAL: Final = frozenset({"day", "hour"})


@frozen(kw_only=True)
class Moment:
    """An instant as a page shows it.

    Attributes:
        iso: In UTC, for programs and for copying.
        title: In full, with its zone.
        text: Short, as a reader says it.
    """

    iso: str
    title: str
    text: str


@frozen(kw_only=True)
class Times:
    """Writes instants for one visitor, at one moment.

    Attributes:
        now: The present, which relative times count from.
        zone: The zone of the visitor; `None` if the browser has not told, then times are in UTC.
    """

    now: datetime
    zone: ZoneInfo | None = None

    @property
    def zone_name(self) -> str:
        """Return the name of the zone in which times are shown."""
        return self.zone.key if self.zone else "UTC"

    def local(self, at: datetime) -> datetime:
        """Return an instant in the zone of the visitor."""
        return at.astimezone(self.zone or UTC)

    def ago(self, at: datetime) -> Moment:
        """Return an instant by its age, such as `2 min ago`."""
        return self._moment(at, relative(at, self.now))

    def clock(self, at: datetime) -> Moment:
        """Return an instant to the second, with its day unless that is today."""
        return self._moment(at, self.written(at))

    def day(self, at: datetime) -> Moment:
        """Return the day of an instant, such as `3 Nov 2026`."""
        local = self.local(at)
        return self._moment(at, f"{local.day} {local:%b %Y}")

    def written(self, at: datetime) -> str:
        """Return an instant to the second for a sentence, with its day unless that is today."""
        local, today = self.local(at), self.local(self.now)
        clock = f"{local:%H:%M:%S}"
        if local.date() == today.date():
            return clock
        day = f"{local:%a} {local.day} {local:%b}"
        return f"{day}, {clock}" if local.year == today.year else f"{day} {local.year}, {clock}"

    def _moment(self, at: datetime, text: str) -> Moment:
        local = self.local(at)
        title = f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S} {self.zone_name}"
        return Moment(iso=iso(at), title=title, text=text)


def iso(at: datetime) -> str:
    """Return an instant in ISO 8601, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def relative(at: datetime, now: datetime) -> str:
    """Return an instant by its distance from the present: `2 min ago`, `in 12 hours`."""
    away = at - now
    if abs(away) < timedelta(seconds=1):
        return "now"
    seconds = timedelta(seconds=abs(away) // timedelta(seconds=1))
    return f"in {span(seconds)}" if away > timedelta(0) else f"{span(seconds)} ago"


def span(length: timedelta) -> str:
    """Return a span of time in one unit, such as `90 s`, `23 min` or `3 days`."""
    seconds = length.total_seconds()
    if seconds < 0:
        return _CLOCKS
    if seconds < 10:  # noqa: PLR2004 - tenths matter for the calls of a provider only
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    unit, size = next(pair for pair in _UNITS if pair[1] == 1 or seconds >= _SOON * pair[1])
    number = int(seconds // size)
    return f"{number} {unit}{'s' if unit in _WITH_PLURAL and number != 1 else ''}"


@lru_cache(maxsize=256)
def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the zone of a name that a browser sent, or nothing."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):  # no zone, a path, or a name too long for a file
        return None
