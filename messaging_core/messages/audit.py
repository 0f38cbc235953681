"""The audit log, and what pages keep between two requests."""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging_core.arguments import a, a_text, checked, choice, id_of, optional, span, uuid, whole
from messaging_core.context import EngineContext
from messaging_core.lazy import frozen
from messaging_core.models.common.audit import AuditAction, AuditEntry
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.expiring_record import ExpiringRecord, RecordKind
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.policy.shared_rate import SharedRate

_MOST_RECORDS: Final = 10_000
_MOST: Final = {RecordKind.TEMPLATE_VALUES: 100}  # of 200 kB each
_SECRET_KEY: Final = "forms"  # noqa: S105 - the name of the secret
_SECRET_BYTES: Final = 32
_FOR_EVER: Final = timedelta(days=365 * 1000)


@frozen(kw_only=True)
class AuditTrail:
    """Records who looked at what, and who did what."""

    context: EngineContext

    @checked(
        actor=a_text,
        action=choice(*AuditAction),
        workspace=uuid,
        message_id=optional(id_of("message")),
        reason=optional(a_text),
    )
    def entry(
        self,
        action: AuditAction,
        *,
        actor: str,
        workspace: UUID = DEFAULT_WORKSPACE,
        message_id: UUID | None = None,
        reason: str | None = None,
    ) -> AuditEntry:
        """Return an entry of this moment, for `cancel`, `reschedule`, `replay` or `record`.

        Args:
            action: What was done.
            actor: The name of the person.
            workspace: The tenant.
            message_id: The message that it is about, if it is about one.
            reason: Why, in the words of the person.
        """
        now = self.context.now()
        return AuditEntry(
            id=self.context.ids.new(now),
            workspace_id=workspace,
            at=now,
            actor=actor,
            action=AuditAction(action),
            message_id=message_id,
            reason=reason,
        )

    @checked(entry=a(AuditEntry, "an AuditEntry", "pass what entry() returns"))
    def record(self, entry: AuditEntry) -> None:
        """Store an entry about what was looked at.

        Raises:
            StorageError: It could not be stored; do not show what it is about.
        """
        with self.context.storage.begin() as tx:
            tx.audit.append(entry)

    @checked(
        workspace=uuid,
        limit=whole(1, MAX_LIMIT),
        message_id=optional(id_of("message")),
        before=optional(uuid),
    )
    def find(
        self,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        limit: int = 50,
        message_id: UUID | None = None,
        before: UUID | None = None,
    ) -> list[AuditEntry]:
        """Return entries of a workspace, or about one of its messages: the newest first.

        Args:
            workspace: The tenant.
            limit: The most entries, 1 to 1000.
            message_id: Only those about a message.
            before: The id of the last entry of the page before.
        """
        with self.context.storage.begin(read_only=True) as tx:
            return tx.audit.find(workspace, limit=limit, message_id=message_id, before=before)


@frozen(kw_only=True)
class PageRecords:
    """Stores short texts under random keys, until they expire.

    There are at most 10,000 of a kind and workspace, and 100 of those that may be large.
    """

    context: EngineContext

    @checked(
        kind=choice(*RecordKind),
        key=a(str, "text", "pass a random key"),
        lifetime=span(timedelta(seconds=1)),
        workspace=optional(uuid),
    )
    def put(
        self,
        kind: RecordKind,
        key: str,
        value: str,
        *,
        lifetime: timedelta,
        workspace: UUID | None = None,
    ) -> None:
        """Store a text; the records that expire first make room for it.

        Args:
            kind: What it is for.
            key: Random, so that it cannot be guessed.
            value: The text.
            lifetime: After what time it is as if it were not there.
            workspace: Whose it is; its texts make no room for those of other tenants.
        """
        now = self.context.now()
        record = ExpiringRecord(
            kind=RecordKind(kind),
            key=key,
            value=value,
            expires_at=now + lifetime,
            workspace=workspace,
        )
        with self.context.storage.begin() as tx:
            tx.records.put(record, now=now, most=_MOST.get(record.kind, _MOST_RECORDS))

    def get(self, kind: RecordKind, key: str, *, workspace: UUID | None = None) -> str | None:
        """Return the text under a key, or nothing if it has expired."""
        now = self.context.now()
        with self.context.storage.begin(read_only=True) as tx:
            record = tx.records.get(RecordKind(kind), key, now=now, workspace=workspace)
        return record.value if record else None

    def delete(self, kind: RecordKind, key: str, *, workspace: UUID | None = None) -> None:
        """Delete the text under a key, if it is there."""
        with self.context.storage.begin() as tx:
            tx.records.delete(RecordKind(kind), key, workspace=workspace)

    def limit(self, key: str, *, number: int, window: timedelta) -> SharedRate:
        """Return a limit that all processes count together.

        Args:
            key: Names it; it holds no name and no address.
            number: How many uses any window may have.
            window: How long a use counts, by the clock of this machine.
        """
        storage = self.context.storage
        return SharedRate(
            storage, key=key, limit=number, workspace=DEFAULT_WORKSPACE, window=window
        )

    def secret(self) -> bytes:
        """Return the secret with which pages sign their forms.

        It is made once and stored: every process, and the next start, gets the same.
        """
        now = self.context.now()
        with self.context.storage.begin(read_only=True) as tx:
            record = tx.records.get(RecordKind.SECRET, _SECRET_KEY, now=now)
        return bytes.fromhex((record or self._new_secret(now)).value)

    def _new_secret(self, now: datetime) -> ExpiringRecord:
        new = ExpiringRecord(
            kind=RecordKind.SECRET,
            key=_SECRET_KEY,
            value=secrets.token_hex(_SECRET_BYTES),
            expires_at=now + _FOR_EVER,
        )
        with self.context.storage.begin() as tx:
            # Transactions that write exclude one another, so the first process decides.
            record = tx.records.get(RecordKind.SECRET, _SECRET_KEY, now=now)
            if record is None:
                tx.records.put(new, now=now, most=1)
        return record or new
