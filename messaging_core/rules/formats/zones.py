"""Which time zones a receiver may be in."""

from collections.abc import Sequence
from datetime import tzinfo
from functools import lru_cache
from typing import Final, NamedTuple

from messaging_core.lazy import pattern

_CACHED: Final = 8192
_LONGEST_NUMBER: Final = 16  # "+" and the 15 digits of E.164
_NAME: Final = pattern(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")
_UTC: Final = "UTC"


class Zones(NamedTuple):
    """Candidate zones of a receiver, and where they come from: `contact`, `number`, `fallback`."""

    names: tuple[str, ...]
    source: str


def zone_of(name: str | None) -> tzinfo | None:
    """Return a zone of the IANA database by its name, or nothing for any other text."""
    if name is None or not _NAME.fullmatch(name):
        return None
    return _load(name)


def zones_of_number(number: str) -> tuple[str, ...]:
    """Return the zones that a phone number may be in, by the metadata of `phonenumbers`.

    A number that is tied to an area has the zones of the area; any other, such as most mobile
    numbers, has all zones of its country code, territories overseas included. Numbers that no
    subscriber can have, and those of no country, have none.

    Args:
        number: In E.164; anything else has no zones.
    """
    return _zones_of_number(number) if len(number) <= _LONGEST_NUMBER else ()


def zones_of_receiver(time_zone: str | None, number: str | None, fallback: str) -> Zones:
    """Return the zones to respect: the contact's own, else its number's, else `fallback`.

    A name that the IANA database does not know is passed over as if it were absent; the last
    resort is UTC.
    """
    if time_zone is not None and zone_of(time_zone):
        return Zones((time_zone,), "contact")
    candidates = zones_of_number(number) if number else ()
    if candidates:
        return Zones(candidates, "number")
    return Zones((fallback if zone_of(fallback) else _UTC,), "fallback")


def joined(zones: Sequence[Zones]) -> tuple[str, ...]:
    """Return every zone of several receivers, each once."""
    return tuple(dict.fromkeys(name for zone in zones for name in zone.names))


@lru_cache(maxsize=1024)
def _load(name: str) -> tzinfo | None:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - few hosts need it

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # unknown, not a zone file, a folder
        return None


@lru_cache(maxsize=_CACHED)
def _zones_of_number(number: str) -> tuple[str, ...]:
    # Heavy, and needed only where quiet hours are.
    from phonenumbers import NumberParseException, parse  # noqa: PLC0415
    from phonenumbers.timezone import time_zones_for_number  # noqa: PLC0415

    try:
        names = time_zones_for_number(parse(number))
    except NumberParseException:
        return ()
    return tuple(name for name in names if zone_of(name))
