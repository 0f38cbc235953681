"""Users of the host's own directory, as far as messages need them."""

from collections.abc import Mapping
from typing import Any

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import tuple_of
from messaging_core.models.common.identifier import Identifier


@frozen(kw_only=True)
class User:
    """A person from the host's directory, to whom messages can be sent.

    Attributes:
        id: The id in the directory; recipients name it.
        identifiers: The addresses; messages use the first of a kind.
        record: All data of the person, for templates.
        time_zone: IANA name.
        locale: BCP 47 tag.
    """

    id: str
    identifiers: tuple[Identifier, ...] = field(default=(), converter=tuple_of[Identifier])
    record: Mapping[str, Any] = field(factory=dict, repr=False)
    time_zone: str | None = None
    locale: str | None = None

    def address(self, key: str) -> str | None:
        """Return the first address of a kind, such as `phonenumber`, or `None`."""
        values = (
            identifier.identifier_value
            for identifier in self.identifiers
            if identifier.identifier_key == key
        )
        return next(values, None)


@frozen(kw_only=True)
class Unresolved:
    """A recipient or a cluster that the directory does not have; one of both."""

    recipient: str | None = None
    cluster: str | None = None


@frozen(kw_only=True)
class UserFields:
    """The names of the fields in the host's records that messages need.

    The defaults and the JSON are those of the Mia-Platform Messaging Service: each name may be
    given alone. Time zone and locale are additions of this engine.

    Attributes:
        id: The field that recipients are compared with.
        clusters: A list of texts.
    """

    id: str = "_id"
    email_address: str = "emailAddress"
    phone_number: str = "phoneNumber"
    device_token: str = "deviceToken"  # noqa: S105 - a name, not a secret
    clusters: str = "clusters"
    time_zone: str = "timeZone"
    locale: str = "locale"
