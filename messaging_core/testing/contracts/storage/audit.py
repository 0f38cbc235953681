"""What every storage promises about the audit log, and about records that expire."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import timedelta
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.audit import AuditAction, AuditEntry
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.expiring_record import ExpiringRecord, RecordKind
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, raised

_LATER: Final = AT + timedelta(hours=1) + MICROSECOND


class AuditLogContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_the_audit_log_of_a_workspace_is_listed_from_its_end(self) -> None:
        storage = self.make_storage()
        first, second, third = (_entry(number) for number in (1, 2, 3))

        _append(storage, second, first, _entry(4, workspace_id=OTHER_WORKSPACE), third)

        with storage.begin(read_only=True) as tx:
            assert tx.audit.find(DEFAULT_WORKSPACE, limit=10) == [third, second, first]
            assert tx.audit.find(DEFAULT_WORKSPACE, limit=2) == [third, second]
            assert tx.audit.find(DEFAULT_WORKSPACE, limit=2, before=third.id) == [second, first]
            assert tx.audit.find(UUID(int=77), limit=2) == []

    def test_the_audit_log_of_a_message_is_listed(self) -> None:
        storage, message_id = self.make_storage(), UUID(int=2**127 + 5)
        first, second = (_entry(number, message_id=message_id) for number in (1, 3))
        foreign = _entry(4, message_id=message_id, workspace_id=OTHER_WORKSPACE)

        _append(storage, first, _entry(2), second, foreign)

        with storage.begin(read_only=True) as tx:
            found = tx.audit.find(DEFAULT_WORKSPACE, limit=10, message_id=message_id)
            before = tx.audit.find(
                DEFAULT_WORKSPACE, limit=10, message_id=message_id, before=second.id
            )
        assert (found, before) == ([second, first], [first])

    def test_the_first_entries_are_deleted_until_one_is_not_old(self) -> None:
        storage = self.make_storage()
        first, second, fourth = (_entry(number) for number in (1, 2, 4))
        third = evolve(_entry(3), at=_LATER)
        foreign = _entry(1, workspace_id=OTHER_WORKSPACE)
        _append(storage, fourth, first, third, second, foreign)

        with storage.begin() as tx:
            deleted = [
                tx.audit.delete(DEFAULT_WORKSPACE, before=before, limit=limit)
                for before, limit in ((first.at, 9), (_LATER, 1), (_LATER, 9), (_LATER, 9))
            ]

        assert deleted == [0, 1, 1, 0]
        with storage.begin(read_only=True) as tx:
            assert tx.audit.find(DEFAULT_WORKSPACE, limit=9) == [fourth, third]
            assert tx.audit.find(OTHER_WORKSPACE, limit=9) == [foreign]

    def test_an_audit_entry_is_rolled_back_with_its_transaction(self) -> None:
        storage = self.make_storage()

        def block() -> None:
            with storage.begin() as tx:
                tx.audit.append(_entry(1))
                tx.audit.delete(DEFAULT_WORKSPACE, before=_LATER, limit=9)
                tx.records.put(_record("a"), now=AT, most=2)
                raise KeyError

        raised(KeyError, block)

        with storage.begin(read_only=True) as tx:
            assert tx.audit.find(DEFAULT_WORKSPACE, limit=1) == []
            assert tx.records.get(RecordKind.LOOK_UP, "a", now=AT) is None

    def test_a_record_is_there_until_it_expires(self) -> None:
        storage, record = self.make_storage(), _record("a")
        with storage.begin() as tx:
            tx.records.put(_record("a", value="older"), now=AT, most=9)
            tx.records.put(record, now=AT, most=9)

        with storage.begin(read_only=True) as tx:
            just_before = tx.records.get(RecordKind.LOOK_UP, "a", now=_LATER - MICROSECOND)
            at_last = tx.records.get(RecordKind.LOOK_UP, "a", now=_LATER)
            of_other_kind = tx.records.get(RecordKind.SESSION, "a", now=AT)
        assert (just_before, at_last, of_other_kind) == (record, None, None)

    def test_a_deleted_record_is_not_there(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.records.put(_record("a"), now=AT, most=9)
            tx.records.put(_record("b"), now=AT, most=9)

            for kind in (RecordKind.SESSION, RecordKind.LOOK_UP, RecordKind.LOOK_UP):
                tx.records.delete(kind, "a")

            assert tx.records.get(RecordKind.LOOK_UP, "a", now=AT) is None
            assert tx.records.get(RecordKind.LOOK_UP, "b", now=AT) == _record("b")

    def test_a_few_records_of_a_kind_are_left(self) -> None:
        storage = self.make_storage()
        session = _record("s", kind=RecordKind.SESSION)
        soon = evolve(_record("soon"), expires_at=_LATER - MICROSECOND)
        with storage.begin() as tx:
            for record in (_record("a"), session, soon, _record("b")):
                tx.records.put(record, now=AT, most=3)

            tx.records.put(_record("c"), now=AT, most=3)

            assert tx.records.get(RecordKind.LOOK_UP, "soon", now=AT) is None
            assert tx.records.get(RecordKind.SESSION, "s", now=AT) == session
            for key in "abc":
                assert tx.records.get(RecordKind.LOOK_UP, key, now=AT) == _record(key)

    def test_records_of_each_workspace_are_its_own(self) -> None:
        storage = self.make_storage()
        own, other = (
            evolve(_record("a", value), workspace=workspace)
            for value, workspace in (("own", DEFAULT_WORKSPACE), ("other", OTHER_WORKSPACE))
        )
        with storage.begin() as tx:
            for record in (own, other, _record("a"), evolve(own, key="b"), evolve(own, key="c")):
                tx.records.put(record, now=AT, most=2)

            assert _get(tx, "a", DEFAULT_WORKSPACE) is None
            assert _get(tx, "c", DEFAULT_WORKSPACE) == evolve(own, key="c")
            assert _get(tx, "a", OTHER_WORKSPACE) == other
            assert _get(tx, "a", None) == _record("a")

            tx.records.delete(RecordKind.LOOK_UP, "a", workspace=OTHER_WORKSPACE)

            assert _get(tx, "a", OTHER_WORKSPACE) is None
            assert _get(tx, "a", None) == _record("a")


def _get(tx: Transaction, key: str, workspace: UUID | None) -> ExpiringRecord | None:
    return tx.records.get(RecordKind.LOOK_UP, key, now=AT, workspace=workspace)


def _append(storage: Storage, *entries: AuditEntry) -> None:
    with storage.begin() as tx:
        for entry in entries:
            tx.audit.append(entry)


def _entry(
    number: int, *, workspace_id: UUID = DEFAULT_WORKSPACE, message_id: UUID | None = None
) -> AuditEntry:
    return AuditEntry(
        id=UUID(int=number << 100),
        workspace_id=workspace_id,
        at=AT + MICROSECOND,
        actor="Ren\u00e9e",
        action=AuditAction.REPLAYED,
        message_id=message_id,
        reason="the customer asked",
    )


def _record(
    key: str, value: str = "+31612345678", *, kind: RecordKind = RecordKind.LOOK_UP
) -> ExpiringRecord:
    return ExpiringRecord(kind=kind, key=key, value=value, expires_at=_LATER)
