"""Whom a message may go to on a channel."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.common.platform_rules import PlatformRules
from messaging_core.models.common.violation import Violation
from messaging_core.models.people.contact import Receiver, ReceiverContact, ReceiverType
from messaging_core.rules.addressing.addresses import (
    address_key,
    check_email_address,
    check_phone_number,
    check_push_token,
)
from messaging_core.rules.formats.text import check_line

MAX_PER_LINE: Final = 50
"""Most addresses on each of To, Cc and Bcc; the Bird Channels API names no limit, another of
Bird's interfaces this one."""

MAX_ADDRESS_LENGTH: Final = 500
MAX_KEY_LENGTH: Final = 250
MAX_ID_LENGTH: Final = 500

_MAX_EXAMINED: Final = MAX_PER_LINE * len(ReceiverType)

PLATFORM_KEYS: Final = {SMS: "phonenumber", EMAIL: "emailaddress", PUSH: "pushtoken"}
"""The key of the addresses that a platform uses, whatever a channel calls them."""

_PUSH_TOKEN: Final = PLATFORM_KEYS[PUSH]
_KNOWN_KEYS: Final = frozenset(PLATFORM_KEYS.values())


def check_receiver(receiver: Receiver, channel: Channel, path: str) -> list[Violation]:
    """Hold a receiver to the Bird Channels API, rules 1 to 5 and 42.

    There is a contact, and several only on email; each is addressable and reachable on the
    platform; copies are for email, where at least one contact stands on To and at most 50 on
    each line. The same address twice, on whatever line, is refused (ours): it would be billed
    and read twice. On push, several may be the devices of one contact (ours). Beyond 150 contacts
    only their number is reported.

    A contact that is named by its id alone is accepted: only a directory of contacts can tell
    how it is reached.
    """
    contacts = receiver.contacts
    path = f"{path}/contacts"
    if len(contacts) == 1 and contacts[0].type is None:
        return _check_contact(contacts[0], channel, f"{path}/0")
    if not contacts:
        return [Violation(path, "receiver.empty", "name at least one contact")]
    if channel.platform == EMAIL:
        violations = _check_lines(contacts, path)
    else:
        violations = _check_single(contacts, channel, path)
    for index, contact in enumerate(contacts[:_MAX_EXAMINED]):
        violations += _check_contact(contact, channel, f"{path}/{index}")
    if len(contacts) > 1:
        violations += _check_distinct(contacts[:_MAX_EXAMINED], channel, path)
    return violations


def address_of(contact: ReceiverContact, channel: Channel) -> tuple[str, str] | None:
    """Return the address that a message to this contact will really use, or nothing.

    It is `platformAddress`; else `identifierValue`, where its key fits the platform or is left
    out; else the first of `identifiers` that fits (Bird Channels API, fields of a contact).

    Returns:
        The channel's identifier key, and the address.
    """
    key = channel.identifier_key
    if contact.platform_address is not None:
        return key, contact.platform_address
    if contact.identifier_value is not None and contact.identifier_key in (None, key):
        return key, contact.identifier_value
    for identifier in contact.identifiers:
        if identifier.identifier_key == key:
            return key, identifier.identifier_value
    return None


def on_each_device(contact: ReceiverContact, channel: Channel) -> tuple[ReceiverContact, ...]:
    """Return a contact once for each device that a push message will reach (ours).

    They are its push tokens among `identifiers`, in their order; the first one keeps all that is
    known of the contact. An address that the request gives itself means that device alone.
    """
    key, value = channel.identifier_key, contact.identifier_value
    is_named = value is not None and contact.identifier_key in (None, key)
    if channel.platform != PUSH or contact.platform_address is not None or is_named:
        return (contact,)
    tokens = [own.identifier_value for own in contact.identifiers if own.identifier_key == key]
    others = [
        ReceiverContact(id=contact.id, identifier_key=key, identifier_value=token)
        for token in dict.fromkeys(tokens)
    ]
    return (contact, *others[1:])


def _check_lines(contacts: Sequence[ReceiverContact], path: str) -> list[Violation]:
    lines = [contact.type or ReceiverType.TO for contact in contacts]
    violations = []
    if ReceiverType.TO not in lines:
        message = "at least one contact of type to: a message must not have only copies"
        violations.append(Violation(path, "receiver.no_to", message))
    if len(lines) > MAX_PER_LINE:
        violations += _check_line_lengths(lines, path)
    return violations


def _check_line_lengths(lines: Sequence[ReceiverType], path: str) -> list[Violation]:
    message = f"at most {MAX_PER_LINE} contacts of each type, not {{}} of type {{}}"
    return [
        Violation(path, "receiver.too_many_on_line", message.format(number, line))
        for line, number in Counter(lines).items()
        if number > MAX_PER_LINE
    ]


def _check_single(
    contacts: Sequence[ReceiverContact], channel: Channel, path: str
) -> list[Violation]:
    violations, platform = [], channel.platform
    if len(contacts) > 1 and not _are_devices(contacts, channel):
        message = f"only email goes to several contacts at once, {platform} to one"
        violations.append(Violation(path, "receiver.too_many", message))
    for index, contact in enumerate(contacts[:_MAX_EXAMINED]):
        if contact.type is not None and contact.type is not ReceiverType.TO:
            message = f"only email has copies, {platform} has not: leave the type out"
            here = f"{path}/{index}/type"
            violations.append(Violation(here, "receiver.copy_not_supported", message))
    return violations


def _are_devices(contacts: Sequence[ReceiverContact], channel: Channel) -> bool:
    """Return whether contacts are the devices of one contact, which a push message may reach."""
    first, *others = contacts
    tokens = {own.identifier_value for own in on_each_device(first, channel)[1:]}
    return channel.platform == PUSH and all(
        own.id == first.id if first.id is not None else own.identifier_value in tokens
        for own in others
    )


def _check_contact(contact: ReceiverContact, channel: Channel, path: str) -> list[Violation]:
    violations: list[Violation] = []
    key = contact.identifier_key
    if contact.id is not None:
        violations += check_line(contact.id, f"{path}/id", required=True, longest=MAX_ID_LENGTH)
    if key is not None and key not in _KNOWN_KEYS:
        violations += _check_key(key, f"{path}/identifierKey")
    if contact.identifier_value is not None:
        here = f"{path}/identifierValue"
        violations += _check_on(channel, key, contact.identifier_value, here)
    if contact.identifiers:
        violations += _check_identifiers(contact, channel, f"{path}/identifiers")
    if contact.platform_address is not None:
        here = f"{path}/platformAddress"
        violations += _check_on(channel, None, contact.platform_address, here)
    if contact.platform_address_selector or address_of(contact, channel) is None:
        violations += _check_reach(contact, channel, path)
    return violations


def _check_identifiers(contact: ReceiverContact, channel: Channel, path: str) -> list[Violation]:
    violations: list[Violation] = []
    for index, identifier in enumerate(contact.identifiers):
        here, key = f"{path}/{index}", identifier.identifier_key
        if key not in _KNOWN_KEYS:
            violations += _check_key(key, f"{here}/identifierKey")
        value = identifier.identifier_value
        violations += _check_on(channel, key, value, f"{here}/identifierValue")
    return violations


def _check_reach(contact: ReceiverContact, channel: Channel, path: str) -> list[Violation]:
    if contact.platform_address_selector and contact.platform_address is None:
        message = "expressions are not evaluated: give the platformAddress itself"
        here = f"{path}/platformAddressSelector"
        return [Violation(here, "receiver.selector_not_supported", message)]
    if contact.id is not None or address_of(contact, channel) is not None:
        return []
    if contact.identifier_value is None and not contact.identifiers:
        message = "give identifierValue, identifiers, platformAddress or id"
        return [Violation(path, "receiver.not_addressable", message)]
    message = (
        f"{channel.platform} reaches a contact by its {channel.identifier_key}: give one, "
        "or a platformAddress"
    )
    return [Violation(path, "receiver.unreachable", message)]


def _check_distinct(
    contacts: Sequence[ReceiverContact], channel: Channel, path: str
) -> list[Violation]:
    violations: list[Violation] = []
    kind = PLATFORM_KEYS.get(channel.platform, channel.identifier_key)
    keys = [_identity(contact, channel, kind) for contact in contacts]
    if len(set(keys)) == len(keys):
        return violations
    seen: set[tuple[str, str]] = set()
    for index, key in enumerate(keys):
        if key in seen:
            message = "this contact is there already: name it once"
            violations.append(Violation(f"{path}/{index}", "receiver.duplicate", message))
        elif key is not None:
            seen.add(key)
    return violations


def _identity(contact: ReceiverContact, channel: Channel, kind: str) -> tuple[str, str] | None:
    address = address_of(contact, channel)
    if address is None:
        return None if contact.id is None else ("id", contact.id)
    return kind, address_key(kind, address[1])


def _check_key(key: str, path: str) -> list[Violation]:
    return check_line(key, path, required=True, longest=MAX_KEY_LENGTH)


def _check_on(channel: Channel, key: str | None, value: str, path: str) -> list[Violation]:
    if key is None or key == channel.identifier_key:
        # The platform decides what its own addresses look like, whatever the channel calls them.
        key = PLATFORM_KEYS.get(channel.platform, channel.identifier_key)
    allowed = channel.allow_unassigned_numbers
    violations = check_address(key, value, path, allow_unassigned=allowed)
    if not violations and channel.rules is not None and key == channel.identifier_key:
        violations += check_own_address(value, channel.rules, path)
    return violations


def check_own_address(value: str, rules: PlatformRules, path: str) -> list[Violation]:
    """Refuse an address that a platform of the host's own does not have (ours)."""
    if rules.address is None or re.fullmatch(rules.address, value):
        return []
    message = f"an address of this channel is {rules.address_format}"
    return [Violation(path, "receiver.invalid_address", message)]


def check_address(
    kind: str, value: str, path: str, *, allow_unassigned: bool = False
) -> list[Violation]:
    """Refuse an address that nothing of its kind could be sent to; other kinds are one line.

    Args:
        kind: The identifier key. `pushtoken-` and a word, such as `pushtoken-web`, are the push
            tokens of one gateway.
        value: The address.
        path: Where it stands.
        allow_unassigned: As for `check_phone_number`.
    """
    if kind == "emailaddress":
        violation = check_email_address(value, path)
    elif kind == "phonenumber":
        violation = check_phone_number(value, path, allow_unassigned=allow_unassigned)
    elif kind == _PUSH_TOKEN or kind.startswith(f"{_PUSH_TOKEN}-"):
        violation = check_push_token(value, path)
    else:
        return check_line(value, path, required=True, longest=MAX_ADDRESS_LENGTH)
    return [] if violation is None else [violation]
