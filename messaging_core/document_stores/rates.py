"""How much of each rate limit is used, as documents."""

from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import DocumentStore
from messaging_core.models.common.rate import RateLog
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.rates import Rates
from messaging_core.wire.stored.rates import encode_rates, load_rates

_KIND: Final = "rate"


class DocumentRates(DocumentStore, Rates):
    """Keep rate limits as documents, each under its key."""

    def lock(self, workspace: UUID, key: str) -> RateLog:
        document = self._documents.get(_KIND, workspace, key)
        return load_rates(document.body) if document else RateLog()

    def put(self, workspace: UUID, key: str, log: RateLog) -> None:
        self._documents.put(_KIND, workspace, Document(key, encode_rates(log)))
