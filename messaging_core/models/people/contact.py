"""The receivers and senders of messages."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, OPEN, tuple_of
from messaging_core.models.common.identifier import Identifier


class ReceiverType(StrEnum):
    """The header of an email that names a contact; by default `to`."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"


@frozen(kw_only=True)
class ReceiverContact:
    """One receiver in a request: by contact id, by identifier, or by platform address.

    Attributes:
        identifier_key: `phonenumber`, `emailaddress`, `pushtoken` or the host's own;
            by default that of the channel's platform.
        platform_address: The address to use, if it differs from the identifier.
    """

    id: str | None = None
    identifier_key: str | None = None
    identifier_value: str | None = field(default=None, repr=False)
    type: ReceiverType | None = None
    identifiers: tuple[Identifier, ...] = field(
        default=(), converter=tuple_of[Identifier], repr=False
    )
    platform_address: str | None = field(default=None, repr=False)
    platform_address_selector: str | None = field(default=None, metadata=NULLABLE, repr=False)


@frozen(kw_only=True)
class Receiver:
    """The receivers of a request; several on email only."""

    contacts: tuple[ReceiverContact, ...] = field(converter=tuple_of[ReceiverContact])


@frozen(kw_only=True)
class Annotations:
    """The display name of a sender or receiver, and the host's own data about it."""

    name: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] | None = field(default=None, metadata=OPEN, repr=False)


@frozen(kw_only=True)
class SenderAnnotations:
    """The display name of a sender."""

    name: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class SenderConnector:
    """A sender instead of the channel's own: on email the user part of the address."""

    identifier_value: str = field(repr=False)
    annotations: SenderAnnotations | None = None


@frozen(kw_only=True)
class Sender:
    """The sender of a message, if it is not the channel's own."""

    connector: SenderConnector


@frozen(kw_only=True)
class Connector:
    """The channel's side of a message."""

    id: UUID
    identifier_value: str | None = field(default=None, repr=False)
    annotations: Annotations | None = None
    types: tuple[str, ...] = ()


@frozen(kw_only=True)
class MessageContact:
    """The person's side of a message, as the engine resolved it.

    Attributes:
        country_code: ISO 3166-1 alpha-2 code of a phone number.
    """

    id: str | None = None
    identifier_key: str | None = None
    identifier_value: str | None = field(default=None, repr=False)
    type: ReceiverType | None = None
    country_code: str | None = None
    identifiers: tuple[Identifier, ...] = field(
        default=(), converter=tuple_of[Identifier], repr=False
    )
    platform_address: str | None = field(default=None, repr=False)
    platform_address_selector: str | None = field(default=None, metadata=NULLABLE, repr=False)
    annotations: Annotations | None = None

    @property
    def address(self) -> str:
        """Return the address of the person on the platform, or an empty text."""
        return self.platform_address or self.identifier_value or ""


@frozen(kw_only=True)
class MessageSender:
    """The connector of an outgoing message, or the contact of an incoming one."""

    connector: Connector | None = None
    contact: MessageContact | None = None

    @property
    def address(self) -> str | None:
        """Return the address of the connector, if it has one."""
        return self.connector.identifier_value if self.connector else None


@frozen(kw_only=True)
class MessageReceiver:
    """The contacts of an outgoing message, or the connector of an incoming one."""

    contacts: tuple[MessageContact, ...] = field(default=(), converter=tuple_of[MessageContact])
    connector: Connector | None = None


@frozen(kw_only=True)
class ContactIdentifier:
    """An identifier of a contact, with the host's own properties."""

    key: str
    value: str = field(repr=False)
    properties: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Contact:
    """A person to whom the host sends messages.

    Attributes:
        id: Text, so that a host may use its own.
        computed_display_name: The name to show.
        attributes: Values of any kind by name.
        list_ids: The contact lists that hold this contact.
        time_zone: IANA name, such as `Europe/Amsterdam`.
        locale: BCP 47 tag of the preferred language.
        subscriptions: By platform, whether the contact agreed to get marketing. A platform that
            is absent was never asked about.
    """

    id: str
    workspace_id: UUID
    created_at: datetime
    updated_at: datetime
    computed_display_name: str | None = field(default=None, repr=False)
    featured_identifiers: tuple[ContactIdentifier, ...] = field(
        default=(), converter=tuple_of[ContactIdentifier], repr=False
    )
    attributes: Mapping[str, Any] | None = field(default=None, repr=False)
    list_ids: tuple[UUID, ...] = field(default=(), converter=tuple_of[UUID])
    account_ids: tuple[UUID, ...] = field(default=(), converter=tuple_of[UUID])
    time_zone: str | None = None
    locale: str | None = None
    subscriptions: Mapping[str, bool] = field(factory=dict)

    @property
    def identifier_count(self) -> int:
        """Return the number of identifiers of this contact."""
        return len(self.featured_identifiers)
