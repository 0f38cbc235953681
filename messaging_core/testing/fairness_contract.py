"""What every storage promises about dividing a claim between lanes and workspaces."""
# ruff: noqa: S101, D102, PLR2004 - asserts, names that are sentences, and literal expectations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from messaging_core.decisions.sharing import turn
from messaging_core.models.delivery import Claim, Lane, NewMessage
from messaging_core.ports.storage import Storage
from messaging_core.testing.builders import a_delivery, a_new_message, a_settlement
from messaging_core.testing.storage_steps import (
    AT,
    MICROSECOND,
    add,
    claim,
    ids,
    next_due,
    settle,
)

_LARGE, _SMALL, _THIRD = (UUID(int=number) for number in (1, 2, 1 << 127))
_SECOND: Final = timedelta(seconds=1)


def _of(
    workspace: UUID, count: int, *, late: int = 0, lane: Lane = Lane.TRANSACTIONAL
) -> list[NewMessage]:
    """Return messages of a workspace that became due some seconds ago."""
    due = a_delivery(AT - late * _SECOND, lane=lane)
    return [a_new_message(workspace=workspace, delivery=due) for _ in range(count)]


def _workspaces(claims: Iterable[Claim]) -> Counter[UUID]:
    return Counter(one.workspace for one in claims)


class FairnessContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_thousand_of_one_workspace_do_not_hold_up_ten_of_another(self) -> None:
        storage = self.make_storage()
        add(storage, *_of(_LARGE, 1000, late=60), *_of(_SMALL, 10))

        first, second = claim(storage, limit=100), claim(storage, limit=100)

        assert _workspaces(first) == {_LARGE: 90, _SMALL: 10}
        assert _workspaces(second) == {_LARGE: 100}

    def test_workspaces_that_have_enough_get_equally_much(self) -> None:
        storage = self.make_storage()
        add(storage, *_of(_LARGE, 50), *_of(_SMALL, 3), *_of(_THIRD, 20, late=9))

        claimed = claim(storage, limit=33)

        assert _workspaces(claimed) == {_LARGE: 15, _SMALL: 3, _THIRD: 15}

    def test_odd_places_go_round_from_whose_turn_it_is(self) -> None:
        storage = self.make_storage()
        workspaces = [_LARGE, _SMALL, _THIRD]
        for workspace in reversed(workspaces):
            add(storage, *_of(workspace, 40))

        for number in range(8):
            now = AT + number * MICROSECOND
            claimed = _workspaces(claim(storage, now=now, limit=5))
            first = turn(now, 3)
            favoured = {workspaces[first], workspaces[(first + 1) % 3]}
            assert claimed == {one: 2 if one in favoured else 1 for one in workspaces}, number

    def test_a_hundred_workspaces_with_one_message_each_are_served_by_one_claim(self) -> None:
        storage = self.make_storage()
        messages = [_of(UUID(int=number), 1)[0] for number in range(100)]
        add(storage, *_of(UUID(int=100), 500, late=60), *messages)

        claimed = claim(storage, limit=101)

        assert set(_workspaces(claimed).values()) == {1}
        assert set(ids(messages)) < set(ids(claimed))

    def test_claims_of_a_single_place_reach_every_workspace(self) -> None:
        storage = self.make_storage()
        workspaces = [UUID(int=number) for number in range(10)]
        for workspace in workspaces:
            add(storage, *_of(workspace, 60))

        found: Counter[UUID] = Counter()
        for number in range(100):
            found += _workspaces(claim(storage, now=AT + number * _SECOND, limit=1))

        assert min(found[one] for one in workspaces) >= 3, found

    def test_every_lane_is_fair_and_no_lane_starves(self) -> None:
        storage = self.make_storage()
        for lane in Lane:
            add(storage, *_of(_LARGE, 100, late=60, lane=lane), *_of(_SMALL, 1, lane=lane))

        claimed = claim(storage, limit=32)

        found = Counter((one.delivery.lane, one.workspace) for one in claimed)
        assert found[Lane.TWO_FACTOR, _LARGE] == 19
        assert all(found[lane, _LARGE] == 3 for lane in Lane if lane is not Lane.TWO_FACTOR)
        assert all(found[lane, _SMALL] == 1 for lane in Lane)

    def test_nobody_waits_for_ever_while_others_keep_adding(self) -> None:
        storage = self.make_storage()
        patient = _of(_SMALL, 4, lane=Lane.PROMOTIONAL)
        add(storage, *patient)
        served: set[UUID] = set()

        for number in range(40):
            for lane in Lane:
                add(storage, *_of(_LARGE, 6, late=60, lane=lane))
            claimed = claim(storage, now=AT + number * _SECOND, limit=len(Lane))
            assert all(settle(storage, *map(a_settlement, claimed)))
            served |= set(ids(claimed))

        assert set(ids(patient)) <= served

    def test_a_lane_comes_longest_due_first_whosesoever_it_is(self) -> None:
        storage = self.make_storage()
        (first,), (second,), (third,) = (
            _of(_THIRD, 1, late=3),
            _of(_LARGE, 1, late=2),
            _of(_THIRD, 1, late=1),
        )
        fourth, fifth = _of(_SMALL, 1) + _of(_LARGE, 1)
        add(storage, third, fourth, fifth, second, first)

        assert ids(claim(storage)) == ids([first, second, third, fourth, fifth])

    def test_a_workspace_with_nothing_due_takes_no_place(self) -> None:
        storage = self.make_storage()
        add(storage, *_of(_LARGE, 5), *_of(_SMALL, 5, late=-60))

        assert _workspaces(claim(storage, limit=4)) == {_LARGE: 4}

    def test_the_next_due_time_is_that_of_whichever_workspace_and_lane(self) -> None:
        storage = self.make_storage()
        add(storage, *_of(_LARGE, 2, late=-60), *_of(_THIRD, 1, late=-20))
        assert next_due(storage) == AT + 20 * _SECOND

        add(storage, *_of(_SMALL, 1, late=-10, lane=Lane.PROMOTIONAL))

        assert next_due(storage) == AT + 10 * _SECOND
