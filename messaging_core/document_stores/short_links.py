"""Short links as documents: found by code in all workspaces, and by message."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import GLOBAL, DocumentStore, number_key
from messaging_core.models.content.short_link import ShortLink
from messaging_core.ports.storage.content import ShortLinks
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load

_KIND: Final = "short_link"


class DocumentShortLinks(DocumentStore, ShortLinks):
    """Keep short links as documents."""

    def add(self, links: Sequence[ShortLink]) -> None:
        earlier: dict[str, int] = {}
        for link in links:
            of_message = f"{link.workspace}/{link.message_id}"
            if of_message not in earlier:
                earlier[of_message] = sum(1 for _ in self._under(_KIND, of_message))
            key = f"{of_message}/{number_key(earlier[of_message])}/{link.code}"
            self._documents.put(_KIND, GLOBAL, Document(link.code, encode(link), (key,)))
            earlier[of_message] += 1

    def get(self, code: str) -> ShortLink | None:
        document = self._documents.get(_KIND, GLOBAL, code)
        return load(ShortLink, document.body) if document else None

    def of_message(self, workspace: UUID, message_id: UUID) -> list[ShortLink]:
        pairs = self._under(_KIND, f"{workspace}/{message_id}")
        return [load(ShortLink, document.body) for _, document in pairs]

    def forget(self, workspace: UUID, message_id: UUID) -> None:
        """Delete the links of a message."""
        for _, document in list(self._under(_KIND, f"{workspace}/{message_id}")):
            self._documents.delete(_KIND, GLOBAL, document.id)
