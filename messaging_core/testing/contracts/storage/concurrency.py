"""What every storage promises about transactions that are open at the same time."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from contextlib import suppress
from functools import partial
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import Claim, NewMessage, Withdrawal
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing.builders import (
    A_NUMBER,
    a_contact,
    a_kept_receipt,
    a_message,
    a_new_message,
    a_settlement,
    an_event,
)
from messaging_core.testing.contracts.storage.interleaving import Step, interleaved, nothing
from messaging_core.testing.contracts.storage.steps import (
    AT,
    LEASE,
    MICROSECOND,
    add,
    claim,
    delivery,
    get,
    ids,
    walk,
    withdraw,
)

_WORKSPACE: Final = DEFAULT_WORKSPACE
_NUMBER: Final = Identifier(identifier_key="phonenumber", identifier_value=A_NUMBER)
_STOP: Final = Suppression(
    identifier_key="phonenumber",
    identifier_value=A_NUMBER,
    scope=SuppressionScope.MARKETING,
    cause=SuppressionCause.UNSUBSCRIBE,
    at=AT,
)
_BOTH_WAYS: Final = ("aabb", "abab", "abba")
"""One after the other, and the second step of one between those of the other."""


class ConcurrencyContract:
    """Inherit `StorageContract`, which has all of this.

    Where a storage lets one transaction at a time write, the second waits when it begins; where it
    lets several, it waits at what both decide about. Either way it then sees what the first did.
    """

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_message_that_is_due_is_leased_by_one_of_two_claims(self) -> None:
        for order in _BOTH_WAYS:
            storage = self.make_storage()
            messages = [a_new_message() for _ in range(6)]
            add(storage, *messages)

            claims = interleaved(storage, order, a=[_claim(4), nothing], b=[_claim(4), nothing])

            leased = ids(claims["a"][0]) + ids(claims["b"][0])
            assert sorted(leased) == sorted(ids(messages))

    def test_a_suspect_is_leased_by_one_of_two_claims(self) -> None:
        storage = self.make_storage()
        add(storage, a_new_message())
        claim(storage)
        claim(storage, now=AT + LEASE)
        later = AT + 2 * LEASE

        def again(tx: Transaction) -> list[Claim]:
            return tx.outbox.claim(now=later, lease=LEASE, limit=5)

        claims = interleaved(storage, "abab", a=[again, nothing], b=[again, nothing])

        assert len(claims["a"][0]) + len(claims["b"][0]) == 1

    def test_of_two_settlements_under_one_lease_the_first_counts(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        (leased,) = claim(storage)
        sent, failed = (
            partial(_settle, leased, status) for status in (Status.SENT, Status.SENDING_FAILED)
        )

        answers = interleaved(storage, "abab", a=[sent, nothing], b=[failed, nothing])

        assert (answers["a"][0], answers["b"][0]) == ([True], [False])
        assert _status(storage, new) is Status.SENT

    def test_a_message_is_either_handed_over_or_cancelled(self) -> None:
        for order, handed_over in (("abab", True), ("baba", False)):
            storage, new = self.make_storage(), a_new_message()
            add(storage, new)
            (leased,) = claim(storage)

            answers = interleaved(
                storage, order, a=[_hand_over(leased), nothing], b=[_cancel(new), nothing]
            )

            marked, cancelled = answers["a"][0], answers["b"][0]
            wanted = ([None], False) if handed_over else ([Withdrawal.CANCELLED], True)
            assert (marked, cancelled) == wanted

    def test_a_message_is_either_settled_or_rescheduled(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        (leased,) = claim(storage)
        later = AT + 2 * LEASE

        def move(tx: Transaction) -> bool:
            moved = evolve(new.message, updated_at=later)
            return tx.outbox.reschedule(_WORKSPACE, moved, due_at=later, expires_at=later + LEASE)

        answers = interleaved(
            storage, "abab", a=[partial(_settle, leased, Status.SENT), nothing], b=[move, nothing]
        )

        assert (answers["a"][0], answers["b"][0]) == ([True], False)
        assert delivery(storage, new) is None

    def test_the_delivery_of_a_message_ends_once(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)

        def finish(tx: Transaction) -> bool:
            return tx.outbox.finish(_WORKSPACE, new.message.id)

        answers = interleaved(storage, "abab", a=[finish, nothing], b=[finish, nothing])

        assert (answers["a"][0], answers["b"][0]) == (True, False)

    def test_evidence_that_two_add_is_not_lost(self) -> None:
        for order in ("aabb", "abab", "abba", "baab"):
            storage, new = self.make_storage(), a_new_message()
            add(storage, new)

            before: dict[str, Evidence] = {}

            def read(name: str, tx: Transaction, new: NewMessage = new) -> None:
                stored = tx.receipts.evidence(_WORKSPACE, [new.message.id])
                before[name] = stored.get(new.message.id, Evidence())  # noqa: B023 - called here

            def prove(name: str, tx: Transaction, new: NewMessage = new) -> None:
                evidence = _with(before[name], doubted=name == "a")  # noqa: B023 - called here
                tx.receipts.save_evidence(_WORKSPACE, new.message.id, evidence)

            steps: dict[str, list[Step]] = {
                name: [partial(read, name), partial(prove, name)] for name in "ab"
            }
            interleaved(storage, order, **steps)

            with storage.begin(read_only=True) as tx:
                evidence = tx.receipts.evidence(_WORKSPACE, [new.message.id])[new.message.id]
            assert (evidence.doubted, evidence.handed_over) == (True, True)

    def test_a_change_of_a_message_is_seen_by_who_changes_it_next(self) -> None:
        storage = self.make_storage()
        new = a_new_message(a_message(status=Status.SENT))
        add(storage, new)

        def read(tx: Transaction) -> Message | None:
            return tx.messages.get(_WORKSPACE, new.message.id)

        def change(tx: Transaction) -> None:
            message = tx.messages.get(_WORKSPACE, new.message.id)
            assert message is not None
            tx.messages.update(_WORKSPACE, evolve(message, status=Status.DELIVERED))

        answers = interleaved(storage, "abab", a=[read, change], b=[read, nothing])

        assert answers["b"][0].status is Status.DELIVERED

    def test_the_second_with_an_idempotency_key_waits_and_sees_the_first(self) -> None:
        storage, new = self.make_storage(), a_new_message(key="k")

        answers = interleaved(storage, "abab", a=[_keys("k"), _adds(new)], b=[_keys("k"), nothing])

        assert answers["a"][0] == {}
        assert [message_id for message_id, _ in answers["b"][0].values()] == [new.message.id]

    def test_a_key_whose_transaction_was_rolled_back_is_free(self) -> None:
        storage, lost, new = self.make_storage(), a_new_message(key="k"), a_new_message(key="k")

        def fails(tx: Transaction) -> None:
            tx.messages.add([lost])
            raise KeyError

        with suppress(KeyError):
            interleaved(storage, "abab", a=[_keys("k"), fails], b=[_keys("k"), _adds(new)])

        assert walk(storage) == ids([new])

    def test_an_expired_key_is_taken_over_by_one_of_two(self) -> None:
        storage, old, new = self.make_storage(), a_new_message(key="k"), a_new_message(key="k")
        add(storage, old)
        after = AT

        def keys(tx: Transaction) -> Any:
            return tx.messages.by_keys(_WORKSPACE, ["k"], since=after)

        new = evolve(new, message=evolve(new.message, created_at=AT + LEASE))
        answers = interleaved(storage, "abab", a=[keys, _adds(new)], b=[keys, nothing])

        assert answers["a"][0] == {}
        assert [message_id for message_id, _ in answers["b"][0].values()] == [new.message.id]

    def test_two_keys_in_either_order_never_wait_in_a_circle(self) -> None:
        storage = self.make_storage()

        interleaved(storage, "abab", a=[_keys("k", "l"), nothing], b=[_keys("l", "k"), nothing])

    def test_a_contact_that_two_need_is_made_once(self) -> None:
        storage = self.make_storage()

        def ensure(name: str, tx: Transaction) -> list[str]:
            return tx.contacts.ensure(_WORKSPACE, [_NUMBER], now=AT, new_id=lambda: name)

        answers = interleaved(
            storage,
            "abab",
            a=[partial(ensure, "a"), nothing],
            b=[partial(ensure, "b"), nothing],
        )

        assert answers["a"][0] == answers["b"][0]
        with storage.begin(read_only=True) as tx:
            contacts = [tx.contacts.get(_WORKSPACE, name) for name in "ab"]
        assert [contact is not None for contact in contacts].count(True) == 1

    def test_a_change_of_a_contact_is_seen_by_who_changes_it_next(self) -> None:
        storage, contact = self.make_storage(), a_contact("ada", "ada@x.example", locale="nl")
        with storage.begin() as tx:
            tx.contacts.add([contact])

        def read(tx: Transaction) -> Any:
            return tx.contacts.get(_WORKSPACE, "ada")

        def change(tx: Transaction) -> None:
            tx.contacts.save(evolve(contact, locale="de"))

        answers = interleaved(storage, "abab", a=[read, change], b=[read, nothing])

        assert answers["b"][0].locale == "de"

    def test_a_receipt_that_comes_twice_at_once_is_kept_once(self) -> None:
        storage = self.make_storage()

        def keep(tx: Transaction) -> list[int | None]:
            return tx.receipts.keep([a_kept_receipt()])

        answers = interleaved(storage, "abab", a=[keep, nothing], b=[keep, nothing])

        positions = [*answers["a"][0], *answers["b"][0]]
        assert positions.count(None) == 1

    def test_a_receipt_is_applied_by_one_of_two(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            (position,) = tx.receipts.keep([a_kept_receipt()])
        assert position is not None

        def is_pending(tx: Transaction) -> bool:
            return tx.receipts.is_pending(DEFAULT_WORKSPACE, position)

        def apply(tx: Transaction) -> None:
            tx.receipts.mark(DEFAULT_WORKSPACE, [position], ReceiptState.APPLIED)

        answers = interleaved(storage, "abab", a=[is_pending, apply], b=[is_pending, nothing])

        assert (answers["a"][0], answers["b"][0]) == (True, False)

    def test_a_message_is_counted_before_the_next_decision_on_its_receiver(self) -> None:
        storage = self.make_storage()

        def count(tx: Transaction) -> Any:
            return tx.send_history.since(_WORKSPACE, "ada", platform="sms", since=AT)

        def record(tx: Transaction) -> None:
            tx.send_history.record(
                _WORKSPACE,
                "ada",
                platform="sms",
                message_id=UUID(int=1),
                at=AT,
                forget_before=AT - LEASE,
            )

        answers = interleaved(storage, "abab", a=[count, record], b=[count, nothing])

        assert (answers["a"][0], answers["b"][0]) == ([], [(AT, UUID(int=1))])

    def test_a_suppression_waits_for_a_decision_and_a_decision_for_a_suppression(self) -> None:
        def look(tx: Transaction) -> Any:
            return tx.suppressions.for_addresses(_WORKSPACE, [_NUMBER])

        def stop(tx: Transaction) -> None:
            tx.suppressions.add(_WORKSPACE, [_STOP])

        for order, seen in (("abab", {}), ("baba", {_NUMBER: [_STOP]})):
            storage = self.make_storage()
            answers = interleaved(storage, order, a=[look, look], b=[stop, nothing])
            # What it saw at first is still so when it commits.
            assert answers["a"] == [seen, seen]

    def test_a_subscription_gets_every_event_once_whatever_commits_first(self) -> None:
        for order in ("abbxayccz", "abcbxcyaz", "cbabxaycz", "abcabcxyz"):
            storage, reader = self.make_storage(), _Reader()
            with storage.begin() as tx:
                tx.timeline.subscribe("host", from_start=False)
            writers: dict[str, list[Step]] = {
                name: [partial(_appends, an_event(attempt=place)), nothing]
                for place, name in enumerate("abc", 1)
            }
            interleaved(
                storage, order, **writers, x=[reader.read], y=[reader.read], z=[reader.read]
            )
            with storage.begin() as tx:
                reader.read(tx)

            attempts = sorted(event.attempt or 0 for event in reader.events)
            assert attempts == [1, 2, 3], order

    def test_the_events_of_a_message_come_in_its_own_order(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)
        message_id = new.message.id

        turns: list[int] = []

        def tell(number: int, tx: Transaction) -> None:
            tx.messages.get(_WORKSPACE, message_id)
            turns.append(number)
            tx.timeline.append([an_event(message_id=message_id, attempt=number)])

        def other(tx: Transaction) -> None:
            tx.timeline.append([an_event(attempt=9)])

        interleaved(
            storage,
            "bbacacbc",
            a=[partial(tell, 1), nothing],
            b=[other, nothing, nothing],
            c=[nothing, partial(tell, 2), nothing],
        )

        with storage.begin() as tx:
            events = tx.timeline.after(0, limit=10)
        own = [event.attempt for event in events if event.message_id == message_id]
        assert own == turns

    def test_the_last_position_has_what_was_committed_although_a_reader_is_reading_it(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.timeline.append([an_event(attempt=number) for number in (1, 2)])

        def read(tx: Transaction) -> list[Event]:
            return tx.timeline.after(0, limit=10)

        def last(tx: Transaction) -> int:
            return tx.timeline.last_position()

        answers = interleaved(storage, "aba", a=[read, nothing], b=[last])

        assert answers["b"] == [answers["a"][0][-1].position]

    def test_what_two_count_at_once_is_counted(self) -> None:
        storage = self.make_storage()

        def count(tx: Transaction) -> None:
            tx.timeline.increment({"sent": 2, "failed": 1})

        interleaved(storage, "abab", a=[count, nothing], b=[count, nothing])

        with storage.begin(read_only=True) as tx:
            assert tx.timeline.counters() == {"sent": 4, "failed": 2}

    def test_a_cursor_is_leased_by_one_of_two(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.timeline.subscribe("host", from_start=True)

        def lease(tx: Transaction) -> Any:
            return tx.timeline.lease_cursor("host", now=AT, lease=LEASE)

        answers = interleaved(storage, "abab", a=[lease, nothing], b=[lease, nothing])

        assert [answers[name][0] is None for name in "ab"].count(True) == 1

    def test_a_walk_shows_every_message_once_that_was_there_when_it_began(self) -> None:
        storage = self.make_storage()
        early, late, other = (a_new_message() for _ in range(3))
        pages: list[UUID] = []

        interleaved(
            storage,
            "abab",
            a=[_adds(early), nothing],
            b=[_adds(late), nothing],
        )
        add(storage, other)
        pages = walk(storage, limit=1, reverse=True)

        assert sorted(pages) == sorted(ids([early, late, other]))
        assert pages[-1] == other.message.id


class _Reader:
    """Reads as a subscription does: from its cursor on, and notes how far it came."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._now = AT

    def read(self, tx: Transaction) -> None:
        """Read what is there."""
        self._now += 2 * LEASE
        cursor = tx.timeline.lease_cursor("host", now=self._now, lease=MICROSECOND)
        if cursor is None:
            return
        events = tx.timeline.after(cursor.position, limit=100)
        position = events[-1].position if events else cursor.position
        tx.timeline.advance_cursor(evolve(cursor, position=position))
        self.events += events


def _claim(limit: int) -> Step:
    return lambda tx: tx.outbox.claim(now=AT, lease=LEASE, limit=limit)


def _settle(claimed: Claim, status: Status, tx: Transaction) -> list[bool]:
    return tx.outbox.settle([a_settlement(claimed, status)])


def _hand_over(claimed: Claim) -> Step:
    return lambda tx: tx.outbox.hand_over([claimed.lease], now=AT)


def _cancel(new: NewMessage) -> Step:
    return lambda tx: withdraw(tx, new)


def _keys(*keys: str) -> Step:
    return lambda tx: tx.messages.by_keys(_WORKSPACE, keys, since=AT - MICROSECOND)


def _adds(new: NewMessage) -> Step:
    return lambda tx: tx.messages.add([new])


def _appends(event: Event, tx: Transaction) -> None:
    tx.timeline.append([event])


def _with(evidence: Evidence, *, doubted: bool) -> Evidence:
    return evolve(evidence, doubted=True) if doubted else evolve(evidence, handed_over=True)


def _status(storage: Storage, new: NewMessage) -> Status | None:
    message = get(storage, new)
    return message.status if message else None
