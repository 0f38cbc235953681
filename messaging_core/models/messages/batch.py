"""Several messages that were accepted in one call."""

from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.models.messages.message import Message


@frozen(kw_only=True)
class Batch:
    """A batch: one message for each request, also for refused requests.

    Attributes:
        id: UUIDv7; `MessageQuery(batch_id=…)` lists the messages, and each names it as its
            `origin`.
        messages: In the order of the requests; a refused one has status `rejected`.
    """

    id: UUID
    messages: tuple[Message, ...]
