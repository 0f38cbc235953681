"""What every storage promises about giving messages out and taking the results in."""
# ruff: noqa: S101, D102, PLR2004 - asserts, names that are sentences, and literal expectations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import FailureSource
from messaging_core.models.delivery.delivery import (
    Claim,
    Controls,
    Delivery,
    Lane,
    Lease,
    NewMessage,
    Withdrawal,
)
from messaging_core.models.messages.message import Part, Status
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import (
    a_delivery,
    a_failure,
    a_message,
    a_new_message,
    a_settlement,
)
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import (
    AT,
    LEASE,
    MICROSECOND,
    add,
    cancel,
    claim,
    delivery,
    get,
    hand_over,
    ids,
    next_due,
    reschedule,
    restart_pauses,
    settle,
    walk,
)

_LATER: Final = AT + timedelta(hours=1)
_TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _backlog(
    storage: Storage, now: datetime
) -> dict[tuple[UUID, UUID, Lane], tuple[int, datetime]]:
    with storage.begin(read_only=True) as tx:
        backlog = tx.outbox.backlog(now=now, most=2)
    queues = [(entry.workspace, entry.channel_id, entry.lane) for entry in backlog]
    assert queues == sorted(queues)
    numbers = [(entry.number, entry.oldest_due_at) for entry in backlog]
    return dict(zip(queues, numbers, strict=True))


def _first_due(storage: Storage) -> dict[tuple[UUID, UUID], datetime]:
    with storage.begin(read_only=True) as tx:
        return dict(tx.outbox.first_due())


def _due(at_minute: float = 0, lane: Lane = Lane.TRANSACTIONAL) -> NewMessage:
    """Return a message that is due some minutes from now."""
    due_at = AT + timedelta(minutes=at_minute)
    return a_new_message(delivery=a_delivery(due_at, lane=lane))


class ClaimContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_claim_carries_the_message_and_its_delivery(self) -> None:
        storage = self.make_storage()
        controls = Controls(
            cap_frequency=True, notification_url="https://x.example/é", validity=60, trace=_TRACE
        )
        expected = Delivery(
            due_at=AT - MICROSECOND,
            expires_at=AT + timedelta(days=400, microseconds=1),
            lane=Lane.PROMOTIONAL,
            controls=controls,
        )
        new = a_new_message(a_message("é"), workspace=OTHER_WORKSPACE, delivery=expected)
        add(storage, new)

        (leased,) = claim(storage, now=AT + MICROSECOND, lease=LEASE)

        now = AT + MICROSECOND
        assert leased == Claim(
            workspace=OTHER_WORKSPACE,
            message=evolve(
                new.message, status=Status.PROCESSING, last_status_at=now, updated_at=now
            ),
            delivery=evolve(expected, attempts=1),
            lease=Lease(
                position=leased.lease.position,
                fence=leased.lease.fence,
                until=now + LEASE,
                workspace=OTHER_WORKSPACE,
                message_id=new.message.id,
            ),
        )

    def test_receivers_who_were_left_out_from_the_start_stay_out(self) -> None:
        storage = self.make_storage()
        expected = a_delivery(AT, accepted=("a@x.example",), refused=("b@x.example",))
        new = a_new_message(delivery=expected)
        add(storage, new)

        stored = delivery(storage, new)
        (leased,) = claim(storage)

        assert stored == expected
        assert leased.delivery == evolve(expected, attempts=1)

    def test_a_claimed_message_shows_as_processing(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        (leased,) = claim(storage)

        assert get(storage, new) == leased.message
        assert walk(storage, status=Status.PROCESSING) == ids([new])
        assert walk(storage, status=Status.ACCEPTED) == []

    def test_a_message_is_given_out_when_it_is_due_and_not_before(self) -> None:
        storage = self.make_storage()
        new = _due(1)
        add(storage, new)

        early = claim(storage, now=AT + timedelta(minutes=1) - MICROSECOND)
        due = claim(storage, now=AT + timedelta(minutes=1))

        assert (early, ids(due)) == ([], ids([new]))

    def test_a_message_without_delivery_is_never_given_out(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message(a_message(status=Status.SKIPPED)))

        assert claim(storage, now=AT + timedelta(days=10_000)) == []
        assert next_due(storage) is None

    def test_the_first_due_of_each_workspace_and_channel_is_known(self) -> None:
        storage = self.make_storage()
        minutes = [AT + timedelta(minutes=minute) for minute in range(4)]
        channels = [uuid4(), uuid4()]
        assert _first_due(storage) == {}
        for workspace, channel_id, lane, due_at in (
            (DEFAULT_WORKSPACE, channels[0], Lane.PROMOTIONAL, minutes[1]),
            (DEFAULT_WORKSPACE, channels[0], Lane.TWO_FACTOR, minutes[2]),
            (DEFAULT_WORKSPACE, channels[1], Lane.PROMOTIONAL, minutes[3]),
            (OTHER_WORKSPACE, channels[1], Lane.PROMOTIONAL, minutes[0]),
        ):
            message = a_message(channel_id=channel_id)
            add(
                storage,
                a_new_message(message, workspace=workspace, delivery=a_delivery(due_at, lane=lane)),
            )
        waiting = {
            (DEFAULT_WORKSPACE, channels[0]): minutes[1],
            (DEFAULT_WORKSPACE, channels[1]): minutes[3],
        }
        assert _first_due(storage) == {**waiting, (OTHER_WORKSPACE, channels[1]): minutes[0]}

        claim(storage, now=minutes[0], lease=timedelta(hours=1))

        leased_until = minutes[0] + timedelta(hours=1)
        assert _first_due(storage) == {**waiting, (OTHER_WORKSPACE, channels[1]): leased_until}

    def test_the_backlog_of_each_channel_and_lane_is_counted(self) -> None:
        storage = self.make_storage()
        minutes = [AT + timedelta(minutes=minute) for minute in range(4)]
        channels = [UUID(int=1), UUID(int=2)]
        for workspace, channel_id, lane, due_at in (
            (DEFAULT_WORKSPACE, channels[0], Lane.PROMOTIONAL, minutes[1]),
            (DEFAULT_WORKSPACE, channels[0], Lane.PROMOTIONAL, minutes[0]),
            (DEFAULT_WORKSPACE, channels[0], Lane.PROMOTIONAL, minutes[2]),
            (DEFAULT_WORKSPACE, channels[0], Lane.TWO_FACTOR, minutes[2]),
            (DEFAULT_WORKSPACE, channels[1], Lane.TWO_FACTOR, minutes[3]),
            (OTHER_WORKSPACE, channels[1], Lane.PROMOTIONAL, minutes[1]),
        ):
            message = a_message(channel_id=channel_id)
            delivery = a_delivery(due_at, lane=lane)
            add(storage, a_new_message(message, workspace=workspace, delivery=delivery))

        assert _backlog(storage, AT - MICROSECOND) == {}
        assert _backlog(storage, minutes[2]) == {
            (DEFAULT_WORKSPACE, channels[0], Lane.TWO_FACTOR): (1, minutes[2]),
            (DEFAULT_WORKSPACE, channels[0], Lane.PROMOTIONAL): (2, minutes[0]),
            (OTHER_WORKSPACE, channels[1], Lane.PROMOTIONAL): (1, minutes[1]),
        }
        claim(storage, now=minutes[2], lease=timedelta(hours=1))
        assert _backlog(storage, minutes[2]) == {}

    def test_an_expired_message_is_given_out_too(self) -> None:
        storage = self.make_storage()
        new = a_new_message(delivery=a_delivery(AT, expires_at=AT))
        add(storage, new)

        assert ids(claim(storage, now=_LATER)) == ids([new])

    def test_no_more_are_given_out_than_asked_for(self) -> None:
        storage = self.make_storage()
        add(storage, *(a_new_message() for _ in range(5)))

        sizes = [len(claim(storage, limit=limit)) for limit in (0, 1, 3, 3, 3)]

        assert sizes == [0, 1, 3, 1, 0]

    def test_a_lane_is_served_longest_due_first_and_then_in_the_order_added(self) -> None:
        storage = self.make_storage()
        messages = [_due(minute) for minute in (-1, -3, -2, -3, -1)]
        add(storage, *messages)

        claimed = ids(claim(storage, limit=2)) + ids(claim(storage, limit=3))

        assert claimed == ids(messages[place] for place in (1, 3, 2, 0, 4))

    def test_an_urgent_lane_is_served_first(self) -> None:
        storage = self.make_storage()
        messages = {lane: _due(-lane, lane) for lane in reversed(Lane)}
        add(storage, *messages.values())

        claimed = claim(storage)

        assert ids(claimed) == ids(messages[lane] for lane in Lane)

    def test_every_lane_gets_a_share_of_a_claim(self) -> None:
        storage = self.make_storage()
        for lane in Lane:
            add(storage, *(_due(lane=lane) for _ in range(40)))

        for limit in (len(Lane), 8, 30):
            lanes = [claimed.delivery.lane for claimed in claim(storage, limit=limit)]
            assert len(lanes) == limit
            assert set(lanes) == set(Lane), limit
            assert lanes.count(Lane.TWO_FACTOR) == max(lanes.count(lane) for lane in Lane)

    def test_a_flood_of_urgent_messages_starves_no_other(self) -> None:
        storage = self.make_storage()
        patient = _due(-60, Lane.PROMOTIONAL)
        add(storage, patient, *(_due(lane=Lane.TWO_FACTOR) for _ in range(30)))

        claimed = claim(storage, limit=len(Lane))

        assert patient.message.id in ids(claimed)

    def test_places_that_a_lane_does_not_need_go_to_the_others(self) -> None:
        storage = self.make_storage()
        add(storage, *(_due(lane=Lane.PROMOTIONAL) for _ in range(20)), _due(lane=Lane.TWO_FACTOR))

        assert len(claim(storage, limit=16)) == 16
        assert len(claim(storage, limit=16)) == 5

    def test_a_leased_message_is_not_claimed_again(self) -> None:
        storage = self.make_storage()
        add(storage, *(a_new_message() for _ in range(3)))
        claim(storage)

        for now in (AT, AT + LEASE - MICROSECOND, AT - timedelta(days=1)):
            assert claim(storage, now=now) == []

    def test_a_message_comes_back_when_its_lease_ends(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)
        (first,) = claim(storage)

        (second,) = claim(storage, now=AT + LEASE)

        assert second.message.id == new.message.id
        assert second.lease.position == first.lease.position
        assert second.lease.fence > first.lease.fence
        assert second.delivery.attempts == 2
        assert second.message.last_status_at == AT + LEASE

    def test_a_message_that_comes_back_goes_before_what_is_due_later(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)
        claim(storage)
        add(storage, *(_due(60) for _ in range(3)))

        assert ids(claim(storage, now=AT + timedelta(hours=2), limit=1)) == [new.message.id]

    def test_a_lease_that_ends_unsettled_counts_a_crash(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        crashes = []
        for hour in range(3):
            (claimed,) = claim(storage, now=AT + timedelta(hours=hour), lease=LEASE)
            crashes.append(claimed.delivery.crashes)

        stored = delivery(storage, new)
        assert crashes == [0, 1, 2]
        assert stored is not None
        assert stored.crashes == 2

    def test_a_crash_is_counted_when_a_settlement_says_so(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        for crashed in (True, False, True):
            (claimed,) = claim(storage)
            settle(
                storage, a_settlement(claimed, Status.PROCESSING, next_due_at=AT, crashed=crashed)
            )

        (claimed,) = claim(storage)
        assert claimed.delivery.crashes == 2

    def test_a_claim_holds_one_suspect_at_most_and_as_its_last(self) -> None:
        storage = self.make_storage()
        crashed = [_due(-3, Lane.TWO_FACTOR), _due(-2), _due(-1)]
        add(storage, *crashed)
        for claimed in claim(storage, now=AT):
            settle(
                storage,
                a_settlement(
                    claimed, Status.PROCESSING, next_due_at=claimed.delivery.due_at, crashed=True
                ),
            )
        fresh = [_due(), _due()]
        add(storage, *fresh)

        none = claim(storage, limit=1, suspects=False)
        first, second, third = (claim(storage, limit=limit) for limit in (3, 3, 1))

        assert ids(none) == ids(fresh[:1])
        assert ids(first) == ids([fresh[1], crashed[0]])
        assert (ids(second), ids(third)) == (ids(crashed[1:2]), ids(crashed[2:]))
        assert claim(storage) == []

    def test_a_suspect_that_crashed_more_than_once_comes_first(self) -> None:
        storage = self.make_storage()
        crashed = _due(-1)
        add(storage, crashed)
        for _ in range(2):
            (claimed,) = claim(storage)
            settle(
                storage,
                a_settlement(
                    claimed, Status.PROCESSING, next_due_at=claimed.delivery.due_at, crashed=True
                ),
            )
        fresh = [_due(-3, Lane.TWO_FACTOR), _due(-2)]
        add(storage, *fresh)

        assert ids(claim(storage, limit=2)) == ids([crashed, fresh[0]])
        assert ids(claim(storage)) == ids(fresh[1:])

    def test_what_was_never_scheduled_is_due_at_once_when_the_clock_is_set_back(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        scheduled = a_new_message(
            a_message(status=Status.SCHEDULED), delivery=a_delivery(AT + MICROSECOND)
        )
        add(storage, new, scheduled)
        now = AT - timedelta(hours=1)

        before = claim(storage, now=now)
        changed = [restart_pauses(storage, now=now, accepted_after=now) for _ in range(2)]

        assert (before, changed) == ([], [1, 0])
        assert delivery(storage, scheduled) == scheduled.delivery
        (leased,) = claim(storage, now=now)
        assert (leased.message.id, leased.delivery.due_at) == (new.message.id, now)
        assert restart_pauses(storage, now=now - timedelta(hours=1)) == 0

    def test_a_pause_lasts_as_long_when_the_clock_is_set_back(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)
        (leased,) = claim(storage)
        pause, now = timedelta(minutes=5), AT - timedelta(hours=1)
        settle(storage, a_settlement(leased, Status.PROCESSING, at=AT, next_due_at=AT + pause))

        assert restart_pauses(storage, now=AT) == 0
        assert restart_pauses(storage, now=now, accepted_after=AT) == 0
        assert restart_pauses(storage, now=now) == 1
        assert restart_pauses(storage, now=now) == 0

        assert next_due(storage) == now + pause
        assert claim(storage, now=now + pause - MICROSECOND) == []
        assert ids(claim(storage, now=now + pause)) == ids([new])

    def test_a_claim_that_was_rolled_back_never_was(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        try:
            with storage.begin() as tx:
                tx.outbox.claim(now=AT, lease=LEASE, limit=10)
                raise KeyError  # noqa: TRY301 - whatever the block raises
        except KeyError:
            pass

        assert get(storage, new) == new.message
        assert [claimed.delivery.attempts for claimed in claim(storage)] == [1]

    def test_eight_threads_share_the_messages_out_without_one_twice(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(400)]
        add(storage, *messages)

        def take_until_none_is_left(_: int) -> list[UUID]:
            taken: list[UUID] = []
            while claims := claim(storage, limit=7):
                assert all(settle(storage, *map(a_settlement, claims)))
                taken += ids(claims)
            return taken

        with ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(take_until_none_is_left, range(8)))

        assert sorted(message_id for share in shares for message_id in share) == sorted(
            ids(messages)
        )
        assert len(walk(storage, status=Status.SENT, limit=1000)) == 400


class SettleContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def claimed(self) -> tuple[Storage, NewMessage, Claim]:
        """Return a storage with one message, which is leased."""
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        (leased,) = claim(storage)
        return storage, new, leased

    def test_a_finished_message_shows_what_became_of_it(self) -> None:
        storage, new, leased = self.claimed()
        settlement = a_settlement(
            leased,
            Status.SENT,
            at=AT + MICROSECOND,
            reason="some were refused",
            details="partly_refused",
            # What to do about a failure is decided once, and not kept.
            failure=a_failure(),
            parts=(Part(platform_reference="p-1"), Part(platform_reference="p-2")),
        )

        valid = settle(storage, settlement)

        assert valid == [True]
        assert get(storage, new) == evolve(
            new.message,
            status=Status.SENT,
            last_status_at=AT + MICROSECOND,
            updated_at=AT + MICROSECOND,
            reason=settlement.reason,
            details=settlement.details,
            failure=settlement.failure,
            parts=settlement.parts,
        )

    def test_a_finished_message_is_never_given_out_again(self) -> None:
        storage, new, leased = self.claimed()

        settle(storage, a_settlement(leased))

        assert claim(storage, now=AT + timedelta(days=10_000)) == []
        assert delivery(storage, new) is None
        assert next_due(storage) is None

    def test_a_postponed_message_comes_back_with_what_was_reached(self) -> None:
        storage, new, leased = self.claimed()
        settlement = a_settlement(
            leased,
            Status.PROCESSING,
            next_due_at=_LATER,
            reason="busy",
            parts=(Part(platform_reference="p-1"),),
            accepted=("a@x.example", 'b"@x.example'),
            refused=("c@x.example",),
        )

        assert settle(storage, settlement) == [True]

        assert claim(storage, now=_LATER - MICROSECOND) == []
        (again,) = claim(storage, now=_LATER)
        assert again.message.id == new.message.id
        assert again.lease.fence > leased.lease.fence
        assert (again.message.reason, again.message.parts) == ("busy", settlement.parts)
        assert again.delivery == evolve(
            leased.delivery,
            due_at=_LATER,
            attempts=2,
            accepted=settlement.accepted,
            refused=settlement.refused,
        )

    def test_an_attempt_that_does_not_count_is_given_back(self) -> None:
        storage, _, leased = self.claimed()

        settle(storage, a_settlement(leased, Status.PROCESSING, next_due_at=AT, counts=False))

        (again,) = claim(storage)
        assert again.delivery.attempts == 1
        assert again.lease.fence > leased.lease.fence

    def test_what_a_settlement_leaves_out_is_gone(self) -> None:
        storage, new, leased = self.claimed()
        full = a_settlement(
            leased,
            Status.PROCESSING,
            next_due_at=AT,
            reason="busy",
            details="in_doubt",
            failure=a_failure(),
            parts=(Part(platform_reference="p-1"),),
            accepted=("a@x.example",),
        )
        settle(storage, full)
        (again,) = claim(storage)

        settle(storage, a_settlement(again, Status.PROCESSING, next_due_at=AT))

        (last,) = claim(storage)
        message = get(storage, new)
        assert message is not None
        assert (message.reason, message.details, message.failure) == (None, None, None)
        assert (message.parts, last.delivery.accepted) == ((), ())

    def test_a_settlement_under_an_older_fence_changes_nothing(self) -> None:
        storage, new, first = self.claimed()
        claim(storage, now=AT + LEASE)
        message, waiting = get(storage, new), delivery(storage, new)

        for stale in (
            a_settlement(first),
            a_settlement(first, Status.PROCESSING, next_due_at=AT, failure=a_failure()),
        ):
            assert settle(storage, stale) == [False]

        assert (get(storage, new), delivery(storage, new)) == (message, waiting)
        assert walk(storage, failure_code=a_failure().code) == []

    def test_a_fence_that_never_was_changes_nothing(self) -> None:
        storage, new, leased = self.claimed()
        message = get(storage, new)
        future = evolve(leased, lease=evolve(leased.lease, fence=leased.lease.fence + 1))
        nowhere = evolve(leased, lease=evolve(leased.lease, position=leased.lease.position + 1))

        assert settle(storage, a_settlement(future), a_settlement(nowhere)) == [False, False]

        assert get(storage, new) == message

    def test_a_lease_is_settled_once(self) -> None:
        storage, new, leased = self.claimed()
        settle(storage, a_settlement(leased, Status.SENT))

        assert settle(storage, a_settlement(leased, Status.SENDING_FAILED)) == [False]

        assert getattr(get(storage, new), "status", None) is Status.SENT

    def test_a_lease_that_was_postponed_is_settled_too(self) -> None:
        storage, _, leased = self.claimed()
        settle(storage, a_settlement(leased, Status.PROCESSING, next_due_at=_LATER))

        assert settle(storage, a_settlement(leased)) == [False]

        assert next_due(storage) == _LATER

    def test_of_two_settlements_at_once_the_first_counts(self) -> None:
        storage, new, leased = self.claimed()
        first = a_settlement(leased, Status.PROCESSING, next_due_at=_LATER)

        valid = settle(storage, first, a_settlement(leased, Status.SENT))

        assert valid == [True, False]
        assert getattr(get(storage, new), "status", None) is Status.PROCESSING

    def test_a_stale_settlement_does_not_spoil_a_good_one_beside_it(self) -> None:
        storage, new, first = self.claimed()
        (second,) = claim(storage, now=AT + LEASE)

        valid = settle(
            storage, a_settlement(first, Status.SENDING_FAILED), a_settlement(second, Status.SENT)
        )

        assert valid == [False, True]
        assert walk(storage, status=Status.SENT) == ids([new])

    def test_a_lease_that_has_ended_still_counts_until_the_next_claim(self) -> None:
        storage, new, leased = self.claimed()

        valid = settle(storage, a_settlement(leased, at=AT + 2 * LEASE))

        assert valid == [True]
        assert claim(storage, now=AT + 2 * LEASE) == []
        assert walk(storage, status=Status.SENT) == ids([new])

    def test_a_message_that_was_withdrawn_or_moved_since_is_not_settled(self) -> None:
        storage = self.make_storage()
        withdrawn, moved = a_new_message(), a_new_message()
        add(storage, withdrawn, moved)
        claims = claim(storage)
        assert cancel(storage, withdrawn, now=AT + LEASE)
        later = evolve(moved.message, updated_at=AT + LEASE, status=Status.SCHEDULED)
        assert reschedule(storage, moved, AT + 3 * LEASE, message=later)

        valid = settle(storage, *map(a_settlement, claims))

        assert valid == [False, False]
        assert walk(storage, status=Status.DELETED) == ids([withdrawn])
        assert get(storage, moved) == later

    def test_many_are_settled_at_once_each_on_its_own(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(6)]
        add(storage, *messages)
        claims = claim(storage)
        settle(storage, a_settlement(claims[1]))

        valid = settle(
            storage,
            a_settlement(claims[5], Status.SENDING_FAILED, failure=a_failure(15001)),
            a_settlement(claims[1]),
            a_settlement(claims[0], Status.PROCESSING, next_due_at=_LATER),
            a_settlement(claims[3]),
        )

        assert valid == [True, False, True, True]
        assert walk(storage, failure_code=15001) == ids([messages[5]])
        assert walk(storage, status=Status.SENT, reverse=True) == ids([messages[1], messages[3]])
        assert ids(claim(storage, now=_LATER)) == ids([messages[2], messages[4], messages[0]])

    def test_settling_nothing_is_no_fault(self) -> None:
        assert settle(self.make_storage()) == []

    def test_a_failure_is_searchable_as_soon_as_it_is_settled_and_no_longer(self) -> None:
        storage, new, leased = self.claimed()
        failure = a_failure(15003, source=FailureSource(code="421", name="smtp"))
        filters = {
            "failure_code": 15003,
            "failure_source_code": "421",
            "failure_source_name": "smtp",
        }

        settle(storage, a_settlement(leased, Status.PROCESSING, failure=failure, next_due_at=AT))
        message_ids = [walk(storage, **{name: value}) for name, value in filters.items()]
        settle(storage, a_settlement(claim(storage)[0]))
        found_later = [walk(storage, **{name: value}) for name, value in filters.items()]

        assert message_ids == [ids([new])] * 3
        assert found_later == [[]] * 3


class WaitingContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_message_that_waits_can_be_withdrawn(self) -> None:
        storage = self.make_storage()
        new, other = a_new_message(), a_new_message()
        add(storage, new, other)

        assert cancel(storage, new, now=AT + MICROSECOND)

        assert get(storage, new) == evolve(
            new.message,
            status=Status.DELETED,
            last_status_at=AT + MICROSECOND,
            updated_at=AT + MICROSECOND,
        )
        assert delivery(storage, new) is None
        assert walk(storage, status=Status.DELETED) == ids([new])
        assert ids(claim(storage, now=_LATER)) == ids([other])

    def test_a_message_between_two_attempts_can_be_withdrawn(self) -> None:
        storage, new, leased = self._claimed()
        settle(storage, a_settlement(leased, Status.PROCESSING, next_due_at=_LATER))

        assert cancel(storage, new)

        assert claim(storage, now=_LATER) == []

    def test_a_leased_message_is_not_moved(self) -> None:
        storage, new, leased = self._claimed()
        waiting = delivery(storage, new)

        moved = evolve(new.message, updated_at=AT + LEASE - MICROSECOND)
        assert not reschedule(storage, new, _LATER, message=moved)

        assert get(storage, new) == leased.message
        assert delivery(storage, new) == waiting

    def test_a_leased_message_can_be_withdrawn_and_then_not_be_handed_over(self) -> None:
        storage, new, leased = self._claimed()

        assert cancel(storage, new, now=AT)

        assert hand_over(storage, leased) == [Withdrawal.CANCELLED]
        assert settle(storage, a_settlement(leased)) == [False]
        assert walk(storage, status=Status.DELETED) == ids([new])

    def test_a_message_that_was_handed_over_is_neither_withdrawn_nor_moved(self) -> None:
        storage, new, leased = self._claimed()

        assert hand_over(storage, leased) == [None]

        for now in (AT, AT + LEASE):
            assert not cancel(storage, new, now=now)
            moved = evolve(new.message, updated_at=now)
            assert not reschedule(storage, new, _LATER, message=moved)
        assert settle(storage, a_settlement(leased)) == [True]

    def test_a_lease_is_handed_over_once_and_only_while_it_lasts(self) -> None:
        storage, _, leased = self._claimed()
        stale = evolve(leased, lease=evolve(leased.lease, fence=leased.lease.fence - 1))

        assert hand_over(storage, stale) == [Withdrawal.SUPERSEDED]
        assert hand_over(storage, leased, now=AT + LEASE) == [Withdrawal.SUPERSEDED]
        assert hand_over(storage, leased, leased) == [None, Withdrawal.SUPERSEDED]

    def test_a_message_past_its_expiry_is_not_handed_over(self) -> None:
        storage = self.make_storage()
        new = a_new_message(delivery=Delivery(due_at=AT, expires_at=AT + MICROSECOND))
        add(storage, new)
        (leased,) = claim(storage)

        assert hand_over(storage, leased, now=AT + MICROSECOND) == [Withdrawal.EXPIRED]
        assert hand_over(storage, leased) == [None]

    def test_a_lease_that_ends_after_the_hand_over_leaves_doubt_until_it_is_settled(self) -> None:
        storage, new, leased = self._claimed()
        hand_over(storage, leased)

        (again,) = claim(storage, now=AT + LEASE)
        (unmarked,) = claim(storage, now=AT + LEASE + LEASE)

        assert again.message.details == unmarked.message.details == "in_doubt"
        assert get(storage, new) == unmarked.message
        assert settle(storage, a_settlement(unmarked)) == [True]
        message = get(storage, new)
        assert message is not None
        assert message.details is None

    def test_a_settled_hand_over_leaves_no_doubt(self) -> None:
        storage, new, leased = self._claimed()
        hand_over(storage, leased)
        settle(storage, a_settlement(leased, status=Status.PROCESSING, next_due_at=AT))

        (again,) = claim(storage)

        assert again.message.details is None
        assert cancel(storage, new)

    def test_a_message_whose_lease_has_ended_can_be_withdrawn(self) -> None:
        storage, new, _ = self._claimed()

        assert cancel(storage, new, now=AT + LEASE)

        assert claim(storage, now=_LATER) == []

    def test_what_is_finished_or_not_there_is_neither_withdrawn_nor_moved(self) -> None:
        storage, finished, leased = self._claimed()
        settle(storage, a_settlement(leased))
        withdrawn, undeliverable, foreign = (
            a_new_message(),
            a_new_message(a_message(status=Status.SKIPPED)),
            a_new_message(),
        )
        add(storage, withdrawn, undeliverable, foreign)
        cancel(storage, withdrawn)
        elsewhere = evolve(foreign, workspace=OTHER_WORKSPACE)

        for new in (finished, withdrawn, undeliverable, elsewhere, a_new_message()):
            before = get(storage, new)
            assert not cancel(storage, new)
            assert not reschedule(storage, new, _LATER)
            assert get(storage, new) == before

        assert ids(claim(storage)) == ids([foreign])

    def test_a_message_that_waits_can_be_moved(self) -> None:
        storage = self.make_storage()
        new = a_new_message(lane=Lane.PROMOTIONAL)
        add(storage, new)
        moved = evolve(
            new.message,
            status=Status.SCHEDULED,
            scheduled_for=_LATER,
            last_status_at=AT + MICROSECOND,
            updated_at=AT + MICROSECOND,
        )

        assert reschedule(storage, new, _LATER, message=moved, expires_at=_LATER + LEASE)

        assert get(storage, new) == moved
        assert walk(storage, status=Status.SCHEDULED) == ids([new])
        assert walk(storage, status=Status.ACCEPTED) == []
        assert delivery(storage, new) == a_delivery(
            _LATER, expires_at=_LATER + LEASE, lane=Lane.PROMOTIONAL
        )
        assert next_due(storage) == _LATER
        assert claim(storage, now=_LATER - MICROSECOND) == []
        assert ids(claim(storage, now=_LATER)) == ids([new])

    def test_a_message_can_be_moved_again_and_nearer(self) -> None:
        storage = self.make_storage()
        new = a_new_message(delivery=a_delivery(_LATER))
        add(storage, new)

        assert reschedule(storage, new, _LATER + LEASE)
        assert reschedule(storage, new, AT)

        assert ids(claim(storage)) == ids([new])
        assert claim(storage) == []

    def test_moving_keeps_attempts_and_progress(self) -> None:
        storage, new, leased = self._claimed()
        settle(
            storage,
            a_settlement(leased, Status.PROCESSING, next_due_at=AT, accepted=("a@x.example",)),
        )

        assert reschedule(storage, new, _LATER)

        (again,) = claim(storage, now=_LATER)
        assert (again.delivery.attempts, again.delivery.accepted) == (2, ("a@x.example",))

    def test_a_moved_message_is_searched_by_what_it_is_now(self) -> None:
        storage, new, leased = self._claimed()
        settle(
            storage,
            a_settlement(leased, Status.PROCESSING, next_due_at=AT, failure=a_failure(15003)),
        )

        assert reschedule(storage, new, _LATER, message=evolve(new.message, failure=None))

        assert walk(storage, failure_code=15003) == []
        assert walk(storage, status=new.message.status) == ids([new])

    def test_a_delivery_tells_how_far_a_message_has_come(self) -> None:
        storage = self.make_storage()
        new = a_new_message(delivery=a_delivery(_LATER, lane=Lane.CONVERSATIONAL))
        add(storage, new)

        assert delivery(storage, new) == new.delivery
        assert delivery(storage, evolve(new, workspace=OTHER_WORKSPACE)) is None
        assert delivery(storage, a_new_message()) is None

    def test_a_leased_message_is_due_when_its_lease_ends(self) -> None:
        storage, new, leased = self._claimed()

        assert delivery(storage, new) == evolve(leased.delivery, due_at=AT + LEASE)
        assert next_due(storage) == AT + LEASE

    def test_the_next_due_time_is_the_earliest_of_all_lanes_and_workspaces(self) -> None:
        storage = self.make_storage()
        assert next_due(storage) is None
        add(storage, _due(7, Lane.TWO_FACTOR))
        assert next_due(storage) == AT + timedelta(minutes=7)
        earliest = evolve(_due(-2, Lane.PROMOTIONAL), workspace=OTHER_WORKSPACE)
        add(storage, earliest, _due(3, Lane.TRANSACTIONAL))

        assert next_due(storage) == AT - timedelta(minutes=2)
        cancel(storage, earliest)
        assert next_due(storage) == AT + timedelta(minutes=3)

    def _claimed(self) -> tuple[Storage, NewMessage, Claim]:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        (leased,) = claim(storage)
        return storage, new, leased
