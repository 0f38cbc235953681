"""What may be said about a contact, a list of contacts, and an address that gets nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.models.people.directory import ContactChanges, ContactList, NewContact
from messaging_core.models.people.suppression import Suppression, SuppressionScope
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.addressing.channel import check_platform
from messaging_core.rules.addressing.receiver import MAX_ID_LENGTH, PLATFORM_KEYS, check_address
from messaging_core.rules.content.template import check_locale
from messaging_core.rules.formats.text import check_line, check_text
from messaging_core.rules.formats.zones import zone_of

MAX_DISPLAY_NAME_LENGTH: Final = 150
MAX_KEY_LENGTH: Final = 64
MAX_LISTS: Final = 10
MIN_LIST_NAME_LENGTH: Final = 2
MAX_LIST_NAME_LENGTH: Final = 256
MAX_DESCRIPTION_LENGTH: Final = 1000
MAX_IDENTIFIERS: Final = 100
MAX_ATTRIBUTES: Final = 250
MAX_ATTRIBUTE_NAME_LENGTH: Final = 250
MAX_ATTRIBUTE_LENGTH: Final = 10_000
MAX_ATTRIBUTE_VALUES: Final = 1000
MAX_SENDER_LENGTH: Final = 500

_MIRRORED: Final = frozenset(PLATFORM_KEYS.values())


def check_new_contact(new: NewContact, *, allow_unassigned: bool = False) -> list[Violation]:
    """Hold a new contact to the Bird Channels API, chapter on contacts.

    A display name has 1 to 150 characters (that there must be one is not asked), a key 1 to 64, a
    value 1 to 500; at most 10 lists are named. Identifiers of the three platforms are addresses
    that something can be sent to (ours). The other limits are ours. `allow_unassigned` is as for
    `check_phone_number`.
    """
    violations = []
    if new.id is not None:
        violations += check_line(new.id, "/id", required=True, longest=MAX_ID_LENGTH)
    if new.display_name is not None:
        violations += _check_display_name(new.display_name)
    violations += _check_identifiers(
        new.identifiers, "/identifiers", allow_unassigned=allow_unassigned
    )
    violations += _check_attributes(new.attributes, "/attributes")
    violations += _check_number(new.list_ids, MAX_LISTS, "contact.too_many_lists", "/listIds")
    return violations + _check_settings(new)


def check_contact_changes(
    changes: ContactChanges, *, allow_unassigned: bool = False
) -> list[Violation]:
    """Hold changes of a contact to the same limits; removing is never wrong."""
    violations = _check_display_name(changes.display_name) if changes.display_name else []
    violations += _check_identifiers(
        changes.add_identifiers, "/addIdentifiers", allow_unassigned=allow_unassigned
    )
    removed, removed_from = changes.remove_identifiers, changes.remove_from_lists
    violations += _check_number(
        removed, MAX_IDENTIFIERS, "contact.too_many_identifiers", "/removeIdentifiers"
    )
    violations += _check_number(
        changes.add_to_lists, MAX_LISTS, "contact.too_many_lists", "/addToLists"
    )
    violations += _check_number(
        removed_from, MAX_LISTS, "contact.too_many_lists", "/removeFromLists"
    )
    violations += _check_attributes(changes.attributes, "/attributes")
    return violations + _check_settings(changes)


def check_identifier(
    identifier: ContactIdentifier | Identifier, path: str, *, allow_unassigned: bool = False
) -> list[Violation]:
    """Refuse an identifier whose key or value is none."""
    if isinstance(identifier, Identifier):
        key, value = identifier.identifier_key, identifier.identifier_value
        names = ("identifierKey", "identifierValue")
    else:
        key, value, names = identifier.key, identifier.value, ("key", "value")
    violations = check_line(key, f"{path}/{names[0]}", required=True, longest=MAX_KEY_LENGTH)
    here = f"{path}/{names[1]}"
    return violations + check_address(key, value, here, allow_unassigned=allow_unassigned)


def check_number_of_identifiers(count: int, path: str) -> list[Violation]:
    """Refuse a contact with more than 100 identifiers (ours)."""
    return _check_number(range(count), MAX_IDENTIFIERS, "contact.too_many_identifiers", path)


def check_number_of_attributes(count: int, path: str) -> list[Violation]:
    """Refuse a contact with more than 250 attributes (ours)."""
    return _check_number(range(count), MAX_ATTRIBUTES, "contact.too_many_attributes", path)


def check_contact_list(contact_list: ContactList) -> list[Violation]:
    """Hold a list to the Bird Channels API: its name has 2 to 256 characters."""
    violations = check_line(contact_list.name, "/name", longest=MAX_LIST_NAME_LENGTH)
    if len(contact_list.name) < MIN_LIST_NAME_LENGTH:
        message = f"at least {MIN_LIST_NAME_LENGTH} characters"
        violations.append(Violation("/name", "list.name_too_short", message))
    if contact_list.description is not None:
        description = contact_list.description
        violations += check_text(description, "/description", longest=MAX_DESCRIPTION_LENGTH)
    return violations


def check_suppression(suppression: Suppression) -> list[Violation]:
    """Refuse a suppression of nothing; a sender stands in scope `sender`, and only there.

    A number of a range that the number plans do not know may be blocked: that harms nothing.
    """
    key, value = suppression.identifier_key, suppression.identifier_value
    identifier = Identifier(identifier_key=key, identifier_value=value)
    violations = check_identifier(identifier, "", allow_unassigned=True)
    sender, is_of_sender = suppression.sender, suppression.scope is SuppressionScope.SENDER
    if sender is not None:
        violations += check_line(sender, "/sender", required=True, longest=MAX_SENDER_LENGTH)
    if is_of_sender and sender is None:
        message = "say from which sender nothing may come"
        violations.append(Violation("/sender", "suppression.no_sender", message))
    if sender is not None and not is_of_sender:
        message = f"a suppression of scope {suppression.scope} is of every sender"
        violations.append(Violation("/sender", "suppression.sender_not_allowed", message))
    return violations


def _check_display_name(name: str) -> list[Violation]:
    return check_line(name, "/displayName", required=True, longest=MAX_DISPLAY_NAME_LENGTH)


def _check_identifiers(
    identifiers: Sequence[ContactIdentifier], path: str, *, allow_unassigned: bool
) -> list[Violation]:
    violations = check_number_of_identifiers(len(identifiers), path)
    seen: set[tuple[str, str]] = set()
    for index, identifier in enumerate(identifiers[:MAX_IDENTIFIERS]):
        here = f"{path}/{index}"
        violations += check_identifier(identifier, here, allow_unassigned=allow_unassigned)
        compared = (identifier.key, address_key(identifier.key, identifier.value))
        if compared in seen:
            message = "the same identifier stands here twice, maybe in two spellings"
            violations.append(Violation(here, "contact.duplicate_identifier", message))
        seen.add(compared)
    return violations


def _check_attributes(attributes: Mapping[str, Any], path: str) -> list[Violation]:
    violations = check_number_of_attributes(len(attributes), path)
    for name, value in list(attributes.items())[:MAX_ATTRIBUTES]:
        here = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        violations += check_line(name, here, required=True, longest=MAX_ATTRIBUTE_NAME_LENGTH)
        if name in _MIRRORED:
            message = "addresses are identifiers of the contact, not attributes"
            violations.append(Violation(here, "contact.read_only_attribute", message))
        violations += _check_attribute(value, here)
    return violations


def _check_attribute(value: Any, path: str) -> list[Violation]:
    """Take what the Bird Channels API takes: a value, some values, or null."""
    values = value if isinstance(value, list | tuple) else [value]
    is_list = values is value
    if is_list and not 1 <= len(values) <= MAX_ATTRIBUTE_VALUES:
        message = f"a list of 1 to {MAX_ATTRIBUTE_VALUES} values"
        return [Violation(path, "contact.bad_attribute", message)]
    violations: list[Violation] = []
    for item in values:
        if isinstance(item, str):
            violations += check_text(item, path, longest=MAX_ATTRIBUTE_LENGTH)
        elif not _is_scalar(item) or (is_list and item is None):
            message = "a boolean, a number, a text, a list of those, or null"
            return [Violation(path, "contact.bad_attribute", message)]
    return violations


def _is_scalar(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int)


def _check_settings(settings: NewContact | ContactChanges) -> list[Violation]:
    violations = []
    if settings.time_zone and zone_of(settings.time_zone) is None:
        message = "a name of the IANA time zone database, such as Europe/Amsterdam"
        violations.append(Violation("/timeZone", "contact.unknown_time_zone", message))
    if settings.locale:
        violations += check_locale(settings.locale, "/locale")
    for platform in settings.subscriptions:
        violations += check_platform(platform, f"/subscriptions/{platform.replace('/', '~1')}")
    return violations


def _check_number(values: Sequence[Any], most: int, code: str, path: str) -> list[Violation]:
    if len(values) <= most:
        return []
    message = f"at most {most} {code.rpartition('_')[2]}, not {len(values)}"
    return [Violation(path, code, message)]
