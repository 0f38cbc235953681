"""Whether send rules make sense, and which of them hold for a channel."""

from datetime import timedelta
from typing import Final

from attrs import evolve

from messaging_core.models.common.violation import Violation
from messaging_core.models.policy.send_rules import (
    FrequencyCap,
    Holdout,
    QuietHours,
    QuietWindow,
    SendRules,
)
from messaging_core.rules.addressing.channel import check_platform
from messaging_core.rules.formats.zones import zone_of

MAX_CAP_WINDOW: Final = timedelta(days=366)
"""Longest window of a frequency cap; ours, since all that was sent in it has to be remembered."""


def combined(workspace: SendRules, channel: SendRules | None) -> SendRules:
    """Return the rules of a channel within those of its workspace.

    Quiet hours and holdout of the channel replace the workspace's; caps and required
    subscriptions of both hold, and mail is tracked only where both allow it.
    `QuietHours(windows=())` is how a channel has none.
    """
    if channel is None:
        return workspace
    return evolve(
        workspace,
        quiet_hours=channel.quiet_hours or workspace.quiet_hours,
        holdout=channel.holdout or workspace.holdout,
        frequency_caps=(*workspace.frequency_caps, *channel.frequency_caps),
        subscription_required=workspace.subscription_required | channel.subscription_required,
        mail_tracking=workspace.mail_tracking and channel.mail_tracking,
    )


def check_send_rules(rules: SendRules, path: str = "") -> list[Violation]:
    """Refuse rules that cannot mean what they say, before the first message is decided on.

    Returns:
        Violations with the fields of `SendRules` as paths, in camelCase.
    """
    violations: list[Violation] = []
    if rules.quiet_hours is not None:
        violations += _check_quiet_hours(rules.quiet_hours, f"{path}/quietHours")
    for index, cap in enumerate(rules.frequency_caps):
        violations += _check_cap(cap, f"{path}/frequencyCaps/{index}")
    if rules.holdout is not None:
        violations += _check_holdout(rules.holdout, f"{path}/holdout")
    for platform in sorted(rules.subscription_required):
        violations += check_platform(platform, f"{path}/subscriptionRequired")
    return violations


def _check_quiet_hours(hours: QuietHours, path: str) -> list[Violation]:
    violations = [
        violation
        for index, window in enumerate(hours.windows)
        for violation in _check_window(window, f"{path}/windows/{index}")
    ]
    if zone_of(hours.fallback_zone) is None:
        message = "not a name of the IANA time zone database, such as Europe/Amsterdam"
        violations.append(Violation(f"{path}/fallbackZone", "send_rules.unknown_zone", message))
    return violations


def _check_window(window: QuietWindow, path: str) -> list[Violation]:
    violations = []
    if not window.days:
        message = "name the days on which it begins"
        violations.append(Violation(f"{path}/days", "send_rules.no_days", message))
    if window.start.tzinfo is not None or window.end.tzinfo is not None:
        message = "times are those of the receiver's clock: leave the zone out"
        violations.append(Violation(path, "send_rules.time_with_zone", message))
    return violations


def _check_cap(cap: FrequencyCap, path: str) -> list[Violation]:
    violations = []
    if cap.limit < 1:
        message = "a cap lets at least 1 message through"
        violations.append(Violation(f"{path}/limit", "send_rules.bad_limit", message))
    if not timedelta(0) < cap.window <= MAX_CAP_WINDOW:
        message = f"a window is longer than nothing, and at most {MAX_CAP_WINDOW.days} days"
        violations.append(Violation(f"{path}/window", "send_rules.bad_window", message))
    for platform in sorted(cap.platforms):
        violations += check_platform(platform, f"{path}/platforms")
    return violations


def _check_holdout(holdout: Holdout, path: str) -> list[Violation]:
    if (holdout.list_id is None) != (holdout.attribute is None):
        return []
    message = "name a list or an attribute, one of both"
    return [Violation(path, "send_rules.bad_holdout", message)]
