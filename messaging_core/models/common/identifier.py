"""What a contact is found by."""

from attrs import field

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class Identifier:
    """Find a contact by `identifier_value` of the kind `identifier_key`."""

    identifier_key: str
    identifier_value: str = field(repr=False)
