"""Skip waiting messages that a suppression covers."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.messages.message import Direction, Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.people.suppression import Suppression
from messaging_core.models.policy.reasons import SUPPRESSED_BY, because
from messaging_core.policy.escalation import exclude
from messaging_core.policy.evaluator import is_exempt, people_of
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.consent import covering, identifier_on, pool_of, purpose_of
from messaging_core.rules.policy.lifecycle import UNDER_WAY, can_exclude


def skip_suppressed(
    tx: Transaction,
    context: EngineContext,
    workspace: UUID,
    suppression: Suppression,
    now: datetime,
) -> int:
    """Skip every message that waits and that a suppression covers, and return how many.

    What was handed over already, or may have been, cannot be called back. An email with several
    receivers is left to the moment it is claimed: the others are to get it.
    """
    covered = [
        message
        for message in _waiting_for(tx, workspace, suppression)
        if _is_covered(message, suppression, context)
    ]
    return sum(_skip(tx, workspace, message, suppression, now) for message in covered)


def _waiting_for(tx: Transaction, workspace: UUID, suppression: Suppression) -> Iterator[Message]:
    query = MessageQuery(
        workspace=workspace,
        receiver=suppression.identifier_value,
        status=UNDER_WAY,
        direction=Direction.OUTGOING,
        limit=MAX_LIMIT,
    )
    while True:
        page = tx.messages.find(query)
        yield from page.results
        if page.next_page_token is None:
            return
        query = evolve(query, page_token=page.next_page_token)


def _is_covered(message: Message, suppression: Suppression, context: EngineContext) -> bool:
    """Return whether a suppression forbids a message that waits to its only receiver."""
    people, channel = people_of(message), context.channels.get(message.channel_id)
    if len(people) != 1 or channel is None or is_exempt(message) or not can_exclude(message.status):
        return False
    identifier = identifier_on(channel, people[0][1])
    purpose = purpose_of(channel.message_type, message.meta)
    is_doubted = message.details == IN_DOUBT
    return not is_doubted and bool(
        covering([suppression], identifier, purpose, message.sender.address, pool_of(channel))
    )


def _skip(
    tx: Transaction, workspace: UUID, message: Message, suppression: Suppression, now: datetime
) -> bool:
    reason = because(
        SUPPRESSED_BY[suppression.scope], cause=suppression.cause, since=suppression.at.isoformat()
    )
    return exclude(tx, workspace, message, reason, now)
