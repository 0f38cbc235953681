"""Messages on Django's connection share the fate of Django's transactions."""

import threading
from time import monotonic
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase

from messaging_adapters.django import messenger
from messaging_adapters.django.storage import DjangoStorage
from messaging_adapters.django.test import MessagingMixin
from messaging_core.errors import ConfigurationError, InvalidMessageError, StorageBusyError
from messaging_core.models import Status
from messaging_core.ports.time_limit import reads_until

TO = "+31612345678"


class TestTransactions(MessagingMixin, TestCase):
    def test_a_rolled_back_block_takes_its_messages_along_and_nothing_else(self) -> None:
        first = messenger.send("orders", to=TO, text="First")
        with transaction.atomic():
            User.objects.create(username="ann")
            messenger.send("orders", to=TO, text="Second")
            transaction.set_rollback(True)

        assert [message.id for message in messenger.find().results] == [first.id]
        assert not User.objects.exists()

    def test_a_refused_message_leaves_the_transaction_usable(self) -> None:
        with transaction.atomic():
            user = User.objects.create(username="ann")
            with pytest.raises(InvalidMessageError):
                messenger.send("orders", to="", text="Nothing")

        assert User.objects.get().pk == user.pk

    def test_every_call_that_writes_is_part_of_the_transaction(self) -> None:
        stays = messenger.send("orders", to=TO, text="Stays")
        with transaction.atomic():
            messenger.send_many("orders", [{"to": TO, "text": str(number)} for number in range(3)])
            messenger.send_batch("orders", [{"to": TO, "text": "Batch"}])
            messenger.cancel(stays.id)
            messenger.contacts.create_list("vip")
            transaction.set_rollback(True)

        assert messenger.find().results == (stays,)
        assert not messenger.contacts.lists().results

    def test_the_same_key_is_accepted_once_in_one_transaction(self) -> None:
        with transaction.atomic():
            first = messenger.send("orders", to=TO, text="Hi", idempotency_key="order-1")
            second = messenger.send("orders", to=TO, text="Hi", idempotency_key="order-1")

        assert first.id == second.id

    def test_the_outbox_delivers_inside_the_transaction_of_the_test(self) -> None:
        for number in range(30):
            messenger.send("orders", to=TO, text=f"Order {number}")

        report = self.outbox.drain()

        assert report.sent == 30
        self.outbox.assert_sent(text="Order 29")
        assert {message.status for message in messenger.find().results} == {Status.SENT}

    def test_a_connection_of_another_kind_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="sqlite and postgresql, not object"):
            messenger.send("orders", to=TO, text="Hi", connection=object())


class TestWithoutTransaction(MessagingMixin, TransactionTestCase):
    available_apps = None

    def _fixture_teardown(self) -> None:
        super()._fixture_teardown()
        with connection.cursor() as cursor:  # flush empties the tables of models only
            cursor.execute("DELETE FROM messaging_messages")

    def test_a_call_outside_of_a_transaction_commits_by_itself(self) -> None:
        assert not connection.in_atomic_block

        message = messenger.send("orders", to=TO, text="Hi")

        assert not connection.connection.in_transaction
        assert messenger.get(message.id) == message

    def test_a_call_that_fails_leaves_nothing(self) -> None:
        def interrupt() -> None:
            with DjangoStorage().begin() as tx:
                tx.messages.add([])
                raise RuntimeError("interrupted")

        with pytest.raises(RuntimeError, match="interrupted"):
            interrupt()

        assert not connection.connection.in_transaction

    def test_a_read_beyond_its_deadline_is_interrupted(self) -> None:
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        )
        with (
            pytest.raises(StorageBusyError),
            reads_until(monotonic() + 0.05),
            DjangoStorage().begin(read_only=True) as tx,
        ):
            tx.audit._cursor.execute(endless)  # type: ignore[attr-defined] # none of ours is

        assert messenger.send("orders", to=TO, text="Afterwards").status is Status.ACCEPTED

    def test_threads_never_share_a_transaction(self) -> None:
        """A plain messenger would let one thread commit for both."""
        errors: list[BaseException] = []

        def send(text: str) -> None:
            try:
                with transaction.atomic():
                    messenger.send("orders", to=TO, text=text)
                    if text == "Never":
                        transaction.set_rollback(True)
            except BaseException as error:  # noqa: BLE001 - shown by the test
                errors.append(error)
            finally:
                connection.close()

        for text in ("Once", "Never"):
            thread = threading.Thread(target=send, args=(text,))
            thread.start()
            thread.join()

        assert not errors
        assert [message.text for message in messenger.find().results] == ["Once"]


class TestMigration(TransactionTestCase):
    def test_a_second_migration_changes_nothing(self) -> None:
        before = _tables()

        call_command("migrate", verbosity=0)

        assert _tables() == before
        assert "messaging_messages" in before


def _tables() -> list[Any]:
    return sorted(connection.introspection.table_names())
