"""What every storage promises about roll-ups, and about reading events for them."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import Failure, FailureCode
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.rollups import (
    FIVE_MINUTES,
    ONE_DAY,
    Rollup,
    RollupAmount,
    RollupBy,
    RollupKey,
    RollupOutcome,
    RollupQuery,
    Tag,
    UncountedEvents,
)
from messaging_core.models.messages.message import Status
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import a_message, a_new_message, an_event
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, add, raised

_DAY: Final = AT.replace(hour=0, minute=0, second=0, microsecond=0)
_FIRST, _SECOND = UUID(int=1), UUID(int=2)
_ALL: Final = frozenset(RollupBy)


class RollupsContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_events_come_with_what_is_needed_to_count_them(self) -> None:
        storage = self.make_storage()
        new, other = a_new_message(a_message()), a_new_message(a_message())
        add(storage, new, other)
        message_id = new.message.id
        failure = Failure(code=FailureCode.EXPIRED, description="late")
        skip = because(ReasonCode.HOLDOUT_SKIPPED)
        events = [
            an_event(message_id=message_id, tags=("a", "b"), due_at=AT + FIVE_MINUTES),
            an_event(EventKind.INTERACTED, message_id=message_id, outcome="clicked", detail="x"),
            an_event(EventKind.ENDED, message_id=other.message.id, failure=failure),
            an_event(EventKind.ENDED, message_id=message_id, reasons=(skip,), at=AT + MICROSECOND),
        ]
        with storage.begin() as tx:
            tx.timeline.append(events)
            positions = [event.position for event in tx.timeline.after(0, limit=9)]

        start, middle, end = (
            _uncounted(storage, position, limit=limit)
            for position, limit in ((0, 2), (positions[1], 9), (positions[3], 9))
        )

        assert (start.reached, middle.reached, end.reached) == (positions[1], *[positions[3]] * 2)
        admitted, clicked = start.events
        assert admitted[:6] == (
            positions[0],
            DEFAULT_WORKSPACE,
            message_id.bytes,
            EventKind.ADMITTED,
            Status.ACCEPTED,
            AT,
        )
        assert (admitted.tags, admitted.due_at) == (("a", "b"), AT + FIVE_MINUTES)
        assert (clicked.outcome, clicked.detail) == ("clicked", "x")
        assert dict(start.earlier) == {}
        assert dict(start.channels) == {message_id.bytes: new.message.channel_id}
        assert [event.failure_code for event in middle.events] == [FailureCode.EXPIRED, None]
        assert middle.events[1].reasons == (ReasonCode.HOLDOUT_SKIPPED,)
        assert middle.events[1].at == AT + MICROSECOND
        assert sorted(middle.earlier[message_id.bytes]) == [admitted, clicked]
        assert set(middle.channels) == {message_id.bytes, other.message.id.bytes}
        assert list(end.events) == []

    def test_events_that_differ_in_time_only_are_one_to_look_back_at(self) -> None:
        storage, new = self.make_storage(), a_new_message(a_message())
        add(storage, new)
        opened = an_event(EventKind.INTERACTED, message_id=new.message.id, outcome="opened")
        with storage.begin() as tx:
            tx.timeline.append([an_event(message_id=new.message.id)])
            tx.timeline.append([evolve(opened, at=AT + n * MICROSECOND) for n in range(9)])
            tx.timeline.append([evolve(opened, outcome="clicked")])
            last = tx.timeline.after(0, limit=20)[-2].position

        (earlier,) = _uncounted(storage, last).earlier.values()
        with storage.begin(read_only=True) as tx:
            known = tx.rollups.uncounted(last, limit=9, known={new.message.id.bytes})

        assert len(known.events) == 1
        kinds = {(event.kind, event.outcome) for event in earlier}
        assert kinds == {(EventKind.ADMITTED, None), (EventKind.INTERACTED, "opened")}

    def test_a_message_that_is_gone_has_no_channel(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.timeline.append([an_event()])

        page = _uncounted(storage, 0)

        assert (len(page.events), dict(page.channels)) == (1, {})

    def test_amounts_are_added_up(self) -> None:
        storage = self.make_storage()
        _add(storage, an_amount(number=2, longest=3), an_amount(longest=1), an_amount(start=1))
        _add(storage, an_amount(number=4, longest=2))

        assert _find(storage) == [
            _rollup(number=7, longest=timedelta(seconds=3)),
            _rollup(start=_DAY + FIVE_MINUTES),
        ]

    def test_each_query_reads_what_it_asks_for(self) -> None:
        storage = self.make_storage()
        _add(
            storage,
            an_amount(),
            an_amount(workspace=OTHER_WORKSPACE),
            an_amount(tag="a"),
            an_amount(step=ONE_DAY, number=5),
            an_amount(channel_id=_SECOND),
            an_amount(start=-1),
            an_amount(start=2),
        )

        assert _find(storage, until=_DAY + 2 * FIVE_MINUTES) == [
            _rollup(),
            _rollup(channel_id=_SECOND),
        ]
        assert _find(storage, workspace=OTHER_WORKSPACE) == [_rollup()]
        assert _find(storage, tag="a") == [_rollup()]
        assert _find(storage, stored=ONE_DAY, step=ONE_DAY) == [_rollup(number=5)]
        assert _find(storage, channel_id=(_SECOND,)) == [_rollup(channel_id=_SECOND)]
        assert _find(storage, since=_DAY + FIVE_MINUTES) == [_rollup(start=_DAY + 2 * FIVE_MINUTES)]
        assert _find(storage, limit=1) == [_rollup()]

    def test_roll_ups_are_grouped_by_interval_and_as_asked(self) -> None:
        storage = self.make_storage()
        _add(
            storage,
            an_amount(longest=2),
            an_amount(start=1, detail="12004", outcome=RollupOutcome.SENDING_FAILED),
            an_amount(start=11, channel_id=_SECOND, longest=5),
            an_amount(start=12, number=3),
        )
        hour = 12 * FIVE_MINUTES
        whole = Rollup(number=6, longest=timedelta(seconds=5))

        assert _find(storage, by=frozenset(), step=None) == [whole]
        assert _find(storage, by=frozenset(), step=hour) == [
            evolve(whole, number=3, start=_DAY),
            Rollup(number=3, start=_DAY + hour),
        ]
        assert _find(storage, by=frozenset({RollupBy.OUTCOME}), step=None) == [
            Rollup(number=1, outcome=RollupOutcome.SENDING_FAILED),
            Rollup(number=5, outcome=RollupOutcome.SENT, longest=timedelta(seconds=5)),
        ]
        assert _find(storage, by=frozenset({RollupBy.DETAIL}), step=None) == [
            Rollup(number=5, detail="", longest=timedelta(seconds=5)),
            Rollup(number=1, detail="12004"),
        ]
        assert _find(storage, by=frozenset({RollupBy.CHANNEL}), step=None) == [
            Rollup(number=5, channel_id=_FIRST, longest=timedelta(seconds=2)),
            Rollup(number=1, channel_id=_SECOND, longest=timedelta(seconds=5)),
        ]

    def test_tags_are_kept_with_their_earliest_and_latest_time(self) -> None:
        storage = self.make_storage()
        tag = Tag(tag="a", since=AT, latest=AT)
        with storage.begin() as tx:
            tx.rollups.save_tags(DEFAULT_WORKSPACE, [tag, evolve(tag, tag="b")])
            tx.rollups.save_tags(OTHER_WORKSPACE, [evolve(tag, tag="c")])
            tx.rollups.save_tags(
                DEFAULT_WORKSPACE, [evolve(tag, since=AT - ONE_DAY, latest=AT + ONE_DAY)]
            )
            tx.rollups.save_tags(DEFAULT_WORKSPACE, [tag])

        with storage.begin(read_only=True) as tx:
            store = tx.rollups
            whole = Tag(tag="a", since=AT - ONE_DAY, latest=AT + ONE_DAY)
            assert store.tags(DEFAULT_WORKSPACE, ["a", "c", "?"]) == {"a": whole}
            listed = [store.list_tags(DEFAULT_WORKSPACE, after=name, limit=1) for name in ("", "a")]
            assert listed == [[whole], [evolve(tag, tag="b")]]
            assert store.list_tags(DEFAULT_WORKSPACE, after="b", limit=9) == []
            days = (_DAY.date() + timedelta(days=day) for day in (-1, 0))
            assert [store.count_tags(DEFAULT_WORKSPACE, day) for day in days] == [0, 2]
            assert store.count_tags(OTHER_WORKSPACE, date(2000, 1, 1)) == 0

    def test_old_roll_ups_and_tags_are_deleted_a_limited_number_at_a_time(self) -> None:
        storage = self.make_storage()
        _add(
            storage,
            *(an_amount(start=start) for start in range(4)),
            an_amount(workspace=OTHER_WORKSPACE),
        )
        with storage.begin() as tx:
            for name, latest in (("old", _DAY), ("new", _DAY + 2 * FIVE_MINUTES)):
                tx.rollups.save_tags(DEFAULT_WORKSPACE, [Tag(tag=name, since=_DAY, latest=latest)])

        before = _DAY + 2 * FIVE_MINUTES
        deleted = [
            _delete(storage, before=before, limit=1, workspace=DEFAULT_WORKSPACE) for _ in range(3)
        ]

        assert deleted == [1, 1, 0]
        left = [rollup.start for rollup in _find(storage)]
        assert left == [_DAY + 2 * FIVE_MINUTES, _DAY + 3 * FIVE_MINUTES]
        with storage.begin(read_only=True) as tx:
            assert set(tx.rollups.tags(DEFAULT_WORKSPACE, ["old", "new"])) == {"new"}
        assert len(_find(storage, workspace=OTHER_WORKSPACE)) == 1
        assert _delete(storage, before=before, limit=9) == 1

    def test_what_was_done_to_roll_ups_is_rolled_back(self) -> None:
        storage = self.make_storage()
        _add(storage, an_amount())

        def fail() -> None:
            with storage.begin() as tx:
                tx.rollups.add([an_amount(), an_amount(start=1)])
                tx.rollups.save_tags(DEFAULT_WORKSPACE, [Tag(tag="a", since=AT, latest=AT)])
                tx.rollups.delete(before=AT + ONE_DAY, limit=9)
                raise ZeroDivisionError

        raised(ZeroDivisionError, fail)

        assert _find(storage) == [_rollup()]
        with storage.begin(read_only=True) as tx:
            assert tx.rollups.tags(DEFAULT_WORKSPACE, ["a"]) == {}


def an_amount(start: int = 0, *, number: int = 1, longest: int = 0, **fields: Any) -> RollupAmount:
    """Return an amount of an interval, counted from the first of the day."""
    usual: dict[str, Any] = {
        "workspace": DEFAULT_WORKSPACE,
        "step": FIVE_MINUTES,
        "tag": "",
        "start": _DAY + start * FIVE_MINUTES,
        "channel_id": _FIRST,
        "outcome": RollupOutcome.SENT,
        "detail": "",
    }
    return RollupAmount(RollupKey(**{**usual, **fields}), number, timedelta(seconds=longest))


def _rollup(**fields: Any) -> Rollup:
    usual: dict[str, Any] = {
        "number": 1,
        "start": _DAY,
        "outcome": RollupOutcome.SENT,
        "detail": "",
        "channel_id": _FIRST,
    }
    return Rollup(**{**usual, **fields})


def _uncounted(storage: Storage, position: int, *, limit: int = 9) -> UncountedEvents:
    with storage.begin(read_only=True) as tx:
        return tx.rollups.uncounted(position, limit=limit)


def _add(storage: Storage, *amounts: RollupAmount) -> None:
    with storage.begin() as tx:
        tx.rollups.add(amounts)


def _find(storage: Storage, **fields: Any) -> list[Rollup]:
    usual: dict[str, Any] = {
        "workspace": DEFAULT_WORKSPACE,
        "since": _DAY,
        "until": _DAY + ONE_DAY,
        "by": _ALL,
    }
    with storage.begin(read_only=True) as tx:
        return tx.rollups.find(RollupQuery(**{**usual, **fields}))


def _delete(storage: Storage, **options: Any) -> int:
    with storage.begin() as tx:
        return tx.rollups.delete(**options)
