"""Mask addresses on the server: a page does not hold what it does not show."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from messaging_core.models.messages.message import Message
from messaging_core.models.people.contact import MessageContact

_MASK: Final = "•••"
_FEW: Final = 4
_LAST_DIGITS: Final = 3
_BETWEEN: Final = r"[\s().\-/\u00a0]{0,3}"
_SHORTEST_NUMBER: Final = 6
_ADDRESS: Final = re.compile(r"\S+@\S+|\+?[0-9 ()./-]{6,}")
_IN_NAMES: Final = re.compile(
    r"(?<![^\s<>(),;])[^\s<>(),;]+@[^\s<>(),;]+"  # from the start of a word: no text takes long
    r"|\+?\d(?:[^\w,;]*\d){5,}"  # whatever spaces, hyphens or brackets are between
)
_PHONE: Final = re.compile(r"\+?[0-9 ()./-]{5,}")


def mask(address: str) -> str:
    """Return an address by which a colleague recognises it, and which reaches no person.

    A number keeps its country code and its last three digits, an email address its domain, and
    anything else, such as a push token, its first four characters.
    """
    if "@" in address:
        return f"{_MASK}@{address.rpartition('@')[2]}"
    if _PHONE.fullmatch(address):
        return _masked_number(address)
    return f"{address[:_FEW]}…{_MASK}" if len(address) > 2 * _FEW else _MASK


def _masked_number(number: str) -> str:
    digits = re.sub("[^0-9]", "", number)
    prefix = f"+{country_code(digits)} " if number.startswith("+") else ""
    return f"{prefix}•••• •••{digits[-_LAST_DIGITS:]}"


def country_code(digits: str) -> str:
    """Return the country calling code that an international number begins with."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 - slow to load

    known = (digits[:length] for length in (1, 2, 3))
    return next((code for code in known if int(code or 0) in COUNTRY_CODE_TO_REGION_CODE), "")


def addresses_of(message: Message) -> tuple[str, ...]:
    """Return every identifier of the people of a message, the longest first."""
    people = [*message.receiver.contacts, message.sender.contact]
    values = {value for person in people if person for value in _identifiers(person)}
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def shown_name(name: str, known: Iterable[str]) -> str:
    """Return the name of a person: hosts that know no name may give an address instead."""
    if _ADDRESS.fullmatch(name.strip()):
        return mask(name)
    return _IN_NAMES.sub(_masked, without(name, known))


def _masked(match: re.Match[str]) -> str:
    """Return the mask of what looks like an address; the engine need not know it."""
    address = match[0]
    return mask(address) if "@" in address else _masked_number(address)


def _identifiers(person: MessageContact) -> Iterable[str]:
    yield from filter(None, (person.identifier_value, person.platform_address))
    yield from (identifier.identifier_value for identifier in person.identifiers)


def without(text: str, addresses: Iterable[str]) -> str:
    """Return a text in which known addresses are masked, however a number is spaced or cased.

    A number is also found without its country code, with or without a zero before it.
    """
    for address in addresses:
        text = _written(address).sub(mask(address), text)
    return text


@lru_cache(maxsize=1024)
def _written(address: str) -> re.Pattern[str]:
    """Return what finds an address in a text."""
    if not _PHONE.fullmatch(address):
        return re.compile(re.escape(address), re.IGNORECASE)
    digits = re.sub("[^0-9]", "", address)
    code = country_code(digits) if address.startswith("+") else ""
    own = digits.removeprefix(code)
    if len(own) < _SHORTEST_NUMBER:
        return re.compile(re.escape(address))
    spaced = _BETWEEN.join(own)
    return re.compile(rf"(?:(?:\+|00)?{code}{_BETWEEN}(?:\(0\))?{_BETWEEN}|0)?{spaced}(?![0-9])")
