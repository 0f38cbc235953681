"""Results, marks and claims share commits, and none of them is lost when one fails."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import DeliveryReport, Messenger, Status, StorageError
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.settlement import release
from messaging_core.delivery.group_commit import GroupCommit
from messaging_core.delivery.recorder import PendingHandoff
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.delivery.telemetry import StatusCount
from messaging_core.ports.clock import TimeOrderedIds
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.telemetry import NoTelemetry
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_request,
    a_settlement,
)

HOUR = timedelta(hours=1)
PATIENCE = 10.0


class Gate(Storage):
    """Counts commits, fails when told to, and holds up one of them."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.commits = 0
        self.is_down = False
        self.is_held = False
        self.entered, self.leave = threading.Event(), threading.Event()

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        if self.is_down:
            raise StorageError("down")
        with self.storage.begin(connection, read_only=read_only) as tx:
            yield tx
            if self.is_held:
                self.is_held = False
                self.entered.set()
                assert self.leave.wait(PATIENCE)
        self.commits += not read_only


@pytest.fixture
def storage() -> Gate:
    return Gate()


def claimed(storage: Gate, count: int) -> list[Claim]:
    messenger = Messenger(
        storage=storage,
        channels={a_channel("orders"): RecordingTransport()},
        clock=ManualClock(),
    )
    messenger.send_many("orders", [a_request() for _ in range(count)])
    with storage.begin() as tx:
        claims = tx.outbox.claim(now=NOW, lease=HOUR, limit=count)
    storage.commits = 0
    return claims


def context_of(storage: Gate) -> EngineContext:
    return EngineContext(storage=storage, clock=ManualClock(), ids=TimeOrderedIds())


def status(storage: Gate, claim: Claim) -> Status:
    with storage.begin(read_only=True) as tx:
        message = tx.messages.get(claim.workspace, claim.message.id)
    assert message is not None
    return message.status


def test_a_lone_result_is_written_at_once(storage: Gate) -> None:
    (claim,) = claimed(storage, 1)
    commits = GroupCommit(context_of(storage))

    commits.record(a_settlement(claim))

    assert (storage.commits, commits.report) == (1, DeliveryReport(sent=1))
    assert status(storage, claim) is Status.SENT


def test_a_result_that_comes_during_a_commit_goes_with_the_next_mark(storage: Gate) -> None:
    first, second, third = claimed(storage, 3)
    commits = GroupCommit(context_of(storage))
    storage.is_held = True

    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(commits.mark, PendingHandoff(lease=first.lease))
        assert storage.entered.wait(PATIENCE)
        commits.record(a_settlement(second))
        storage.leave.set()
        held.result(PATIENCE)
    commits.mark(PendingHandoff(lease=third.lease))

    assert (storage.commits, commits.report) == (2, DeliveryReport(sent=1))
    assert status(storage, second) is Status.SENT


def test_results_are_gathered_where_that_is_asked_for(storage: Gate) -> None:
    claims = claimed(storage, 3)
    commits = GroupCommit(context_of(storage), defer_settlements=True)

    for claim in claims:
        commits.record(a_settlement(claim))
    before = storage.commits
    commits.flush()

    assert (before, storage.commits, commits.report) == (0, 1, DeliveryReport(sent=3))


def test_results_that_could_not_be_written_are_written_with_the_next_commit(storage: Gate) -> None:
    first, second = claimed(storage, 2)
    commits = GroupCommit(context_of(storage))
    storage.is_down = True
    commits.record(a_settlement(first))
    with pytest.raises(StorageError):
        commits.claim(lease=HOUR, limit=1)
    with pytest.raises(StorageError):
        commits.mark(PendingHandoff(lease=second.lease))
    assert (commits.queued, commits.report) == (1, DeliveryReport())
    storage.is_down = False

    commits.mark(PendingHandoff(lease=second.lease))

    assert (commits.queued, commits.report) == (0, DeliveryReport(sent=1))
    assert status(storage, first) is Status.SENT


class Counting(NoTelemetry):
    """Keeps what it is told to count."""

    def __init__(self) -> None:
        self.counts: list[StatusCount] = []

    def count(self, count: StatusCount) -> None:
        self.counts.append(count)


def test_a_status_is_told_once_it_is_committed_and_never_for_a_lost_lease(storage: Gate) -> None:
    first, second = claimed(storage, 2)
    telemetry = Counting()
    commits = GroupCommit(evolve(context_of(storage), telemetry=telemetry))
    of_first, of_second = (
        StatusCount(workspace=claim.workspace, status=Status.SENT, channel=str(number))
        for number, claim in enumerate((first, second))
    )
    lost = evolve(second, lease=evolve(second.lease, fence=second.lease.fence - 1))
    storage.is_down = True
    commits.record(a_settlement(first), told=of_first)
    assert telemetry.counts == []
    storage.is_down = False

    commits.record(a_settlement(lost), told=of_second)
    commits.flush()

    assert telemetry.counts == [of_first]
    commits.record(a_settlement(second), told=of_second)
    assert telemetry.counts == [of_first, of_second]


def test_a_claim_waits_for_its_turn_and_takes_results_along(storage: Gate) -> None:
    first, second = claimed(storage, 2)
    commits = GroupCommit(context_of(storage))
    storage.is_held = True

    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(commits.mark, PendingHandoff(lease=first.lease))
        assert storage.entered.wait(PATIENCE)
        commits.record(release(second, NOW))
        claims = pool.submit(commits.claim, lease=HOUR, limit=5)
        storage.leave.set()
        held.result(PATIENCE)

    assert [claim.message.id for claim in claims.result()] == [second.message.id]
    assert commits.report == DeliveryReport(waiting=1)
