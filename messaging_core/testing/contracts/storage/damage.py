"""What every storage promises about messages that it cannot read any more."""
# ruff: noqa: S101, D102, PLR2004 - asserts, names that are sentences and literal expectations

from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.errors import MessagingError
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.interaction import Interaction, InteractionType
from messaging_core.models.messages.message import Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.builders import AN_ADDRESS, a_message, a_new_message, an_event
from messaging_core.testing.contracts.storage.retention import a_finished_message, place_of
from messaging_core.testing.contracts.storage.steps import (
    AT,
    LEASE,
    add,
    claim,
    delivery,
    get,
    ids,
    page,
    raised,
    restart_pauses,
    walk,
)

_LATER: Final = AT + timedelta(days=30)
_TORN: Final[Any] = "torn"
_DAMAGES: Final[tuple[dict[str, Any], ...]] = ({"reason": 5}, {"scheduled_for": _TORN})
"""One in what changes of a message, and one in what does not."""
_FILTERS: Final[tuple[dict[str, Any], ...]] = (
    {"tag": "kerfuffle"},
    {"receiver": AN_ADDRESS},
    {"reference": "order-1"},
    {"email_subject": "kerfuffle"},
)


class DamageContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_damaged_message_that_is_claimed_is_put_aside_and_stops_no_other(self) -> None:
        storage = self.make_storage()
        torn = [_torn(a_new_message(), **damage) for damage in _DAMAGES]
        good = a_new_message()
        add(storage, *torn, good)

        assert ids(claim(storage)) == ids([good])
        assert [delivery(storage, new) for new in torn] == [None, None]
        assert set(_damaged(storage)) == set(ids(torn))
        assert len(_damaged(storage, limit=1)) == 1

    def test_a_damaged_message_is_left_out_of_listings_and_counted(self) -> None:
        storage = self.make_storage()
        torn = [_torn(a_finished_message(), **damage) for damage in _DAMAGES]
        good = a_finished_message()
        add(storage, torn[0], good, torn[1])

        assert list(page(storage).results) == [good.message]
        assert walk(storage, limit=1) == ids([good])
        assert [_count(storage, **its) for its in _FILTERS] == [3] * len(_FILTERS)
        for new in torn:
            raised(MessagingError, partial(get, storage, new))

    def test_what_is_redacted_of_a_damaged_message_is_all_but_its_row(self) -> None:
        storage = self.make_storage()
        good = a_finished_message()
        torn = [_torn(a_finished_message(), **damage) for damage in _DAMAGES]
        add(storage, *torn, good)
        for new in torn:
            _add_log(storage, new)

        with storage.begin() as tx:
            left = tx.retention.redact([place_of(new) for new in (*torn, good)])

        assert ids(message for _, message in left) == ids([good])
        assert [_count(storage, **its) for its in _FILTERS] == [0] * len(_FILTERS)
        assert _count(storage, status=Status.SENT) == 3
        assert set(_damaged(storage)) == set(ids(torn))
        assert _expired(storage) == []
        assert sorted(_expired(storage, with_redacted=True)) == sorted(map(place_of, [*torn, good]))
        for new in torn:
            with storage.begin(read_only=True) as tx:
                (event,) = tx.timeline.of_message(*place_of(new))
                (interaction,) = tx.receipts.interactions(*place_of(new))
            assert (event.tags, interaction.message_tags) == ((), ())

    def test_a_damaged_message_is_erased_wherever_it_is_listed(self) -> None:
        storage = self.make_storage()
        good = a_finished_message()
        torn = [_torn(a_finished_message(), **damage) for damage in _DAMAGES]
        add(storage, *torn, good)
        for new in torn:
            _add_log(storage, new)

        with storage.begin() as tx:
            assert tx.retention.delete([place_of(new) for new in torn]) == 2

        assert [_count(storage, **its) for its in _FILTERS] == [1] * len(_FILTERS)
        assert _expired(storage) == [place_of(good)]
        assert _damaged(storage) == []
        for new in torn:
            with storage.begin(read_only=True) as tx:
                assert tx.timeline.of_message(*place_of(new)) == []
                assert tx.receipts.interactions(*place_of(new)) == []

    def test_pauses_are_restarted_around_a_damaged_message(self) -> None:
        storage = self.make_storage()
        good = a_new_message(a_message(at=AT + LEASE))
        torn = _torn(a_new_message(a_message(at=AT + LEASE)), updated_at=_TORN)
        add(storage, torn, good)

        assert restart_pauses(storage, now=AT) == 1
        assert ids(claim(storage)) == ids([good])


def _torn(new: NewMessage, **damage: Any) -> NewMessage:
    return evolve(new, message=evolve(new.message, **damage))


def _damaged(storage: Storage, *, limit: int = 9) -> list[UUID]:
    with storage.begin(read_only=True) as tx:
        return tx.messages.damaged(limit=limit)


def _count(storage: Storage, **query: Any) -> int:
    """Return how many messages a filter finds; that reads none of them."""
    with storage.begin(read_only=True) as tx:
        return tx.messages.count(MessageQuery(**query), (), most=9).total


def _expired(storage: Storage, *, with_redacted: bool = False) -> list[tuple[UUID, UUID]]:
    with storage.begin(read_only=True) as tx:
        return tx.retention.find_expired(before=_LATER, limit=9, with_redacted=with_redacted)


def _add_log(storage: Storage, new: NewMessage) -> None:
    """Give a message an event, and two interactions of which one is damaged."""
    interaction = Interaction(
        id=uuid4(),
        message_id=new.message.id,
        channel_id=new.message.channel_id,
        type=InteractionType.OPENED,
        created_at=AT,
        message_tags=("kerfuffle",),
    )
    with storage.begin() as tx:
        tx.timeline.append([an_event(message_id=new.message.id, tags=("kerfuffle",))])
        tx.receipts.add_interaction(new.workspace, evolve(interaction, type=_TORN))
        tx.receipts.add_interaction(new.workspace, interaction)
