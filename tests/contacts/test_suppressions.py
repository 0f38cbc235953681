"""What addresses must not get, as a host says and asks it."""

from datetime import timedelta

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.errors import InvalidQueryError, InvalidRequestError
from messaging_core.models import (
    Identifier,
    Purpose,
    SuppressionCause,
    SuppressionQuery,
    SuppressionScope,
)
from messaging_core.testing import ManualClock

ADA = Identifier(identifier_key="emailaddress", identifier_value="Ada@receiver.example")
NUMBER = Identifier(identifier_key="phonenumber", identifier_value="+31612345678")
MARKETING, SENDER = SuppressionScope.MARKETING, SuppressionScope.SENDER


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def messenger(clock: ManualClock) -> Messenger:
    return Messenger(storage=MemoryStorage(), channels={}, clock=clock)


def test_an_address_is_blocked_for_one_purpose_in_any_spelling(messenger: Messenger) -> None:
    blocked = messenger.suppressions.suppress(ADA, MARKETING)

    spelt = Identifier(identifier_key="emailaddress", identifier_value="ada@RECEIVER.example")
    assert messenger.suppressions.of(spelt) == (blocked,)
    assert messenger.suppressions.forbids(spelt, Purpose.MARKETING)
    assert not messenger.suppressions.forbids(spelt, Purpose.TRANSACTIONAL)
    assert not messenger.suppressions.forbids(NUMBER, Purpose.MARKETING)


def test_one_sender_is_blocked_for_every_purpose(messenger: Messenger) -> None:
    messenger.suppressions.suppress(NUMBER, SENDER, SuppressionCause.STOP_WORD, sender="Shop")

    for purpose in Purpose:
        assert messenger.suppressions.forbids(NUMBER, purpose, sender="SHOP")
        assert not messenger.suppressions.forbids(NUMBER, purpose, sender="Bank")


def test_the_first_block_for_a_cause_stands(messenger: Messenger, clock: ManualClock) -> None:
    first = messenger.suppressions.suppress(ADA, MARKETING)
    clock.advance(timedelta(days=1))

    again = messenger.suppressions.suppress(ADA, MARKETING)
    other = messenger.suppressions.suppress(ADA, MARKETING, SuppressionCause.COMPLAINT)

    assert again == first
    assert other.at == clock.now()
    assert set(messenger.suppressions.of(ADA)) == {first, other}


def test_a_block_is_lifted_by_cause_or_altogether(messenger: Messenger) -> None:
    for cause in (SuppressionCause.UNSUBSCRIBE, SuppressionCause.COMPLAINT):
        messenger.suppressions.suppress(ADA, MARKETING, cause)
    lift = messenger.suppressions.lift

    assert lift(ADA, MARKETING, causes=[SuppressionCause.UNSUBSCRIBE])
    assert messenger.suppressions.forbids(ADA, Purpose.MARKETING)
    assert lift(ADA, MARKETING)
    assert not messenger.suppressions.forbids(ADA, Purpose.MARKETING)
    assert not lift(ADA, MARKETING)


def test_a_block_survives_the_contact(messenger: Messenger) -> None:
    messenger.suppressions.suppress(ADA, MARKETING)

    made = messenger.contacts.update_or_create(ADA.identifier_key, ADA.identifier_value)
    messenger.contacts.delete(made.id)

    assert messenger.suppressions.forbids(ADA, Purpose.MARKETING)


def test_what_makes_no_sense_is_refused(messenger: Messenger) -> None:
    wrong = Identifier(identifier_key="phonenumber", identifier_value="12")
    for arguments, code in (
        ((wrong, MARKETING), "receiver.not_e164"),
        ((NUMBER, SENDER), "suppression.no_sender"),
        ((NUMBER, "everything"), "wire.enum"),
    ):
        with pytest.raises(InvalidRequestError) as raised:
            messenger.suppressions.suppress(*arguments)  # type: ignore[arg-type]
        assert [violation.code for violation in raised.value.violations] == [code]
    with pytest.raises(InvalidRequestError, match="every sender"):
        messenger.suppressions.suppress(NUMBER, MARKETING, sender="Shop")
    assert messenger.suppressions.find().results == []


def test_suppressions_are_found_by_scope_and_cause(messenger: Messenger) -> None:
    complaint = messenger.suppressions.suppress(ADA, MARKETING, SuppressionCause.COMPLAINT)
    messenger.suppressions.suppress(NUMBER, MARKETING)

    page = messenger.suppressions.find(SuppressionQuery(cause=SuppressionCause.COMPLAINT))

    assert page.results == [complaint]
    assert len(messenger.suppressions.find().results) == 2
    for query in (SuppressionQuery(limit=0), SuppressionQuery(limit="x")):  # type: ignore[arg-type]
        with pytest.raises(InvalidQueryError):
            messenger.suppressions.find(query)
