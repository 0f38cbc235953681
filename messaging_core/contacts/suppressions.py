"""What addresses must not get: block them, lift a block, and look it up."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from attrs import frozen

from messaging_core.arguments import a, a_text, checked, choice, members, optional, uuid
from messaging_core.errors import InvalidRequestError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.directory import SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.models.policy.send_rules import Purpose
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import AN_IDENTIFIER
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules.policy.consent import covering
from messaging_core.rules.requests.contact import check_suppression
from messaging_core.rules.requests.query import check_page
from messaging_core.wire import dump, load
from messaging_core.wire.queries import checked_query
from messaging_core.wire.stored.suppression_key import key_of

_A_SCOPE: Final = choice(*SuppressionScope, case=str.lower)
_A_PURPOSE: Final = choice(*Purpose, case=str.lower)
_A_QUERY: Final = a(SuppressionQuery, "a SuppressionQuery", "write find(SuppressionQuery())")


@frozen(kw_only=True)
class SuppressionList:
    """Know which addresses must not be written to; `Messenger.suppressions` is one.

    A suppression is of an address, not of a contact: it was there before the contact and stays
    when the contact is deleted. Email addresses are compared without regard to case, phone
    numbers without punctuation. `connection` is as for `Messenger.send`.
    """

    storage: Storage
    clock: Clock

    @checked(identifier=AN_IDENTIFIER, sender=optional(a_text), workspace=uuid)
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
        """Block an address from now on; for the same cause, an earlier block stays as it was.

        Args:
            identifier: The address.
            scope: What it must not get.
            cause: Why; each cause is a suppression of its own.
            sender: In scope `sender`, from whom nothing may come.
            workspace: Its tenant.
            connection: As for `Messenger.send`.

        Returns:
            The suppression that stands.

        Raises:
            InvalidRequestError: The address is none, or scope and sender do not fit; nothing was
                written.
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
        if violations := check_suppression(suppression):
            raise InvalidRequestError(violations)
        with self.storage.begin(connection) as tx:
            tx.suppressions.add(workspace, [suppression])
            standing = tx.suppressions.of(workspace, [identifier])[identifier]
        return next(one for one in standing if key_of(one) == key_of(suppression))

    @checked(
        identifier=AN_IDENTIFIER,
        scope=_A_SCOPE,
        sender=optional(a_text),
        causes=members(SuppressionCause),
        workspace=uuid,
    )
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
        """Let an address be written to again, and return whether it was blocked.

        Lift what a person chose only when that person asks for it.

        Args:
            identifier: The address.
            scope: Only this one.
            sender: In scope `sender`, from whom.
            causes: Only blocks of those causes; by default whatever the cause.
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
        """Return everything that an address is suppressed for."""
        with self.storage.begin(read_only=True) as tx:
            return tuple(tx.suppressions.of(workspace, [identifier]).get(identifier, ()))

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
        """Tell whether a message of this purpose, from this sender, must not go to an address."""
        return bool(covering(self.of(identifier, workspace=workspace), identifier, purpose, sender))

    @checked(query=optional(_A_QUERY))
    def find(self, query: SuppressionQuery | None = None) -> Page[Suppression]:
        """Return one page of suppressions, in the order of addresses.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is wrong.
        """
        query = checked_query(
            query or SuppressionQuery(), lambda one: check_page(one.limit, one.page_token)
        )
        with self.storage.begin(read_only=True) as tx:
            return tx.suppressions.find(query)
