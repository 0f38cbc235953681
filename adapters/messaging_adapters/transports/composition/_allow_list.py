"""Which addresses a sandbox really reaches."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from messaging_core.arguments import refuse
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
_DOMAIN: Final = re.compile(r"[\w-]+(\.[\w-]+)+")
_REMEDY: Final = (
    'write an address, "@shop.example" for a domain of email, or "+31612*" for numbers that begin '
    "so; to reach everyone, leave the sandbox out"
)
_WORDS: Final = "addresses, domains such as @shop.example and number prefixes such as +31612*"


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


def allow_list(entries: Iterable[str], name: str) -> AllowList:
    """Read the entries of an allow-list.

    Args:
        entries: Addresses, domains and prefixes.
        name: Of the argument, for errors.

    Raises:
        ArgumentError: An entry could never match, or would match every address.
    """
    kinds: dict[str, set[str]] = {"email": set(), "domain": set(), "number": set(), "prefix": set()}
    others = set()
    for entry in entries:
        kind, key = _read(entry, name)
        if kind in kinds:
            kinds[kind].add(key)
        others.add(entry)  # a platform of the host's own may have addresses of any form
    return AllowList(
        emails=frozenset(kinds["email"]),
        domains=frozenset(kinds["domain"]),
        numbers=frozenset(kinds["number"]),
        prefixes=tuple(sorted(kinds["prefix"])),
        others=frozenset(others),
    )


def _email_key(address: str) -> str:
    """Return an address without the case of its letters.

    Suppressions compare by case folding, which also takes ß for ss: of those two mailboxes, one
    may be that of a stranger.
    """
    return unicodedata.normalize("NFC", normalize_email(address).lower())


def _read(entry: object, name: str) -> tuple[str, str]:
    """Return the kind of an entry, and the spelling in which it is compared."""
    if not isinstance(entry, str) or not entry.strip():
        raise refuse(name, _WORDS, entry, _REMEDY)
    if "*" in entry:
        prefix = without_noise(entry.removesuffix("*"))
        if not entry.endswith("*") or not _PREFIX.fullmatch(prefix):
            raise refuse(name, _WORDS, entry, _REMEDY)
        return "prefix", prefix
    if entry.startswith("@") and not check_email_address(f"a{entry}", ""):
        return "domain", normalize_email(f"a{entry}").partition("@")[2]
    if "@" in entry[1:]:
        if check_email_address(entry, ""):
            raise refuse(name, _WORDS, entry, _REMEDY)
        return "email", _email_key(entry)
    return _read_number(entry, name)


def _read_number(entry: str, name: str) -> tuple[str, str]:
    if entry.startswith("+"):
        number = without_noise(entry)
        if check_phone_number(number, "", allow_unassigned=True):
            raise refuse(name, _WORDS, entry, _REMEDY)
        return "number", address_key(_PHONE_KEY, number)
    if _DOMAIN.fullmatch(entry):
        raise refuse(name, _WORDS, entry, f'a domain begins with "@"; {_REMEDY}')
    return "other", entry
