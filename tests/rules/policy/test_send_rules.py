from datetime import UTC, time, timedelta
from uuid import UUID

import pytest

from messaging_core.models import FrequencyCap, Holdout, QuietHours, QuietWindow, SendRules
from messaging_core.rules.policy.send_rules import MAX_CAP_WINDOW, check_send_rules, combined

NIGHT = QuietWindow(start=time(21), end=time(8))
HOURS = QuietHours(windows=(NIGHT,))
DAILY, WEEKLY = FrequencyCap(), FrequencyCap(limit=3, window=timedelta(days=7))


@pytest.mark.parametrize(
    "rules",
    [
        SendRules(),
        SendRules(
            quiet_hours=QuietHours(windows=(NIGHT,), fallback_zone="Europe/Amsterdam"),
            frequency_caps=(DAILY, FrequencyCap(window=MAX_CAP_WINDOW)),
            holdout=Holdout(attribute="heldOut"),
            subscription_required=frozenset({"sms"}),
        ),
        SendRules(quiet_hours=QuietHours(windows=()), holdout=Holdout(list_id=UUID(int=1))),
    ],
)
def test_rules_that_make_sense_are_accepted(rules: SendRules) -> None:
    assert check_send_rules(rules) == []


def hours(**fields: object) -> SendRules:
    return SendRules(quiet_hours=QuietHours(**{"windows": (NIGHT,), **fields}))  # type: ignore[arg-type]


def cap(**fields: object) -> SendRules:
    return SendRules(frequency_caps=(DAILY, FrequencyCap(**fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "path", "code"),
    [
        (hours(fallback_zone="Mars/Base"), "/quietHours/fallbackZone", "send_rules.unknown_zone"),
        (
            hours(windows=(NIGHT, QuietWindow(start=time(1), end=time(2), days=frozenset()))),
            "/quietHours/windows/1/days",
            "send_rules.no_days",
        ),
        (
            hours(windows=(QuietWindow(start=time(1, tzinfo=UTC), end=time(2)),)),
            "/quietHours/windows/0",
            "send_rules.time_with_zone",
        ),
        (cap(limit=0), "/frequencyCaps/1/limit", "send_rules.bad_limit"),
        (cap(window=timedelta(0)), "/frequencyCaps/1/window", "send_rules.bad_window"),
        (cap(window=2 * MAX_CAP_WINDOW), "/frequencyCaps/1/window", "send_rules.bad_window"),
        (
            cap(platforms=frozenset({"SMS"})),
            "/frequencyCaps/1/platforms",
            "channel.bad_platform",
        ),
        (SendRules(holdout=Holdout()), "/holdout", "send_rules.bad_holdout"),
        (
            SendRules(holdout=Holdout(list_id=UUID(int=1), attribute="x")),
            "/holdout",
            "send_rules.bad_holdout",
        ),
        (
            SendRules(subscription_required=frozenset({"Email"})),
            "/subscriptionRequired",
            "channel.bad_platform",
        ),
    ],
)
def test_rules_that_cannot_mean_what_they_say_are_refused(
    rules: SendRules, path: str, code: str
) -> None:
    assert [(rule.path, rule.code) for rule in check_send_rules(rules)] == [(path, code)]


def test_a_channel_refines_the_rules_of_its_workspace() -> None:
    workspace = SendRules(
        quiet_hours=HOURS,
        frequency_caps=(DAILY,),
        holdout=Holdout(attribute="a"),
        subscription_required=frozenset({"sms"}),
    )
    channel = SendRules(
        quiet_hours=QuietHours(windows=()),
        frequency_caps=(WEEKLY,),
        holdout=Holdout(attribute="b"),
        subscription_required=frozenset({"email"}),
    )

    assert combined(workspace, None) == workspace
    assert combined(workspace, SendRules()) == workspace
    assert combined(workspace, channel) == SendRules(
        quiet_hours=QuietHours(windows=()),
        frequency_caps=(DAILY, WEEKLY),
        holdout=Holdout(attribute="b"),
        subscription_required=frozenset({"sms", "email"}),
    )
