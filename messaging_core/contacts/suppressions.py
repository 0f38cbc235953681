"""Suppress addresses, lift suppressions and look them up."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from messaging_core.arguments import a, a_text, checked, choice, members, optional, uuid
from messaging_core.contacts.editor import raise_if_invalid
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.directory import SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.models.policy.send_rules import Purpose
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import AN_IDENTIFIER
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules.policy.consent import covering
from messaging_core.rules.requests.contact import check_suppression
from messaging_core.rules.requests.query import check_listing
from messaging_core.wire import dump, load
from messaging_core.wire.queries import checked_query
from messaging_core.wire.stored.suppression_key import key_of

_A_SCOPE: Final = choice(*SuppressionScope, case=str.lower)
_A_PURPOSE: Final = choice(*Purpose, case=str.lower)
_A_QUERY: Final = a(SuppressionQuery, "a SuppressionQuery", "write find(SuppressionQuery())")


@frozen(kw_only=True)
class SuppressionList:
    """Stores which addresses must not get messages; `Messenger.suppressions` is one.

    A suppression belongs to an address, not to a contact: it may exist before the contact, and
    stays when the contact is deleted. Email addresses are compared without case, phone numbers
    without punctuation. `connection` is as for `Messenger.send`.
    """

    storage: Storage
    clock: Clock

    @checked(identifier=AN_IDENTIFIER, sender=optional(a_text), workspace=uuid)
    @repeated
    def suppress(  # noqa: PLR0913 - by keyword beyond the third
        self,
        identifier: Identifier,
        scope: SuppressionScope,
        cause: SuppressionCause = SuppressionCause.MANUAL,
        *,
        sender: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Suppression:
        """Suppress an address; an earlier suppression for the same cause stays unchanged.

        Args:
            identifier: The address.
            scope: Which messages it must not get.
            cause: The reason; each cause is a suppression of its own.
            sender: The sender whose messages it must not get, for scope `sender` only.
            workspace: Its tenant.
            connection: As for `Messenger.send`.

        Returns:
            The suppression that now holds, which may be an earlier one.

        Raises:
            InvalidRequestError: The address is invalid, or scope and sender do not fit together;
                nothing was written.
        """
        suppression = Suppression(
            identifier_key=identifier.identifier_key,
            identifier_value=identifier.identifier_value,
            scope=scope,
            cause=cause,
            at=self.clock.now(),
            sender=sender,
        )
        suppression = load(Suppression, dump(suppression))
        raise_if_invalid(check_suppression(suppression))
        with self.storage.begin(connection) as tx:
            tx.suppressions.add(workspace, [suppression])
            current = tx.suppressions.for_addresses(workspace, [identifier])[identifier]
        key = key_of(suppression)
        return next(suppression for suppression in current if key_of(suppression) == key)

    @checked(
        identifier=AN_IDENTIFIER,
        scope=_A_SCOPE,
        sender=optional(a_text),
        causes=members(SuppressionCause),
        workspace=uuid,
    )
    @repeated
    def lift(  # noqa: PLR0913 - by keyword beyond the second
        self,
        identifier: Identifier,
        scope: SuppressionScope,
        *,
        sender: str | None = None,
        causes: Collection[SuppressionCause] = (),
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> bool:
        """Lift suppressions of an address, and return whether there were any.

        Lift an opt-out only when its owner asks for messages again.

        Args:
            identifier: The address.
            scope: The scope to lift; other scopes stay.
            sender: The sender, for scope `sender` only.
            causes: Lift only suppressions with these causes; by default all.
            workspace: Its tenant.
            connection: As for `Messenger.send`.
        """
        with self.storage.begin(connection) as tx:
            lifted = tx.suppressions.lift(
                workspace, identifier, scope=scope, sender=sender, causes=causes
            )
        return lifted > 0

    @checked(identifier=AN_IDENTIFIER, workspace=uuid)
    def of(
        self, identifier: Identifier, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> tuple[Suppression, ...]:
        """Return all suppressions of an address."""
        with self.storage.begin(read_only=True) as tx:
            return tuple(tx.suppressions.for_addresses(workspace, [identifier]).get(identifier, ()))

    @checked(
        identifier=AN_IDENTIFIER,
        purpose=_A_PURPOSE,
        sender=optional(a_text),
        workspace=uuid,
    )
    def forbids(
        self,
        identifier: Identifier,
        purpose: Purpose,
        *,
        sender: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> bool:
        """Return whether an address must not get messages of this purpose from this sender."""
        return bool(covering(self.of(identifier, workspace=workspace), identifier, purpose, sender))

    @checked(query=optional(_A_QUERY))
    def find(self, query: SuppressionQuery | None = None) -> Page[Suppression]:
        """Return one page of suppressions, in the order of addresses.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
        """
        query = checked_query(query or SuppressionQuery(), check_listing)
        with self.storage.begin(read_only=True) as tx:
            return tx.suppressions.find(query)
