"""What providers report: an inbox, what it proves, and what people did."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.constants import NO_LIMIT
from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.store import SqlStore
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
from messaging_core.ports.storage.receipts import Receipts
from messaging_core.wire import encode, encode_stored, load

_KINDS: Final[Mapping[str, type[Receipt]]] = {
    "status": StatusReceipt,
    "interaction": InteractionReceipt,
    "incoming": IncomingMessage,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}

_KEEP = (
    "INSERT OR IGNORE INTO messaging_receipts"
    " (position, workspace, source, key, kind, state, received_at, reference, document)"
    " SELECT 1 + max(value, coalesce((SELECT max(position) FROM messaging_receipts), 0)),"
    " ?, ?, ?, ?, 'kept', ?, ?, ? FROM messaging_facts WHERE name = 'last_receipt'"
    " RETURNING position"
)
_FIND = (
    "SELECT position, workspace, key, kind, received_at, document, failures FROM messaging_receipts"
)
_PENDING = (
    f"{_FIND} WHERE state = 'kept' AND position > ? AND"
    " (due_at <= ? OR due_at > ?) ORDER BY position LIMIT ?"
)
_FAILED = (
    f"{_FIND} WHERE workspace = ? AND state = 'failed' AND state <> 'kept'"
    " AND position > ? ORDER BY position LIMIT ?"  # state twice: for the partial index
)
_POSTPONE = (
    "UPDATE messaging_receipts SET failures = ?, due_at = ? WHERE workspace = ? AND position = ?"
)
_ANY_TIME: Final = 2**63 - 1
_IS_PENDING = (
    "SELECT 1 FROM messaging_receipts WHERE workspace = ? AND position = ?"
    " AND state IN ('kept', 'unmatched')"
)
UNMATCHED = (
    f"{_FIND} WHERE state = 'unmatched' AND workspace = ?"  # noqa: S608 - no input
    " AND reference IN (SELECT value FROM json_each(?)) ORDER BY position"
)
_MARK = (
    "UPDATE messaging_receipts SET state = ?, reference = ifnull(?, reference)"
    " WHERE workspace = ? AND position = ?"
)
_EVIDENCE = "SELECT message_id, document FROM messaging_evidence WHERE workspace = ?"
_AT_ONCE = 500
"""Of how many messages evidence is read with one statement."""
_SAVE_EVIDENCE = (
    "INSERT INTO messaging_evidence VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET document = excluded.document"
)
_ADD_INTERACTION = (
    "INSERT INTO messaging_interactions (workspace, message_id, document) VALUES (?, ?, ?)"
)
_INTERACTIONS = (
    "SELECT document FROM messaging_interactions WHERE message_id = ? AND workspace = ?"
    " ORDER BY position LIMIT ?"
)


class SqlReceipts(SqlStore, Receipts):
    """Keep receipts through one cursor, inside one transaction."""

    def keep(self, receipts: Sequence[KeptReceipt]) -> list[int | None]:
        return [self._keep(entry, entry.receipt) for entry in receipts if entry.receipt]

    def _keep(self, entry: KeptReceipt, receipt: Receipt) -> int | None:
        row = (
            entry.workspace.bytes,
            receipt.source,
            entry.key,
            _NAMES[type(receipt)],
            to_micros(entry.received_at),
            receipt.reference,
            encode_stored(receipt).decode(),
        )
        added = self._cursor.execute(_KEEP, row).fetchall()
        return added[0][0] if added else None

    def pending(
        self,
        *,
        limit: int,
        after: int = 0,
        due: datetime | None = None,
        longest: timedelta | None = None,
    ) -> list[KeptReceipt]:
        until = _ANY_TIME if due is None else to_micros(due)
        beyond = _ANY_TIME if due is None or longest is None else to_micros(due + longest)
        rows = self._cursor.execute(_PENDING, (after, until, beyond, limit))
        return [_kept(row) for row in rows]

    def failed(self, workspace: UUID, *, limit: int, after: int = 0) -> list[KeptReceipt]:
        rows = self._cursor.execute(_FAILED, (workspace.bytes, after, limit))
        return [_kept(row) for row in rows]

    def postpone(self, workspace: UUID, position: int, *, failures: int, until: datetime) -> None:
        self._cursor.execute(_POSTPONE, (failures, to_micros(until), workspace.bytes, position))

    def is_pending(self, workspace: UUID, position: int) -> bool:
        row = self._cursor.execute(_IS_PENDING, (workspace.bytes, position)).fetchone()
        return row is not None

    def unmatched(self, workspace: UUID, references: Sequence[str]) -> list[KeptReceipt]:
        rows = self._cursor.execute(UNMATCHED, unmatched_values(workspace, references))
        return [_kept(row) for row in rows]

    def mark(
        self,
        workspace: UUID,
        positions: Sequence[int],
        state: ReceiptState,
        *,
        waits_for: str | None = None,
    ) -> None:
        rows = [(state, waits_for, workspace.bytes, position) for position in positions]
        self._cursor.executemany(_MARK, rows)

    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        # Who reads it adds to it: another that adds to it waits.
        self._dialect.lock_messages(workspace, message_ids)
        evidence_by_message: dict[UUID, Evidence] = {}
        ids = [message_id.bytes for message_id in message_ids]
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            statement = f"{_EVIDENCE} AND message_id IN ({', '.join('?' * len(some))})"
            rows = self._cursor.execute(statement, (workspace.bytes, *some))
            evidence_by_message.update(skip_corrupt(rows, evidence_of, "evidence of message"))
        return evidence_by_message

    def save_evidence(self, workspace: UUID, message_id: UUID, evidence: Evidence) -> None:
        document = encode_stored(evidence).decode()
        self._cursor.execute(_SAVE_EVIDENCE, (message_id.bytes, workspace.bytes, document))

    def add_interaction(self, workspace: UUID, interaction: Interaction) -> None:
        document = encode(interaction).decode()
        self._cursor.execute(
            _ADD_INTERACTION, (workspace.bytes, interaction.message_id.bytes, document)
        )

    def interactions(
        self, workspace: UUID, message_id: UUID, *, limit: int | None = None
    ) -> list[Interaction]:
        most = NO_LIMIT if limit is None else limit
        rows = self._cursor.execute(_INTERACTIONS, (message_id.bytes, workspace.bytes, most))
        return [load(Interaction, document) for (document,) in rows]


def unmatched_values(workspace: UUID, references: Sequence[str]) -> tuple[bytes, str]:
    """Return the values of `UNMATCHED`."""
    return workspace.bytes, orjson.dumps(sorted(set(references))).decode()


def evidence_of(row: tuple[Any, ...]) -> tuple[UUID, Evidence]:
    """Return a message with its evidence."""
    return UUID(bytes=row[0]), load(Evidence, row[1])


def _kept(row: tuple[Any, ...]) -> KeptReceipt:
    position, workspace, key, kind, received_at, document, failures = row
    return KeptReceipt(
        position=position,
        workspace=UUID(bytes=workspace),
        key=key,
        received_at=from_micros(received_at),
        receipt=_read(kind, document),
        failures=failures,
    )


def _read(kind: str, document: str) -> Receipt | None:
    try:
        return load(_KINDS[kind], document)
    except Exception:  # noqa: BLE001 - whatever its bytes are, the others go on; the caller logs it
        return None
