"""What every storage promises about taking out what is old."""
# ruff: noqa: S101, D102, PLR2004, TRY301 - asserts, names that are sentences, literal
# expectations, and a block that raises so that it is rolled back

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.decisions.status.redaction import (
    redacted,
    redacted_event,
    redacted_interaction,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import Retry
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import NewMessage, Withdrawal
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.evidence import Evidence, Reported
from messaging_core.models.delivery.interaction import Interaction, InteractionType
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.models.messages.message import Message, Part, Status
from messaging_core.models.policy.plan import Reason
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import (
    A_NUMBER,
    AN_ADDRESS,
    OUR_ADDRESS,
    a_failure,
    a_kept_receipt,
    a_message,
    a_new_message,
    a_receipt,
    a_settlement,
    a_subject,
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
    page,
    settle,
    walk,
)

LATER: Final = AT + timedelta(days=30)

Place = tuple[UUID, UUID]


def a_finished_message(**fields: Any) -> NewMessage:
    """Return a message that was sent, with everything that filters find it by."""
    its = {
        "tags": ("kerfuffle",),
        "reference": "order-1",
        "status": Status.SENT,
        "parts": (Part(platform_reference="p-1"),),
        "failure": a_failure(retry=Retry.PERMANENT),
        "to": AN_ADDRESS,
        "body": a_subject("Kerfuffle ahead"),
        **fields,
    }
    return a_new_message(a_message(**its))


def place_of(new: NewMessage) -> Place:
    """Return workspace and id of a message."""
    return (new.workspace, new.message.id)


def _old(storage: Storage, before: datetime = LATER, limit: int = 100, **how: Any) -> set[Place]:
    with storage.begin(read_only=True) as tx:
        expired = tx.retention.find_expired(before=before, limit=limit, **how)
    assert len(set(expired)) == len(expired)
    return set(expired)


def _erase(storage: Storage, *new: NewMessage) -> int:
    with storage.begin() as tx:
        return tx.retention.delete([place_of(message) for message in new])


def _redact(storage: Storage, *new: NewMessage) -> list[tuple[UUID, Message]]:
    with storage.begin() as tx:
        return tx.retention.redact([place_of(message) for message in new])


def _hang_things_on(storage: Storage, new: NewMessage) -> tuple[Event, Interaction]:
    """Give a message an event, evidence, an interaction and another reference."""
    event = an_event(
        workspace=new.workspace,
        message_id=new.message.id,
        failure=a_failure(retry=Retry.PERMANENT),
        reasons=(Reason(code="code", message="for people", facts={"fact": A_NUMBER}),),
    )
    interaction = Interaction(
        id=uuid4(),
        message_id=new.message.id,
        channel_id=new.message.channel_id,
        type=InteractionType.OPENED,
        created_at=AT,
        receiver=new.message.receiver,
        message_tags=new.message.tags,
    )
    with storage.begin() as tx:
        tx.timeline.append([event])
        tx.receipts.save_evidence(
            new.workspace, new.message.id, Evidence(reported=(Reported(recipient=AN_ADDRESS),))
        )
        tx.receipts.add_interaction(new.workspace, interaction)
        tx.messages.add_references(new.workspace, new.message.id, ["p-2"])
    return event, interaction


def _events(storage: Storage, new: NewMessage) -> list[Event]:
    with storage.begin(read_only=True) as tx:
        return [
            evolve(event, position=0)
            for event in tx.timeline.of_message(new.workspace, new.message.id)
        ]


def _log(storage: Storage, new: NewMessage) -> tuple[list[Event], int, list[Interaction], set[str]]:
    """Return what hangs on a message: events, evidence, interactions and references."""
    workspace, message_id = place_of(new)
    with storage.begin(read_only=True) as tx:
        return (
            _without_positions(tx.timeline.of_message(workspace, message_id)),
            len(tx.receipts.evidence(workspace, [message_id])),
            tx.receipts.interactions(workspace, message_id),
            set(tx.messages.by_references(workspace, ["p-1", "p-2"])),
        )


def _without_positions(events: list[Event]) -> list[Event]:
    return [evolve(event, position=0) for event in events]


_BY_WHAT_GOES: Final[tuple[dict[str, Any], ...]] = (
    {"tag": "kerfuffle"},
    {"reference": "order-1"},
    {"receiver": AN_ADDRESS},
    {"sender": OUR_ADDRESS},
    {"email_subject": "kerfuffle"},
)
_BY_WHAT_STAYS: Final[tuple[dict[str, Any], ...]] = (
    {"status": Status.SENT},
    {"platform": "email"},
    {"failure_code": 15001},
    {"failure_source_name": "provider"},
    {"start_at": AT, "end_at": AT + MICROSECOND},
)


class OldContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_old_is_what_was_accepted_before_an_instant(self) -> None:
        storage = self.make_storage()
        first, second = (a_finished_message(at=AT + place * MICROSECOND) for place in range(2))
        add(storage, second, first)

        assert _old(storage, before=AT) == set()
        assert _old(storage, before=AT + MICROSECOND) == {place_of(first)}
        assert _old(storage, before=AT + 2 * MICROSECOND) == {place_of(first), place_of(second)}

    def test_what_is_finished_in_any_way_is_old(self) -> None:
        storage = self.make_storage()
        finished = [
            a_finished_message(status=status)
            for status in Status
            if status not in {Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING}
        ]
        incoming = a_new_message(an_incoming_message())
        add(storage, *finished, incoming)

        assert _old(storage) == {place_of(message) for message in [*finished, incoming]}

    def test_what_waits_or_is_being_delivered_is_never_old(self) -> None:
        storage = self.make_storage()
        waiting, leased, gone, settled = (a_new_message() for _ in range(4))
        add(storage, leased, gone, settled)
        claims = claim(storage, limit=3)
        hand_over(storage, claims[1])
        settle(storage, a_settlement(claims[2]))
        add(storage, waiting)

        assert _old(storage, with_redacted=True) == {place_of(settled)}
        assert _erase(storage, waiting, leased, gone) == 0
        assert _redact(storage, waiting, leased, gone) == []
        assert get(storage, waiting) == waiting.message
        assert delivery(storage, waiting) == waiting.delivery
        assert settle(storage, a_settlement(claims[0])) == [True]

    def test_a_message_is_old_only_in_its_workspace_when_asked(self) -> None:
        storage = self.make_storage()
        mine = a_finished_message()
        other = evolve(a_finished_message(), workspace=OTHER_WORKSPACE)
        add(storage, mine, other)

        assert _old(storage, workspace=OTHER_WORKSPACE) == {place_of(other)}
        assert _old(storage, workspace=UUID(int=99)) == set()
        assert _old(storage) == {place_of(mine), place_of(other)}

    def test_a_purge_in_bites_comes_to_an_end(self) -> None:
        storage = self.make_storage()
        messages = [
            evolve(a_finished_message(), workspace=workspace)
            for workspace in (DEFAULT_WORKSPACE, OTHER_WORKSPACE, UUID(int=9))
            for _ in range(3)
        ]
        add(storage, *messages)
        sizes = []

        for take in ("redact", "delete"):
            for _ in range(4):
                with storage.begin() as tx:
                    old = tx.retention.find_expired(
                        before=LATER, limit=4, with_redacted=take == "delete"
                    )
                    getattr(tx.retention, take)(old)
                sizes.append(len(old))

        assert sizes == [4, 4, 1, 0, 4, 4, 1, 0]
        assert walk(storage) == []

    def test_nothing_is_old_in_an_empty_storage(self) -> None:
        storage = self.make_storage()

        assert _old(storage) == set()
        assert _erase(storage) == 0
        assert _redact(storage) == []


class EraseContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_purge_that_was_rolled_back_took_no_event_from_a_subscriber(self) -> None:
        storage = self.make_storage()
        first, second = a_finished_message(), a_finished_message()
        add(storage, first, second)
        events = [an_event(message_id=new.message.id) for new in (first, second)]
        with storage.begin() as tx:
            tx.timeline.append(events)
            tx.timeline.subscribe("host", from_start=True)
        with storage.begin() as tx:
            read = tx.timeline.after(0, limit=2)
            cursor = tx.timeline.lease_cursor("host", now=AT, lease=LEASE)
            assert cursor is not None
            tx.timeline.advance_cursor(evolve(cursor, position=read[0].position))

        try:
            with storage.begin() as tx:
                tx.retention.delete([place_of(first)])
                raise KeyError
        except KeyError:
            pass

        with storage.begin(read_only=True) as tx:
            assert tx.timeline.is_behind("host")
            assert tx.timeline.after(0, limit=3) == read

    def test_what_is_erased_is_gone_with_everything_that_hangs_on_it(self) -> None:
        storage, new, other = self.make_storage(), a_finished_message(), a_finished_message()
        add(storage, new, other)
        _hang_things_on(storage, new)
        event, interaction = _hang_things_on(storage, other)

        erased = _erase(storage, new, new, a_finished_message())

        assert erased == 1
        assert get(storage, new) is None
        assert _log(storage, new)[:3] == ([], 0, [])
        assert _log(storage, other) == ([event], 1, [interaction], {"p-1", "p-2"})
        for query in (*_BY_WHAT_GOES, *_BY_WHAT_STAYS, {"id": (new.message.id, other.message.id)}):
            assert walk(storage, **query) == ids([other])
        assert _old(storage, with_redacted=True) == {place_of(other)}

    def test_a_reference_finds_nothing_when_its_only_message_is_gone(self) -> None:
        storage, new = self.make_storage(), a_finished_message()
        add(storage, new)
        _hang_things_on(storage, new)

        _erase(storage, new)

        assert _log(storage, new)[3] == set()

    def test_a_message_of_another_workspace_is_not_erased_or_redacted(self) -> None:
        storage, new = self.make_storage(), a_finished_message()
        add(storage, new)
        foreign = evolve(new, workspace=OTHER_WORKSPACE)

        assert _erase(storage, foreign) == 0
        assert _redact(storage, foreign) == []
        assert get(storage, new) == new.message

    def test_an_idempotency_key_goes_on_standing_for_what_was_erased(self) -> None:
        storage = self.make_storage()
        new = a_new_message(a_message(status=Status.SKIPPED), key="k")
        add(storage, new)

        _erase(storage, new)

        with storage.begin(read_only=True) as tx:
            by_key = tx.messages.by_keys(DEFAULT_WORKSPACE, ["k"], since=AT - LEASE)
        assert by_key == {"k": (new.message.id, new.idempotency)}

    def test_a_contact_stays(self) -> None:
        storage, new = self.make_storage(), a_finished_message()
        add(storage, new)
        identifier = Identifier(identifier_key="emailaddress", identifier_value=AN_ADDRESS)
        with storage.begin() as tx:
            tx.contacts.ensure(DEFAULT_WORKSPACE, [identifier], now=AT, new_id=lambda: "c1")

        _erase(storage, new)

        with storage.begin(read_only=True) as tx:
            assert tx.contacts.get(DEFAULT_WORKSPACE, "c1") is not None

    def test_positions_of_events_go_on_growing(self) -> None:
        storage, new = self.make_storage(), a_finished_message()
        add(storage, new)
        with storage.begin() as tx:
            tx.timeline.subscribe("early", from_start=True)
        _hang_things_on(storage, new)
        with storage.begin() as tx:
            (last,) = tx.timeline.after(0, limit=10)
            cursor = tx.timeline.lease_cursor("early", now=AT, lease=LEASE)
            assert cursor is not None
            assert tx.timeline.advance_cursor(evolve(cursor, position=last.position))

        _erase(storage, new)
        with storage.begin() as tx:
            tx.timeline.subscribe("late", from_start=False)
            late = tx.timeline.lease_cursor("late", now=AT, lease=LEASE)
            tx.timeline.append([an_event(EventKind.RECEIVED)])

        assert late is not None
        for position in (0, last.position, late.position):
            with storage.begin(read_only=True) as tx:
                (event,) = tx.timeline.after(position, limit=10)
            assert event.kind is EventKind.RECEIVED
            assert event.position > position

    def test_a_lease_on_what_was_erased_is_worth_nothing_whatever_comes_after(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        (leased,) = claim(storage)
        settle(storage, a_settlement(leased))
        _erase(storage, new)
        following = a_new_message()
        add(storage, following)
        (other,) = claim(storage)

        assert hand_over(storage, leased) == [Withdrawal.SUPERSEDED]
        assert settle(storage, a_settlement(leased, Status.SENDING_FAILED)) == [False]
        assert settle(storage, a_settlement(other)) == [True]

    def test_a_page_token_stays_good_while_messages_vanish(self) -> None:
        storage = self.make_storage()
        messages = [a_finished_message() for _ in range(6)]
        add(storage, *messages)

        first = page(storage, limit=2, tag="kerfuffle")
        _erase(storage, *messages[3:])
        added = a_finished_message()
        add(storage, added)
        rest = walk(storage, limit=2, tag="kerfuffle", page_token=first.next_page_token)
        backwards = walk(storage, limit=2, reverse=True)

        assert ids(first.results) == ids([messages[5], messages[4]])
        assert rest == ids([messages[2], messages[1], messages[0]])
        assert backwards == ids([*messages[:3], added])

    def test_what_was_taken_out_is_back_when_the_block_raises(self) -> None:
        storage = self.make_storage()
        new, other = a_finished_message(), a_finished_message()
        add(storage, new, other)
        things = _hang_things_on(storage, new)
        _hang_things_on(storage, other)
        before = (walk(storage), _log(storage, new), _log(storage, other))

        try:
            with storage.begin() as tx:
                tx.retention.delete([place_of(new)])
                tx.retention.redact([place_of(other)])
                raise KeyError
        except KeyError:
            pass

        assert (walk(storage), _log(storage, new), _log(storage, other)) == before
        assert [get(storage, message) for message in (new, other)] == [new.message, other.message]
        assert _events(storage, new) == [things[0]]


class RedactContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_what_is_redacted_keeps_its_record_and_nothing_else(self) -> None:
        storage, new = self.make_storage(), a_finished_message()
        add(storage, new)
        event, interaction = _hang_things_on(storage, new)

        left = _redact(storage, new, new)

        assert left == [(new.workspace, redacted(new.message))]
        assert get(storage, new) == redacted(new.message)
        assert _log(storage, new) == (
            [redacted_event(event)],
            0,
            [redacted_interaction(interaction)],
            {"p-1", "p-2"},
        )

    def test_what_is_redacted_is_listed_and_found_by_what_it_still_shows(self) -> None:
        storage, new, other = self.make_storage(), a_finished_message(), a_finished_message()
        new = evolve(new, batch_id=UUID(int=5))
        add(storage, new, other)

        _redact(storage, new)

        assert list(page(storage).results) == [other.message, redacted(new.message)]
        for query in (*_BY_WHAT_STAYS, {"id": (new.message.id, other.message.id)}):
            assert walk(storage, **query) == ids([other, new])
        for query in _BY_WHAT_GOES:
            assert walk(storage, **query) == ids([other])
        assert walk(storage, batch_id=UUID(int=5)) == ids([new])

    def test_an_incoming_message_is_redacted_too(self) -> None:
        storage, new = self.make_storage(), a_new_message(an_incoming_message())
        add(storage, new)

        _redact(storage, new)

        assert walk(storage, direction="incoming") == ids([new])
        assert walk(storage, sender=A_NUMBER) == []
        assert get(storage, new) == redacted(new.message)

    def test_nothing_is_redacted_twice_and_what_was_redacted_can_be_erased(self) -> None:
        storage, new = self.make_storage(), a_finished_message()
        add(storage, new)
        _redact(storage, new)

        assert _redact(storage, new) == []
        assert _old(storage) == set()
        assert _old(storage, with_redacted=True) == {place_of(new)}
        assert _erase(storage, new) == 1
        assert get(storage, new) is None


class InboxRetentionContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_receipts_go_by_their_state_and_age(self) -> None:
        storage = self.make_storage()
        states = [*ReceiptState, *ReceiptState]
        for number, state in enumerate(states):
            _keep(storage, f"{number}", state, at=AT + number // len(ReceiptState) * LEASE)

        def erase(before: datetime, unmatched_before: datetime) -> int:
            return _erase_receipts(storage, before=before, unmatched_before=unmatched_before)

        assert erase(AT, AT) == 0
        assert erase(AT + MICROSECOND, AT) == 1
        assert erase(AT + MICROSECOND, AT + MICROSECOND) == 3
        assert erase(LATER, AT) == 1
        assert erase(LATER, LATER) == 3
        with storage.begin(read_only=True) as tx:
            assert [kept_receipt.key for kept_receipt in tx.receipts.pending(limit=9)] == ["0", "5"]
            assert tx.receipts.unmatched(DEFAULT_WORKSPACE, ["p-1"]) == []

    def test_receipts_go_in_bites_and_by_workspace(self) -> None:
        storage = self.make_storage()
        for number in range(6):
            workspace = DEFAULT_WORKSPACE if number < 4 else OTHER_WORKSPACE
            _keep(storage, f"{number}", ReceiptState.APPLIED, workspace=workspace)

        assert _erase_receipts(storage, workspace=OTHER_WORKSPACE, limit=1) == 1
        assert [_erase_receipts(storage, limit=2) for _ in range(4)] == [2, 2, 1, 0]

    def test_a_position_in_the_inbox_is_never_given_out_twice(self) -> None:
        storage = self.make_storage()
        gone = _keep(storage, "k", ReceiptState.APPLIED)
        _erase_receipts(storage)

        again = _keep(storage, "k", ReceiptState.KEPT)
        with storage.begin() as tx:
            tx.receipts.mark(DEFAULT_WORKSPACE, [again], ReceiptState.KEPT)

        assert again > gone


def _keep(
    storage: Storage,
    key: str,
    state: ReceiptState,
    *,
    at: datetime = AT,
    workspace: UUID = DEFAULT_WORKSPACE,
) -> int:
    receipt = a_kept_receipt(a_receipt(reference="p-1"), key=key, workspace=workspace)
    with storage.begin() as tx:
        (position,) = tx.receipts.keep([evolve(receipt, received_at=at)])
        assert position is not None
        tx.receipts.mark(workspace, [position], state)
    return position


def _erase_receipts(storage: Storage, **how: Any) -> int:
    usual: dict[str, Any] = {"before": LATER, "unmatched_before": LATER, "limit": 100}
    with storage.begin() as tx:
        return tx.retention.delete_receipts(**{**usual, **how})


class RetentionContract(OldContract, EraseContract, RedactContract, InboxRetentionContract):
    """Inherit `StorageContract`, which has all of this."""
