"""A webhook that waits or was given up, as a document, and how it is found."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final
from uuid import UUID

from attrs import evolve, field

from messaging_core.document_stores.store import instant_key, number_key
from messaging_core.lazy import frozen
from messaging_core.models.delivery.webhook import WebhookDelivery
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load
from messaging_core.wire.stored.damage import read_stored

RECEIVER: Final = "receiver"
"""What the keys begin with of all webhooks of a receiver."""
WAITING: Final = "of"
"""The same, of those of a receiver and message that wait."""
DUE: Final = "due"
"""The same, of those that can be claimed when they are due."""
DEAD: Final = "dead"
"""The same, of those of a workspace that were given up."""
GIVEN_UP: Final = "given_up"
"""The same, in all workspaces."""
DAMAGED: Final = "damaged"
"""The same, of those that cannot be read."""


class WebhookState(StrEnum):
    """Whether a webhook is still to be sent."""

    WAITS = "waits"
    DEAD = "dead"
    DAMAGED = "damaged"


@frozen(kw_only=True)
class StoredWebhook:
    """A webhook as it is stored.

    Attributes:
        is_first: Of its receiver and message, none with a lower position waits.
        fence: How often it was leased.
        encoded: The delivery.
    """

    id: UUID
    receiver_id: UUID
    workspace_id: UUID
    message_id: UUID
    position: int
    host: str = field(repr=False)
    due_at: datetime
    state: WebhookState
    is_first: bool = False
    fence: int = 0
    encoded: str = field(repr=False)

    @classmethod
    def of(cls, delivery: WebhookDelivery, *, fence: int = 0) -> "StoredWebhook":
        """Return a delivery as it is stored."""
        return cls(
            id=delivery.id,
            receiver_id=delivery.receiver_id,
            workspace_id=delivery.workspace_id,
            message_id=delivery.message_id,
            position=delivery.position,
            host=delivery.host,
            due_at=delivery.due_at,
            state=WebhookState.DEAD if delivery.is_dead else WebhookState.WAITS,
            fence=fence,
            encoded=encode(delivery).decode(),
        )

    @classmethod
    def read(cls, document: Document) -> "StoredWebhook | None":
        """Return what a document says, or nothing if it cannot be read."""
        return read_stored(partial(load, cls), document.body, "webhook", document.id)

    @property
    def waits(self) -> bool:
        """Return whether it is still to be sent."""
        return self.state is WebhookState.WAITS

    def load(self) -> WebhookDelivery | None:
        """Return the delivery, or nothing if it cannot be read."""
        delivery = read_stored(
            partial(load, WebhookDelivery), self.encoded.encode(), "webhook", self.id
        )
        return evolve(delivery, due_at=self.due_at) if delivery else None

    def document(self) -> Document:
        """Return the document."""
        return Document(str(self.id), encode(self), tuple(self._keys()))

    def _keys(self) -> Iterator[str]:
        yield f"{RECEIVER}/{self.receiver_id}/{self.id}"
        place = f"{instant_key(self.due_at)}/{number_key(self.position)}/{self.id}"
        if self.waits:
            yield f"{WAITING}/{self.receiver_id}/{self.message_id}"
        if self.waits and self.is_first:
            yield f"{DUE}/{self.receiver_id}/{place}"
        if self.state is WebhookState.DEAD:
            yield f"{DEAD}/{self.workspace_id}/{place}"
            yield f"{GIVEN_UP}/{place}"
        if self.state is WebhookState.DAMAGED:
            yield f"{DAMAGED}/{self.id}"


def put_aside(document: Document) -> Document:
    """Return a document that cannot be read with the keys by which it is listed and deleted."""
    keys = (key for key in document.keys if key.startswith(f"{RECEIVER}/"))
    return evolve(document, keys=(*keys, f"{DAMAGED}/{document.id}"))
