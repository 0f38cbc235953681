"""Documents: what a storage may write once instead of several stores."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen


@frozen
class Document:
    """A small document.

    Attributes:
        id: Names it among those of its kind and workspace.
        body: Its content.
        keys: What it is found by as well; several documents may have the same one.
    """

    id: str = field(repr=False)
    body: bytes = field(repr=False)
    keys: tuple[str, ...] = field(default=(), repr=False)


class Documents(Protocol):
    """Store documents by kind, workspace and id.

    A `Transaction` needs none. `messaging_core.document_stores` has stores that a storage can take
    if it has documents. Ids and keys are compared by code points; what is looked for may be any
    text.

    What a writing transaction was told of an id or a key stays as it is until it ends, also that
    there is nothing: another transaction that asks for the same or would change it waits.
    """

    @abstractmethod
    def put(self, kind: str, workspace: UUID, document: Document) -> None:
        """Store a document, in place of one with its kind, workspace and id."""

    @abstractmethod
    def get(self, kind: str, workspace: UUID, document_id: str) -> Document | None:
        """Return the document with an id, or nothing."""

    @abstractmethod
    def by_keys(
        self, kind: str, workspace: UUID, keys: Collection[str]
    ) -> Mapping[str, Sequence[Document]]:
        """Return the documents with each key, in ascending order of their ids.

        A key that no document has is left out.
        """

    @abstractmethod
    def page(
        self, kind: str, workspace: UUID, *, beyond: str, limit: int, backward: bool = False
    ) -> list[Document]:
        """Return the first `limit` documents beyond an id, in ascending order of their ids.

        Args:
            kind: Of the documents.
            workspace: Their tenant.
            beyond: Only documents with a greater id; every id is greater than the empty text.
            limit: How many at most.
            backward: Return those with a smaller id, in descending order.
        """

    @abstractmethod
    def between(
        self, kind: str, workspace: UUID, *, beyond: str, below: str, limit: int
    ) -> list[tuple[str, Document]]:
        """Return the first `limit` keys between two, each with the document that has it.

        They come in ascending order. The cost grows with the limit, not with the number of keys.

        Args:
            kind: Of the documents.
            workspace: Their tenant.
            beyond: Only greater keys.
            below: Only smaller keys.
            limit: How many at most. A store that asks for such keys gives each to one document.
        """

    @abstractmethod
    def delete(self, kind: str, workspace: UUID, document_id: str) -> bool:
        """Delete the document with an id; return false where there is none."""
