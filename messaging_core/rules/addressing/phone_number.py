"""From a phone number as people type it and providers report it to E.164."""

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from messaging_core.arguments import a, checked, optional
from messaging_core.lazy import pattern
from messaging_core.rules.addressing.addresses import check_phone_number
from messaging_core.rules.addressing.phone_spelling import INVISIBLE, phone_key, without_noise

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_LONGEST: Final = 100
_SCHEME: Final = pattern(r"\s*tel:", re.IGNORECASE)
_DIGITS: Final = pattern(r"\+?[0-9]+")
_HIDDEN: Final = pattern(f"[{INVISIBLE}]+")
# Written by people for readers at home: "+44 (0)20 …".
_TRUNK_ZERO: Final = pattern(r"(?<=[0-9\s\-.])\(0\)")


@checked(
    value=a(str, "text", 'write value="+31612345678"'),
    region=optional(a(str, "two letters", 'write region="GB"')),
)
def normalize_phone_number(value: str, region: str | None = None) -> str | None:
    """Return a phone number as a person types it in E.164, or nothing where it is none.

    Understood are `+44 (0)7700 900123`, `0044 7700 900123`, `tel:` links, full-width and other
    digits, invisible characters, punctuation, and with a region its national form and its
    prefix for calls abroad. A mobile number comes in the spelling that the number plan has now:
    `+52 1 …` without the 1, Brazilian ones with nine digits. Letters and extensions are refused.

    A number of a possible length that the metadata does not know comes back too; whether it may
    be written to, `check_phone_number` decides.

    Args:
        value: As it was typed.
        region: ISO 3166-1 alpha-2 code of the country where it was typed, such as `GB`. Without,
            digits that begin with neither "+" nor 00 are read as a country code and a number.

    Raises:
        ValueError: No country has this code.
    """
    country = _known_region(region) if region else None
    typed = _typed(value)
    if country and typed and (dialled := _dialled_abroad(typed, value, country)):
        return dialled
    if typed is None or typed.startswith("+"):
        return _international(typed, value) if typed else None
    own = _national(typed, country) if country else None
    # Digits that a country would begin with a zero are hardly typed for its own numbers.
    if country and own and (_is_known(own) or not _has_trunk_zero(country)):
        return own
    foreign = _without_plus(typed)
    return foreign if foreign and (_is_known(foreign) or not own) else own


def sender_number(value: str, region: str | None = None) -> str | None:
    """Return the number that a provider reports as a sender in E.164, or nothing.

    Providers write it with and without "+", with 00, and some as it is dialled at home. Digits
    alone are a country code and a number; where they may as well be a national number of the
    channel's country, nothing is returned: a wrong guess would block a stranger.

    Args:
        value: As it was reported.
        region: Country of the channel's own number, if it is known.
    """
    if _is_known(value):
        return value  # what nearly every provider reports, at a fraction of the cost
    typed = _typed(value)
    if typed is None or typed.startswith("+"):
        return _international(typed, value) if typed else None
    own = _national(typed, region) if region else None
    own = own if own and _is_known(own) else None
    foreign = _without_plus(typed)
    if foreign is None or not _is_known(foreign):
        return own or foreign
    if own in (None, foreign) or (region and _has_trunk_zero(region)):
        return foreign
    return None


def _typed(value: str) -> str | None:
    """Return "+" and ASCII digits, or digits alone; nothing where there is anything else."""
    if len(value) > _LONGEST:
        return None
    plain = without_noise(unicodedata.normalize("NFKC", _SCHEME.sub("", value)))
    digits = "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in plain
    )
    # Digits of another script hide a 00 from the first look.
    digits = without_noise(digits)
    return digits if _DIGITS.fullmatch(digits) else None


def _international(number: str, typed: str) -> str | None:
    canonical = _parsed(number, None)
    if canonical and _is_known(canonical):
        return canonical
    visible = unicodedata.normalize("NFKC", _HIDDEN.sub("", typed))
    without_trunk = _TRUNK_ZERO.sub("", visible)
    for other in (phone_key(canonical or number), _typed(without_trunk)):
        if other and _is_known(other):
            return other
    return canonical if canonical and _is_possible(canonical) else None


def _dialled_abroad(typed: str, value: str, region: str) -> str | None:
    """Read what begins with 00 by the prefixes of a country: Australia's 0011, Hong Kong's 001."""
    if not typed.startswith("+") or "+" in unicodedata.normalize("NFKC", value):
        return None
    number = _parsed(f"00{typed[1:]}", region)
    return number if number and _is_known(number) else None


def _without_plus(digits: str) -> str | None:
    return None if digits.startswith("0") else _international(f"+{digits}", "")


def _national(digits: str, region: str) -> str | None:
    number = _parsed(digits, region)
    return number if number and _is_possible(number) else None


def _parsed(number: str, region: str | None) -> str | None:
    import phonenumbers  # noqa: PLC0415 - heavy, and only an unusual number needs it

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    return _written(parsed)


def _written(number: "PhoneNumber") -> str:
    from phonenumbers import PhoneNumberFormat, format_number  # noqa: PLC0415 - imported by now

    return str(format_number(number, PhoneNumberFormat.E164))


def _is_known(number: str) -> bool:
    return check_phone_number(number, "") is None


def _is_possible(number: str) -> bool:
    return check_phone_number(number, "", allow_unassigned=True) is None


def _known_region(region: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - heavy

    if region.upper() in SUPPORTED_REGIONS:
        return region.upper()
    raise ValueError(
        f"region={region!r:.20} is not the code of a country with phone numbers: "
        "write two letters of ISO 3166-1, such as GB"
    )


def _has_trunk_zero(region: str) -> bool:
    """Return whether national numbers begin with a zero, so that digits without one are foreign."""
    from phonenumbers import PhoneMetadata  # noqa: PLC0415 - imported by now

    metadata = PhoneMetadata.metadata_for_region(region, None)
    return bool(metadata and (metadata.national_prefix or "").startswith("0"))
