"""The two spellings in which networks report one mobile number."""

from typing import Final

from messaging_core.lazy import pattern

# Format and direction characters, fillers and variation selectors: address books and chat programs
# copy them along with a number.
INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
_NOISE: Final = pattern(rf"[\s().\-/\u2010-\u2015\u2212{INVISIBLE}]+")

# Why each: Mexico dropped the 1 for mobiles in 2019, networks and WhatsApp still report it.
# Argentina dials mobiles with 9 from abroad and without it at home. Brazil put a 9 before mobile
# numbers until 2016, and senders are still reported without. Benin put 01 before every number in
# November 2024. The form kept is the one that `phonenumbers` calls a mobile number.
_SPELLINGS: Final = (
    (pattern(r"\+521([0-9]{10})"), r"+52\1"),
    (pattern(r"\+54([1-8][0-9]{9})"), r"+549\1"),
    (pattern(r"\+55([1-9][0-9])([6-9][0-9]{7})"), r"+55\g<1>9\2"),
    (pattern(r"\+229([0-9]{8})"), r"+22901\1"),
)
_COUNTRIES: Final = ("+52", "+54", "+55", "+229")
# Nearly every number, told in one look.
_ORDINARY: Final = pattern(r"\+(?!5[245]|229)[1-9][0-9]+")
_CALLED_FROM_ABROAD: Final = "00"


def without_noise(value: str) -> str:
    """Return a number without what is only typed for the eye, and with "+" for a leading 00."""
    plain = value
    if not (value[1:].isdecimal() and value.isascii()):
        plain = _NOISE.sub("", value)
    if plain.startswith(_CALLED_FROM_ABROAD):
        return f"+{plain[len(_CALLED_FROM_ABROAD) :]}"
    return plain


def phone_key(value: str) -> str:
    """Return what all spellings of one phone number have in common, valid or not.

    Blanks, punctuation, invisible characters and `00` for "+" do not matter, nor does the digit
    that tells a mobile number apart in Mexico (+52 1), Argentina (+54 9), Brazil (the ninth digit)
    and Benin (01). A landline in Argentina shares its key with no mobile: the ten digits
    are given out once.
    """
    if _ORDINARY.fullmatch(value):
        return value
    plain = without_noise(value)
    if plain.startswith(_COUNTRIES):
        for spelling, form in _SPELLINGS:
            if spelling.fullmatch(plain):
                return spelling.sub(form, plain)
    return plain
