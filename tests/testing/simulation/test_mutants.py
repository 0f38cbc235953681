"""The promises bite: each of them is broken by an engine that was made wrong on purpose."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.acceptance import preview
from messaging_core.decisions.delivery import dispatch
from messaging_core.messages.webhook_finder import WebhookFinder
from messaging_core.models.delivery.delivery import Claim, Settlement
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.policy.send_rules import Course, Ruling
from messaging_core.policy import evaluator
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.receipts import status
from messaging_core.receipts.processor import ReceiptProcessor
from messaging_core.testing.simulation import (
    CLOCKS,
    CRASHES,
    EVERYDAY,
    FLAKY,
    POISON,
    PROMISES,
    RULES,
    WEBHOOKS,
    BrokenPromiseError,
    Scenario,
)
from messaging_core.testing.simulation import simulate as simulate_on
from messaging_core.testing.simulation.promises import deduplication_is_used

simulate = partial(simulate_on, storage=MemoryStorage)

ENOUGH = 60
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

Change = Callable[[Transaction], object]


class Mutant(Storage):
    """A storage with one fault."""

    def __init__(self, change: Change) -> None:
        self._storage = MemoryStorage()
        self._change = change

    @contextmanager
    def begin(self, connection: Any = None, *, read_only: bool = False) -> Iterator[Transaction]:
        with self._storage.begin(connection, read_only=read_only) as tx:
            self._change(tx)
            yield tx


def broken_by(scenario: Scenario = EVERYDAY, **parts: Any) -> str:
    """Return the first promise that some seed breaks."""
    for seed in range(ENOUGH):
        try:
            simulate(seed, scenario, **parts)
        except BrokenPromiseError as error:
            return error.promise
    return "none"


def loses_a_message(tx: Transaction) -> None:
    add = tx.messages.add
    tx.messages.add = lambda messages: add(messages[1:])  # type: ignore[method-assign]


def forgets_keys(tx: Transaction) -> None:
    tx.messages.by_keys = lambda *_, **__: {}  # type: ignore[method-assign]


def forgets_what_waits(tx: Transaction) -> None:
    settle = tx.outbox.settle

    def forget(settlements: Sequence[Settlement]) -> list[bool]:
        return settle([evolve(settlement, next_due_at=None) for settlement in settlements])

    tx.outbox.settle = forget  # type: ignore[method-assign]


def takes_everything_for_sent(tx: Transaction) -> None:
    settle = tx.outbox.settle

    def sent(settlements: Sequence[Settlement]) -> list[bool]:
        return settle(
            [
                evolve(settlement, next_due_at=None, status=Status.SENT, details=None)
                for settlement in settlements
            ]
        )

    tx.outbox.settle = sent  # type: ignore[method-assign]


def ignores_fences(tx: Transaction) -> None:
    """Let every worker hand over and settle what any worker has claimed."""
    outbox: Any = tx.outbox
    hand_over, settle = outbox.hand_over, outbox.settle
    waiting = outbox._tables.outbox

    def latest(lease: Any) -> Any:
        owner = waiting.get(lease.position)
        return evolve(lease, fence=owner.fence) if owner else lease

    def anyhow(leases: Sequence[Any], *, now: Any) -> list[Any]:
        hand_over([latest(lease) for lease in leases], now=now)
        return [None for _ in leases]

    outbox.hand_over = anyhow
    outbox.settle = lambda settlements: settle(
        [evolve(settlement, lease=latest(settlement.lease)) for settlement in settlements]
    )


def never_expires(tx: Transaction) -> None:
    claim, hand_over = tx.outbox.claim, tx.outbox.hand_over

    def prolonged(**said: Any) -> list[Claim]:
        return [
            evolve(
                leased,
                delivery=evolve(leased.delivery, expires_at=leased.delivery.expires_at + DAY),
            )
            for leased in claim(**said)
        ]

    tx.outbox.claim = prolonged  # type: ignore[method-assign]
    tx.outbox.hand_over = lambda leases, *, now: hand_over(  # type: ignore[method-assign]
        leases, now=now - DAY
    )


def hurries(tx: Transaction) -> None:
    claim = tx.outbox.claim
    tx.outbox.claim = lambda *, now, **said: claim(now=now + DAY, **said)  # type: ignore[method-assign]


def hands_over_what_was_cancelled(tx: Transaction) -> None:
    hand_over = tx.outbox.hand_over

    def anyhow(leases: Sequence[Any], *, now: Any) -> list[Any]:
        hand_over(leases, now=now)
        return [None for _ in leases]

    tx.outbox.hand_over = anyhow  # type: ignore[method-assign]


def keeps_the_latest_evidence_alone(tx: Transaction) -> None:
    save = tx.receipts.save_evidence

    def latest(workspace: Any, message_id: Any, evidence: Evidence) -> None:
        save(workspace, message_id, evolve(evidence, reported=evidence.reported[:1]))

    tx.receipts.save_evidence = latest  # type: ignore[method-assign]


def tells_what_is_not_so(tx: Transaction) -> None:
    append = tx.timeline.append

    def wrong(events: Sequence[Any]) -> None:
        append(
            [
                evolve(event, status=Status.PROCESSING)
                if event.kind is EventKind.REPORTED
                else event
                for event in events
            ]
        )

    tx.timeline.append = wrong  # type: ignore[method-assign]


def tells_some_things_never(tx: Transaction) -> None:
    after = tx.timeline.after

    def some(position: int, *, limit: int) -> list[Any]:
        events = after(position, limit=limit)
        return [event for event in events if event.position != 5 or limit != 100]

    tx.timeline.after = some  # type: ignore[method-assign]


def tells_the_latest_first(tx: Transaction) -> None:
    after = tx.timeline.after

    def turned(position: int, *, limit: int) -> list[Any]:
        events = after(position, limit=limit)
        return events[::-1] if limit == 100 else events

    tx.timeline.after = turned  # type: ignore[method-assign]


def lets_messages_expire_at_once(tx: Transaction) -> None:
    claim = tx.outbox.claim
    tx.outbox.claim = lambda *, now, **said: [  # type: ignore[method-assign]
        evolve(leased, delivery=evolve(leased.delivery, expires_at=now))
        for leased in claim(now=now, **said)
    ]


@pytest.mark.parametrize(
    ("change", "scenario", "promise"),
    [
        (
            loses_a_message,
            evolve(EVERYDAY, cancelled=0, rescheduled=0),
            "what_was_accepted_is_there",
        ),
        (forgets_keys, EVERYDAY, "what_was_accepted_is_there"),
        (forgets_what_waits, EVERYDAY, "none_is_lost"),
        (takes_everything_for_sent, FLAKY, "what_counts_as_sent_was_taken"),
        (ignores_fences, evolve(CLOCKS, stall=0.2, messages=20, bursts=1), "only_doubt_repeats"),
        (never_expires, POISON, "nothing_goes_late"),
        (hurries, EVERYDAY, "nothing_goes_early"),
        (hands_over_what_was_cancelled, EVERYDAY, "what_was_cancelled_never_goes"),
        (keeps_the_latest_evidence_alone, FLAKY, "no_receipt_is_lost"),
        (tells_what_is_not_so, EVERYDAY, "statuses_follow_the_lifecycle"),
        (tells_some_things_never, EVERYDAY, "everything_is_told_in_order"),
        (tells_the_latest_first, EVERYDAY, "everything_is_told_in_order"),
        (lets_messages_expire_at_once, EVERYDAY, "no_message_fails_for_another"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_storage_with_a_fault_is_found_out(
    change: Change, scenario: Scenario, promise: str
) -> None:
    (chosen,) = [check for check in PROMISES if check.__name__ == promise]

    assert broken_by(scenario, storage=lambda: Mutant(change), promises=[chosen]) == promise


def test_a_worker_without_marks_is_found_out() -> None:
    # A worker that dies leaves no trace of the hand-over: the message goes again without doubt, and
    # a receipt for the first one finds nothing that was handed over.
    broken = broken_by(evolve(CRASHES, durable_handoff=False, cancelled=0))

    assert broken in {"only_doubt_repeats", "deliveries_are_shown"}


def test_a_status_that_overwrites_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def last_word(message: Message, evidence: Evidence, _: str, **__: bool) -> tuple[Status, None]:
        failed = any(report.failed_at for report in evidence.reported)
        return Status.DELIVERY_FAILED if failed else message.status, None

    monkeypatch.setattr(status, "resolve_status", last_word)

    assert broken_by() in {"no_receipt_is_lost", "deliveries_are_shown"}


def test_a_delivery_that_is_not_shown_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "resolve_status", lambda message, *_, **__: (message.status, None))
    (chosen,) = [check for check in PROMISES if check.__name__ == "deliveries_are_shown"]

    assert broken_by(promises=[chosen]) == "deliveries_are_shown"


def test_a_second_reception_where_the_provider_deduplicates_is_found_out() -> None:
    story = simulate(1, evolve(EVERYDAY, lines=EVERYDAY.lines[-1:], keyed=1.0))
    twice = evolve(story, receptions=story.receptions * 2)

    assert story.receptions
    assert not list(deduplication_is_used(story))
    assert len(list(deduplication_is_used(twice))) == len(story.receptions)


STRICT = evolve(RULES, bursts=1, messages=24, people=RULES.people[:3], scheduled=0.1)
"""Every person gets many messages at about the same time."""


def always(*_: Any, now: Any, **__: Any) -> Ruling:
    """Let everything go, whatever the rules say."""
    return Ruling(course=Course.SEND, due_at=now)


@pytest.mark.parametrize(
    "promise",
    ["nothing_comes_by_night", "no_person_gets_too_many", "no_person_gets_what_they_refused"],
)
def test_an_engine_without_send_rules_is_found_out(
    promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (evaluator, dispatch):
        monkeypatch.setattr(module, "evaluate", always)
    monkeypatch.setattr(evaluator.PolicyEvaluator, "at_handoff", lambda *_, **__: False)
    (chosen,) = [check for check in PROMISES if check.__name__ == promise]

    assert broken_by(STRICT, promises=[chosen]) == promise


def never_counts(tx: Transaction) -> None:
    tx.send_history.record = lambda *_, **__: None  # type: ignore[method-assign]


def is_deaf_to_suppressions(tx: Transaction) -> None:
    tx.suppressions.has_any = lambda: False  # type: ignore[method-assign]


def forgets_why(tx: Transaction) -> None:
    add = tx.messages.add
    tx.messages.add = lambda messages: add(  # type: ignore[method-assign]
        [evolve(message, message=evolve(message.message, reason=None)) for message in messages]
    )


def answers_no_keyword(tx: Transaction) -> None:
    add = tx.messages.add
    tx.messages.add = lambda messages: add(  # type: ignore[method-assign]
        [
            message
            for message in messages
            if not message.message.origin or message.message.origin.type != "keyword"
        ]
    )


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (never_counts, "no_person_gets_too_many"),
        (is_deaf_to_suppressions, "no_person_gets_what_they_refused"),
        (forgets_why, "what_is_held_back_has_a_reason"),
        (answers_no_keyword, "keywords_are_answered_once"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_storage_that_breaks_send_rules_is_found_out(change: Change, promise: str) -> None:
    (chosen,) = [check for check in PROMISES if check.__name__ == promise]

    assert broken_by(STRICT, storage=lambda: Mutant(change), promises=[chosen]) == promise


def makes_no_webhook(tx: Transaction) -> None:
    add = tx.webhooks.add_deliveries
    tx.webhooks.add_deliveries = lambda made: add(made[1:])  # type: ignore[method-assign]


def gives_up_in_silence(tx: Transaction) -> None:
    webhooks: Any = tx.webhooks
    settle = webhooks.settle

    def forget(claim: Any, after: Any) -> Any:
        return settle(claim, None if after and after.is_dead else after)

    webhooks.settle = forget


def sends_the_last_event_first(tx: Transaction) -> None:
    webhooks: Any = tx.webhooks
    add = webhooks.add_deliveries
    webhooks.add_deliveries = lambda made: add(
        [evolve(delivery, position=-delivery.position) for delivery in made]
    )


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (gives_up_in_silence, "no_webhook_is_lost"),
        (makes_no_webhook, "no_webhook_is_lost"),
        (sends_the_last_event_first, "webhooks_of_a_message_arrive_in_order"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_storage_that_breaks_webhooks_is_found_out(change: Change, promise: str) -> None:
    assert broken_by(WEBHOOKS, storage=lambda: Mutant(change)) == promise


def test_an_engine_that_misses_events_for_webhooks_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(WebhookFinder, "find", lambda *_: [])

    assert broken_by(WEBHOOKS) == "every_event_makes_its_webhooks"


def test_a_suppression_that_comes_too_late_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator.PolicyEvaluator, "at_handoff", lambda *_, **__: False)
    (chosen,) = [
        check for check in PROMISES if check.__name__ == "no_person_gets_what_they_refused"
    ]
    blocking = evolve(STRICT, blocked=30, keywords=0)

    assert broken_by(blocking, promises=[chosen]) == "no_person_gets_what_they_refused"


def test_a_consent_that_is_not_asked_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator.PolicyEvaluator, "at_handoff", lambda *_, **__: False)
    (chosen,) = [
        check for check in PROMISES if check.__name__ == "no_person_gets_what_they_refused"
    ]
    changing = evolve(STRICT, changed=40, blocked=0, keywords=0)

    assert broken_by(changing, promises=[chosen]) == "no_person_gets_what_they_refused"


def test_a_receipt_before_the_hand_off_that_counts_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReceiptProcessor, "_is_about", lambda *_: True)
    (chosen,) = [check for check in PROMISES if check.__name__ == "receipts_wait_for_the_hand_off"]
    premature = evolve(EVERYDAY, premature=1.0, scheduled=1.0)

    assert broken_by(premature, promises=[chosen]) == "receipts_wait_for_the_hand_off"


def test_a_plan_without_send_rules_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = preview._decided

    def blind(acceptor: Any, *rest: Any) -> Any:
        context = evolve(acceptor.context, policies=evaluator.SendPolicies())
        return judged(evolve(acceptor, context=context), *rest)

    monkeypatch.setattr(preview, "_decided", blind)

    assert broken_by(STRICT) == "what_was_foreseen_happens"


def test_an_engine_that_believes_receipts_which_do_not_fit_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReceiptProcessor, "_fits", lambda *_: True)

    assert broken_by(FLAKY) in {"no_receipt_is_lost", "deliveries_are_shown"}
