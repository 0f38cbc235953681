"""One message to several devices: a request and an outcome for each of them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from google_peer import GooglePeer, an_error
from messaging_adapters.transports.push.fcm import FcmTransport
from messaging_core.errors import Withdrawn
from messaging_core.models import (
    Accepted,
    Deferred,
    Envelope,
    FailureCode,
    PerRecipient,
    PushContent,
    Recipient,
    Rejected,
    Retry,
    Unknown,
)
from messaging_core.testing import ManualClock
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from messaging_core.testing.http_peer import Answer, Misbehaviour

DEVICES = ("phone", "tablet", "watch")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def google() -> Iterator[GooglePeer]:
    peer = GooglePeer()
    yield peer
    peer.close()


@pytest.fixture
def fcm(google: GooglePeer, clock: ManualClock) -> Iterator[FcmTransport]:
    made: Any = FcmTransport(
        service_account=google.account(),
        base_url=google.peer.url,
        clock=clock,
        timeout=timedelta(seconds=0.5),
    )
    with made as transport:
        yield transport


def to_devices(*devices: str) -> Envelope:
    receivers = tuple(Recipient(value=device) for device in devices or DEVICES)
    return evolve(an_envelope("push", PushContent(text="Hi")), receivers=receivers)


def outcomes(fcm: FcmTransport, *devices: str) -> tuple[dict[str, Any], int]:
    envelope, leave = to_devices(*devices), Leave()
    result = fcm.send(envelope, leave)
    check_outcome(result, marked=leave.calls == 1, envelope=envelope)
    assert isinstance(result, PerRecipient)
    return dict(result.outcomes), leave.calls


def by_device(google: GooglePeer, **answers: Answer) -> None:
    """Answer each device as told, and accept for the others."""

    def answer(document: dict[str, Any]) -> Answer:
        return answers.get(document["message"]["token"]) or google.accepted(document)

    google._answer = answer


def test_each_device_gets_the_message_after_one_leave(
    google: GooglePeer, fcm: FcmTransport
) -> None:
    results, marks = outcomes(fcm)

    assert [document["message"]["token"] for document in google.messages] == list(DEVICES)
    assert len({str(outcome) for outcome in results.values()}) == 3
    assert all(isinstance(outcome, Accepted) for outcome in results.values())
    assert marks == 1


def test_a_device_that_is_gone_does_not_hold_up_the_others(
    google: GooglePeer, fcm: FcmTransport
) -> None:
    by_device(google, phone=an_error(404, "UNREGISTERED"), tablet=an_error(429, "QUOTA_EXCEEDED"))

    results, marks = outcomes(fcm)

    assert isinstance(results["phone"], Rejected)
    assert results["phone"].failure.code == FailureCode.UNKNOWN_RECEIVER
    assert isinstance(results["tablet"], Deferred)
    assert isinstance(results["watch"], Accepted)
    assert marks == 1


@pytest.mark.parametrize(
    "answer", [an_error(503, "UNAVAILABLE"), an_error(403, "PERMISSION_DENIED")]
)
def test_a_failure_of_all_devices_ends_the_attempt(
    google: GooglePeer, fcm: FcmTransport, answer: Answer
) -> None:
    by_device(google, tablet=answer)

    results, _ = outcomes(fcm)

    assert isinstance(results["phone"], Accepted)
    assert results["tablet"] == results["watch"]
    assert isinstance(results["watch"], Deferred)
    assert len(google.messages) == 2


def test_a_device_in_doubt_leaves_no_doubt_about_the_others(
    google: GooglePeer, fcm: FcmTransport
) -> None:
    by_device(google, phone=Misbehaviour.SILENT)

    results, _ = outcomes(fcm)

    kinds = [type(outcome) for outcome in results.values()]
    assert kinds == [Unknown, Accepted, Accepted]


def test_devices_for_which_no_time_is_left_are_tried_again(
    google: GooglePeer, fcm: FcmTransport, clock: ManualClock
) -> None:
    good = google.accepted

    def slow(document: dict[str, Any]) -> Answer:
        clock.advance(seconds=8)
        return good(document)

    google._answer = slow

    results, _ = outcomes(fcm, "a", "b", "c", "d")

    kinds = [type(outcome) for outcome in results.values()]
    assert kinds == [Accepted, Accepted, Deferred, Deferred]
    assert results["d"].failure.retry is Retry.TRANSIENT


def test_nothing_is_sent_without_leave(google: GooglePeer, fcm: FcmTransport) -> None:
    def withdraw(**_: object) -> None:
        raise Withdrawn("cancelled")

    with pytest.raises(Withdrawn):
        fcm.send(to_devices(), withdraw)

    assert google.messages == []


def test_leave_is_asked_for_once_google_gives_a_token(
    google: GooglePeer, fcm: FcmTransport
) -> None:
    google.grant = lambda: Misbehaviour.RESET

    results, marks = outcomes(fcm)

    assert marks == 0
    assert {type(outcome) for outcome in results.values()} == {Deferred}
    assert len(google.grants) == 1


def test_one_device_gets_a_plain_outcome(fcm: FcmTransport) -> None:
    assert isinstance(fcm.send(to_devices("phone"), Leave()), Accepted)
