"""Comparison keys of addresses and senders, which identify suppressions."""

from typing import Final

from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.directory import SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionScope
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.policy.consent import sender_key

SCAN: Final = 1000
"""How many suppressions a page looks at, at most; as many as the largest page may show."""

Key = tuple[str, str, str, str, str]
"""Key, address, scope, sender and cause."""


def key_of(suppression: Suppression) -> Key:
    """Return what only one suppression of a workspace has."""
    identifier = Identifier(
        identifier_key=suppression.identifier_key, identifier_value=suppression.identifier_value
    )
    place = place_of(identifier, suppression.scope, suppression.sender)
    return (*place, str(suppression.cause))


def place_of(
    identifier: Identifier, scope: SuppressionScope, sender: str | None
) -> tuple[str, str, str, str]:
    """Return what all suppressions of an address in one scope have in common."""
    key = identifier.identifier_key
    address = address_key(key, identifier.identifier_value)
    return (key, address, str(scope), sender_key(sender, key) if sender else "")


def pair_of(identifier: Identifier, sender: str) -> tuple[str, str, str]:
    """Return key, address and sender as they are compared."""
    key, address, _, sender = place_of(identifier, SuppressionScope.SENDER, sender)
    return (key, address, sender)


def matches(query: SuppressionQuery, suppression: Suppression) -> bool:
    """Tell whether a listing shows a suppression."""
    return (query.scope is None or query.scope is suppression.scope) and (
        query.cause is None or query.cause is suppression.cause
    )
