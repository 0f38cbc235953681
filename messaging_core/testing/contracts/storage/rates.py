"""What every storage promises about rate limits that processes share."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.rate import RateLog, RateUse
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, raised

_KEY: Final = "http.changes \u00e9"
_TIMES: Final = 40


class RatesContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_the_use_of_a_limit_is_stored_for_its_workspace_and_key(self) -> None:
        storage = self.make_storage()
        log = RateLog(
            uses=(RateUse(at=AT, count=2), RateUse(at=AT + MICROSECOND, count=3, holder="one"))
        )

        _put(storage, log)

        assert _get(storage) == log
        assert _get(storage, workspace=OTHER_WORKSPACE) == RateLog()
        assert _get(storage, key="http.reads") == RateLog()

    def test_the_use_of_a_limit_is_replaced(self) -> None:
        storage = self.make_storage()
        log = RateLog(uses=(RateUse(at=AT, count=7),))
        _put(storage, log)

        def block() -> None:
            with storage.begin() as tx:
                tx.rates.put(DEFAULT_WORKSPACE, _KEY, RateLog())
                assert tx.rates.lock(DEFAULT_WORKSPACE, _KEY) == RateLog()
                raise KeyError

        raised(KeyError, block)
        assert _get(storage) == log
        _put(storage, RateLog())
        assert _get(storage) == RateLog()

    def test_what_one_transaction_has_locked_no_other_changes(self) -> None:
        storage = self.make_storage()

        def count_on(_: int) -> None:
            with storage.begin() as tx:
                uses = tx.rates.lock(DEFAULT_WORKSPACE, _KEY).uses
                number = uses[0].count if uses else 0
                log = RateLog(uses=(RateUse(at=AT, count=number + 1),))
                tx.rates.put(DEFAULT_WORKSPACE, _KEY, log)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count_on, range(_TIMES)))

        assert _get(storage).uses[0].count == _TIMES


def _put(storage: Storage, log: RateLog) -> None:
    with storage.begin() as tx:
        tx.rates.lock(DEFAULT_WORKSPACE, _KEY)
        tx.rates.put(DEFAULT_WORKSPACE, _KEY, log)


def _get(storage: Storage, *, workspace: UUID = DEFAULT_WORKSPACE, key: str = _KEY) -> RateLog:
    with storage.begin() as tx:
        return tx.rates.lock(workspace, key)
