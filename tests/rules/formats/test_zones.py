import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.formats.zones import (
    Zones,
    joined,
    zone_of,
    zones_of_number,
    zones_of_receiver,
)


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+31612345678", ("Europe/Amsterdam",)),
        ("+12125550123", ("America/New_York",)),
        # Mobile numbers belong to a country, and some countries are large.
        ("+34612345678", ("Atlantic/Canary", "Europe/Madrid")),
        ("+351912345678", ("Atlantic/Azores", "Europe/Lisbon")),
        # Numbers of no country, and no numbers.
        ("+80012345678", ()),
        ("+999", ()),
        ("31612345678", ()),
        ("", ()),
        ("+" + "1" * 10_000, ()),
        # The longest number of E.164, and one digit more.
        ("+493012345678901", ("Europe/Berlin",)),
        ("+4930123456789012", ()),
    ],
)
def test_a_number_may_be_in_the_zones_of_its_area_or_country(
    number: str, zones: tuple[str, ...]
) -> None:
    assert zones_of_number(number) == zones


def test_a_mobile_number_may_be_anywhere_in_a_large_country() -> None:
    zones = zones_of_number("+61412345678")

    assert {"Australia/Perth", "Australia/Sydney"} <= set(zones)


@pytest.mark.parametrize(
    ("time_zone", "number", "fallback", "zones"),
    [
        ("Asia/Tokyo", "+31612345678", "UTC", Zones(("Asia/Tokyo",), "contact")),
        ("Mars/Base", "+31612345678", "UTC", Zones(("Europe/Amsterdam",), "number")),
        (None, "+31612345678", "UTC", Zones(("Europe/Amsterdam",), "number")),
        (None, "+80012345678", "Asia/Tokyo", Zones(("Asia/Tokyo",), "fallback")),
        (None, None, "Asia/Tokyo", Zones(("Asia/Tokyo",), "fallback")),
        (None, None, "Mars/Base", Zones(("UTC",), "fallback")),
    ],
)
def test_the_contact_is_asked_first_then_its_number_then_the_fallback(
    time_zone: str | None, number: str | None, fallback: str, zones: Zones
) -> None:
    assert zones_of_receiver(time_zone, number, fallback) == zones


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "Europe", "Europe/", "/etc/passwd", "../../etc/passwd", "Europe/../UTC"),
        *("Mars/Base", "UTC\0", "x" * 300, "Europe/Amsterdam\n", "é", "tzdata.zi"),
    ],
)
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_of(name) is None


def test_no_name_is_no_zone() -> None:
    assert zone_of(None) is None


@given(st.text(max_size=20))
def test_any_text_may_be_asked_for(name: str) -> None:
    zone = zone_of(name)

    assert zone is None or str(zone) == name


def test_the_zones_of_several_receivers_are_each_named_once() -> None:
    first, second = Zones(("UTC", "Asia/Tokyo"), "number"), Zones(("Asia/Tokyo",), "contact")

    assert joined([first, second]) == ("UTC", "Asia/Tokyo")
