"""Requests about contacts and contact lists: create, change and find them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.fields import tuple_of
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import DEFAULT_LIMIT
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.models.people.suppression import SuppressionCause, SuppressionScope


class Strategy(StrEnum):
    """Which contact is meant if a call gives several identifiers.

    Attributes:
        STRICT_ALIAS: The contact that has any of them; two such contacts are a conflict.
            Identifiers that no contact has are added to this contact.
        FIRST_ALIAS: The contact that has the first of them that any contact has. Identifiers that
            no contact has are added to this contact; other contacts keep theirs.
        FIRST: The same contact as with `FIRST_ALIAS`, but no identifiers are added to it.
    """

    STRICT_ALIAS = "strict_alias"
    FIRST_ALIAS = "first_alias"
    FIRST = "first"


@frozen(kw_only=True)
class NewContact:
    """A contact to create.

    Attributes:
        id: The host's own id, one line of up to 500 characters; by default the engine makes one.
        identifiers: The identifiers of the contact; no other contact may have any of them.
        attributes: Booleans, numbers, texts, or lists of them, by name.
        time_zone: IANA name, such as `Europe/Amsterdam`.
        locale: BCP 47 tag, such as `nl-NL`.
        subscriptions: By platform, whether the person agreed to get marketing.
    """

    id: str | None = None
    display_name: str | None = field(default=None, repr=False)
    identifiers: tuple[ContactIdentifier, ...] = field(
        default=(), converter=tuple_of[ContactIdentifier]
    )
    attributes: Mapping[str, Any] = field(factory=dict, repr=False)
    list_ids: tuple[UUID, ...] = field(default=(), converter=tuple_of[UUID])
    time_zone: str | None = None
    locale: str | None = None
    subscriptions: Mapping[str, bool] = field(factory=dict)


@frozen(kw_only=True)
class ContactChanges:
    """Changes of a contact; absent fields stay as they are.

    Fields are removed before others are added. Removing a value that does not exist is allowed.

    Attributes:
        display_name: An empty text removes it, as with `time_zone` and `locale`.
        attributes: Values to set by name; `None` removes one.
        subscriptions: Values to set by platform; `None` makes one unknown again.
    """

    display_name: str | None = field(default=None, repr=False)
    add_identifiers: tuple[ContactIdentifier, ...] = field(
        default=(), converter=tuple_of[ContactIdentifier]
    )
    remove_identifiers: tuple[Identifier, ...] = field(default=(), converter=tuple_of[Identifier])
    add_to_lists: tuple[UUID, ...] = field(default=(), converter=tuple_of[UUID])
    remove_from_lists: tuple[UUID, ...] = field(default=(), converter=tuple_of[UUID])
    attributes: Mapping[str, Any] = field(factory=dict, repr=False)
    time_zone: str | None = None
    locale: str | None = None
    subscriptions: Mapping[str, bool | None] = field(factory=dict)


@frozen(kw_only=True)
class ContactList:
    """A list of contacts; the Mia-Platform Messaging Service calls it a cluster.

    Attributes:
        name: Unique in its workspace.
    """

    id: UUID
    workspace_id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None


@frozen(kw_only=True)
class ContactQuery:
    """A query for contacts, in the order of their ids; filters are joined by *and*.

    Attributes:
        limit: Contacts a page, 1 to 1000.
        page_token: `next_page_token` of the page before; only valid with the same filters.
        identifier: Only the contact that has this identifier, in any spelling.
        list_id: Only members of this list.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    identifier: Identifier | None = None
    list_id: UUID | None = None


@frozen(kw_only=True)
class ContactListQuery:
    """A query for contact lists, in the order of their names.

    Attributes:
        limit: Lists a page, 1 to 1000.
        page_token: `next_page_token` of the page before; only valid in the same workspace.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None


@frozen(kw_only=True)
class SuppressionQuery:
    """A query for suppressions, in the order of addresses; filters are joined by *and*.

    Attributes:
        limit: Suppressions a page, 1 to 1000.
        page_token: `next_page_token` of the page before; only valid with the same filters.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    scope: SuppressionScope | None = None
    cause: SuppressionCause | None = None
