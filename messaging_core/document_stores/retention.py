"""What retention does to the documents of messages, for storages that keep them."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from messaging_core.decisions.status.redaction import redacted_interaction
from messaging_core.document_stores.receipts import DocumentReceipts
from messaging_core.document_stores.received_files import DocumentReceivedFiles
from messaging_core.document_stores.short_links import DocumentShortLinks
from messaging_core.document_stores.store import DocumentStore
from messaging_core.document_stores.webhooks import DocumentWebhooks
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.ports.storage.documents import Documents
from messaging_core.ports.storage.retention import Retention


class DocumentRetention(DocumentStore, Retention):
    """Inherit it, write the other verbs, and call `forget` and `redact_documents` in them."""

    def __init__(self, documents: Documents) -> None:
        super().__init__(documents)
        self._receipts = DocumentReceipts(documents)
        self._links = DocumentShortLinks(documents)
        self._webhooks = DocumentWebhooks(documents)
        self._files = DocumentReceivedFiles(documents)

    def forget(self, messages: Iterable[tuple[UUID, UUID]]) -> None:
        """Delete the documents of messages that are deleted, given by workspace and id."""
        for workspace, message_id in messages:
            self._forget(workspace, message_id)
            self._receipts.change_interactions(workspace, message_id, lambda _: None)

    def redact_documents(self, messages: Iterable[tuple[UUID, UUID]]) -> None:
        """Redact the documents of messages that are redacted, given by workspace and id."""
        for workspace, message_id in messages:
            self._forget(workspace, message_id)
            self._receipts.change_interactions(workspace, message_id, redacted_interaction)

    def _forget(self, workspace: UUID, message_id: UUID) -> None:
        self._receipts.forget_evidence(workspace, message_id)
        self._links.forget(workspace, message_id)
        self._webhooks.forget_url(workspace, message_id)
        self._files.remove(workspace, message_id)

    def delete_receipts(
        self,
        *,
        before: datetime,
        unmatched_before: datetime,
        limit: int,
        workspace: UUID | None = None,
    ) -> int:
        until = dict.fromkeys(
            (ReceiptState.UNMATCHED, ReceiptState.UNREADABLE, ReceiptState.FAILED),
            unmatched_before,
        )
        until[ReceiptState.APPLIED] = before
        return self._receipts.delete_old(until, limit=limit, workspace=workspace)
