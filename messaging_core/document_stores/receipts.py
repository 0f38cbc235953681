"""The inbox of receipts, evidence and interactions, as documents."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from attrs import evolve, field

from messaging_core.document_stores.store import (
    GLOBAL,
    SEPARATOR,
    DocumentStore,
    instant_key,
    number_key,
)
from messaging_core.errors import InvalidDocumentError
from messaging_core.lazy import frozen
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    KeptReceipt,
    Receipt,
    ReceiptState,
    StatusReceipt,
)
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.receipts import Receipts
from messaging_core.wire import encode, encode_stored, load
from messaging_core.wire.stored.damage import read_stored

_RECEIPT: Final = "receipt"
_SEQUENCE: Final = "sequence"
_EVIDENCE: Final = "evidence"
_INTERACTION: Final = "interaction"
_UNKNOWN: Final = datetime.fromtimestamp(0, UTC)
_MAY_APPLY: Final = frozenset({ReceiptState.KEPT, ReceiptState.UNMATCHED})
_KINDS: Final[Mapping[str, type[Receipt]]] = {
    kind.__name__: kind for kind in (StatusReceipt, InteractionReceipt, IncomingMessage)
}


@frozen(kw_only=True)
class _Entry:
    """A receipt as it is stored.

    Attributes:
        kind: The name of its class.
        reference: What it waits for while it is unmatched.
        encoded: The receipt.
    """

    position: int
    workspace: UUID
    source: str
    key: str = field(repr=False)
    received_at: datetime
    reference: str | None = field(repr=False)
    kind: str
    encoded: str = field(repr=False)
    state: ReceiptState = ReceiptState.KEPT
    failures: int = 0
    due_at: datetime | None = None

    def is_due(self, now: datetime | None, longest: timedelta | None) -> bool:
        if now is None or self.due_at is None or self.due_at <= now:
            return True
        return longest is not None and self.due_at > now + longest

    def kept(self) -> KeptReceipt:
        """Return it, without its receipt if that cannot be read."""
        return KeptReceipt(
            position=self.position,
            workspace=self.workspace,
            key=self.key,
            received_at=self.received_at,
            receipt=self._receipt(),
            failures=self.failures,
        )

    def _receipt(self) -> Receipt | None:
        try:
            return load(_KINDS[self.kind], self.encoded.encode())
        except (InvalidDocumentError, KeyError):  # the caller puts it aside, and logs that
            return None

    def document(self) -> Document:
        """Return the document."""
        return Document(number_key(self.position), encode(self), tuple(self._keys()))

    def _keys(self) -> Iterator[str]:
        yield _inbox_key(self.workspace, self.source, self.key)
        place = number_key(self.position)
        if self.state is ReceiptState.KEPT:
            yield f"kept/{place}"
            return
        if self.state is ReceiptState.UNMATCHED and self.reference is not None:
            yield f"waits/{self.workspace}/{self.reference}"
        if self.state is ReceiptState.FAILED:
            yield f"failed/{self.workspace}/{place}"
        old = f"{self.state}/{instant_key(self.received_at)}/{place}"
        yield f"old/{old}"
        yield f"old/{self.workspace}/{old}"


class DocumentReceipts(DocumentStore, Receipts):
    """Keep receipts, evidence and interactions as documents.

    Transactions that keep receipts take turns at the document that says the last position.
    """

    def keep(self, receipts: Sequence[KeptReceipt]) -> list[int | None]:
        return [self._keep(entry, entry.receipt) for entry in receipts if entry.receipt]

    def _keep(self, entry: KeptReceipt, receipt: Receipt) -> int | None:
        if self._by_key(_RECEIPT, GLOBAL, _inbox_key(entry.workspace, receipt.source, entry.key)):
            return None
        stored = _Entry(
            position=self._next_position(),
            workspace=entry.workspace,
            source=receipt.source,
            key=entry.key,
            received_at=entry.received_at,
            reference=receipt.reference,
            kind=type(receipt).__name__,
            encoded=encode_stored(receipt).decode(),
        )
        self._documents.put(_RECEIPT, GLOBAL, stored.document())
        return stored.position

    def _next_position(self) -> int:
        last = self._documents.get(_SEQUENCE, GLOBAL, _RECEIPT)
        position = int(last.body) + 1 if last else 1
        self._documents.put(_SEQUENCE, GLOBAL, Document(_RECEIPT, b"%d" % position))
        return position

    def pending(
        self,
        *,
        limit: int,
        after: int = 0,
        due: datetime | None = None,
        longest: timedelta | None = None,
    ) -> list[KeptReceipt]:
        pairs = self._under(_RECEIPT, "kept", after=number_key(after))
        entries = (_read(document) for _, document in pairs)
        return [
            entry.kept()
            for entry in islice((entry for entry in entries if entry.is_due(due, longest)), limit)
        ]

    def is_pending(self, workspace: UUID, position: int) -> bool:
        entry = self._entry(workspace, position)
        return entry is not None and entry.state in _MAY_APPLY

    def unmatched(self, workspace: UUID, references: Sequence[str]) -> list[KeptReceipt]:
        keys = sorted({f"waits/{workspace}/{reference}" for reference in references})
        documents = self._documents.by_keys(_RECEIPT, GLOBAL, keys)
        entries = [_read(document) for its in documents.values() for document in its]
        return [entry.kept() for entry in sorted(entries, key=lambda entry: entry.position)]

    def mark(
        self,
        workspace: UUID,
        positions: Sequence[int],
        state: ReceiptState,
        *,
        waits_for: str | None = None,
    ) -> None:
        for position in positions:
            entry = self._entry(workspace, position)
            if entry is not None:
                after = evolve(entry, state=state, reference=waits_for or entry.reference)
                self._documents.put(_RECEIPT, GLOBAL, after.document())

    def _entry(self, workspace: UUID, position: int) -> _Entry | None:
        document = self._documents.get(_RECEIPT, GLOBAL, number_key(position))
        entry = _read(document) if document else None
        return entry if entry is not None and entry.workspace == workspace else None

    def postpone(self, workspace: UUID, position: int, *, failures: int, until: datetime) -> None:
        entry = self._entry(workspace, position)
        if entry is not None:
            after = evolve(entry, failures=failures, due_at=until)
            self._documents.put(_RECEIPT, GLOBAL, after.document())

    def failed(self, workspace: UUID, *, limit: int, after: int = 0) -> list[KeptReceipt]:
        pairs = self._under(_RECEIPT, f"failed/{workspace}", after=number_key(after), page=limit)
        return [_read(document).kept() for _, document in islice(pairs, limit)]

    def delete_old(
        self, before: Mapping[ReceiptState, datetime], *, limit: int, workspace: UUID | None
    ) -> int:
        """Delete up to `limit` receipts of some states that were received before an instant."""
        own = "old" if workspace is None else f"old/{workspace}"
        deleted = 0
        for state, instant in before.items():
            beyond, below = f"{own}/{state}/", f"{own}/{state}/{instant_key(instant)}"
            old = self._documents.between(
                _RECEIPT, GLOBAL, beyond=beyond, below=below, limit=limit - deleted
            )
            for key, document in old:
                if self._still(_RECEIPT, key, document.id):
                    deleted += self._documents.delete(_RECEIPT, GLOBAL, document.id)
        return deleted

    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        keys = {str(message_id): message_id for message_id in message_ids}
        documents = self._documents.by_keys(_EVIDENCE, workspace, sorted(keys))
        return {keys[key]: load(Evidence, its[0].body) for key, its in documents.items()}

    def save_evidence(self, workspace: UUID, message_id: UUID, evidence: Evidence) -> None:
        document = Document(str(message_id), encode_stored(evidence), (str(message_id),))
        self._documents.put(_EVIDENCE, workspace, document)

    def forget_evidence(self, workspace: UUID, message_id: UUID) -> None:
        """Delete the evidence of a message."""
        self._documents.delete(_EVIDENCE, workspace, str(message_id))

    def add_interaction(self, workspace: UUID, interaction: Interaction) -> None:
        last = self._documents.page(
            _INTERACTION, workspace, beyond=f"{interaction.message_id}0", limit=1, backward=True
        )
        prefix = f"{interaction.message_id}/"
        is_first = not last or not last[0].id.startswith(prefix)
        number = 1 if is_first else int(last[0].id.removeprefix(prefix)) + 1
        while self._documents.get(_INTERACTION, workspace, prefix + number_key(number)):
            number += 1  # another transaction was quicker
        document = Document(prefix + number_key(number), encode(interaction))
        self._documents.put(_INTERACTION, workspace, document)

    def interactions(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Interaction]:
        documents = self._beginning(_INTERACTION, f"{message_id}/", workspace)
        return [load(Interaction, document.body) for document in islice(documents, limit)]

    def change_interactions(
        self,
        workspace: UUID,
        message_id: UUID,
        change: Callable[[Interaction], Interaction | None],
    ) -> None:
        """Change the interactions with a message; what cannot be read is deleted."""
        read = partial(load, Interaction)
        for document in list(self._beginning(_INTERACTION, f"{message_id}/", workspace)):
            interaction = read_stored(read, document.body, "interaction", document.id)
            changed = interaction and change(interaction)
            if changed is None:
                self._documents.delete(_INTERACTION, workspace, document.id)
            else:
                its = evolve(document, body=encode(changed))
                self._documents.put(_INTERACTION, workspace, its)


def _inbox_key(workspace: UUID, source: str, key: str) -> str:
    """Return what only one receipt has."""
    return f"key/{workspace}/{source}{SEPARATOR}{key}"


def _read(document: Document) -> _Entry:
    read = partial(load, _Entry)
    return read_stored(read, document.body, "receipt", document.id) or _damaged(document)


def _damaged(document: Document) -> _Entry:
    """Return what the keys of a document say, where its body says nothing."""
    inbox = next(key for key in document.keys if key.startswith("key/"))
    _, workspace, place = inbox.split("/", 2)
    source, _, key = place.partition(SEPARATOR)
    state, reference = ReceiptState.KEPT, None
    received_at = _UNKNOWN  # no key says it while it waits: the next purge may delete it
    for other in document.keys:
        if other.startswith(f"waits/{workspace}/"):
            reference = other.split("/", 2)[2]
        elif other.startswith(f"old/{workspace}/"):
            _, _, name, instant, _ = other.split("/")
            state, received_at = ReceiptState(name), datetime.fromisoformat(instant)
    return _Entry(
        position=int(document.id),
        workspace=UUID(workspace),
        source=source,
        key=key,
        received_at=received_at,
        reference=reference,
        kind="",  # of no receipt, so that it cannot be read
        encoded=document.body.decode("latin-1"),  # any bytes, for a person to look at
        state=state,
    )
