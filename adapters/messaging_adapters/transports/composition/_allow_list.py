"""Which addresses a sandbox really reaches."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

from messaging_core.arguments import described
from messaging_core.errors import ArgumentError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, SMS
from messaging_core.rules.addressing.addresses import (
    address_key,
    check_email_address,
    check_phone_number,
    normalize_email,
)
from messaging_core.rules.addressing.phone_spelling import without_noise

_PHONE_KEY: Final = "phonenumber"
_PREFIX: Final = re.compile(r"\+[1-9][0-9]*")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]+")
_DIGITS: Final = re.compile(r"\+?[0-9]{1,20}")
_DOMAIN: Final = re.compile(r"[\w-]+(\.[\w-]+)+")
_WORDS: Final = "an address, a domain such as @shop.example or a number prefix such as +31612*"
_TO_ALL: Final = "to reach everyone, leave the sandbox out"
_NUMBER_REMEDY: Final = "write a number with + and its country code, such as +31612345678"


@frozen(kw_only=True)
class AllowList:
    """Tell addresses that may be reached from all others, in one spelling each.

    Attributes:
        others: Addresses on platforms other than sms and email, as they are.
    """

    emails: frozenset[str]
    domains: frozenset[str]
    numbers: frozenset[str]
    prefixes: tuple[str, ...]
    others: frozenset[str]

    def allows(self, platform: str, address: str) -> bool:
        """Return whether an address of a platform may be reached."""
        if platform == EMAIL:
            return self._allows_email(address)
        if platform == SMS:
            key = address_key(_PHONE_KEY, address)
            # A list of numbers or a name begins like a number, and is none.
            is_number = _NUMBER.fullmatch(key) is not None
            return key in self.numbers or (is_number and key.startswith(self.prefixes))
        return address in self.others

    def _allows_email(self, address: str) -> bool:
        if check_email_address(address, ""):  # it may hold two, of which one is allowed
            return False
        key = _email_key(address)
        return key in self.emails or key.rpartition("@")[2] in self.domains


def allow_list(entries: Collection[str], name: str, *, any_form: bool = False) -> AllowList:
    """Read the entries of an allow-list.

    Args:
        entries: Addresses, domains and prefixes.
        name: Of the argument, for errors.
        any_form: Whether there is a platform of the host's own: its addresses may be digits, or
            begin with "@".

    Raises:
        ArgumentError: An entry could never match, or would match every address.
    """
    kinds: dict[str, set[str]] = {"email": set(), "domain": set(), "number": set(), "prefix": set()}
    for number, entry in enumerate(entries, 1):
        # The entry itself may be the address of a person, and errors are logged.
        place = f"entry {number} of {name}" if len(entries) > 1 else name
        kind, key = _read(entry, place, any_form=any_form)
        if kind in kinds:
            kinds[kind].add(key)
    return AllowList(
        emails=frozenset(kinds["email"]),
        domains=frozenset(kinds["domain"]),
        numbers=frozenset(kinds["number"]),
        prefixes=tuple(sorted(kinds["prefix"])),
        others=frozenset(entries),  # addresses of another platform may look like any of these
    )


def _email_key(address: str) -> str:
    """Return an address without the case of its letters.

    Suppressions compare by case folding, which also takes ß for ss: of those two mailboxes, one
    may be that of a stranger.
    """
    return unicodedata.normalize("NFC", normalize_email(address).lower())


def _read(entry: object, place: str, *, any_form: bool) -> tuple[str, str]:
    """Return the kind of an entry, and the spelling in which it is compared."""
    if not isinstance(entry, str) or not entry.strip():
        raise ArgumentError(place, _WORDS, described(entry), _TO_ALL)
    if "*" in entry:
        return "prefix", _read_prefix(entry, place)
    if entry.startswith("@") and not check_email_address(f"a{entry}", ""):
        return "domain", normalize_email(f"a{entry}").partition("@")[2]
    if "@" in entry[1:]:
        if check_email_address(entry, ""):
            raise ArgumentError(place, _WORDS, "an email address that is wrong", "correct it")
        return "email", _email_key(entry)
    return _read_number(entry, place, any_form=any_form)


def _read_prefix(entry: str, place: str) -> str:
    prefix = without_noise(entry.removesuffix("*"))
    if not entry.endswith("*") or not _PREFIX.fullmatch(prefix):
        remedy = f"write + and the first digits of the numbers, then *; {_TO_ALL}"
        raise ArgumentError(place, _WORDS, "another pattern with *", remedy)
    return prefix


def _read_number(entry: str, place: str, *, any_form: bool) -> tuple[str, str]:
    number = without_noise(entry)
    if entry.startswith("+") or (number.startswith("+") and _DIGITS.fullmatch(number)):
        if check_phone_number(number, "", allow_unassigned=True):
            raise ArgumentError(place, _WORDS, "a number that cannot exist", _NUMBER_REMEDY)
        return "number", address_key(_PHONE_KEY, number)
    if _DOMAIN.fullmatch(entry):
        raise ArgumentError(place, _WORDS, "a domain without @", "write @ before the domain")
    if entry == "@" or (entry.startswith("@") and not any_form):
        raise ArgumentError(place, _WORDS, "@ without a domain", "write @shop.example")
    if _DIGITS.fullmatch(number) and not any_form:
        raise ArgumentError(place, _WORDS, "a number without its country code", _NUMBER_REMEDY)
    return "other", entry
