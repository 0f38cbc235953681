"""The scenarios that the engine itself is tested with; here those in which send rules hold."""

from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from attrs import evolve

from messaging_core.models.common.channel import (
    DEFAULT_WORKSPACE,
    EMAIL,
    PUSH,
    SMS,
    Channel,
    MessageType,
)
from messaging_core.models.common.escalation import Escalation
from messaging_core.models.policy.send_rules import (
    FrequencyCap,
    Holdout,
    QuietAction,
    QuietHours,
    QuietWindow,
    SendRules,
    Weekday,
)
from messaging_core.testing.simulation.scenario import (
    CLOCKS,
    CRASHES,
    EVERYDAY,
    FLAKY,
    HANGING,
    HELD_OUT,
    POISON,
    STEPS,
    Line,
    Listener,
    Person,
    Provider,
    Receipts,
    Scenario,
)

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_NUMBER = "+316123450"
_HOME = "Europe/Amsterdam"
_WEEKEND = frozenset({Weekday.SATURDAY, Weekday.SUNDAY})
_PROMOTIONAL = frozenset({MessageType.PROMOTIONAL})


def _person(number: int, zone: str, **facts: bool | dict[str, bool]) -> Person:
    addresses = {SMS: f"{_NUMBER}{number:02}", EMAIL: f"reader{number}@receiver.example"}
    return Person(addresses=addresses, zone=zone, **facts)  # type: ignore[arg-type] # by name


_PEOPLE: Final = (
    _person(1, _HOME),
    _person(2, "America/New_York"),
    _person(3, "Australia/Sydney"),
    _person(4, "Asia/Kolkata", subscriptions={EMAIL: False}),
    _person(5, _HOME, is_known=False),
    _person(6, "Atlantic/Azores", is_held_out=True),
)

_OFFERS = Channel(
    name="offers", platform=SMS, sender="+31600000002", message_type=MessageType.PROMOTIONAL
)
_NEWS = Channel(
    name="news",
    platform=EMAIL,
    sender="news@sender.example",
    message_type=MessageType.PROMOTIONAL,
)
_ORDERS = Channel(name="orders", platform=SMS, sender="+31600000002")
_MAIL = Channel(name="mail", platform=EMAIL, sender="shop@sender.example")

_NIGHT = QuietHours(
    windows=(
        QuietWindow(start=time(21), end=time(8)),
        QuietWindow(start=time(2, 30), end=time(14), days=_WEEKEND),
    ),
    fallback_zone=_HOME,
)

RULES: Final = evolve(
    EVERYDAY,
    name="rules",
    lines=tuple(Line(channel=one) for one in (_OFFERS, _NEWS, _ORDERS, _MAIL)),
    messages=14,
    people=_PEOPLE,
    send_rules={
        DEFAULT_WORKSPACE: SendRules(
            quiet_hours=_NIGHT,
            frequency_caps=(
                FrequencyCap(limit=1, window=_DAY, message_types=_PROMOTIONAL, only_if_asked=False),
                FrequencyCap(limit=3, window=6 * _HOUR, only_if_asked=False),
            ),
            holdout=Holdout(attribute=HELD_OUT),
        ),
        _NEWS.id: SendRules(
            quiet_hours=evolve(_NIGHT, action=QuietAction.DROP),
            frequency_caps=(FrequencyCap(limit=2, window=5 * _DAY, only_if_asked=False),),
        ),
    },
    wishful=0.15,
    foreseen=0.9,
    blocked=2,
    keywords=3,
    changed=3,
)
"""Quiet hours, caps, holdout, suppressions and STOP, while some of everything goes wrong."""

AUTUMN: Final = evolve(
    RULES,
    name="autumn",
    start=datetime(2026, 10, 12, 8, tzinfo=UTC),
    lines=tuple(
        Line(channel=one.channel, provider=two.provider)
        for one, two in zip(RULES.lines, FLAKY.lines, strict=False)
    ),
    bursts=2,
    lasts=2 * timedelta(weeks=1),
    crash=0.06,
    stall=0.04,
    skew=timedelta(minutes=20),
    scheduled=0.5,
    rescheduled=0.5,
    short=0.05,
    messages=16,
    people=_PEOPLE[:4],
    send_rules={
        DEFAULT_WORKSPACE: SendRules(
            quiet_hours=evolve(
                _NIGHT, message_types=frozenset({*_PROMOTIONAL, MessageType.TRANSACTIONAL})
            ),
            frequency_caps=(
                FrequencyCap(limit=1, window=2 * _HOUR, only_if_asked=False),
                FrequencyCap(limit=3, window=3 * _DAY, only_if_asked=False),
                FrequencyCap(limit=1, window=7 * _DAY),
            ),
        ),
    },
    blocked=4,
    keywords=5,
    changed=6,
)
"""Few people, strict rules for all kinds of messages, and providers and workers in trouble."""

_ESCALATION_PEOPLE: Final = tuple(
    evolve(person, addresses={**person.addresses, PUSH: f"token-{number}"})
    for number, person in enumerate(_PEOPLE)
)
_TEXTS = Channel(name="texts", platform=SMS, sender="+31600000002")
_LETTERS = Channel(
    name="letters",
    platform=EMAIL,
    sender="shop@sender.example",
    escalation=Escalation(channel="texts", after=timedelta(minutes=30)),
)
_APP = Channel(
    name="app",
    platform=PUSH,
    sender="shop",
    escalation=Escalation(channel="texts", after=timedelta(minutes=5)),
)
_ALERTS = Channel(
    name="alerts",
    platform=PUSH,
    sender="shop",
    message_type=MessageType.PROMOTIONAL,
    escalation=Escalation(channel="letters", after=timedelta(minutes=2)),
)
_REPORTS = Receipts(delay=timedelta(hours=1), silent=0.3, contradicted=0.2)

ESCALATION: Final = evolve(
    EVERYDAY,
    name="escalation",
    lines=(
        Line(channel=_APP, provider=Provider(receipts=_REPORTS, rejected=0.15, slow=0.2)),
        Line(channel=_ALERTS, provider=FLAKY.lines[-1].provider),
        Line(channel=_LETTERS, provider=Provider(receipts=_REPORTS, unanswered=0.2)),
        Line(channel=_TEXTS),
    ),
    people=_ESCALATION_PEOPLE,
    receivers=1,
    messages=12,
    crash=0.05,
    cancelled=0.3,
    rescheduled=0.2,
    foreseen=0,  # to find the address of the fallback takes a moment, and others may come first
    short=0.05,
)
"""Push escalates to SMS, and to email and then SMS, while some of everything goes wrong."""

ESCALATION_RULES: Final = evolve(
    ESCALATION,
    name="escalation-rules",
    lasts=timedelta(weeks=1),
    skew=timedelta(minutes=20),
    send_rules={
        DEFAULT_WORKSPACE: SendRules(
            quiet_hours=evolve(_NIGHT, message_types=frozenset(MessageType)),
            frequency_caps=(FrequencyCap(limit=3, window=6 * _HOUR, only_if_asked=False),),
            holdout=Holdout(attribute=HELD_OUT),
        )
    },
    wishful=0.1,
    blocked=3,
    keywords=3,
    changed=3,
)
"""The same with quiet hours, caps, suppressions and STOP, and with clocks far apart."""

_POOL: Final = {"+31600000002": 3, "+31600000003": 1, "+31600000004": 0, "+31600000005": 2}
_MAIL_POOL: Final = {"news@sender.example": 1, "news@other.example": 1}

POOLS: Final = evolve(
    RULES,
    name="pools",
    lines=(
        Line(channel=evolve(_ORDERS, senders=_POOL), provider=FLAKY.lines[0].provider),
        Line(channel=evolve(_OFFERS, senders=_POOL)),
        Line(channel=evolve(_NEWS, senders=_MAIL_POOL)),
    ),
    crash=0.06,
    keywords=4,
)
"""Senders share the receivers, who opt out and in, while some of everything goes wrong."""

_DOWN: Final = timedelta(hours=9)

WEBHOOKS: Final = evolve(
    EVERYDAY,
    name="webhooks",
    lines=EVERYDAY.lines[:2] + EVERYDAY.lines[4:6],
    lasts=timedelta(days=2),
    skew=timedelta(minutes=20),
    set_clock=0.01,
    crash=0.05,
    storage_fault=0.05,
    # What is done days later would find those that were given up forgotten.
    scheduled=0.0,
    rescheduled=0.0,
    cancelled=0.0,
    premature=0.0,
    messages=3,
    bursts=2,
    listeners=(
        Listener(url="https://steady.example/", subscribed=True, failing=0.05, slow=0.02),
        Listener(url="https://shaky.example/", subscribed=True, failing=0.5, slow=0.2),
        Listener(url="https://hooks.example/", unanswered=0.3),
        Listener(url="https://down.example/", down=_DOWN),
        Listener(url="https://gone.example/", subscribed=True, gone=0.1),
    ),
    notified=0.7,
)
"""Webhooks go to systems that fail, are slow, are down or are gone, from processes that die."""

MONTH: Final = evolve(
    ESCALATION_RULES,
    name="month",
    lines=(*ESCALATION_RULES.lines, *EVERYDAY.lines[3:5]),
    lasts=timedelta(days=30),
    retention=timedelta(days=20),
    messages=60,
    bursts=25,
    skew=timedelta(minutes=2),
    blocked=10,
    keywords=10,
    changed=10,
    listeners=(
        Listener(url="https://steady.example/", subscribed=True, failing=0.05, slow=0.02),
        Listener(url="https://hooks.example/", unanswered=0.3),
    ),
    notified=0.3,
)
"""A month of everything together, in which messages are purged that are old."""

RULED: Final = (RULES, AUTUMN, POOLS)
"""Those in which send rules hold."""

SCENARIOS: Final = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (
            *(EVERYDAY, CRASHES, CLOCKS, STEPS, HANGING, FLAKY, POISON, *RULED),
            *(ESCALATION, ESCALATION_RULES, WEBHOOKS),
        )
    }
)
"""All of them, by name."""

__all__ = [
    "AUTUMN",
    "ESCALATION",
    "ESCALATION_RULES",
    "MONTH",
    "POOLS",
    "RULED",
    "RULES",
    "SCENARIOS",
    "WEBHOOKS",
    "Scenario",
]
