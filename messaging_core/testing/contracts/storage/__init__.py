"""The contract of storages: tests that the tests of every storage inherit."""
# ruff: noqa: S101, D102, TRY301 - asserts, names that are sentences, literal
# expectations, and blocks that raise so that they are rolled back

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.errors import InvalidQueryError, StorageError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing.builders import (
    A_NUMBER,
    AN_ADDRESS,
    a_message,
    a_new_message,
    a_settlement,
    a_subject,
)
from messaging_core.testing.contracts.storage.access_keys import AccessKeysContract
from messaging_core.testing.contracts.storage.audit import AuditLogContract
from messaging_core.testing.contracts.storage.concurrency import ConcurrencyContract
from messaging_core.testing.contracts.storage.concurrent_records import ConcurrentRecordsContract
from messaging_core.testing.contracts.storage.contacts import (
    ContactListsContract,
    KnownContactsContract,
)
from messaging_core.testing.contracts.storage.content import ShortLinksContract, TemplatesContract
from messaging_core.testing.contracts.storage.damage import DamageContract
from messaging_core.testing.contracts.storage.documents import DocumentsContract
from messaging_core.testing.contracts.storage.fairness import FairnessContract
from messaging_core.testing.contracts.storage.log import LogContract
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE, MessagesContract
from messaging_core.testing.contracts.storage.outbox import (
    ClaimContract,
    SettleContract,
    WaitingContract,
)
from messaging_core.testing.contracts.storage.rates import RatesContract
from messaging_core.testing.contracts.storage.received_files import ReceivedFilesContract
from messaging_core.testing.contracts.storage.retention import RetentionContract
from messaging_core.testing.contracts.storage.rollups import RollupsContract
from messaging_core.testing.contracts.storage.send_history import SendHistoryContract
from messaging_core.testing.contracts.storage.steps import (
    AT,
    LEASE,
    MICROSECOND,
    MILLISECOND,
    add,
    cancel,
    claim,
    delivery,
    get,
    ids,
    next_due,
    page,
    raised,
    settle,
    walk,
    withdraw,
)
from messaging_core.testing.contracts.storage.suppressions import SuppressionsContract
from messaging_core.testing.contracts.storage.time_limit import TimeLimitContract
from messaging_core.testing.contracts.storage.webhooks import WebhooksContract
from messaging_core.testing.contracts.storage.workers import WorkersContract

_NUMBER: Final = Identifier(identifier_key="phonenumber", identifier_value=A_NUMBER)
_ADDRESS: Final = Identifier(identifier_key="emailaddress", identifier_value=AN_ADDRESS)


def numbered() -> Callable[[], str]:
    """Return what makes contact ids `c1`, `c2` …."""
    numbers = count(1)
    return lambda: f"c{next(numbers)}"


def never() -> str:
    """Replace `new_id` in tests that must not create a contact."""
    raise AssertionError("no contact is new here")


class ContactsContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_contact_is_made_for_each_unknown_identifier(self) -> None:
        storage = self.make_storage()

        with storage.begin() as tx:
            made = tx.contacts.ensure(
                DEFAULT_WORKSPACE, [_NUMBER, _ADDRESS], now=AT, new_id=numbered()
            )

        assert made == ["c1", "c2"]
        with storage.begin(read_only=True) as tx:
            contact = tx.contacts.get(DEFAULT_WORKSPACE, "c2")
        assert contact is not None
        assert (contact.id, contact.workspace_id) == ("c2", DEFAULT_WORKSPACE)
        assert (contact.created_at, contact.updated_at) == (AT, AT)
        assert contact.featured_identifiers == (
            ContactIdentifier(key="emailaddress", value=AN_ADDRESS),
        )

    def test_the_same_identifier_gives_the_same_contact(self) -> None:
        storage = self.make_storage()

        with storage.begin() as tx:
            first = tx.contacts.ensure(
                DEFAULT_WORKSPACE, [_NUMBER, _ADDRESS, _NUMBER], now=AT, new_id=numbered()
            )
        with storage.begin() as tx:
            second = tx.contacts.ensure(
                DEFAULT_WORKSPACE, [_ADDRESS, _NUMBER], now=AT + MILLISECOND, new_id=never
            )

        assert first == ["c1", "c2", "c1"]
        assert second == ["c2", "c1"]

    def test_known_and_new_identifiers_may_be_mixed(self) -> None:
        storage, new_id = self.make_storage(), numbered()
        with storage.begin() as tx:
            tx.contacts.ensure(DEFAULT_WORKSPACE, [_NUMBER], now=AT, new_id=new_id)

        with storage.begin() as tx:
            contact_ids = tx.contacts.ensure(
                DEFAULT_WORKSPACE, [_ADDRESS, _NUMBER, _ADDRESS], now=AT, new_id=new_id
            )

        assert contact_ids == ["c2", "c1", "c2"]

    def test_identifiers_are_compared_exactly(self) -> None:
        storage = self.make_storage()
        values = ["a", "A", " a", "é", "e\u0301", "\U0001f600", "", "x" * 5000]
        identifiers = [
            Identifier(identifier_key=key, identifier_value=value)
            for key in ("key", "Key")
            for value in values
        ]

        with storage.begin() as tx:
            made = tx.contacts.ensure(DEFAULT_WORKSPACE, identifiers, now=AT, new_id=numbered())
            contact_ids = tx.contacts.ensure(DEFAULT_WORKSPACE, identifiers, now=AT, new_id=never)

        assert len(set(made)) == len(identifiers)
        assert contact_ids == made

    def test_contacts_belong_to_their_workspace(self) -> None:
        storage, new_id = self.make_storage(), numbered()

        with storage.begin() as tx:
            (mine,) = tx.contacts.ensure(DEFAULT_WORKSPACE, [_NUMBER], now=AT, new_id=new_id)
            (other,) = tx.contacts.ensure(OTHER_WORKSPACE, [_NUMBER], now=AT, new_id=new_id)

        assert (mine, other) == ("c1", "c2")
        with storage.begin(read_only=True) as tx:
            assert tx.contacts.get(DEFAULT_WORKSPACE, "c2") is None
            assert tx.contacts.get(OTHER_WORKSPACE, "c1") is None

    def test_no_identifiers_make_no_contacts(self) -> None:
        with self.make_storage().begin() as tx:
            assert tx.contacts.ensure(DEFAULT_WORKSPACE, [], now=AT, new_id=never) == []

    def test_an_unknown_contact_is_not_there(self) -> None:
        with self.make_storage().begin(read_only=True) as tx:
            for contact_id in ("unknown", "", "\x00", "\ud800"):
                assert tx.contacts.get(DEFAULT_WORKSPACE, contact_id) is None


class TransactionContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_block_that_raises_leaves_nothing(self) -> None:
        for error in (KeyError("mine"), KeyboardInterrupt(), StorageError("mine")):
            storage = self.make_storage()
            before = a_new_message(a_message(tags=("kept",)))
            add(storage, before)
            new = _new_message_with_everything()

            def block(error: BaseException = error, new: NewMessage = new) -> None:
                with storage.begin() as tx:  # noqa: B023 - called right here
                    tx.messages.add([new])
                    tx.contacts.ensure(DEFAULT_WORKSPACE, [_NUMBER], now=AT, new_id=numbered())
                    tx.outbox.settle(
                        [
                            a_settlement(claim)
                            for claim in tx.outbox.claim(now=AT, lease=LEASE, limit=1)
                        ]
                    )
                    raise error

            assert raised(type(error), block) is error
            assert _traces(storage, new) == _NO_TRACES
            assert walk(storage) == ids([before])
            assert get(storage, before) == before.message
            assert delivery(storage, before) == before.delivery

    def test_a_transaction_that_was_rolled_back_can_be_done_again(self) -> None:
        storage, new = self.make_storage(), _new_message_with_everything()
        for _ in range(2):
            try:
                with storage.begin() as tx:
                    tx.messages.add([new])
                    raise KeyError
            except KeyError:
                pass

        add(storage, new)

        assert get(storage, new) == new.message
        assert ids(claim(storage)) == ids([new])

    def test_what_was_withdrawn_moved_or_settled_is_rolled_back_too(self) -> None:
        storage = self.make_storage()
        first, second, third = (a_new_message() for _ in range(3))
        add(storage, first, second, third)
        (leased,) = claim(storage, limit=1)
        later = AT + LEASE

        def block() -> None:
            with storage.begin() as tx:
                assert withdraw(tx, second)
                assert tx.outbox.reschedule(
                    DEFAULT_WORKSPACE, third.message, due_at=later, expires_at=later
                )
                assert tx.outbox.settle([a_settlement(leased)]) == [True]
                raise KeyError

        raised(KeyError, block)

        assert get(storage, first) == leased.message
        assert [get(storage, new) for new in (second, third)] == [second.message, third.message]
        assert settle(storage, a_settlement(leased)) == [True]
        assert ids(claim(storage)) == ids([second, third])
        assert next_due(storage) == AT + LEASE

    def test_a_transaction_sees_what_it_wrote(self) -> None:
        storage, new = self.make_storage(), _new_message_with_everything()

        with storage.begin() as tx:
            tx.messages.add([new])
            message = tx.messages.get(DEFAULT_WORKSPACE, new.message.id)
            listed = ids(tx.messages.find(MessageQuery(tag="rolled", limit=1)).results)
            claimed = ids(tx.outbox.claim(now=AT, lease=LEASE, limit=1))

        assert (message, listed, claimed) == (new.message, ids([new]), ids([new]))

    def test_many_things_go_into_one_transaction(self) -> None:
        storage = self.make_storage()
        messages = [a_new_message() for _ in range(3)]

        with storage.begin() as tx:
            tx.messages.add(messages[:1])
            tx.messages.add(messages[1:])
            claims = tx.outbox.claim(now=AT, lease=LEASE, limit=2)
            tx.outbox.settle([a_settlement(claims[0])])
            withdraw(tx, messages[2])

        statuses = [getattr(get(storage, message), "status", None) for message in messages]
        assert statuses == [Status.SENT, Status.PROCESSING, Status.DELETED]

    def test_reading_only_reads(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)

        with storage.begin(read_only=True) as tx:
            message = tx.messages.get(DEFAULT_WORKSPACE, new.message.id)
            due = tx.outbox.next_due()
            waiting = tx.outbox.delivery(DEFAULT_WORKSPACE, new.message.id)

        assert (message, due, waiting) == (new.message, AT, new.delivery)

    def test_a_reader_that_raises_harms_nothing(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)

        raised(InvalidQueryError, lambda: page(storage, page_token="x"))  # noqa: S106 - no secret

        assert ids(claim(storage)) == ids([new])

    def test_a_page_can_be_read_after_its_transaction(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        with storage.begin(read_only=True) as tx:
            messages = tx.messages.find(MessageQuery())
        cancel(storage, new)

        assert list(messages.results) == [new.message]

    def test_others_see_all_of_a_transaction_or_nothing(self) -> None:
        storage = self.make_storage()
        begun, sizes = threading.Event(), list[int]()

        def read() -> None:
            begun.wait(10)
            sizes.extend(len(walk(storage, limit=100)) for _ in range(20))

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(5):
            with storage.begin() as tx:
                tx.messages.add([a_new_message(), a_new_message()])
                begun.set()
                tx.messages.add([a_new_message()])
        reader.join()

        assert set(sizes) <= {0, 3, 6, 9, 12, 15}
        assert sizes == sorted(sizes)

    def test_eight_threads_add_without_losing_anything(self) -> None:
        storage = self.make_storage()
        batches = [
            [a_new_message(key=f"{batch}-{place}") for place in range(4)] for batch in range(40)
        ]

        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda batch: add(storage, *batch), batches):
                pass

        listed = walk(storage, limit=17, reverse=True)
        assert sorted(listed) == sorted(
            message_id for batch in batches for message_id in ids(batch)
        )
        for batch in batches:
            wanted = ids(batch)
            assert [message_id for message_id in listed if message_id in wanted] == wanted


class StorageContract(
    MessagesContract,
    ClaimContract,
    FairnessContract,
    SettleContract,
    WaitingContract,
    ContactsContract,
    KnownContactsContract,
    ContactListsContract,
    SuppressionsContract,
    LogContract,
    SendHistoryContract,
    RetentionContract,
    DamageContract,
    DocumentsContract,
    TemplatesContract,
    ShortLinksContract,
    WebhooksContract,
    AccessKeysContract,
    RatesContract,
    AuditLogContract,
    WorkersContract,
    RollupsContract,
    ReceivedFilesContract,
    TransactionContract,
    TimeLimitContract,
    ConcurrencyContract,
    ConcurrentRecordsContract,
):
    """Inherit this in a test class, and say how your storage is made.

    ```python
    class TestTreeStorage(StorageContract):
        def make_storage(self) -> Storage:
            return TreeStorage()
    ```

    `make_storage` is called one or more times in each test, for another empty storage each time.
    A storage that bounds the cost of a page overrides `make_frugal_storage` too, which returns
    one with the lowest bound there is. A storage that outlives its object inherits
    `DurableStorageContract` instead.
    """


class DurableStorageContract(StorageContract):
    """Inherit this where the data outlives the object that `make_storage` returned.

    It also tests what several processes, and a host with a database connection of its own, may
    rely on.
    """

    def open_again(self, storage: Storage) -> Storage:
        """Return another storage on the same data, as another process would open it."""
        raise NotImplementedError

    def reopen(self, storage: Storage) -> Storage:
        """Close a storage, and open its data again."""
        raise NotImplementedError

    def make_connection(self, storage: Storage) -> Any:
        """Return a connection of the host's own (PEP 249) on the same data.

        It is inside a transaction, or begins one by itself when something is written.
        """
        raise NotImplementedError

    def test_everything_is_there_when_it_is_opened_again(self) -> None:
        storage = self.make_storage()
        new, other = _new_message_with_everything(), a_new_message()
        add(storage, new, other)
        with storage.begin() as tx:
            tx.contacts.ensure(DEFAULT_WORKSPACE, [_NUMBER], now=AT, new_id=numbered())
        (leased,) = claim(storage, limit=1)
        token = page(storage, limit=1).next_page_token

        storage = self.reopen(storage)

        assert _traces(storage, new) == (leased.message, ids([new]), ids([new]), ["c1"], ["k"])
        assert walk(storage, page_token=token) == ids([new])
        assert ids(claim(storage)) == ids([other])
        assert settle(storage, a_settlement(leased)) == [True]

    def test_two_handles_see_the_same(self) -> None:
        storage = self.make_storage()
        other = self.open_again(storage)
        first, second = a_new_message(), a_new_message()

        add(storage, first)
        add(other, second)

        assert walk(storage) == walk(other) == ids([second, first])

    def test_two_handles_never_give_out_the_same_message(self) -> None:
        storage = self.make_storage()
        other = self.open_again(storage)
        messages = [a_new_message() for _ in range(5)]
        add(storage, *messages)

        first, second = claim(storage, limit=3), claim(other)

        assert ids(first) + ids(second) == ids(messages)
        assert settle(other, a_settlement(first[0])) == [True]
        assert settle(storage, a_settlement(first[0])) == [False]

    def test_two_handles_keep_the_order_of_commits_whatever_their_clocks_say(self) -> None:
        storage = self.make_storage()
        other = self.open_again(storage)
        messages = [a_new_message(a_message(at=AT + hours * LEASE)) for hours in (9, 0, 5, 1)]

        for place, new in enumerate(messages):
            add(storage if place % 2 else other, new)

        assert walk(other, reverse=True) == ids(messages)
        assert walk(storage, end_at=AT + 2 * LEASE, reverse=True) == ids([messages[1], messages[3]])

    def test_a_message_is_part_of_the_hosts_transaction(self) -> None:
        storage, new = self.make_storage(), _new_message_with_everything()
        connection = self.make_connection(storage)

        with storage.begin(connection) as tx:
            tx.messages.add([new])
            tx.contacts.ensure(DEFAULT_WORKSPACE, [_NUMBER], now=AT, new_id=numbered())
        before = _traces(storage, new)
        connection.commit()

        assert before == _NO_TRACES
        assert _traces(storage, new) == (new.message, ids([new]), ids([new]), ["c1"], ["k"])

    def test_a_host_sees_its_message_before_it_commits(self) -> None:
        storage, new = self.make_storage(), _new_message_with_everything()
        connection = self.make_connection(storage)

        with storage.begin(connection) as tx:
            tx.messages.add([new])
        with storage.begin(connection, read_only=True) as tx:
            seen = tx.messages.get(DEFAULT_WORKSPACE, new.message.id)
            listed = ids(tx.messages.find(MessageQuery(tag="rolled", limit=1)).results)
            waits = tx.outbox.delivery(DEFAULT_WORKSPACE, new.message.id)
        unseen = (get(storage, new), walk(storage))
        connection.rollback()

        assert (seen, listed, waits) == (new.message, ids([new]), new.delivery)
        assert unseen == (None, [])
        assert get(storage, new) is None

    def test_when_the_host_rolls_back_nothing_was_sent(self) -> None:
        storage, new = self.make_storage(), _new_message_with_everything()
        connection = self.make_connection(storage)

        with storage.begin(connection) as tx:
            tx.messages.add([new])
            tx.contacts.ensure(DEFAULT_WORKSPACE, [_NUMBER], now=AT, new_id=numbered())
        connection.rollback()

        assert _traces(storage, new) == _NO_TRACES
        assert claim(storage) == []

    def test_a_block_that_raises_leaves_the_hosts_transaction_as_it_was(self) -> None:
        storage, stored, lost = self.make_storage(), a_new_message(), _new_message_with_everything()
        connection = self.make_connection(storage)
        with storage.begin(connection) as tx:
            tx.messages.add([stored])

        def block() -> None:
            with storage.begin(connection) as tx:
                tx.messages.add([lost])
                raise KeyError

        raised(KeyError, block)
        connection.commit()

        assert walk(storage) == ids([stored])
        assert _traces(storage, lost) == _NO_TRACES

    def test_a_host_withdraws_and_looks_up_in_its_own_transaction(self) -> None:
        storage, new = self.make_storage(), a_new_message()
        add(storage, new)
        connection = self.make_connection(storage)

        with storage.begin(connection) as tx:
            withdrawn = withdraw(tx, new)
            seen = tx.messages.get(DEFAULT_WORKSPACE, new.message.id)
        connection.rollback()

        assert withdrawn
        assert seen == evolve(new.message, status=Status.DELETED)
        assert get(storage, new) == new.message
        assert ids(claim(storage)) == ids([new])


_Traces = tuple[Message | None, list[UUID], list[UUID], Sequence[str | None], list[str]]

_NO_TRACES: Final[_Traces] = (None, [], [], [None], [])


def _new_message_with_everything() -> NewMessage:
    """Return a message that leaves a trace wherever a message can."""
    message = a_message(to=AN_ADDRESS, body=a_subject("rolled back"), tags=("rolled",))
    return a_new_message(message, key="k")


def _traces(storage: Storage, new: NewMessage) -> _Traces:
    """Return where a message, and the contact `c1`, have left a trace."""
    with storage.begin(read_only=True) as tx:
        contact = tx.contacts.get(DEFAULT_WORKSPACE, "c1")
        return (
            tx.messages.get(DEFAULT_WORKSPACE, new.message.id),
            ids(tx.messages.find(MessageQuery(tag="rolled")).results),
            list(_found_by_words(tx)),
            [contact.id if contact else None],
            list(tx.messages.by_keys(DEFAULT_WORKSPACE, ["k"], since=AT - MICROSECOND)),
        )


def _found_by_words(tx: Transaction) -> Iterator[UUID]:
    query = MessageQuery(email_subject="rolled", receiver=AN_ADDRESS)
    yield from ids(tx.messages.find(query).results)
