"""What retention does to the documents of messages, for storages that keep them."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from messaging_core.decisions.status.redaction import redacted_interaction
from messaging_core.document_stores.receipts import DocumentReceipts
from messaging_core.document_stores.received_files import DocumentReceivedFiles
from messaging_core.document_stores.short_links import DocumentShortLinks
from messaging_core.document_stores.store import DocumentStore
from messaging_core.document_stores.webhooks import DocumentWebhooks
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.ports.storage.retention import Retention


class DocumentRetention(DocumentStore, Retention):
    """Inherit it, write the other verbs, and call `forget` and `redact_documents` in them."""

    def forget(self, messages: Iterable[tuple[UUID, UUID]]) -> None:
        """Delete the documents of messages that are deleted, given by workspace and id."""
        self._change(messages, lambda _: None)

    def redact_documents(self, messages: Iterable[tuple[UUID, UUID]]) -> None:
        """Redact the documents of messages that are redacted, given by workspace and id."""
        self._change(messages, redacted_interaction)

    def _change(
        self,
        messages: Iterable[tuple[UUID, UUID]],
        change: Callable[[Interaction], Interaction | None],
    ) -> None:
        receipts, links = DocumentReceipts(self._documents), DocumentShortLinks(self._documents)
        webhooks, files = DocumentWebhooks(self._documents), DocumentReceivedFiles(self._documents)
        for workspace, message_id in messages:
            receipts.forget_evidence(workspace, message_id)
            receipts.change_interactions(workspace, message_id, change)
            links.forget(workspace, message_id)
            webhooks.forget_url(workspace, message_id)
            files.remove(workspace, message_id)

    def delete_receipts(
        self,
        *,
        before: datetime,
        unmatched_before: datetime,
        limit: int,
        workspace: UUID | None = None,
    ) -> int:
        until: dict[ReceiptState, datetime] = {
            ReceiptState.APPLIED: before,
            ReceiptState.UNMATCHED: unmatched_before,
            ReceiptState.UNREADABLE: unmatched_before,
            ReceiptState.FAILED: unmatched_before,
        }
        receipts = DocumentReceipts(self._documents)
        return receipts.delete_old(until, limit=limit, workspace=workspace)
