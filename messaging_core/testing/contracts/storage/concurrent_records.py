"""What every storage promises about records that two transactions write at the same time."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.errors import StorageConflictError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.rate import RateLog, RateUse
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.interaction import Interaction, InteractionType
from messaging_core.models.delivery.rollups import Rollup, RollupQuery, Tag
from messaging_core.models.messages.message import Status
from messaging_core.models.messages.received_file import FileState, NewFile
from messaging_core.models.people.directory import ContactList
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing.builders import (
    A_NUMBER,
    a_contact,
    a_contact_list,
    a_message,
    a_new_message,
    an_event,
)
from messaging_core.testing.contracts.storage.access_keys import an_access_key
from messaging_core.testing.contracts.storage.content import a_link, a_project
from messaging_core.testing.contracts.storage.interleaving import Step, interleaved, nothing
from messaging_core.testing.contracts.storage.received_files import a_received_file
from messaging_core.testing.contracts.storage.rollups import an_amount
from messaging_core.testing.contracts.storage.steps import AT, LEASE, add
from messaging_core.testing.contracts.storage.webhooks import a_webhook, a_webhook_subscription

_WORKSPACE: Final = DEFAULT_WORKSPACE
_NUMBER: Final = Identifier(identifier_key="phonenumber", identifier_value=A_NUMBER)
_HOUR: Final = timedelta(hours=1)
_BOTH_WAYS: Final = ("abab", "abba")


class ConcurrentRecordsContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_change_of_a_template_is_seen_by_who_changes_it_next(self) -> None:
        storage, project = self.make_storage(), a_project()
        with storage.begin() as tx:
            tx.templates.save(_WORKSPACE, project)
        changed = evolve(project, updated_at=AT + _HOUR)

        def read(tx: Transaction) -> TemplateProject | None:
            return tx.templates.get(_WORKSPACE, project.id)

        def change(tx: Transaction) -> None:
            tx.templates.save(_WORKSPACE, changed)

        answers = interleaved(storage, "abab", a=[read, change], b=[read, nothing])

        assert answers["b"][0] == changed

    def test_a_change_of_a_webhook_subscription_is_seen_by_who_changes_it_next(self) -> None:
        storage, subscription = self.make_storage(), a_webhook_subscription(1)
        with storage.begin() as tx:
            tx.webhooks.add(subscription, signing_key=None)
        changed = evolve(subscription, updated_at=AT + _HOUR)

        def read(tx: Transaction) -> Any:
            return tx.webhooks.get(_WORKSPACE, subscription.id)

        def change(tx: Transaction) -> None:
            tx.webhooks.update(changed)

        answers = interleaved(storage, "abab", a=[read, change], b=[read, nothing])

        assert answers["b"][0] == changed

    def test_of_two_templates_with_one_name_one_is_kept(self) -> None:
        storage = self.make_storage()

        def save(name: str, tx: Transaction) -> None:
            if tx.templates.by_name(_WORKSPACE, "parcels") is None:
                tx.templates.save(_WORKSPACE, a_project(name, name="parcels"))

        _both(storage, partial(save, "a"), partial(save, "b"))

        with storage.begin(read_only=True) as tx:
            assert len(tx.templates.find(_WORKSPACE, after="", limit=9)) == 1

    def test_of_two_lists_with_one_name_one_is_kept(self) -> None:
        storage, lists = self.make_storage(), [a_contact_list("vips"), a_contact_list("vips")]

        def save(new: ContactList, tx: Transaction) -> None:
            if not tx.lists.by_names(_WORKSPACE, ["vips"]):
                tx.lists.save(new)

        _both(storage, *(partial(save, new) for new in lists))

        with storage.begin(read_only=True) as tx:
            kept = [tx.lists.get(_WORKSPACE, new.id) for new in lists]
            (listed,) = tx.lists.by_names(_WORKSPACE, ["vips"]).values()
        assert [new.id for new in kept if new is not None] == [listed]

    def test_of_two_short_links_with_one_code_one_is_kept(self) -> None:
        storage, messages = self.make_storage(), [UUID(int=1), UUID(int=2)]

        def save(message_id: UUID, tx: Transaction) -> None:
            if tx.short_links.get("0aZ3xYp9QwE") is None:
                tx.short_links.add([a_link("0aZ3xYp9QwE", message_id)])

        _both(storage, *(partial(save, message_id) for message_id in messages))

        with storage.begin(read_only=True) as tx:
            links = [tx.short_links.of_message(_WORKSPACE, message_id) for message_id in messages]
            leading = tx.short_links.get("0aZ3xYp9QwE")
        assert [link for several in links for link in several] == [leading]

    def test_a_webhook_is_leased_by_one_of_two(self) -> None:
        for order in _BOTH_WAYS:
            storage = self.make_storage()
            with storage.begin() as tx:
                tx.webhooks.add(a_webhook_subscription(1), signing_key=None)
                tx.webhooks.add_deliveries([a_webhook(1)])

            def lease(tx: Transaction) -> Any:
                return tx.webhooks.claim(
                    _WORKSPACE, UUID(int=1), now=AT, lease=LEASE, longest=_HOUR
                )

            answers = interleaved(storage, order, a=[lease, nothing], b=[lease, nothing])

            assert [answers[name][0] is None for name in "ab"].count(True) == 1

    def test_a_received_file_is_leased_by_one_of_two(self) -> None:
        for order in _BOTH_WAYS:
            storage = self.make_storage()
            with storage.begin() as tx:
                tx.received_files.add([NewFile(file=a_received_file(1))])

            def lease(tx: Transaction) -> Any:
                return tx.received_files.claim(FileState.WAITING, now=AT, lease=LEASE, limit=5)

            answers = interleaved(storage, order, a=[lease, nothing], b=[lease, nothing])

            assert len(answers["a"][0]) + len(answers["b"][0]) == 1

    def test_what_two_add_to_a_roll_up_is_counted(self) -> None:
        storage = self.make_storage()

        def count(number: int, tx: Transaction) -> None:
            tx.rollups.add([an_amount(number=number, longest=number)])

        first, second = (partial(count, number) for number in (2, 3))
        interleaved(storage, "abab", a=[first, nothing], b=[second, nothing])

        with storage.begin(read_only=True) as tx:
            (rollup,) = _rollups(tx)
        assert (rollup.number, rollup.longest) == (5, timedelta(seconds=3))

    def test_a_tag_that_two_save_has_the_times_of_both(self) -> None:
        storage = self.make_storage()
        early, late = (Tag(tag="blue", since=at, latest=at) for at in (AT, AT + _HOUR))

        def save(tag: Tag, tx: Transaction) -> None:
            tx.rollups.save_tags(_WORKSPACE, [tag])

        first, second = (partial(save, tag) for tag in (late, early))
        interleaved(storage, "abab", a=[first, nothing], b=[second, nothing])

        with storage.begin(read_only=True) as tx:
            tags = tx.rollups.list_tags(_WORKSPACE, after="", limit=9)
        assert tags == [Tag(tag="blue", since=early.since, latest=late.latest)]

    def test_interactions_that_two_add_are_both_kept(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        both = [_interaction(new, number) for number in (1, 2)]

        interleaved(
            storage, "abab", a=[_interacts(both[0]), nothing], b=[_interacts(both[1]), nothing]
        )

        with storage.begin(read_only=True) as tx:
            kept = tx.receipts.interactions(_WORKSPACE, new.message.id)
        assert sorted(kept, key=lambda interaction: interaction.id) == both

    def test_a_reference_that_two_messages_get_leads_to_both(self) -> None:
        storage, messages = self.make_storage(), [a_new_message(), a_new_message()]
        add(storage, *messages)

        def refer(new: NewMessage, tx: Transaction) -> None:
            tx.messages.add_references(_WORKSPACE, new.message.id, ["r-1"])

        first, second = (partial(refer, new) for new in messages)
        interleaved(storage, "abab", a=[first, nothing], b=[second, nothing])

        with storage.begin(read_only=True) as tx:
            named = tx.messages.by_references(_WORKSPACE, ["r-1"])["r-1"]
        assert {message_id for message_id, _ in named} == {new.message.id for new in messages}

    def test_of_two_opt_ins_the_later_one_stays(self) -> None:
        for order in ("abab", "baba"):
            storage = self.make_storage()

            def opt_in(hours: int, tx: Transaction) -> None:
                at = AT + hours * _HOUR
                tx.suppressions.record_opt_in(_WORKSPACE, _NUMBER, sender="Shop", at=at)

            steps: dict[str, list[Step]] = {
                name: [partial(opt_in, hours), nothing] for hours, name in enumerate("ab")
            }
            interleaved(storage, order, **steps)

            with storage.begin(read_only=True) as tx:
                at = tx.suppressions.opted_in_at(_WORKSPACE, _NUMBER, sender="Shop")
            assert at == AT + _HOUR

    def test_a_contact_that_two_put_on_lists_is_on_both(self) -> None:
        storage, lists = self.make_storage(), [a_contact_list("a"), a_contact_list("b")]
        with storage.begin() as tx:
            tx.contacts.add([a_contact("ada", "ada@x.example")])
            for new in lists:
                tx.lists.save(new)

        def join(joined: ContactList, tx: Transaction) -> int:
            return tx.lists.add_members(_WORKSPACE, joined.id, ["ada"])

        first, second = (partial(join, new) for new in lists)
        answers = interleaved(storage, "abab", a=[first, nothing], b=[second, nothing])

        assert (answers["a"][0], answers["b"][0]) == (1, 1)
        with storage.begin(read_only=True) as tx:
            contact = tx.contacts.get(_WORKSPACE, "ada")
        assert contact is not None
        assert sorted(contact.list_ids) == sorted(new.id for new in lists)

    def test_a_list_that_is_deleted_while_a_contact_joins_is_on_no_contact(self) -> None:
        for order in ("abab", "baba"):
            storage, joined = self.make_storage(), a_contact_list("a")
            with storage.begin() as tx:
                tx.contacts.add([a_contact("ada", "ada@x.example")])
                tx.lists.save(joined)

            def join(tx: Transaction, list_id: UUID = joined.id) -> int:
                return tx.lists.add_members(_WORKSPACE, list_id, ["ada"])

            def delete(tx: Transaction, list_id: UUID = joined.id) -> bool:
                return tx.lists.delete(_WORKSPACE, list_id)

            answers = interleaved(storage, order, a=[join, nothing], b=[delete, nothing])

            assert answers["b"][0]
            with storage.begin(read_only=True) as tx:
                contact = tx.contacts.get(_WORKSPACE, "ada")
            assert contact is not None
            assert not contact.list_ids, order

    def test_the_use_of_a_rate_limit_is_seen_by_who_locks_it_next(self) -> None:
        storage, used = self.make_storage(), RateLog(uses=(RateUse(at=AT, count=7),))

        def lock(tx: Transaction) -> RateLog:
            return tx.rates.lock(_WORKSPACE, "http.changes")

        def use(tx: Transaction) -> None:
            tx.rates.put(_WORKSPACE, "http.changes", used)

        answers = interleaved(storage, "abab", a=[lock, use], b=[lock, nothing])

        assert (answers["a"][0], answers["b"][0]) == (RateLog(), used)

    def test_an_access_key_that_is_used_while_it_is_deleted_is_gone(self) -> None:
        for order in ("abab", "baba"):
            storage, key = self.make_storage(), an_access_key(1)
            with storage.begin() as tx:
                tx.access_keys.add(key, digest="0123456789abcdef" * 4)

            def delete(tx: Transaction, key_id: UUID = key.id) -> bool:
                return tx.access_keys.delete(_WORKSPACE, key_id)

            def use(tx: Transaction, key_id: UUID = key.id) -> None:
                tx.access_keys.mark_used(_WORKSPACE, key_id, at=AT + _HOUR)

            answers = interleaved(storage, order, a=[delete, nothing], b=[use, nothing])

            assert answers["a"][0]
            with storage.begin(read_only=True) as tx:
                assert tx.access_keys.find(key.id) is None

    def test_a_subscription_misses_nothing_when_its_reader_also_writes(self) -> None:
        for order in ("aabbbca", "babaabc"):
            storage, heard = self.make_storage(), list[Event]()
            with storage.begin() as tx:
                tx.timeline.subscribe("host", from_start=False)

            write, other = (partial(_appends, number) for number in (1, 2))
            read = partial(_reads, heard)
            steps: dict[str, list[Step]] = {
                "a": [write, read, nothing],
                "b": [other, nothing, nothing],
                "c": [lambda tx: tx.timeline.after(0, limit=9)],
            }
            interleaved(storage, order, **steps)
            with storage.begin() as tx:
                _reads(heard, tx)

            assert sorted(event.attempt or 0 for event in heard) == [1, 2], order

    def test_what_is_deleted_leaves_nothing_that_another_was_writing(self) -> None:
        storage = self.make_storage()
        new = a_new_message(a_message(status=Status.SENT), delivery=None)
        add(storage, new)
        message_id = new.message.id

        def write(tx: Transaction) -> None:
            assert tx.messages.get(_WORKSPACE, message_id) is not None
            tx.receipts.save_evidence(_WORKSPACE, message_id, Evidence(doubted=True))
            tx.receipts.add_interaction(_WORKSPACE, _interaction(new, 1))
            tx.timeline.append([an_event(message_id=message_id)])

        def delete(tx: Transaction) -> int:
            return tx.retention.delete([(_WORKSPACE, message_id)])

        answers = interleaved(storage, "abab", a=[write, nothing], b=[delete, nothing])

        assert answers["b"][0] == 1
        with storage.begin(read_only=True) as tx:
            assert tx.receipts.evidence(_WORKSPACE, [message_id]) == {}
            assert tx.receipts.interactions(_WORKSPACE, message_id) == []
            assert tx.timeline.of_message(_WORKSPACE, message_id) == []


def _both(storage: Storage, first: Step, second: Step) -> None:
    """Do two things at the same time, of which the second may have to give way."""
    with suppress(StorageConflictError):
        interleaved(storage, "abab", a=[first, nothing], b=[second, nothing])


def _rollups(tx: Transaction) -> Sequence[Rollup]:
    return tx.rollups.find(
        RollupQuery(workspace=_WORKSPACE, since=AT - 24 * _HOUR, until=AT + 24 * _HOUR, step=None)
    )


def _interaction(new: NewMessage, number: int) -> Interaction:
    return Interaction(
        id=UUID(int=number),
        message_id=new.message.id,
        channel_id=new.message.channel_id,
        type=InteractionType.OPENED,
        created_at=AT,
    )


def _interacts(interaction: Interaction) -> Step:
    return lambda tx: tx.receipts.add_interaction(_WORKSPACE, interaction)


def _appends(number: int, tx: Transaction) -> None:
    tx.timeline.append([an_event(attempt=number)])


def _reads(heard: list[Event], tx: Transaction) -> None:
    """Read as a subscription does: from its cursor on."""
    now = AT + len(heard) * 2 * LEASE
    cursor = tx.timeline.lease_cursor("host", now=now, lease=LEASE)
    assert cursor is not None
    events = tx.timeline.after(cursor.position, limit=100)
    position = events[-1].position if events else cursor.position
    tx.timeline.advance_cursor(evolve(cursor, position=position))
    heard += events
