"""What is sent now, what waits, and what is given up."""

from datetime import timedelta

import pytest
from attrs import evolve

from messaging_core.decisions.delivery.dispatch import Finish, Send, dispatch
from messaging_core.decisions.delivery.settlement import IN_DOUBT
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.delivery import Claim
from messaging_core.models.messages.message import Status
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import a_channel, a_claim, a_message

SECOND = timedelta(seconds=1)


def in_doubt(**delivery: object) -> Claim:
    message = a_message(status=Status.PROCESSING, details=IN_DOUBT)
    return a_claim(message, **delivery)


def finished(claim: Claim, channel: Channel | None, **options: bool) -> Finish:
    decision = dispatch(claim, channel, NOW, **options)
    assert isinstance(decision, Finish)
    return decision


def test_a_message_that_is_due_is_sent_as_an_envelope() -> None:
    claim = a_claim(attempts=3)

    decision = dispatch(claim, a_channel(), NOW)

    assert isinstance(decision, Send)
    assert decision.envelope.message_id == claim.message.id
    assert decision.envelope.attempt == 3


@pytest.mark.parametrize(("late", "kind"), [(-SECOND, Send), (timedelta(0), Finish)])
def test_a_message_expires_at_its_expiry_and_not_before(late: timedelta, kind: type) -> None:
    claim = a_claim(expires_at=NOW + SECOND)

    decision = dispatch(claim, a_channel(), NOW + SECOND + late)

    assert isinstance(decision, kind)


def test_an_expired_message_fails_even_without_its_channel() -> None:
    settlement = finished(a_claim(expires_at=NOW), None).settlement

    assert settlement.status is Status.SENDING_FAILED
    assert settlement.failure is not None
    assert settlement.failure.code == FailureCode.EXPIRED


@pytest.mark.parametrize("channel", [None, a_channel(active=False)])
def test_a_message_waits_for_its_channel_without_counting(channel: Channel | None) -> None:
    settlement = finished(a_claim(), channel).settlement

    assert settlement.next_due_at == NOW + timedelta(minutes=1)
    assert (settlement.status, settlement.counts) == (Status.PROCESSING, False)
    assert settlement.failure is not None
    assert settlement.failure.code == FailureCode.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("channel", "code", "description"),
    [
        (None, "channel.unknown", "the host has no such channel now"),
        (a_channel(active=False), "channel.inactive", "the channel is not active"),
    ],
)
def test_a_message_that_waits_for_its_channel_says_what_is_wrong_with_it(
    channel: Channel | None, code: str, description: str
) -> None:
    failure = finished(a_claim(), channel).settlement.failure

    assert failure is not None
    assert failure.source is not None
    assert (failure.source.code, failure.description) == (code, description)


@pytest.mark.parametrize(("crashes", "kind"), [(2, Send), (3, Finish)])
def test_a_message_is_given_up_at_the_last_crash_that_is_borne(crashes: int, kind: type) -> None:
    decision = dispatch(a_claim(crashes=crashes), a_channel(), NOW, max_crashes=3)

    assert isinstance(decision, kind)


def test_a_message_does_not_wait_for_its_channel_beyond_its_validity() -> None:
    settlement = finished(a_claim(expires_at=NOW + SECOND), None).settlement

    assert settlement.next_due_at == NOW + SECOND


def test_in_doubt_it_is_sent_again_where_the_channel_says_so() -> None:
    decision = dispatch(in_doubt(), a_channel(when_in_doubt=WhenInDoubt.RESEND), NOW)

    assert isinstance(decision, Send)


def test_in_doubt_it_fails_where_the_channel_says_so() -> None:
    settlement = finished(in_doubt(), a_channel(when_in_doubt=WhenInDoubt.FAIL)).settlement

    assert (settlement.status, settlement.reason) == (Status.SENDING_FAILED, IN_DOUBT)
    assert settlement.next_due_at is None


def test_in_doubt_it_is_parked_until_it_expires_where_the_channel_says_so() -> None:
    claim = in_doubt()

    settlement = finished(claim, a_channel(when_in_doubt=WhenInDoubt.PARK)).settlement

    assert settlement.next_due_at == claim.delivery.expires_at
    assert (settlement.details, settlement.counts) == (IN_DOUBT, False)


@pytest.mark.parametrize("choice", WhenInDoubt)
def test_in_doubt_it_is_sent_again_where_the_provider_would_recognise_it(
    choice: WhenInDoubt,
) -> None:
    decision = dispatch(in_doubt(), a_channel(when_in_doubt=choice), NOW, deduplicates=True)

    assert isinstance(decision, Send)


def test_in_doubt_those_who_were_served_make_it_sent() -> None:
    claim = in_doubt(accepted=("+31600000002",))

    settlement = finished(claim, a_channel(when_in_doubt=WhenInDoubt.FAIL)).settlement

    assert settlement.status is Status.SENT


def test_a_decision_changes_nothing_it_was_given() -> None:
    claim = in_doubt()
    before = evolve(claim)

    dispatch(claim, a_channel(when_in_doubt=WhenInDoubt.PARK), NOW)

    assert claim == before


@pytest.mark.parametrize("choice", WhenInDoubt)
def test_what_a_lost_worker_left_in_doubt_waits_for_proof_first(choice: WhenInDoubt) -> None:
    channel = a_channel(when_in_doubt=choice, in_doubt_timeout=timedelta(minutes=5))
    message = a_message(status=Status.PROCESSING, details="in_doubt")
    claim = evolve(a_claim(message), lapsed=True, doubted=True)

    decision = dispatch(claim, channel, NOW)

    assert isinstance(decision, Finish)
    assert decision.settlement.next_due_at == NOW + timedelta(minutes=5)
    assert not decision.settlement.counts


def test_without_a_time_of_grace_the_channel_decides_at_once() -> None:
    message = a_message(status=Status.PROCESSING, details="in_doubt")
    claim = evolve(a_claim(message), lapsed=True, doubted=True)

    assert isinstance(dispatch(claim, a_channel(in_doubt_timeout=timedelta(0)), NOW), Send)
