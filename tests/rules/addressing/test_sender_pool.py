"""Which sender of a pool writes to a receiver: always the same, and few move when it changes."""

from collections import Counter
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core import Channel
from messaging_core.errors import ArgumentError
from messaging_core.models import SenderPool
from messaging_core.models.common.sender_pool import sender_pool
from messaging_core.rules import check_channel, choose_sender

SENDERS = st.text("+0123456789abc", min_size=1, max_size=8)
WEIGHTS = st.dictionaries(SENDERS, st.integers(0, 50), min_size=1, max_size=8).filter(
    lambda weights: any(weights.values())
)
PINNED = [
    *("+31600000002", "+31600000002", "+31600000002", "Shop", "Shop"),
    *("+31600000001", "Shop", "+31600000001", "+31600000001", "+31600000001"),
]
RECEIVERS = st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=30)


def pool(weights: dict[str, int]) -> SenderPool:
    made = sender_pool(weights)
    assert isinstance(made, SenderPool)
    return made


def choices(weights: dict[str, int], receivers: list[str]) -> dict[str, str]:
    return {receiver: choose_sender(pool(weights), receiver) for receiver in receivers}


def test_the_choice_is_the_same_in_every_version() -> None:
    weights = {"+31600000001": 3, "+31600000002": 1, "Shop": 2}

    chosen = [choose_sender(pool(weights), f"+3161234567{digit}") for digit in range(10)]

    assert chosen == PINNED, "receivers must not change their senders with a new version"


@given(WEIGHTS, RECEIVERS)
def test_the_order_and_a_common_factor_do_not_matter(
    weights: dict[str, int], receivers: list[str]
) -> None:
    before = choices(weights, receivers)

    assert choices(dict(reversed(weights.items())), receivers) == before
    assert choices({sender: 3 * weight for sender, weight in weights.items()}, receivers) == before
    assert all(weights[sender] > 0 for sender in before.values())


@given(WEIGHTS, RECEIVERS, st.data())
def test_only_the_receivers_of_a_removed_sender_move(
    weights: dict[str, int], receivers: list[str], data: st.DataObject
) -> None:
    removed = data.draw(st.sampled_from(sorted(weights)))
    others = {sender: weight for sender, weight in weights.items() if sender != removed}
    if not any(others.values()):
        return
    before, after = choices(weights, receivers), choices(others, receivers)
    drained = choices({**weights, removed: 0}, receivers)

    moved = {receiver for receiver in before if before[receiver] != after[receiver]}
    assert moved == {receiver for receiver in before if before[receiver] == removed}
    assert drained == after, "a weight of 0 is the same as leaving"


@given(WEIGHTS, RECEIVERS, SENDERS, st.integers(1, 50))
def test_receivers_move_only_to_a_sender_that_is_added_or_gets_more(
    weights: dict[str, int], receivers: list[str], sender: str, more: int
) -> None:
    grown = {**weights, sender: weights.get(sender, 0) + more}
    before, after = choices(weights, receivers), choices(grown, receivers)

    assert {after[own] for own in before if before[own] != after[own]} <= {sender}


@pytest.mark.parametrize("weights", [{"a": 1, "b": 1}, {"a": 3, "b": 1, "c": 6}, {"a": 99, "b": 1}])
def test_senders_get_their_shares(weights: dict[str, int]) -> None:
    count = 20_000
    chosen = Counter(choices(weights, [f"+316{number:08d}" for number in range(count)]).values())

    for sender, weight in weights.items():
        share = weight / sum(weights.values())
        tolerance = 5 * sqrt(count * share * (1 - share))  # of a fair draw
        assert abs(chosen[sender] - count * share) < tolerance


def test_a_list_has_equal_weights() -> None:
    assert sender_pool(["a", "b"]) == sender_pool({"a": 1, "b": 1})
    assert sender_pool(None) is None


@pytest.mark.parametrize("value", ["+31612345678", 7, [7], {"a": "1"}, {"a": True}, {"a": 1.5}])
def test_what_is_no_pool_is_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match="senders"):
        Channel(name="orders", platform="sms", sender="Shop", senders=value)


@pytest.mark.parametrize(
    ("senders", "code"),
    [
        ({}, "channel.bad_senders"),
        ({"Shop": 0}, "channel.bad_senders"),
        ({"Shop": -1, "Other": 1}, "channel.bad_senders"),
        ({"Shop": 1_000_001}, "channel.bad_senders"),
        (["Shop", "SHOP"], "channel.bad_senders"),
        (["much too long for a sender"], "sender.invalid"),
    ],
)
def test_a_pool_that_cannot_choose_is_a_violation(senders: Any, code: str) -> None:
    channel = Channel(name="orders", platform="sms", sender="Shop", senders=senders)

    assert [violation.code for violation in check_channel(channel)] == [code]
    assert all(violation.path == "/senders" for violation in check_channel(channel))


def test_a_pool_needs_a_sender_that_opt_outs_are_kept_under() -> None:
    channel = Channel(name="orders", platform="sms", senders=["Shop"])

    assert [violation.code for violation in check_channel(channel)] == [
        "channel.pool_without_sender"
    ]


def test_a_channel_with_a_pool_has_a_hash() -> None:
    channel = Channel(name="orders", platform="sms", sender="Shop", senders={"Shop": 1})
    same = Channel(name="orders", platform="sms", sender="Shop", senders=["Shop"])

    assert {channel: 1}[same] == 1
