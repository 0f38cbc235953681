"""What every storage promises about dividing a claim between lanes and workspaces."""
# ruff: noqa: S101, D102, PLR2004 - asserts, names that are sentences, and literal expectations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.decisions.delivery.fairness import rotation
from messaging_core.models.delivery.delivery import Claim, Lane, NewMessage
from messaging_core.models.messages.message import Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import a_delivery, a_message, a_new_message, a_settlement
from messaging_core.testing.contracts.storage.steps import (
    AT,
    MICROSECOND,
    add,
    claim,
    ids,
    next_due,
    settle,
)

_LARGE, _SMALL, _THIRD = (UUID(int=number) for number in (1, 2, 1 << 127))
_SLOW, _FAST = UUID(int=7), UUID(int=8)
_SECOND: Final = timedelta(seconds=1)


def _of(
    workspace: UUID, count: int, *, late: int = 0, lane: Lane = Lane.TRANSACTIONAL
) -> list[NewMessage]:
    """Return messages of a workspace that became due some seconds ago."""
    due = a_delivery(AT - late * _SECOND, lane=lane)
    return [a_new_message(workspace=workspace, delivery=due) for _ in range(count)]


def _through(
    channel: UUID,
    count: int,
    *,
    workspace: UUID = _LARGE,
    late: int = 0,
    lane: Lane = Lane.TRANSACTIONAL,
) -> list[NewMessage]:
    """Return messages of a channel that became due some seconds ago."""
    due = a_delivery(AT - late * _SECOND, lane=lane)
    message = evolve(a_message(), channel_id=channel)
    return [
        a_new_message(evolve(message, id=uuid4()), workspace=workspace, delivery=due)
        for _ in range(count)
    ]


def _channels(claims: Iterable[Claim]) -> Counter[UUID]:
    return Counter(claim.message.channel_id for claim in claims)


def _workspaces(claims: Iterable[Claim]) -> Counter[UUID]:
    return Counter(claimed.workspace for claimed in claims)


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
            first = rotation(now, 3)
            favoured = {workspaces[first], workspaces[(first + 1) % 3]}
            assert claimed == {
                workspace: 2 if workspace in favoured else 1 for workspace in workspaces
            }, number

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

        served: Counter[UUID] = Counter()
        for number in range(100):
            served += _workspaces(claim(storage, now=AT + number * _SECOND, limit=1))

        assert min(served[workspace] for workspace in workspaces) >= 3, served

    def test_every_lane_is_fair_and_no_lane_starves(self) -> None:
        storage = self.make_storage()
        for lane in Lane:
            add(storage, *_of(_LARGE, 100, late=60, lane=lane), *_of(_SMALL, 1, lane=lane))

        claimed = claim(storage, limit=32)

        served = Counter(
            (claimed_message.delivery.lane, claimed_message.workspace)
            for claimed_message in claimed
        )
        assert served[Lane.TWO_FACTOR, _LARGE] == 19
        assert all(served[lane, _LARGE] == 3 for lane in Lane if lane is not Lane.TWO_FACTOR)
        assert all(served[lane, _SMALL] == 1 for lane in Lane)

    def test_no_message_waits_for_ever_while_others_keep_adding(self) -> None:
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

    def test_no_channel_gets_more_than_it_has_places(self) -> None:
        storage = self.make_storage()
        add(storage, *_through(_SLOW, 50, late=60), *_through(_FAST, 5))

        first = claim(storage, places={_SLOW: 3})
        second = claim(storage, places={_SLOW: 0, _FAST: 0})
        third = claim(storage, places={_SLOW: 0})

        assert _channels(first) == {_SLOW: 3, _FAST: 5}
        assert (second, third) == ([], [])
        assert _channels(claim(storage, limit=10)) == {_SLOW: 10}

    def test_of_a_channel_with_few_places_the_longest_due_go_first(self) -> None:
        storage = self.make_storage()
        late, early = _through(_SLOW, 1, late=1), _through(_SLOW, 2, late=9)
        add(storage, *late, *early)

        assert ids(claim(storage, places={_SLOW: 2})) == ids(early)

    def test_the_channels_of_a_workspace_get_equally_much(self) -> None:
        storage = self.make_storage()
        add(storage, *_through(_SLOW, 50, late=60), *_through(_FAST, 50))
        add(storage, *_through(UUID(int=9), 3), *_through(UUID(int=6), 60, workspace=_SMALL))

        claimed = claim(storage, limit=46)

        assert _workspaces(claimed) == {_LARGE: 23, _SMALL: 23}
        assert _channels(claimed) == {_SLOW: 10, _FAST: 10, UUID(int=9): 3, UUID(int=6): 23}

    def test_places_of_a_full_channel_go_to_other_workspaces_and_lanes(self) -> None:
        storage = self.make_storage()
        add(storage, *_through(_SLOW, 90, late=60, lane=Lane.TWO_FACTOR))
        add(storage, *_through(_FAST, 20, workspace=_SMALL), *_of(_THIRD, 20))

        claimed = claim(storage, limit=40, places={_SLOW: 2, _FAST: 9})

        assert _workspaces(claimed) == {_LARGE: 2, _SMALL: 9, _THIRD: 20}

    def test_the_lanes_of_one_channel_share_its_places(self) -> None:
        storage = self.make_storage()
        for lane in Lane:
            add(storage, *_through(_SLOW, 30, lane=lane))

        claimed = claim(storage, places={_SLOW: 16})

        assert Counter(claimed_message.delivery.lane for claimed_message in claimed) == {
            Lane.TWO_FACTOR: 10,
            Lane.TRANSACTIONAL: 2,
            Lane.CONVERSATIONAL: 2,
            Lane.PROMOTIONAL: 2,
        }

    def test_a_suspect_takes_a_place_of_its_channel_and_waits_for_one(self) -> None:
        storage = self.make_storage()
        slow, fast = _through(_SLOW, 1, late=9), _through(_FAST, 1, late=3)
        add(storage, *slow, *fast)
        for claimed in claim(storage):
            due_at = claimed.delivery.due_at
            settle(
                storage, a_settlement(claimed, Status.PROCESSING, next_due_at=due_at, crashed=True)
            )
        fresh = _through(_FAST, 3)
        add(storage, *fresh)

        first = claim(storage, places={_SLOW: 0, _FAST: 2})
        second = claim(storage, places={_SLOW: 1, _FAST: 0})

        assert ids(first) == ids([fresh[0], fast[0]])
        assert ids(second) == ids(slow)
