"""Identifiers of contacts."""

from attrs import field

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class Identifier:
    """An identifier of a contact: its kind, such as `phonenumber`, and its value."""

    identifier_key: str
    identifier_value: str = field(repr=False)
