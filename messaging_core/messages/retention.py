"""Remove old messages and receipts in bounded transactions, while the engine runs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic, sleep
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.status import events
from messaging_core.lazy import frozen
from messaging_core.messages.rollups import RollupCounter
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.retention import Keep, Purged
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Storage, Transaction

_LONGEST_REST = 0.25  # seconds


@frozen(kw_only=True)
class Purge:
    """Removes old messages and receipts, and lets other writers in after each chunk.

    After a chunk it waits as long as the chunk took, so that it holds the write lock for at most
    half of the time.

    Attributes:
        before: Messages and receipts from before this instant are old.
        unmatched_before: The same, for receipts whose message never appeared.
        rollups_before: The same, for roll-ups.
        audit_before: The same, for entries of the audit log.
        audited: The workspaces whose audit log is looked at.
        chunk: How many of them one transaction removes.
    """

    storage: Storage
    clock: Clock
    before: datetime
    unmatched_before: datetime
    rollups_before: datetime
    audit_before: datetime
    audited: frozenset[UUID]
    keep: Keep
    workspace: UUID | None
    chunk: int

    def run(self, limit: int | None) -> Purged:
        """Remove up to `limit` messages, and as many receipts, roll-ups and audit entries."""
        RollupCounter(self.storage, self.clock).run()  # while their events are there
        messages = self._repeat(self._erase if self.keep is Keep.NOTHING else self._redact, limit)
        receipts = self._repeat(self._erase_receipts, limit)
        rollups = self._repeat(self._erase_rollups, limit)
        audit = self._repeat(self._erase_audit, limit)
        more = limit in {messages, receipts, rollups, audit}
        purged = Purged(receipts=receipts, rollups=rollups, audit=audit, more=more)
        if self.keep is Keep.NOTHING:
            return evolve(purged, deleted=messages)
        return evolve(purged, redacted=messages)

    def _repeat(self, take: Callable[[Transaction, int], int], limit: int | None) -> int:
        """Remove one chunk after the other, each in its own transaction."""
        done = 0
        while limit is None or done < limit:
            size = self.chunk if limit is None else min(self.chunk, limit - done)
            began = monotonic()
            taken = self._take(take, size)
            done += taken
            if taken < size:
                break
            sleep(min(monotonic() - began, _LONGEST_REST))
        return done

    @repeated
    def _take(self, take: Callable[[Transaction, int], int], size: int) -> int:
        with self.storage.begin() as tx:
            return take(tx, size)

    def _erase(self, tx: Transaction, size: int) -> int:
        old = tx.retention.find_expired(
            before=self.before, limit=size, workspace=self.workspace, with_redacted=True
        )
        return tx.retention.delete(old) if old else 0

    def _redact(self, tx: Transaction, size: int) -> int:
        old = tx.retention.find_expired(before=self.before, limit=size, workspace=self.workspace)
        left = tx.retention.redact(old) if old else []
        now = self.clock.now()
        tx.timeline.append(
            [
                events.changed(workspace, message, EventKind.REDACTED, now)
                for workspace, message in left
            ]
        )
        return len(old)  # of damaged ones, nothing is left to tell

    def _erase_receipts(self, tx: Transaction, size: int) -> int:
        return tx.retention.delete_receipts(
            before=self.before,
            unmatched_before=self.unmatched_before,
            limit=size,
            workspace=self.workspace,
        )

    def _erase_rollups(self, tx: Transaction, size: int) -> int:
        return tx.rollups.delete(before=self.rollups_before, limit=size, workspace=self.workspace)

    def _erase_audit(self, tx: Transaction, size: int) -> int:
        deleted = 0
        for workspace in self.audited:
            left = size - deleted
            deleted += tx.audit.delete(workspace, before=self.audit_before, limit=left)
        return deleted


def purge_of(  # noqa: PLR0913 - one for each choice of the host
    storage: Storage,
    clock: Clock,
    *,
    before: datetime,
    keep: Keep,
    workspace: UUID | None,
    chunk: int,
    unmatched: timedelta,
    rollups: timedelta,
    audit: timedelta,
    audited: frozenset[UUID],
) -> Purge:
    """Return a purge; what is not about one message has age limits of its own."""
    return Purge(
        storage=storage,
        clock=clock,
        before=before,
        unmatched_before=clock.now() - unmatched,
        rollups_before=clock.now() - rollups,
        audit_before=clock.now() - audit,
        audited=audited,
        keep=keep,
        workspace=workspace,
        chunk=chunk,
    )
