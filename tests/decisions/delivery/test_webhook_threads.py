"""Slow hosts never have all threads."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.decisions.delivery.webhook_threads import may_start
from messaging_core.models.delivery.webhook import WebhookReceiver

HOSTS = ["good.example", "bad.example", "new.example", "worse.example", "fine.example"]
ANSWERS = {"good.example": True, "fine.example": True, "bad.example": False, "worse.example": False}


def receiver(number: int, host: str) -> WebhookReceiver:
    return WebhookReceiver(id=UUID(int=number), workspace_id=UUID(int=0), host=host)


def filled(threads: int, hosts: list[str]) -> dict[UUID, str]:
    """Start whatever may start, in this order."""
    busy: dict[UUID, str] = {}
    for number, host in enumerate(hosts):
        if may_start(receiver(number, host), busy, ANSWERS, threads=threads):
            busy[UUID(int=number)] = host
    return busy


@pytest.mark.parametrize(
    ("hosts", "count"),
    [
        (["bad.example"] * 99, 8),
        (["bad.example", "worse.example"] * 99, 8),
        ([f"new{number}.example" for number in range(99)], 24),
        (["bad.example"] * 9 + [f"new{number}.example" for number in range(99)], 24),
        (["good.example"] * 99, 8),
    ],
)
def test_each_kind_of_host_has_its_share(hosts: list[str], count: int) -> None:
    assert len(filled(32, hosts)) == count


def test_a_receiver_has_one_thread() -> None:
    busy = {UUID(int=1): "good.example"}

    assert not may_start(receiver(1, "good.example"), busy, ANSWERS, threads=32)
    assert may_start(receiver(2, "good.example"), busy, ANSWERS, threads=32)


@given(st.integers(1, 64), st.lists(st.sampled_from(HOSTS), max_size=99))
def test_a_host_that_answers_finds_a_thread_unless_others_that_answer_have_them(
    threads: int, hosts: list[str]
) -> None:
    busy = filled(threads, [host for host in hosts if not ANSWERS.get(host)])

    assert len(busy) <= threads
    if threads > 1:
        assert may_start(receiver(999, "good.example"), busy, ANSWERS, threads=threads)
