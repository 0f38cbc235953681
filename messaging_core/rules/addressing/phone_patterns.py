"""The number plan of each country as one regular expression, compiled when it is first needed.

Looking a number up in `phonenumbers` takes 20 µs, several times what everything else about a
short message costs, and every number of a campaign is a new one. Its metadata are regular
expressions; joined into one for each country they recognise an ordinary number in under one
microsecond. Whatever they do not recognise is left to `phonenumbers`, which also says what is
wrong with it.
"""

import re
from functools import cache
from typing import Any, NamedTuple

_TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


def recognise(value: str) -> str | None:
    """Return the country of a number that is certainly assigned, as ISO 3166-1 alpha-2.

    Args:
        value: "+" and ASCII digits.

    Returns:
        Nothing where only `phonenumbers` can tell.
    """
    for length in (3, 2, 4):  # "+" and the country code; no code is the start of another
        plan = _plan(value[1:length])
        if plan is not None:
            break
    else:
        return None
    national = value[length:]
    if plan.prefix.match(national):
        return None
    for country, leading, numbers in plan.countries:
        if leading is not None and not leading.match(national):
            continue
        if numbers.fullmatch(national):
            return country
        if leading is not None:
            return None
    return None


class _Country(NamedTuple):
    name: str
    leading: re.Pattern[str] | None
    numbers: re.Pattern[str]


class _Plan(NamedTuple):
    """One country code: the countries that share it, in the order in which they are asked.

    Attributes:
        prefix: What might be a national prefix that does not belong into a number.
    """

    prefix: re.Pattern[str]
    countries: tuple[_Country, ...]


@cache
def _plan(code: str) -> _Plan | None:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata  # noqa: PLC0415 - heavy

    usable = code.isdecimal() and not code.startswith("0")
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if usable else ()
    if not regions or regions == ("001",):
        return None
    countries = [
        metadata
        for region in regions
        if (metadata := PhoneMetadata.metadata_for_region(region, None)) is not None
    ]
    prefixes = [
        metadata.national_prefix_for_parsing
        for metadata in countries
        if metadata.national_prefix_for_parsing
    ]
    return _Plan(
        prefix=re.compile("|".join(["0", *(f"(?:{prefix})" for prefix in prefixes)])),
        countries=tuple(map(_country, countries)),
    )


def _country(metadata: Any) -> _Country:
    leading = metadata.leading_digits
    return _Country(metadata.id, re.compile(leading) if leading else None, _numbers(metadata))


def _numbers(metadata: Any) -> re.Pattern[str]:
    """Join the patterns of all kinds of numbers, each with the lengths it may have."""
    kinds = [getattr(metadata, kind) for kind in _TYPES]
    patterns = [
        f"{_lengths(kind)}(?:{kind.national_number_pattern})"
        for kind in kinds
        if kind is not None and kind.national_number_pattern
    ]
    general = metadata.general_desc
    return re.compile(
        f"(?=(?:{general.national_number_pattern})\\Z){_lengths(general)}(?:{'|'.join(patterns)})"
    )


def _lengths(kind: Any) -> str:
    possible = "|".join(f"[0-9]{{{length}}}" for length in kind.possible_length)
    return f"(?=(?:{possible})\\Z)" if possible else ""
