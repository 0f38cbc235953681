"""Convert and compare the identifiers of contacts."""

from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.rules.addressing.addresses import address_key

ComparisonKey = tuple[str, str]
"""Key and comparable value of an identifier; two spellings of one address have the same."""


def comparison_key(identifier: Identifier | ContactIdentifier) -> ComparisonKey:
    """Return what two spellings of an identifier have in common."""
    if isinstance(identifier, ContactIdentifier):
        return identifier.key, address_key(identifier.key, identifier.value)
    key = identifier.identifier_key
    return key, address_key(key, identifier.identifier_value)


def plain(identifier: ContactIdentifier) -> Identifier:
    """Return the identifier of a contact as requests and storages name it."""
    return Identifier(identifier_key=identifier.key, identifier_value=identifier.value)


def of_contact(identifier: Identifier) -> ContactIdentifier:
    """Return an identifier of a request as a contact holds it."""
    return ContactIdentifier(key=identifier.identifier_key, value=identifier.identifier_value)
