"""Write numbers by language, as `toLocaleString` of JavaScript does."""

from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

from babel import Locale, numbers

from messaging_adapters.templates._languages import locale_of

_FRACTION: Final = Decimal("0.001")
_PRECISION: Final = 60
_SHORT: Final = 4
# Languages that write 1234 without a sign between, which Babel does not tell (CLDR,
# minimumGroupingDigits).
_PLAIN: Final = frozenset({"be", "bg", "et", "hu", "hy", "it", "ka", "lv", "pl", "sl", "sq"})
_PLAIN_SPANISH: Final = (None, "ES")
_GROUPED_PORTUGUESE: Final = (None, "BR", "AO")


def format_number(value: float, language: str) -> str:
    """Write a number with three digits of its fraction at most."""
    locale = locale_of(language)
    with localcontext(prec=_PRECISION):
        amount = Decimal(str(value)).quantize(_FRACTION, ROUND_HALF_UP)
    whole, _, fraction = f"{abs(amount):f}".rstrip("0").partition(".")
    # Babel drops the apostrophes that Switzerland groups by, so we group ourselves.
    text = _grouped(whole, locale)
    if fraction:
        text += numbers.get_decimal_symbol(locale) + fraction
    return numbers.get_minus_sign_symbol(locale) + text if amount.is_signed() else text


def _grouped(digits: str, locale: Locale) -> str:
    if len(digits) <= _SHORT and _is_plain(locale):
        return digits
    first, others = locale.decimal_formats[None].grouping
    groups: list[str] = []
    size = first
    while len(digits) > size:
        digits, group = digits[:-size], digits[-size:]
        groups.insert(0, group)
        size = others
    return numbers.get_group_symbol(locale).join((digits, *groups))


def _is_plain(locale: Locale) -> bool:
    if locale.language == "es":
        return locale.territory in _PLAIN_SPANISH
    if locale.language == "pt":
        return locale.territory not in _GROUPED_PORTUGUESE
    return locale.language in _PLAIN
