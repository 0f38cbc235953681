"""What every store over documents has."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from messaging_core.ports.storage.documents import Document, Documents

GLOBAL: Final = UUID(int=0)
"""The workspace of documents that belong to none."""

_PAGE: Final = 200


class DocumentStore:
    """Work inside one transaction.

    Args:
        documents: Of the transaction.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def _all(self, kind: str, workspace: UUID = GLOBAL) -> Iterator[Document]:
        """Yield all documents of a kind that belong to a workspace or to none, by their ids."""
        beyond = ""
        while page := self._documents.page(kind, workspace, beyond=beyond, limit=_PAGE):
            yield from page
            beyond = page[-1].id
