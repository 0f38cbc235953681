"""Look up messages, and what happened to them."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from messaging_core.decisions.status.events import doubts_of
from messaging_core.decisions.status.first_interactions import with_firsts
from messaging_core.errors import UnknownMessageError
from messaging_core.lazy import frozen
from messaging_core.models.common.page import Page
from messaging_core.models.delivery.damage import DamagedRows
from messaging_core.models.delivery.doubts import Doubts
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.messages.counts import CountBy, Counts
from messaging_core.models.messages.message import Direction, Message, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.requests.query import check_query
from messaging_core.wire.queries import checked_query
from messaging_core.wire.stored.message import page_json


@frozen(kw_only=True)
class MessageLookup:
    """Answers questions about messages, each in one transaction that only reads."""

    storage: Storage

    @repeated
    def get(self, message_id: UUID, workspace: UUID, connection: Any = None) -> Message:
        """Return a message as it is now, or as the host's own transaction sees it."""
        with self.storage.begin(connection, read_only=True) as tx:
            return message_of(tx, workspace, message_id)

    @repeated
    def get_json(self, message_id: UUID, workspace: UUID) -> bytes:
        """Return a message as it is now, as JSON."""
        with self.storage.begin(read_only=True) as tx:
            document = tx.messages.get_json(workspace, message_id)
        if document is None:
            raise UnknownMessageError(message_id)
        return document

    @repeated
    def find(self, query: MessageQuery | None, connection: Any = None) -> Page[Message]:
        """Return one page of messages, the newest first."""
        query = checked_query(query or MessageQuery(), check_query)
        with self.storage.begin(connection, read_only=True) as tx:
            return tx.messages.find(query)

    @repeated
    def find_json(self, query: MessageQuery | None) -> bytes:
        """Return one page of messages, as JSON."""
        query = checked_query(query or MessageQuery(), check_query)
        with self.storage.begin(read_only=True) as tx:
            return page_json(tx.messages.find(query))

    @repeated
    def counts(self, query: MessageQuery | None, by: Collection[CountBy], most: int) -> Counts:
        """Return how many messages there are, grouped as asked."""
        query = checked_query(query or MessageQuery(), check_query)
        with self.storage.begin(read_only=True) as tx:
            return tx.messages.count(query, by, most=most)

    def dead_letters(self, workspace: UUID, limit: int, page_token: str | None) -> Page[Message]:
        """Return one page of the messages that could not be sent."""
        return self.find(
            MessageQuery(
                workspace=workspace,
                status=Status.SENDING_FAILED,
                direction=Direction.OUTGOING,
                limit=limit,
                page_token=page_token,
            )
        )

    @repeated
    def timeline(self, message_id: UUID, workspace: UUID) -> list[Event]:
        """Return the events of a message, in order."""
        with self.storage.begin(read_only=True) as tx:
            message_of(tx, workspace, message_id)
            return tx.timeline.of_message(workspace, message_id)

    @repeated
    def interactions(self, message_id: UUID, workspace: UUID) -> list[Interaction]:
        """Return what people did with a message, in order."""
        with self.storage.begin(read_only=True) as tx:
            message_of(tx, workspace, message_id)
            return with_firsts(tx.receipts.interactions(workspace, message_id))

    @repeated
    def doubts(self) -> Doubts:
        """Count the attempts in doubt, and how each ended."""
        with self.storage.begin(read_only=True) as tx:
            return doubts_of(tx.timeline.counters())

    @repeated
    def damaged_rows(self, limit: int) -> DamagedRows:
        """Return what could not be read."""
        with self.storage.begin(read_only=True) as tx:
            return DamagedRows(
                events=tuple(tx.timeline.damaged(limit=limit)),
                webhooks=tuple(tx.webhooks.damaged(limit=limit)),
                messages=tuple(tx.messages.damaged(limit=limit)),
            )


def message_of(tx: Transaction, workspace: UUID, message_id: UUID) -> Message:
    """Return a message as it is now.

    Raises:
        UnknownMessageError: This workspace has no such message.
    """
    message = tx.messages.get(workspace, message_id)
    if message is None:
        raise UnknownMessageError(message_id)
    return message
