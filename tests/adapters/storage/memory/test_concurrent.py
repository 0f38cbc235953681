"""Memory with transactions at the same time keeps the contract; without one of its locks, not."""

from datetime import timedelta

import pytest

from messaging_adapters.storage.memory.concurrent import ConcurrentMemoryStorage
from messaging_core.errors import (
    ConfigurationError,
    StorageBusyError,
    StorageConflictError,
    StorageError,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.testing import StorageContract, a_new_message
from messaging_core.testing.contracts.storage.interleaving import Step, interleaved
from messaging_core.testing.contracts.storage.steps import add

WRONG = {
    "message": (
        "a_message_that_is_due_is_leased_by_one_of_two_claims",
        "a_suspect_is_leased_by_one_of_two_claims",
        "of_two_settlements_under_one_lease_the_first_counts",
        "a_message_is_either_handed_over_or_cancelled",
        "a_message_is_either_settled_or_rescheduled",
        "the_delivery_of_a_message_ends_once",
        "evidence_that_two_add_is_not_lost",
        "a_change_of_a_message_is_seen_by_who_changes_it_next",
        "what_is_deleted_leaves_nothing_that_another_was_writing",
    ),
    "key": (
        "the_second_with_an_idempotency_key_waits_and_sees_the_first",
        "an_expired_key_is_taken_over_by_one_of_two",
    ),
    "receipt": ("a_receipt_is_applied_by_one_of_two",),
    "receipt,key of receipt,sequence": ("a_receipt_that_comes_twice_at_once_is_kept_once",),
    "contact": (
        "a_change_of_a_contact_is_seen_by_who_changes_it_next",
        "a_contact_that_two_put_on_lists_is_on_both",
    ),
    "key of contact": ("a_contact_that_two_need_is_made_once",),
    "address": ("a_suppression_waits_for_a_decision_and_a_decision_for_a_suppression",),
    "history": ("a_message_is_counted_before_the_next_decision_on_its_receiver",),
    "cursor": ("a_cursor_is_leased_by_one_of_two",),
    "counter": ("what_two_count_at_once_is_counted",),
    "head,event": ("a_subscription_misses_nothing_when_its_reader_also_writes",),
    "reference": ("a_reference_that_two_messages_get_leads_to_both",),
    "interaction": ("interactions_that_two_add_are_both_kept",),
    "list": ("a_list_that_is_deleted_while_a_contact_joins_is_on_no_contact",),
    "key of list": ("of_two_lists_with_one_name_one_is_kept",),
    "opt_in": ("of_two_opt_ins_the_later_one_stays",),
    "short_link": ("of_two_short_links_with_one_code_one_is_kept",),
    "template": ("a_change_of_a_template_is_seen_by_who_changes_it_next",),
    "key of template": ("of_two_templates_with_one_name_one_is_kept",),
    "webhook_subscription": ("a_change_of_a_webhook_subscription_is_seen_by_who_changes_it_next",),
    "webhook,key of webhook": ("a_webhook_is_leased_by_one_of_two",),
    "rollup,key of rollup,rollup_workspace": ("what_two_add_to_a_roll_up_is_counted",),
    "rollup_tag,key of rollup_tag,rollup_workspace": ("a_tag_that_two_save_has_the_times_of_both",),
    "received_file,key of received_file": ("a_received_file_is_leased_by_one_of_two",),
    "rate limit": ("the_use_of_a_rate_limit_is_seen_by_who_locks_it_next",),
    "access_key": ("an_access_key_that_is_used_while_it_is_deleted_is_gone",),
}
"""The tests that a storage fails which leaves out a kind of locks."""


class TestConcurrentMemoryStorage(StorageContract):
    def make_storage(self) -> Storage:
        return ConcurrentMemoryStorage()


@pytest.mark.parametrize(
    ("kinds", "test"), [(kinds, test) for kinds, tests in WRONG.items() for test in tests]
)
def test_a_storage_without_a_lock_fails(kinds: str, test: str) -> None:
    class Contract(StorageContract):
        def make_storage(self) -> Storage:
            return ConcurrentMemoryStorage(without=frozenset(kinds.split(",")))

    with pytest.raises(AssertionError):
        getattr(Contract(), f"test_{test}")()


def test_of_two_that_wait_in_a_circle_one_gives_way() -> None:
    storage, first, second = ConcurrentMemoryStorage(), a_new_message(), a_new_message()
    add(storage, first, second)

    def reads(new: NewMessage) -> Step:
        return lambda tx: tx.messages.get(DEFAULT_WORKSPACE, new.message.id)

    both_ways = {"a": [reads(first), reads(second)], "b": [reads(second), reads(first)]}
    with pytest.raises(StorageConflictError):
        interleaved(storage, "abab", **both_ways)


def test_who_waits_for_too_long_is_told_so() -> None:
    storage, new = ConcurrentMemoryStorage(busy_timeout=timedelta(0)), a_new_message()
    add(storage, new)

    with storage.begin() as tx, storage.begin() as other:
        assert tx.messages.get(DEFAULT_WORKSPACE, new.message.id) == new.message
        with pytest.raises(StorageBusyError):
            other.messages.get(DEFAULT_WORKSPACE, new.message.id)


def test_nothing_can_be_done_after_the_end() -> None:
    storage = ConcurrentMemoryStorage()
    with storage.begin() as tx:
        ended: Transaction = tx

    with pytest.raises(StorageError, match="has ended"):
        ended.outbox.next_due()


def test_it_cannot_join_a_database_transaction() -> None:
    with (
        pytest.raises(ConfigurationError, match="cannot join"),
        ConcurrentMemoryStorage().begin(object()),
    ):
        pass
