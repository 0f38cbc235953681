"""What every storage promises about the states of workers."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.delivery.worker_state import (
    ChannelState,
    CircuitPhase,
    CircuitState,
    ProviderState,
    WorkerState,
)
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, raised

_SECOND: Final = timedelta(seconds=1)


class WorkersContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_the_latest_state_of_each_worker_is_stored(self) -> None:
        storage = self.make_storage()
        first, second, third = (_worker(number) for number in (1, 2, 3))
        later = evolve(first, seen_at=AT + _SECOND, turn_at=AT + MICROSECOND, in_flight=7)

        with storage.begin() as tx:
            for worker in (first, third, second, later):
                tx.workers.save(worker)

        with storage.begin(read_only=True) as tx:
            assert tx.workers.find(limit=9) == [later, third, second]
            assert tx.workers.find(limit=2) == [later, third]

    def test_a_deleted_worker_is_not_there(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.workers.save(_worker(1))
            tx.workers.save(_worker(2))
            for _ in range(2):
                tx.workers.delete(UUID(int=1))

            assert tx.workers.find(limit=9) == [_worker(2)]

    def test_workers_that_have_been_silent_for_long_are_deleted(self) -> None:
        storage = self.make_storage()
        silent = [_worker(number, AT - number * MICROSECOND) for number in (1, 2)]
        with storage.begin() as tx:
            for worker in (*silent, _worker(3)):
                tx.workers.save(worker)

            assert tx.workers.delete_silent(before=AT) == len(silent)

        with storage.begin() as tx:
            assert tx.workers.delete_silent(before=AT) == 0
            assert tx.workers.find(limit=9) == [_worker(3)]

    def test_the_state_of_a_worker_is_rolled_back_with_its_transaction(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.workers.save(_worker(1))

        def block() -> None:
            with storage.begin() as tx:
                tx.workers.save(evolve(_worker(1), in_flight=7))
                tx.workers.save(_worker(2))
                tx.workers.delete(UUID(int=1))
                raise KeyError

        raised(KeyError, block)

        with storage.begin(read_only=True) as tx:
            assert tx.workers.find(limit=9) == [_worker(1)]


def _worker(number: int, seen_at: datetime = AT) -> WorkerState:
    circuit = CircuitState(phase=CircuitPhase.OPEN, opened_at=AT, retry_at=AT + _SECOND)
    providers = (
        ProviderState(name="bird", circuit=circuit, is_latest=False),
        ProviderState(name="vonage"),
    )
    return WorkerState(
        id=UUID(int=number),
        host="mail-1",
        process=4711,
        version="1.0",
        channels=(ChannelState(channel_id=UUID(int=number), providers=providers),),
        started_at=AT - _SECOND,
        seen_at=seen_at,
    )
