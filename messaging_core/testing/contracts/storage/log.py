"""What every storage promises about receipts, evidence, interactions and events."""
# ruff: noqa: S101, D102, PLR2004 - asserts, names that are sentences, literal expectations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.event import Cursor, Event, EventKind
from messaging_core.models.delivery.evidence import Evidence, HandOver, Reported
from messaging_core.models.delivery.interaction import Interaction, InteractionType
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    KeptReceipt,
    Receipt,
    ReceiptState,
)
from messaging_core.models.messages.message import Part, Status
from messaging_core.models.policy.plan import Reason
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import (
    a_failure,
    a_kept_receipt,
    a_message,
    a_new_message,
    a_receipt,
    a_settlement,
    an_event,
    an_incoming_message,
)
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import (
    AT,
    LEASE,
    MICROSECOND,
    add,
    claim,
    delivery,
    get,
    hand_over,
    ids,
    settle,
    walk,
)

_HOUR: Final = timedelta(hours=1)


def _keep(storage: Storage, *receipts: KeptReceipt) -> list[int | None]:
    with storage.begin() as tx:
        return tx.receipts.keep(receipts)


def _mark(
    storage: Storage,
    position: int | None,
    state: ReceiptState,
    *,
    workspace: UUID = DEFAULT_WORKSPACE,
) -> None:
    assert position is not None
    with storage.begin() as tx:
        tx.receipts.mark(workspace, [position], state)


def _pending(storage: Storage, limit: int = 100) -> list[KeptReceipt]:
    with storage.begin(read_only=True) as tx:
        return tx.receipts.pending(limit=limit)


def _waiting(storage: Storage, *references: str, workspace: UUID = DEFAULT_WORKSPACE) -> list[str]:
    with storage.begin(read_only=True) as tx:
        return [kept_receipt.key for kept_receipt in tx.receipts.unmatched(workspace, references)]


def _by_reference(
    storage: Storage, *references: str, workspace: UUID = DEFAULT_WORKSPACE
) -> dict[str, list[UUID]]:
    with storage.begin(read_only=True) as tx:
        by_reference = tx.messages.by_references(workspace, references)
    return {
        reference: [message_id for message_id, _ in places]
        for reference, places in by_reference.items()
    }


def _append(storage: Storage, *events: Event) -> None:
    with storage.begin() as tx:
        tx.timeline.append(events)


def _kinds_after(storage: Storage, position: int, limit: int = 100) -> list[EventKind]:
    with storage.begin(read_only=True) as tx:
        return [event.kind for event in tx.timeline.after(position, limit=limit)]


class LogContract:
    """Everything beside messages, deliveries and contacts."""

    def make_storage(self) -> Storage:
        """Return an empty storage."""
        raise NotImplementedError

    def test_a_receipt_comes_back_as_it_was_kept(self) -> None:
        storage = self.make_storage()
        status = a_receipt(
            reference="p-1",
            message_id=uuid4(),
            channel_id=uuid4(),
            recipient="ada@x.example",
            failure=a_failure(),
            provider_status="DELIVRD",
            raw='{"é": 1}',
        )
        opened = InteractionReceipt(source="provider", at=AT, type=InteractionType.OPENED)
        incoming = IncomingMessage(
            source="provider",
            at=AT,
            channel_id=uuid4(),
            sender="+31600000099",
            body=TextBody(text="STOP"),
        )
        receipts: list[Receipt] = [status, opened, incoming]
        kept_receipts = [
            a_kept_receipt(receipt, key=str(number)) for number, receipt in enumerate(receipts)
        ]

        positions = _keep(storage, *kept_receipts)

        pending = _pending(storage)
        assert [kept_receipt.receipt for kept_receipt in pending] == receipts
        assert [kept_receipt.position for kept_receipt in pending] == positions
        assert [kept_receipt.key for kept_receipt in pending] == ["0", "1", "2"]
        assert {(kept_receipt.workspace, kept_receipt.received_at) for kept_receipt in pending} == {
            (DEFAULT_WORKSPACE, AT)
        }

    def test_the_same_key_of_the_same_source_is_the_same_receipt(self) -> None:
        storage = self.make_storage()
        other_source = a_kept_receipt(a_receipt(source="other"))

        first = _keep(storage, a_kept_receipt(), a_kept_receipt())
        second = _keep(
            storage, a_kept_receipt(), other_source, a_kept_receipt(workspace=OTHER_WORKSPACE)
        )

        assert first[0] is not None
        assert first[1] is None
        assert second[0] is None
        assert None not in second[1:]
        assert len(_pending(storage)) == 3

    def test_receipts_are_pending_until_they_are_marked_the_oldest_first(self) -> None:
        storage = self.make_storage()
        positions = _keep(storage, *(a_kept_receipt(key=str(number)) for number in range(5)))

        _mark(storage, positions[0], ReceiptState.APPLIED)
        _mark(storage, positions[2], ReceiptState.UNMATCHED)

        assert [kept_receipt.key for kept_receipt in _pending(storage)] == ["1", "3", "4"]
        assert [kept_receipt.key for kept_receipt in _pending(storage, 2)] == ["1", "3"]

    def test_receipts_are_pending_page_by_page(self) -> None:
        storage = self.make_storage()
        receipts = [a_kept_receipt(key=f"k-{number}") for number in range(3)]
        first, second, third = _keep(storage, *receipts)

        with storage.begin(read_only=True) as tx:
            pages = [tx.receipts.pending(limit=2, after=position) for position in (0, second or 0)]

        assert [[kept_receipt.position for kept_receipt in page] for page in pages] == [
            [first, second],
            [third],
        ]

    def test_a_receipt_that_is_postponed_is_pending_again_when_it_is_due(self) -> None:
        storage = self.make_storage()
        first, second = _keep(storage, a_kept_receipt(key="first"), a_kept_receipt(key="second"))
        until = AT + timedelta(minutes=1)
        with storage.begin() as tx:
            tx.receipts.postpone(DEFAULT_WORKSPACE, first or 0, failures=3, until=until)
            tx.receipts.postpone(OTHER_WORKSPACE, second or 0, failures=3, until=until)

        with storage.begin(read_only=True) as tx:
            early = tx.receipts.pending(limit=9, due=until - timedelta(seconds=1), longest=_HOUR)
            late = tx.receipts.pending(limit=9, due=until)
            set_back = tx.receipts.pending(limit=9, due=until - timedelta(days=1), longest=_HOUR)
            all_of_them = tx.receipts.pending(limit=9)

        assert [kept_receipt.position for kept_receipt in early] == [second]
        assert late == set_back == all_of_them
        assert [kept_receipt.failures for kept_receipt in late] == [3, 0]

    def test_receipts_that_failed_are_listed_by_workspace_and_page(self) -> None:
        storage = self.make_storage()
        entries = [a_kept_receipt(key=str(number)) for number in range(4)]
        positions = _keep(storage, *entries, a_kept_receipt(workspace=OTHER_WORKSPACE))
        for position in positions[:3]:
            _mark(storage, position, ReceiptState.FAILED)
        _mark(storage, positions[4], ReceiptState.FAILED, workspace=OTHER_WORKSPACE)

        with storage.begin(read_only=True) as tx:
            first = tx.receipts.failed(DEFAULT_WORKSPACE, limit=2)
            second = tx.receipts.failed(DEFAULT_WORKSPACE, limit=2, after=first[-1].position)
            others = tx.receipts.failed(OTHER_WORKSPACE, limit=2)

        assert [[item.key for item in page] for page in (first, second)] == [["0", "1"], ["2"]]
        assert [item.position for item in others] == [positions[4]]
        assert [item.key for item in _pending(storage)] == ["3"]

    def test_a_receipt_waits_until_it_is_applied(self) -> None:
        storage = self.make_storage()
        positions = _keep(storage, *(a_kept_receipt(key=state) for state in ReceiptState))
        for position, state in zip(positions, ReceiptState, strict=True):
            _mark(storage, position, state)

        with storage.begin(read_only=True) as tx:
            waiting = {
                state
                for position, state in zip(positions, ReceiptState, strict=True)
                if tx.receipts.is_pending(DEFAULT_WORKSPACE, position or 0)
            }
            unknown = tx.receipts.is_pending(DEFAULT_WORKSPACE, 99)
            others = tx.receipts.is_pending(OTHER_WORKSPACE, positions[0] or 0)

        assert waiting == {ReceiptState.KEPT, ReceiptState.UNMATCHED}
        assert (unknown, others) == (False, False)

    def test_an_unmatched_receipt_is_found_by_the_reference_it_waits_for(self) -> None:
        storage = self.make_storage()
        waiting = a_kept_receipt(a_receipt(reference="p-1"), key="waiting")
        applied = a_kept_receipt(a_receipt(reference="p-1"), key="applied")
        positions = _keep(storage, waiting, applied, a_kept_receipt(key="without"))
        _mark(storage, positions[0], ReceiptState.UNMATCHED)
        _mark(storage, positions[1], ReceiptState.APPLIED)
        _mark(storage, positions[2], ReceiptState.UNMATCHED)

        assert _waiting(storage, "p-1", "p-2") == ["waiting"]
        assert _waiting(storage, "p-2") == []
        assert _waiting(storage, "p-1", workspace=OTHER_WORKSPACE) == []

    def test_a_receipt_may_be_marked_as_waiting_for_something_else(self) -> None:
        storage = self.make_storage()
        receipts = [a_kept_receipt(a_receipt(reference="p-1"), key=key) for key in ("other", "own")]
        other, own = _keep(storage, *receipts)
        with storage.begin() as tx:
            tx.receipts.mark(
                DEFAULT_WORKSPACE, [other or 0], ReceiptState.UNMATCHED, waits_for="message:1"
            )
            tx.receipts.mark(DEFAULT_WORKSPACE, [own or 0], ReceiptState.UNMATCHED)
            tx.receipts.mark(OTHER_WORKSPACE, [own or 0], ReceiptState.APPLIED)

        assert _waiting(storage, "message:1") == ["other"]
        assert _waiting(storage, "p-1") == ["own"]

    def test_a_receipt_that_was_rolled_back_was_never_kept(self) -> None:
        storage = self.make_storage()

        try:
            with storage.begin() as tx:
                tx.receipts.keep([a_kept_receipt()])
                raise KeyError  # noqa: TRY301 - that is the test
        except KeyError:
            pass

        assert _pending(storage) == []
        assert _keep(storage, a_kept_receipt()) != [None]

    def test_a_message_is_found_by_the_references_it_was_settled_with(self) -> None:
        storage = self.make_storage()
        new, incoming = a_new_message(), a_new_message(an_incoming_message(parts=_parts("in-1")))
        add(storage, new, incoming)
        (leased,) = claim(storage)

        settle(storage, a_settlement(leased, parts=_parts("p-1", "p-2")))

        assert _by_reference(storage, "p-1", "p-2", "in-1", "p-3") == {
            "p-1": ids([new]),
            "p-2": ids([new]),
            "in-1": ids([incoming]),
        }
        assert _by_reference(storage, "p-1", workspace=OTHER_WORKSPACE) == {}

    def test_a_reference_that_several_messages_have_finds_the_newest_first(self) -> None:
        storage = self.make_storage()
        older, newer = a_new_message(), a_new_message()
        add(storage, older, newer)
        for leased in reversed(claim(storage)):
            settle(storage, a_settlement(leased, parts=_parts("1")))

        assert _by_reference(storage, "1") == {"1": ids([newer, older])}

    def test_references_can_be_noted_that_are_no_parts(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        with storage.begin() as tx:
            tx.messages.add_references(new.workspace, new.message.id, ["late-1", "late-1"])
            tx.messages.add_references(OTHER_WORKSPACE, new.message.id, ["foreign"])

        assert _by_reference(storage, "late-1", "foreign") == {"late-1": ids([new])}
        assert get(storage, new) == new.message

    def test_an_updated_message_is_kept_and_found_as_it_is_given(self) -> None:
        storage = self.make_storage()
        new, untouched = a_new_message(), a_new_message()
        add(storage, new, untouched)
        failure = a_failure()
        changed = evolve(
            new.message,
            status=Status.DELIVERY_FAILED,
            failure=failure,
            reason="no such number",
            parts=_parts("p-9"),
            last_status_at=AT + _HOUR,
            updated_at=AT + _HOUR,
        )

        with storage.begin() as tx:
            tx.messages.update(new.workspace, changed)
            tx.messages.update(OTHER_WORKSPACE, evolve(untouched.message, reason="foreign"))
            tx.messages.update(DEFAULT_WORKSPACE, a_message())

        assert get(storage, new) == changed
        assert get(storage, untouched) == untouched.message
        assert walk(storage, status=Status.DELIVERY_FAILED) == ids([new])
        assert walk(storage, failure_code=failure.code) == ids([new])
        assert _by_reference(storage, "p-9") == {"p-9": ids([new])}

    def test_a_delivery_that_is_finished_is_given_out_no_more(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        with storage.begin() as tx:
            first = tx.outbox.finish(new.workspace, new.message.id)
            second = tx.outbox.finish(new.workspace, new.message.id)

        assert (first, second) == (True, False)
        assert claim(storage) == []
        assert delivery(storage, new) is None
        assert get(storage, new) == new.message

    def test_finishing_takes_a_lease_away_until_it_was_handed_over(self) -> None:
        storage = self.make_storage()
        early, late = a_new_message(), a_new_message()
        add(storage, early, late)
        leased = {claimed.message.id: claimed for claimed in claim(storage)}
        hand_over(storage, leased[late.message.id])

        with storage.begin() as tx:
            finished = [tx.outbox.finish(new.workspace, new.message.id) for new in (early, late)]
            foreign = tx.outbox.finish(OTHER_WORKSPACE, late.message.id)

        assert (finished, foreign) == ([True, False], False)
        assert hand_over(storage, leased[early.message.id]) != [None]
        assert settle(storage, *(a_settlement(claimed) for claimed in leased.values())) == [
            new is late for new in (early, late)
        ]

    def test_a_delivery_says_whether_it_was_handed_over_under_its_lease(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)

        seen = [delivery(storage, new)]
        (leased,) = claim(storage)
        seen.append(delivery(storage, new))
        hand_over(storage, leased)
        seen.append(delivery(storage, new))
        settle(storage, a_settlement(leased, Status.PROCESSING, next_due_at=AT + LEASE))
        seen.append(delivery(storage, new))

        assert [state is not None and state.handed_over for state in seen] == [
            False,
            False,
            True,
            False,
        ]

    def test_a_claim_says_whether_the_worker_before_was_lost(self) -> None:
        storage = self.make_storage()
        add(storage, *(a_new_message() for _ in range(3)))
        first = claim(storage)
        hand_over(storage, first[0])
        settle(storage, a_settlement(first[2], Status.PROCESSING, next_due_at=AT + LEASE))

        second = claim(storage, now=AT + LEASE)

        assert [(claimed.lapsed, claimed.doubted) for claimed in first] == [(False, False)] * 3
        lost = {claimed.message.id: (claimed.lapsed, claimed.doubted) for claimed in second}
        assert [lost[claimed.message.id] for claimed in first] == [
            (True, True),
            (True, False),
            (False, False),
        ]

    def test_a_claim_says_whether_it_was_in_doubt_before_that_worker(self) -> None:
        storage = self.make_storage()
        once, twice, waits = (a_new_message() for _ in range(3))
        add(storage, once, twice, waits)
        for claimed in claim(storage):
            is_new = claimed.message.id == once.message.id
            details = None if is_new else "in_doubt"
            settle(
                storage,
                a_settlement(claimed, Status.PROCESSING, details=details, next_due_at=AT + LEASE),
            )
        handed_over = {once.message.id, twice.message.id}
        again = claim(storage, now=AT + LEASE)
        marked = [claimed for claimed in again if claimed.message.id in handed_over]
        hand_over(storage, *marked, now=AT + LEASE)

        lost = [claimed for _ in again for claimed in claim(storage, now=AT + 2 * LEASE)]

        assert {claimed.message.id: claimed.doubted_before for claimed in lost} == {
            once.message.id: False,
            twice.message.id: True,
            waits.message.id: False,
        }

    def test_evidence_comes_back_and_is_replaced(self) -> None:
        storage = self.make_storage()
        new = a_new_message()
        add(storage, new)
        reported = Reported(
            recipient="ada@x.example",
            reference="p-1",
            delivered_at=AT,
            failed_at=AT + MICROSECOND,
            failure=a_failure(),
        )
        first = Evidence(doubted=True)
        second = Evidence(late=(HandOver(references=("p-1",)),), reported=(reported,))
        message_id = new.message.id

        evidence_read = []
        for evidence in (first, second):
            with storage.begin() as tx:
                tx.receipts.save_evidence(new.workspace, message_id, evidence)
            with storage.begin(read_only=True) as tx:
                evidence_read.append(tx.receipts.evidence(new.workspace, [message_id, uuid4()]))
                assert tx.receipts.evidence(OTHER_WORKSPACE, [message_id]) == {}

        assert evidence_read == [{message_id: first}, {message_id: second}]

    def test_interactions_are_listed_in_the_order_in_which_they_came(self) -> None:
        storage = self.make_storage()
        message = a_message()
        several = [
            Interaction(
                id=uuid4(),
                message_id=message.id,
                channel_id=message.channel_id,
                type=kind,
                created_at=AT,
            )
            for kind in (InteractionType.OPENED, InteractionType.CLICKED, InteractionType.OPENED)
        ]

        with storage.begin() as tx:
            for interaction in several:
                tx.receipts.add_interaction(DEFAULT_WORKSPACE, interaction)

        with storage.begin(read_only=True) as tx:
            assert tx.receipts.interactions(DEFAULT_WORKSPACE, message.id) == several
            first = tx.receipts.interactions(DEFAULT_WORKSPACE, message.id, limit=2)
            assert first == several[:2]
            assert tx.receipts.interactions(OTHER_WORKSPACE, message.id) == []
            assert tx.receipts.interactions(DEFAULT_WORKSPACE, uuid4()) == []

    def test_an_event_comes_back_as_it_was_appended(self) -> None:
        storage = self.make_storage()
        event = an_event(
            EventKind.ATTEMPTED,
            workspace=OTHER_WORKSPACE,
            status=Status.PROCESSING,
            at=AT + MICROSECOND,
            attempt=3,
            outcome="unknown",
            failure=a_failure(),
            references=("p-1", "p-2"),
            due_at=AT + _HOUR,
            in_doubt=True,
            reasons=(Reason(code="schedule.now", message="now", facts={"now": "é"}),),
            trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )

        _append(storage, an_event(message_id=event.message_id), event)

        with storage.begin(read_only=True) as tx:
            (read,) = tx.timeline.of_message(OTHER_WORKSPACE, event.message_id)
            everything = tx.timeline.after(0, limit=10)
        assert read == evolve(event, position=read.position)
        assert everything[1] == read

    def test_attempts_are_counted_by_message(self) -> None:
        storage = self.make_storage()
        first, second, third = uuid4(), uuid4(), uuid4()
        tried = EventKind.ATTEMPTED

        _append(storage, an_event(EventKind.ADMITTED, message_id=first))
        for message_id in (first, second, first, uuid4()):
            _append(storage, an_event(tried, message_id=message_id))
        _append(storage, an_event(tried, message_id=second, workspace=OTHER_WORKSPACE))

        with storage.begin(read_only=True) as tx:
            numbers = tx.timeline.attempts(DEFAULT_WORKSPACE, [first, second, third])
            none = tx.timeline.attempts(DEFAULT_WORKSPACE, [])
        assert (dict(numbers), dict(none)) == ({first: 2, second: 1}, {})

    def test_the_first_events_of_a_message_are_those_that_were_written_first(self) -> None:
        storage, message_id = self.make_storage(), uuid4()
        kinds = [EventKind.ADMITTED, EventKind.ATTEMPTED, EventKind.REPORTED, EventKind.LATE]
        events = [an_event(kind, message_id=message_id) for kind in kinds]
        _append(storage, *events[:2])
        with storage.begin(read_only=True) as tx:
            assert tx.timeline.after(0, limit=10)
        _append(storage, events[2])

        with storage.begin() as tx:
            tx.timeline.append(events[3:])
            for limit in (1, 2, 3, 4, None):
                read = tx.timeline.of_message(DEFAULT_WORKSPACE, message_id, limit=limit)
                assert [event.kind for event in read] == kinds[:limit]

    def test_events_are_read_in_the_order_of_commits(self) -> None:
        storage = self.make_storage()
        kinds = [EventKind.ADMITTED, EventKind.ATTEMPTED, EventKind.REPORTED, EventKind.LATE]

        for kind in kinds:
            _append(storage, an_event(kind))

        with storage.begin(read_only=True) as tx:
            positions = [event.position for event in tx.timeline.after(0, limit=10)]
            assert tx.timeline.last_position() == positions[-1]
        assert positions == sorted(set(positions))
        assert _kinds_after(storage, 0) == kinds
        assert _kinds_after(storage, 0, limit=2) == kinds[:2]
        assert _kinds_after(storage, positions[1]) == kinds[2:]
        assert _kinds_after(storage, positions[-1]) == []

    def test_events_that_cannot_be_read_are_taken_out_and_hold_up_no_other(self) -> None:
        storage = self.make_storage()
        damaged: Any = "torn"
        message_id = uuid4()
        with storage.begin() as tx:
            tx.timeline.subscribe("host", from_start=True)
        good = an_event(message_id=message_id)
        torn = evolve(good, kind=damaged)

        _append(storage, good, torn, torn, torn, good, torn)

        with storage.begin(read_only=True) as tx:
            first, second = tx.timeline.of_message(good.workspace, message_id)
            assert tx.timeline.of_message(good.workspace, message_id, limit=1) == [first]
            assert tx.timeline.after(0, limit=2)[:1] == [first]
            assert tx.timeline.after(first.position, limit=2) == [second]
            assert tx.timeline.after(second.position, limit=2) == []
        with storage.begin() as tx:
            assert tx.timeline.after(0, limit=9) == [first, second]
            cursor = tx.timeline.lease_cursor("host", now=AT, lease=_HOUR)
            assert cursor is not None
            tx.timeline.advance_cursor(evolve(cursor, position=second.position))
            assert not tx.timeline.is_behind("host")
        _append(storage, good)

        with storage.begin(read_only=True) as tx:
            positions = tx.timeline.damaged(limit=9)
            (last,) = tx.timeline.after(second.position, limit=9)
            assert tx.timeline.is_behind("host")
            assert tx.timeline.damaged(limit=1) == positions[:1]
        assert len(positions) == 4
        assert first.position < positions[0] < second.position < positions[-1] < last.position

    def test_a_subscription_begins_where_it_was_told_to_and_only_once(self) -> None:
        storage = self.make_storage()
        _append(storage, an_event(EventKind.ADMITTED))

        with storage.begin() as tx:
            tx.timeline.subscribe("new", from_start=False)
            tx.timeline.subscribe("all", from_start=True)
            tx.timeline.subscribe("all", from_start=False)
        _append(storage, an_event(EventKind.LATE))

        read = {}
        with storage.begin() as tx:
            for name in ("new", "all"):
                cursor = tx.timeline.lease_cursor(name, now=AT, lease=_HOUR)
                assert cursor is not None
                read[name] = [event.kind for event in tx.timeline.after(cursor.position, limit=10)]
        assert read == {
            "new": [EventKind.LATE],
            "all": [EventKind.ADMITTED, EventKind.LATE],
        }

    def test_a_subscription_knows_whether_it_is_behind(self) -> None:
        storage = self.make_storage()
        answers = []

        def ask() -> None:
            with storage.begin(read_only=True) as tx:
                answers.append(tx.timeline.is_behind("host"))

        ask()
        with storage.begin() as tx:
            tx.timeline.subscribe("host", from_start=False)
        ask()
        _append(storage, an_event())
        ask()
        with storage.begin() as tx:
            cursor = tx.timeline.lease_cursor("host", now=AT, lease=_HOUR)
            assert cursor is not None
            (event,) = tx.timeline.after(cursor.position, limit=10)
            tx.timeline.advance_cursor(evolve(cursor, position=event.position))
        ask()

        assert answers == [False, False, True, False]

    def test_a_subscription_is_leased_to_one_at_a_time(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.timeline.subscribe("host", from_start=True)
            assert tx.timeline.cursor("host") == Cursor(name="host", position=0)
            assert tx.timeline.cursor("another") is None
            first = tx.timeline.lease_cursor("host", now=AT, lease=_HOUR)
            assert tx.timeline.cursor("host") == first
            early = tx.timeline.lease_cursor("host", now=AT + _HOUR - MICROSECOND, lease=_HOUR)
            second = tx.timeline.lease_cursor("host", now=AT + _HOUR, lease=_HOUR)
            unknown = tx.timeline.lease_cursor("other", now=AT, lease=_HOUR)

            assert first is not None
            assert second is not None
            stale = tx.timeline.advance_cursor(evolve(first, position=9))
            moved = tx.timeline.advance_cursor(evolve(second, position=7, failures=2))
            third = tx.timeline.lease_cursor("host", now=AT + _HOUR, lease=_HOUR)

        assert (early, unknown) == (None, None)
        assert (stale, moved) == (False, True)
        assert third == Cursor(name="host", position=7, failures=2, fence=second.fence + 1)

    def test_a_subscription_rests_until_it_is_to_be_resumed(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.timeline.subscribe("host", from_start=True)
            cursor = tx.timeline.lease_cursor("host", now=AT, lease=LEASE)
            assert cursor is not None
            tx.timeline.advance_cursor(evolve(cursor, failures=1), resume_at=AT + _HOUR)

            early = tx.timeline.lease_cursor("host", now=AT + LEASE, lease=LEASE)
            later = tx.timeline.lease_cursor("host", now=AT + _HOUR, lease=LEASE)

        assert early is None
        assert later is not None
        assert later.failures == 1

    def test_a_rest_longer_than_the_longest_was_written_before_the_clock_was_set_back(self) -> None:
        storage = self.make_storage()
        with storage.begin() as tx:
            tx.timeline.subscribe("host", from_start=True)
            cursor = tx.timeline.lease_cursor("host", now=AT, lease=LEASE)
            assert cursor is not None
            tx.timeline.advance_cursor(evolve(cursor, failures=1), resume_at=AT + LEASE)

            unbounded = tx.timeline.lease_cursor("host", now=AT - _HOUR, lease=LEASE)
            at_most = tx.timeline.lease_cursor("host", now=AT, lease=LEASE, longest=LEASE)
            beyond = tx.timeline.lease_cursor(
                "host", now=AT - MICROSECOND, lease=LEASE, longest=LEASE
            )

        assert (unbounded, at_most) == (None, None)
        assert beyond is not None
        assert beyond.failures == 1

    def test_counters_add_up(self) -> None:
        storage = self.make_storage()
        with storage.begin(read_only=True) as tx:
            before = dict(tx.timeline.counters())

        for amounts in ({"a": 2}, {"a": 1, "b": 5}, {}):
            with storage.begin() as tx:
                tx.timeline.increment(amounts)

        with storage.begin(read_only=True) as tx:
            assert (before, tx.timeline.counters()) == ({}, {"a": 3, "b": 5})


def _parts(*references: str) -> tuple[Part, ...]:
    return tuple(Part(platform_reference=reference) for reference in references)
