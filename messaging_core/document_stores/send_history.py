"""Which messages each contact was sent, as documents: found by contact, and by message."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.document_stores.store import DocumentStore
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.send_history import SendHistory

_KIND: Final = "send"


class DocumentSendHistory(DocumentStore, SendHistory):
    """Keep a document for each message and contact, which says when it was sent."""

    def record(  # noqa: PLR0913 - the port's
        self,
        workspace: UUID,
        contact_id: str,
        *,
        platform: str,
        message_id: UUID,
        at: datetime,
        forget_before: datetime,
    ) -> None:
        key = f"{platform}:{contact_id}"
        for document in self._by_key(_KIND, workspace, key):
            if _instant(document) < forget_before:
                self._documents.delete(_KIND, workspace, document.id)
        document = Document(f"{message_id}:{contact_id}", _body(at), (key,))
        self._documents.put(_KIND, workspace, document)

    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        documents = self._by_key(_KIND, workspace, f"{platform}:{contact_id}")
        sent = [(_instant(document), UUID(document.id[:36])) for document in documents]
        return sorted(entry for entry in sent if entry[0] >= since)

    def move(self, workspace: UUID, message_id: UUID, at: datetime) -> None:
        for document in list(self._of_message(workspace, message_id)):
            self._documents.put(_KIND, workspace, evolve(document, body=_body(at)))

    def remove(self, workspace: UUID, message_id: UUID) -> None:
        for document in list(self._of_message(workspace, message_id)):
            self._documents.delete(_KIND, workspace, document.id)

    def _of_message(self, workspace: UUID, message_id: UUID) -> Iterator[Document]:
        return self._beginning(_KIND, f"{message_id}:", workspace)


def _body(at: datetime) -> bytes:
    return at.isoformat().encode()


def _instant(document: Document) -> datetime:
    return datetime.fromisoformat(document.body.decode())
