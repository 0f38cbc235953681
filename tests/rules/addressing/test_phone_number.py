"""From what people type and providers report to E.164."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules import normalize_phone_number
from messaging_core.rules.addressing.addresses import address_key, check_phone_number
from messaging_core.rules.addressing.phone_number import sender_number

_FULL_WIDTH = "\uff0b\uff13\uff11\uff16\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18"
_ARABIC = "".join(chr(0x660 + int(digit)) for digit in "00447700900123")


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("+31612345678", None, "+31612345678"),
        ("0044 7700 900123", None, "+447700900123"),
        ("+44 (0)7700 900123", None, "+447700900123"),
        ("+44 (0) 7700/900.123", None, "+447700900123"),
        ("+34 (0)612345678", None, "+34612345678"),  # a trunk zero that Spain never had
        ("+39 (0)6 1234567", None, "+39061234567"),  # the zero belongs to an Italian number
        ("\u202a+44\u00a07700\u2011900\u200b123\u202c\ufeff", None, "+447700900123"),
        ("tel:+31-6-12345678", None, "+31612345678"),
        (_FULL_WIDTH, None, "+31612345678"),
        (_ARABIC, None, "+447700900123"),
        ("07700 900123", "GB", "+447700900123"),
        ("07700 900123", "gb", "+447700900123"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1 415 555 2671", "US", "+14155552671"),
        ("011 44 7700 900123", "US", "+447700900123"),
        ("3615551234", "US", "+13615551234"),  # typed at home, so not Budapest
        ("447700900123", "NL", "+447700900123"),
        ("447700900123", None, "+447700900123"),
        ("8 912 345-67-89", "RU", "+79123456789"),
        ("+52 1 55 1234 5678", None, "+525512345678"),
        ("+55 11 8765-4321", None, "+5511987654321"),
        ("+229 61 23 45 67", None, "+2290161234567"),
        ("+541123456789", None, "+541123456789"),  # may be a landline
        ("0011 31 6 12345678", "AU", "+31612345678"),
        ("001 44 7700 900123", "HK", "+447700900123"),
        ("002 44 7700 900123", "TW", "+447700900123"),
        ("0015 44 7700 900123", "BR", "+447700900123"),
        ("0044 7700 900123", "AU", "+447700900123"),
        ("001 415 555 2671", "NL", "+14155552671"),
        ("00800 1234 5678", None, "+80012345678"),
        ("+1 436 234 5678", None, "+14362345678"),  # in service, and not in the metadata
        ("436 234 5678", "US", "+14362345678"),
    ],
)
def test_a_number_is_understood_however_it_is_typed(
    typed: str, region: str | None, number: str
) -> None:
    assert normalize_phone_number(typed, region) == number


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("", None),
        ("+", None),
        ("ada", None),
        ("1-800-FLOWERS", "US"),
        ("+31 6 12345678 ext. 5", None),
        ("0612345678", None),  # at home where?
        ("12", "NL"),
        ("+999 123456789", None),
        ("+0011 31 6 12345678", "AU"),
        ("+31 6 12345678, +31 6 12345679", None),
        ("1" * 101, None),
    ],
)
def test_what_is_no_number_becomes_none(typed: str, region: str | None) -> None:
    assert normalize_phone_number(typed, region) is None


@pytest.mark.parametrize("region", ["UK", "XX", "Netherlands"])
def test_a_region_that_is_no_country_is_an_error_that_says_what_to_write(region: str) -> None:
    with pytest.raises(ValueError, match="ISO 3166-1"):
        normalize_phone_number("0612345678", region)


@given(
    st.one_of(st.text(), st.from_regex(r"[+ 0-9().-]{0,20}", fullmatch=True)),
    st.sampled_from([None, "NL", "US", "AR", "BR", "IT"]),
)
def test_whatever_is_typed_becomes_a_possible_number_or_nothing(
    typed: str, region: str | None
) -> None:
    for normalize in (normalize_phone_number, sender_number):
        number = normalize(typed, region)

        if number is not None:
            assert check_phone_number(number, "", allow_unassigned=True) is None
            assert normalize(number) in (number, address_key("phonenumber", number))


@pytest.mark.parametrize(
    ("reported", "region", "number"),
    [
        ("436641234567", "DE", "+436641234567"),  # German numbers begin with a zero at home
        ("14362345678", None, "+14362345678"),
        ("4155552671", "US", "+14155552671"),
        ("3615551234", "US", None),  # Texas or Budapest
        ("3615551234", None, "+3615551234"),
        ("07700900123", "NL", None),
        ("12345", None, None),
    ],
)
def test_digits_of_a_provider_are_read_with_care(
    reported: str, region: str | None, number: str | None
) -> None:
    assert sender_number(reported, region) == number


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("+5215512345678", "+525512345678"),
        ("+541123456789", "+5491123456789"),
        ("+551187654321", "+5511987654321"),
        ("+22961234567", "+2290161234567"),
        ("0044 7700-900123", "+447700900123"),
        ("+44\u20117700\u200b900123", "+447700900123"),
    ],
)
def test_two_spellings_of_one_number_have_one_key(first: str, other: str) -> None:
    assert address_key("phonenumber", first) == address_key("phonenumber", other)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("+551132345678", "+5511932345678"),  # a landline never got a ninth digit
        ("+525512345678", "+525512345679"),
        ("+5491123456789", "+5491123456780"),
        ("+12155123456", "+2155123456"),
    ],
)
def test_two_numbers_have_two_keys(first: str, other: str) -> None:
    assert address_key("phonenumber", first) != address_key("phonenumber", other)


@given(st.text(st.sampled_from("+0123456789 -()\u200b"), max_size=18))
def test_the_key_of_a_key_is_the_key(number: str) -> None:
    key = address_key("phonenumber", number)

    assert address_key("phonenumber", key) == key


@pytest.mark.parametrize("number", ["+14362345678", "+16792345678", "+31000000000"])
def test_a_number_of_a_new_range_has_a_code_of_its_own_and_can_be_let_through(number: str) -> None:
    violation = check_phone_number(number, "/receiver")

    assert violation is not None
    assert violation.code == "receiver.number_not_assigned"
    assert check_phone_number(number, "/receiver", allow_unassigned=True) is None


@pytest.mark.parametrize(
    "number", ["+6799999999999", "+3112", "+999123456789", "0612", "+310612345678"]
)
def test_what_is_impossible_is_never_let_through(number: str) -> None:
    assert check_phone_number(number, "/receiver", allow_unassigned=True) is not None
