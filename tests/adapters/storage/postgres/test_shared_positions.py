"""Two workspaces that share a position, as no sequence gives it, change nothing of each other."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import Claim, Withdrawal
from messaging_core.models.messages.message import Status
from messaging_core.testing import a_new_message, a_settlement
from messaging_core.testing.contracts.storage.steps import (
    AT,
    LEASE,
    add,
    claim,
    hand_over,
    ids,
    settle,
)
from postgres_server import Schemas

OTHER = UUID(int=7)


@pytest.fixture
def storage(postgres_schemas: Schemas) -> Iterator[PostgresStorage]:
    """Yield a storage with a message of two workspaces each, at one position."""
    dsn = postgres_schemas.take()
    with PostgresStorage(dsn) as storage:
        add(storage, a_new_message(), a_new_message(workspace=OTHER))
        with psycopg.connect(dsn) as connection:
            for table in ("messages", "outbox", "documents"):
                connection.execute(f"UPDATE messaging_{table} SET position = 1")  # noqa: S608
        yield storage
    postgres_schemas.give_back(dsn)


def claim_of_both(storage: PostgresStorage) -> tuple[Claim, Claim]:
    """Return the claims, that of the other workspace last."""
    ours, theirs = sorted(claim(storage), key=lambda claimed: claimed.lease.workspace == OTHER)
    assert ours.lease.position == theirs.lease.position
    return ours, theirs


def test_each_is_claimed_marked_and_settled_by_its_own_lease(storage: PostgresStorage) -> None:
    ours, theirs = claim_of_both(storage)
    assert [ours.lease.workspace, theirs.lease.workspace] == [DEFAULT_WORKSPACE, OTHER]

    assert hand_over(storage, ours) == [None]
    assert hand_over(storage, ours, theirs) == [Withdrawal.SUPERSEDED, None]
    with storage.begin() as tx:
        later = a_settlement(theirs, Status.PROCESSING, next_due_at=AT + LEASE)
        assert tx.outbox.settle([a_settlement(ours), later]) == [True, True]

    (again,) = claim(storage, now=AT + LEASE)
    assert (again.message.id, again.doubted, again.lapsed) == (theirs.message.id, False, False)


def test_both_are_marked_at_once_each_under_its_own_lease(storage: PostgresStorage) -> None:
    ours, theirs = claim_of_both(storage)

    marked = []
    for claims in ((theirs,), (theirs, ours)):
        with storage.begin() as tx:
            assert tx.early_outbox is not None
            leases = [claimed.lease for claimed in claims]
            marked.append(tx.early_outbox.hand_over_last(leases, now=AT, unless=()))

    assert marked == [[True], [False, True]]


def test_a_claim_of_one_takes_no_lease_of_the_other(storage: PostgresStorage) -> None:
    ours, theirs = claim_of_both(storage)
    settle(storage, a_settlement(theirs, Status.PROCESSING, next_due_at=AT))

    third = a_new_message()
    add(storage, third)

    again = claim(storage)

    assert sorted(ids(again)) == sorted([theirs.message.id, third.message.id])
    assert hand_over(storage, ours) == [None]


def test_a_message_that_crashed_is_claimed_without_the_other(storage: PostgresStorage) -> None:
    for leases in range(2):
        claim(storage, now=AT + leases * LEASE)

    suspects = [claim(storage, now=AT + 2 * LEASE) for _ in range(3)]

    assert [len(claims) for claims in suspects] == [1, 1, 0]
    assert {claims[0].lease.workspace for claims in suspects[:2]} == {DEFAULT_WORKSPACE, OTHER}
