"""What a host asks of its contacts: make, change and find them, and gather them in lists."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import DEFAULT_LIMIT
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.models.people.suppression import SuppressionCause, SuppressionScope


class Strategy(StrEnum):
    """Choose which contact is meant where several identifiers are given.

    Attributes:
        STRICT_ALIAS: The contact that has any of them; if two contacts have some, it is a
            conflict. Identifiers that no contact has are added to this contact.
        FIRST_ALIAS: The contact that has the first of them that is known. Identifiers that no
            contact has are added to this contact; those of other contacts stay where they are.
        FIRST: The same contact as with `FIRST_ALIAS`, but no identifiers are added to it.
    """

    STRICT_ALIAS = "strict_alias"
    FIRST_ALIAS = "first_alias"
    FIRST = "first"


@frozen(kw_only=True)
class NewContact:
    """Describe a person to be known from now on.

    Attributes:
        id: The host's own, one line of up to 500 characters; by default one is made.
        identifiers: What leads to the contact; no other contact has any of it.
        attributes: Booleans, numbers, texts, or lists of those, by name.
        time_zone: IANA name, such as `Europe/Amsterdam`.
        locale: BCP 47 tag, such as `nl-NL`.
        subscriptions: By platform, whether the person agreed to get marketing.
    """

    id: str | None = None
    display_name: str | None = field(default=None, repr=False)
    identifiers: tuple[ContactIdentifier, ...] = ()
    attributes: Mapping[str, Any] = field(factory=dict, repr=False)
    list_ids: tuple[UUID, ...] = ()
    time_zone: str | None = None
    locale: str | None = None
    subscriptions: Mapping[str, bool] = field(factory=dict)


@frozen(kw_only=True)
class ContactChanges:
    """Say what is to be different about a contact; what is absent stays as it is.

    Removing comes before adding. What is to be removed and is not there is no fault.

    Attributes:
        display_name: An empty text takes it away, as it does `time_zone` and `locale`.
        attributes: Set one by one; `None` takes one away.
        subscriptions: Set platform by platform; `None` makes one unknown again.
    """

    display_name: str | None = field(default=None, repr=False)
    add_identifiers: tuple[ContactIdentifier, ...] = ()
    remove_identifiers: tuple[Identifier, ...] = ()
    add_to_lists: tuple[UUID, ...] = ()
    remove_from_lists: tuple[UUID, ...] = ()
    attributes: Mapping[str, Any] = field(factory=dict, repr=False)
    time_zone: str | None = None
    locale: str | None = None
    subscriptions: Mapping[str, bool | None] = field(factory=dict)


@frozen(kw_only=True)
class ContactList:
    """Contacts that belong together; what the Mia-Platform Messaging Service calls a cluster.

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
    """Choose contacts; filters are joined by *and*. They come in the order of their ids.

    Attributes:
        limit: Contacts a page, 1 to 1000.
        page_token: `next_page_token` of the page before; only valid with the same filters.
        identifier: The one who has it, in whatever spelling.
        list_id: Those on a list.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    identifier: Identifier | None = None
    list_id: UUID | None = None


@frozen(kw_only=True)
class ContactListQuery:
    """Choose contact lists; they come in the order of their names.

    Attributes:
        limit: Lists a page, 1 to 1000.
        page_token: `next_page_token` of the page before; only valid in the same workspace.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None


@frozen(kw_only=True)
class SuppressionQuery:
    """Choose suppressions; filters are joined by *and*. They come in the order of addresses.

    Attributes:
        limit: Suppressions a page, 1 to 1000.
        page_token: `next_page_token` of the page before; only valid with the same filters.
    """

    workspace: UUID = DEFAULT_WORKSPACE
    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    scope: SuppressionScope | None = None
    cause: SuppressionCause | None = None
