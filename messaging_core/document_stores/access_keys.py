"""Access keys as documents: found by id in all workspaces, and by workspace."""

from datetime import datetime
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.document_stores.store import GLOBAL, DocumentStore
from messaging_core.models.common.access_key import AccessKey
from messaging_core.ports.storage.access_keys import AccessKeyStore
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load

_KIND: Final = "access_key"


class DocumentAccessKeys(DocumentStore, AccessKeyStore):
    """Keep access keys as documents, each behind the digest of its token."""

    def add(self, key: AccessKey, *, digest: str) -> None:
        body = b"%s\n%s" % (digest.encode(), encode(key))
        document = Document(str(key.id), body, (str(key.workspace_id),))
        self._documents.put(_KIND, GLOBAL, document)

    def find(self, key_id: UUID) -> tuple[AccessKey, str] | None:
        document = self._documents.get(_KIND, GLOBAL, str(key_id))
        return _read(document) if document else None

    def of_workspace(self, workspace: UUID | None) -> list[AccessKey]:
        if workspace is None:
            documents = list(self._all(_KIND))
        else:
            documents = self._by_key(_KIND, GLOBAL, str(workspace))
        keys = [_read(document)[0] for document in documents]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def mark_used(self, workspace: UUID, key_id: UUID, *, at: datetime) -> None:
        key, digest = self.find(key_id) or (None, "")
        if key and key.workspace_id == workspace:
            self.add(evolve(key, used_at=at), digest=digest)

    def delete(self, workspace: UUID, key_id: UUID) -> bool:
        key, _ = self.find(key_id) or (None, "")
        if key is None or key.workspace_id != workspace:
            return False
        return self._documents.delete(_KIND, GLOBAL, str(key_id))


def _read(document: Document) -> tuple[AccessKey, str]:
    digest, _, encoded = document.body.partition(b"\n")
    return load(AccessKey, encoded), digest.decode()
