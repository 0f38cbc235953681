"""What every store over documents has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from messaging_core.ports.storage.documents import Document, Documents

GLOBAL: Final = UUID(int=0)
"""The workspace of documents that belong to none."""

SEPARATOR: Final = "\x01"
"""Stands between the texts of which an id or key is made, and is in none of them."""

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
        return self._beginning(kind, "", workspace)

    def _beginning(
        self, kind: str, prefix: str, workspace: UUID, *, beyond: str = ""
    ) -> Iterator[Document]:
        """Yield the documents whose ids begin with a text, and are greater than another."""
        beyond = beyond or prefix
        while page := self._documents.page(kind, workspace, beyond=beyond, limit=_PAGE):
            for document in page:
                if not document.id.startswith(prefix):
                    return
                yield document
            beyond = page[-1].id

    def _by_key(self, kind: str, workspace: UUID, key: str) -> list[Document]:
        """Return the documents with a key, in ascending order of their ids."""
        return list(self._documents.by_keys(kind, workspace, [key]).get(key, ()))

    def _still(
        self, kind: str, key: str, document_id: str, workspace: UUID = GLOBAL
    ) -> Document | None:
        """Return a document if it has a key that it was found by, which stays so from now on."""
        document = self._documents.get(kind, workspace, document_id)
        return document if document and key in document.keys else None

    def _under(
        self,
        kind: str,
        prefix: str,
        *,
        after: str = "",
        workspace: UUID = GLOBAL,
        page: int = _PAGE,
    ) -> Iterator[tuple[str, Document]]:
        """Yield the keys that begin with a text and a slash, each with its document.

        Args:
            kind: Of the documents.
            prefix: The text.
            after: Only keys that go on with something greater.
            workspace: Of the documents.
            page: How many are read at a time.
        """
        beyond, below = f"{prefix}/{after}", f"{prefix}0"  # "0" follows "/"
        while pairs := self._documents.between(
            kind, workspace, beyond=beyond, below=below, limit=page
        ):
            yield from pairs
            if len(pairs) < page:
                return
            beyond = pairs[-1][0]


def instant_key(at: datetime) -> str:
    """Return an instant as a part of a key: of two, the later one is greater."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def number_key(number: int) -> str:
    """Return a number as a part of a key or id: of two, the greater one is greater."""
    return f"{number:020d}"
