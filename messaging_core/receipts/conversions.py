"""Record what a message led to."""

from typing import Any
from uuid import UUID

from messaging_core.decisions.status.first_interactions import with_firsts
from messaging_core.errors import (
    InvalidRequestError,
    UnknownMessageError,
)
from messaging_core.models.delivery.interaction import (
    Conversion,
    Interaction,
    InteractionMetadata,
    InteractionType,
)
from messaging_core.ports.storage.repetition import repeated
from messaging_core.receipts.inbox import ReceiptInbox
from messaging_core.receipts.processor import ReceiptProcessor
from messaging_core.rules.requests.conversion import check_conversion
from messaging_core.wire.receipts import well_formed


@repeated
def record_conversion(
    inbox: ReceiptInbox,
    message_id: UUID,
    conversion: Conversion,
    *,
    workspace: UUID,
    connection: Any,
) -> Interaction:
    """Record that a message had its effect.

    Raises:
        InvalidRequestError: The conversion has an unknown type or status, or a wrong value.
        UnknownMessageError: The workspace has no such message.
    """
    conversion = well_formed(conversion)
    if violations := check_conversion(conversion):
        raise InvalidRequestError(violations)
    now = inbox.context.clock.now()
    with inbox.context.storage.begin(connection) as tx:
        message = tx.messages.get(workspace, message_id)
        if message is None:
            raise UnknownMessageError(message_id)
        reports = ReceiptProcessor(tx, inbox.context)
        reports.record_interaction(
            workspace,
            message,
            at=now,
            type=InteractionType.CONVERSION,
            created_at=conversion.timestamp or now,
            metadata=InteractionMetadata(conversion=conversion),
        )
        reports.flush()
        return with_firsts(tx.receipts.interactions(workspace, message_id))[-1]
