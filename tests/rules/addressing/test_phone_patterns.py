import random

import phonenumbers
import pytest

from messaging_core.rules.addressing.addresses import _ask_library
from messaging_core.rules.addressing.phone_patterns import recognise


def neighbours(number: str, chance: random.Random) -> list[str]:
    """Return a number and similar ones, most of which are not assigned."""
    digits = number[1:]
    changed = [
        digits[:place] + str(chance.randrange(10)) + digits[place + 1 :]
        for place in range(len(digits))
    ]
    grown = [digits + str(chance.randrange(10)), digits[:-1]]
    return [number, *(f"+{variant}" for variant in changed + grown)]


def examples() -> list[str]:
    """Return an example of every kind of number of every country."""
    numbers = [
        phonenumbers.example_number_for_type(region, kind)
        for region in phonenumbers.SUPPORTED_REGIONS
        for kind in phonenumbers.PhoneNumberType.values()
    ]
    return sorted(
        {
            phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            for number in numbers
            if number
        }
    )


def test_whatever_is_recognised_the_library_accepts_for_the_same_country() -> None:
    chance = random.Random(1)  # noqa: S311 - picks digits to try
    numbers = [number for example in examples() for number in neighbours(example, chance)]

    recognised = {number: country for number in numbers if (country := recognise(number))}

    assert len(recognised) > len(numbers) // 4
    for number, country in recognised.items():
        assert _ask_library(number) == ("", "", country), number


def test_nearly_every_example_number_is_recognised() -> None:
    numbers = examples()

    recognised = [number for number in numbers if recognise(number)]

    assert len(recognised) > 0.85 * len(numbers)


@pytest.mark.parametrize("value", ["+", "+1", "+999", "+0", "+31", "+31612", "+80012345678"])
def test_what_is_no_ordinary_number_is_left_to_the_library(value: str) -> None:
    assert recognise(value) is None
