"""Escalation is simulated for real, and an engine that does it wrong is found out."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.acceptance import writer
from messaging_core.acceptance.decision import Decision
from messaging_core.acceptance.submission import PreparedRequest
from messaging_core.delivery import escalation as turns
from messaging_core.delivery.escalation import TakeOver
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Status
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.policy import escalation
from messaging_core.testing.simulation import (
    PROMISES,
    BrokenPromiseError,
    Scenario,
    Story,
    simulate,
)
from messaging_core.testing.simulation.scenarios import ESCALATION, ESCALATION_RULES

ENOUGH = 60


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return [
        simulate(seed, scenario, storage=MemoryStorage)
        for seed in range(2000, 2020)
        for scenario in (ESCALATION, ESCALATION_RULES)
    ]


def test_fallbacks_go_and_are_stopped_for_every_reason(stories: list[Story]) -> None:
    fallbacks = [fallback for story in stories for _, fallback in story.fallbacks()]
    codes = {reason.code for story in stories for event in story.events for reason in event.reasons}

    assert {Status.SENT, Status.DELIVERED, Status.SKIPPED} <= {own.status for own in fallbacks}
    assert {code for code in ReasonCode if code.startswith("escalation.")} <= codes
    assert EventKind.ESCALATED in {event.kind for story in stories for event in story.events}


def test_a_fallback_may_have_a_fallback(stories: list[Story]) -> None:
    lengths = [
        length
        for story in stories
        for length in Counter(fallback.reference for _, fallback in story.fallbacks()).values()
    ]

    assert set(lengths) == {1, 2}


def broken_by(promise: str, scenario: Scenario = ESCALATION) -> str:
    """Return the promise if some seed breaks it."""
    (chosen,) = [check for check in PROMISES if check.__name__ == promise]
    for seed in range(ENOUGH):
        try:
            simulate(seed, scenario, storage=MemoryStorage, promises=[chosen])
        except BrokenPromiseError as error:
            return error.promise
    return "none"


def test_a_fallback_that_waits_for_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(_: TakeOver, claims: Any, __: Any) -> Any:
        return list(claims), []

    monkeypatch.setattr(TakeOver, "divide", at_once)

    slow = tuple(
        evolve(line, provider=evolve(line.provider, slow=0.6)) for line in ESCALATION.lines
    )
    scenario = evolve(ESCALATION, lines=slow, skew=10 * ESCALATION.skew)
    assert broken_by("never_both_at_once", scenario) == "never_both_at_once"


def test_a_fallback_of_a_delivered_message_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalation, "reason_to_stop", lambda _: None)
    monkeypatch.setattr(turns, "reason_to_stop", lambda _: None)

    promise = "what_is_delivered_has_no_fallback"
    assert broken_by(promise) == promise


def test_a_fallback_of_a_cancelled_message_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "reason_to_stop", lambda _: None)
    monkeypatch.setattr(escalation, "exclude", lambda *_: False)

    promise = "what_is_withdrawn_has_no_fallback"
    assert broken_by(promise) == promise


def test_a_fallback_that_goes_early_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = writer.waiting_fallback

    def at_once(prepared: PreparedRequest, first: Decision, first_id: UUID) -> Any:
        fallback = waiting(prepared, first, first_id)
        if fallback is None or fallback.admission is None or first.delivery is None:
            return fallback
        return evolve(fallback, admission=evolve(fallback.admission, due_at=first.delivery.due_at))

    monkeypatch.setattr(writer, "waiting_fallback", at_once)

    promise = "a_fallback_goes_in_its_time"
    assert broken_by(promise, evolve(ESCALATION, skew=timedelta(0))) == promise


def test_a_second_fallback_is_found_out() -> None:
    story = simulate(2000, ESCALATION, storage=MemoryStorage)
    (first, fallback), *_ = story.fallbacks()
    twin = evolve(fallback, id=first.channel_id)  # any id that no message has
    doubled = evolve(story, messages={**story.messages, twin.id: twin})
    (chosen,) = [check for check in PROMISES if check.__name__ == "one_fallback_at_most"]

    assert not list(chosen(story))
    assert [breach.message_id for breach in chosen(doubled)] == [first.id]
