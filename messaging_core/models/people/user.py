"""Whom a host's own directory knows, as far as a message needs it."""

from collections.abc import Mapping
from typing import Any

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.identifier import Identifier


@frozen(kw_only=True)
class User:
    """A person to write to, from whatever directory.

    Attributes:
        id: What the directory calls them; the value that stands among recipients.
        identifiers: How they are reached; the first of a kind comes first.
        record: Everything that is known of them, for templates.
        time_zone: IANA name.
        locale: BCP 47 tag.
    """

    id: str
    identifiers: tuple[Identifier, ...] = ()
    record: Mapping[str, Any] = field(factory=dict, repr=False)
    time_zone: str | None = None
    locale: str | None = None

    def address(self, key: str) -> str | None:
        """Return the first address of a kind, such as `phonenumber`, or nothing."""
        values = (
            identifier.identifier_value
            for identifier in self.identifiers
            if identifier.identifier_key == key
        )
        return next(values, None)


@frozen(kw_only=True)
class Unresolved:
    """Report a recipient, or a cluster, that the directory does not have; one of both."""

    recipient: str | None = None
    cluster: str | None = None


@frozen(kw_only=True)
class UserFields:
    """Say under which names a host's records hold what messages need.

    The defaults are those of the Mia-Platform Messaging Service, and so is the JSON: each name may
    be given alone. Time zone and locale are ours.

    Attributes:
        id: What recipients are compared with.
        clusters: A list of texts.
    """

    id: str = "_id"
    email_address: str = "emailAddress"
    phone_number: str = "phoneNumber"
    device_token: str = "deviceToken"  # noqa: S105 - a name, not a secret
    clusters: str = "clusters"
    time_zone: str = "timeZone"
    locale: str = "locale"
