"""What addresses must not get, as documents: one for each cause, found by address."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import GLOBAL, SEPARATOR, DocumentStore
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page
from messaging_core.models.people.directory import SuppressionQuery
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.storage.directory import Suppressions
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode, load
from messaging_core.wire.stored.page_token import decode_keyset, encode_keyset
from messaging_core.wire.stored.suppression_key import SCAN, key_of, matches, pair_of, place_of

_KIND: Final = "suppression"
_OPT_IN: Final = "opt_in"
_SUPPRESSES: Final = "suppresses"
"""The kind of documents that say which workspaces have suppressions."""


class DocumentSuppressions(DocumentStore, Suppressions):
    """Keep suppressions as documents.

    Each address is a key, so that two transactions that decide about one address take turns.
    """

    def add(self, workspace: UUID, suppressions: Sequence[Suppression]) -> None:
        if suppressions and self._documents.get(_SUPPRESSES, GLOBAL, str(workspace)) is None:
            self._documents.put(_SUPPRESSES, GLOBAL, Document(str(workspace), b""))
        for suppression in suppressions:
            key = key_of(suppression)
            suppression_id, address = SEPARATOR.join(key), SEPARATOR.join(key[:2])
            earlier = self._by_key(_KIND, workspace, address)
            if suppression_id not in {document.id for document in earlier}:
                document = Document(suppression_id, encode(suppression), (address,))
                self._documents.put(_KIND, workspace, document)

    def has_any(self) -> bool:
        return bool(self._documents.page(_SUPPRESSES, GLOBAL, beyond="", limit=1))

    def lift(
        self,
        workspace: UUID,
        identifier: Identifier,
        *,
        scope: SuppressionScope,
        sender: str | None = None,
        causes: Collection[SuppressionCause] = (),
    ) -> int:
        # Read first: a transaction that adds to this workspace waits from here on.
        self._documents.get(_SUPPRESSES, GLOBAL, str(workspace))
        place = place_of(identifier, scope, sender)
        lifted = sum(
            self._documents.delete(_KIND, workspace, SEPARATOR.join((*place, str(cause))))
            for cause in frozenset(causes or SuppressionCause)
        )
        if lifted and not self._documents.page(_KIND, workspace, beyond="", limit=1):
            self._documents.delete(_SUPPRESSES, GLOBAL, str(workspace))
        return lifted

    def record_opt_in(
        self, workspace: UUID, identifier: Identifier, *, sender: str, at: datetime
    ) -> None:
        latest = max(at, self.opted_in_at(workspace, identifier, sender=sender) or at)
        document = Document(_opt_in_id(identifier, sender), latest.isoformat().encode())
        self._documents.put(_OPT_IN, workspace, document)

    def opted_in_at(
        self, workspace: UUID, identifier: Identifier, *, sender: str
    ) -> datetime | None:
        document = self._documents.get(_OPT_IN, workspace, _opt_in_id(identifier, sender))
        return datetime.fromisoformat(document.body.decode()) if document else None

    def for_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier], *, stays: bool = True
    ) -> Mapping[Identifier, Sequence[Suppression]]:
        del stays  # a storage with one writer, or what locks for this store, knows
        addresses = {identifier: _address(identifier) for identifier in identifiers}
        documents = self._documents.by_keys(_KIND, workspace, sorted(set(addresses.values())))
        return {
            identifier: [load(Suppression, document.body) for document in documents[address]]
            for identifier, address in addresses.items()
            if address in documents
        }

    def find(self, query: SuppressionQuery) -> Page[Suppression]:
        beyond = SEPARATOR.join(decode_keyset(query, 5) or ())
        documents = self._documents.page(_KIND, query.workspace, beyond=beyond, limit=SCAN + 1)
        results: list[Suppression] = []
        looked_at = 0
        for document in documents[:SCAN]:
            looked_at += 1
            suppression = load(Suppression, document.body)
            if matches(query, suppression):
                results.append(suppression)
            if len(results) == query.limit:
                break
        more = len(documents) > looked_at
        last = documents[looked_at - 1].id.split(SEPARATOR) if more else []
        return Page(results=results, next_page_token=encode_keyset(query, last) if more else None)


def _address(identifier: Identifier) -> str:
    return SEPARATOR.join(place_of(identifier, SuppressionScope.MARKETING, None)[:2])


def _opt_in_id(identifier: Identifier, sender: str) -> str:
    return SEPARATOR.join(pair_of(identifier, sender))
