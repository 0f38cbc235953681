"""A storage that breaks one promise about concurrency fails the contract that tests it."""

import re
from collections.abc import Callable, Iterator

import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.event_numbers import HEAD, EventNumbers
from messaging_adapters.storage.postgres.locks import Locks
from messaging_adapters.storage.postgres.statements import LOCKED, OVERRIDES
from messaging_adapters.storage.postgres.stores import outbox as outbox_store
from messaging_adapters.storage.postgres.stores.contacts import PostgresContacts
from messaging_adapters.storage.postgres.stores.messages import PostgresMessages
from messaging_adapters.storage.postgres.translation import translated, translated_with_locks
from messaging_adapters.storage.sql.cursor import Values
from messaging_adapters.storage.sql.stores import outbox, receipts
from messaging_adapters.storage.sql.stores.contacts import SqlContacts
from messaging_adapters.storage.sql.stores.messages import SqlMessages
from messaging_core.errors import MessagingError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage import interleaving
from messaging_core.testing.contracts.storage.concurrency import ConcurrencyContract
from postgres_server import Schemas

Break = Callable[[pytest.MonkeyPatch], None]


_LOCK = re.compile(" FOR UPDATE(?: SKIP LOCKED)?")


def without_lock(module: object, name: str) -> Break:
    unlocked = _LOCK.sub("", str(getattr(module, name)))
    return lambda patch: patch.setattr(module, name, unlocked)


def override_without_lock(statement: str) -> Break:
    unlocked = OVERRIDES[statement].partition(" FOR UPDATE")[0]
    return lambda patch: patch.setitem(OVERRIDES, statement, unlocked)  # type: ignore[arg-type]


def numbered_when_written(patch: pytest.MonkeyPatch) -> None:
    """Number events with a sequence, and read beyond the last number seen."""
    move = (
        "INSERT INTO messaging_events (position, workspace, message_id, kind, status, at, document)"
        " SELECT seq, workspace, message_id, kind, status, at, document FROM messaging_new_events"
        " WHERE seq > (SELECT coalesce(max(position), 0) FROM messaging_events)"
    )

    def give(self: EventNumbers, _lock: str) -> int:
        self._native(move)
        row = self._native("SELECT coalesce(max(position), 0) FROM messaging_events").fetchone()
        return int(row[0])

    def write(self: PostgresCursor, _table: str, sql: str, values: Values) -> int:
        return self.native(sql, values).rowcount

    patch.setattr(EventNumbers, "_give", give)
    patch.setattr(PostgresCursor, "later", write)


def last_that_others_leave(patch: pytest.MonkeyPatch) -> None:
    """Leave out the events that another reader has not finished to number."""

    def give_committed(self: EventNumbers) -> int:
        self.give()
        return int(self._native(HEAD).fetchone()[0])

    patch.setattr(EventNumbers, "give_committed", give_committed)


def contact_before_identifier(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PostgresContacts, "_add", SqlContacts._add)


def nothing_locked(name: str) -> Break:
    return lambda patch: patch.setattr(Locks, name, lambda *_: None)


def no_document_locked(patch: pytest.MonkeyPatch) -> None:
    for statement in list(LOCKED):
        patch.delitem(LOCKED, statement)  # type: ignore[arg-type]


def no_key_locked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PostgresMessages, "by_keys", SqlMessages.by_keys)


WRONG: dict[str, tuple[Break, str]] = {
    "claims without a lock": (
        without_lock(outbox_store, "CLAIM"),
        "test_a_message_that_is_due_is_leased_by_one_of_two_claims",
    ),
    "suspects without a lock": (
        without_lock(outbox_store, "_SUSPECT"),
        "test_a_suspect_is_leased_by_one_of_two_claims",
    ),
    "settlements without a lock": (
        without_lock(outbox_store, "_SETTLE"),
        "test_of_two_settlements_under_one_lease_the_first_counts",
    ),
    "cancels without a lock": (
        override_without_lock(outbox._NOT_HANDED_OVER),
        "test_a_message_is_either_handed_over_or_cancelled",
    ),
    "reschedules without a lock": (
        override_without_lock(outbox._WAITING),
        "test_a_message_is_either_settled_or_rescheduled",
    ),
    "receipts without a lock": (
        override_without_lock(receipts._IS_PENDING),
        "test_a_receipt_is_applied_by_one_of_two",
    ),
    "evidence without a lock": (
        nothing_locked("messages"),
        "test_evidence_that_two_add_is_not_lost",
    ),
    "messages without a lock": (
        nothing_locked("messages"),
        "test_a_change_of_a_message_is_seen_by_who_changes_it_next",
    ),
    "caps without a lock": (
        nothing_locked("addresses"),
        "test_a_message_is_counted_before_the_next_decision_on_its_receiver",
    ),
    "suppressions without a lock": (
        nothing_locked("addresses"),
        "test_a_suppression_waits_for_a_decision_and_a_decision_for_a_suppression",
    ),
    "keys without a lock": (
        no_key_locked,
        "test_the_second_with_an_idempotency_key_waits_and_sees_the_first",
    ),
    "expired keys without a lock": (
        no_key_locked,
        "test_an_expired_key_is_taken_over_by_one_of_two",
    ),
    "contacts without a lock": (
        no_document_locked,
        "test_a_change_of_a_contact_is_seen_by_who_changes_it_next",
    ),
    "contacts before their identifiers": (
        contact_before_identifier,
        "test_a_contact_that_two_need_is_made_once",
    ),
    "a last position that does not wait": (
        last_that_others_leave,
        "test_the_last_position_has_what_was_committed_although_a_reader_is_reading_it",
    ),
    "events numbered when they are written": (
        numbered_when_written,
        "test_a_subscription_gets_every_event_once_whatever_commits_first",
    ),
}


class Contract(ConcurrencyContract):
    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.opened: list[PostgresStorage] = []
        self.dsns: list[str] = []

    def make_storage(self) -> Storage:
        self.dsns.append(self.schemas.take())
        self.opened.append(PostgresStorage(self.dsns[-1]))
        return self.opened[-1]


@pytest.fixture
def contract(postgres_schemas: Schemas) -> Iterator[Contract]:
    contract = Contract(postgres_schemas)
    yield contract
    for storage in contract.opened:
        storage.close()
    for dsn in contract.dsns:
        postgres_schemas.give_back(dsn)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_storage_that_breaks_a_promise_fails(
    wrong: str, contract: Contract, monkeypatch: pytest.MonkeyPatch, executed: set[str]
) -> None:
    broken, test = WRONG[wrong]
    broken(monkeypatch)
    # A step that waits for nothing ends within that time on a busy machine too.
    monkeypatch.setattr(interleaving, "PATIENCE", 2.0)
    translated.cache_clear()
    translated_with_locks.cache_clear()

    try:
        with pytest.raises((AssertionError, MessagingError)):
            getattr(contract, test)()
    finally:
        translated.cache_clear()
        translated_with_locks.cache_clear()
        executed.clear()  # no storage of ours executes them
