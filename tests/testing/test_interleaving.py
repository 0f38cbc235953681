"""Transactions that the contract of storages opens at the same time."""

import threading

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.testing.contracts.storage import interleaving
from messaging_core.testing.contracts.storage.interleaving import interleaved, nothing


def test_a_slow_step_that_is_alone_ends_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaving, "PATIENCE", 0.0)
    done: list[str] = []

    def slow(_: Transaction) -> None:
        threading.Event().wait(0.02)
        done.append("slow")

    def quick(_: Transaction) -> None:
        done.append("quick")

    for _ in range(3):
        interleaved(MemoryStorage(), "aabb", a=[slow, nothing], b=[quick, nothing])

    assert done == ["slow", "quick"] * 3


def test_a_step_that_raises_lets_the_others_go_on() -> None:
    def fail(_: Transaction) -> None:
        raise KeyError("a")

    with pytest.raises(KeyError, match="a"):
        interleaved(MemoryStorage(), "abab", a=[fail, nothing], b=[nothing, nothing])
