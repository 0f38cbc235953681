"""What each send rule has to say about one receiver of a message."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Controls
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import SUPPRESSED_BY, ReasonCode, because
from messaging_core.models.policy.send_rules import (
    Course,
    Purpose,
    ReceiverFacts,
    SendRules,
)
from messaging_core.rules.policy.consent import covering, pool_of
from messaging_core.rules.policy.frequency import binds, next_free


@frozen(kw_only=True)
class Case:
    """One message as the rules see it; `at` is when it would go if nothing held it."""

    channel: Channel
    rules: SendRules
    controls: Controls
    purpose: Purpose
    sender: str | None
    at: datetime
    expires_at: datetime | None


@frozen
class Finding:
    """What a rule has to say, and what follows for the message or for one receiver."""

    reason: Reason
    course: Course | None = None
    until: datetime | None = None


def _reach(case: Case, receiver: ReceiverFacts, place: str) -> Iterator[Finding]:
    if receiver.identifier is None or not receiver.identifier.identifier_value:
        facts = {"receiver": place, "platform": case.channel.platform}
        yield Finding(because(ReasonCode.RECEIVER_UNREACHABLE, **facts), Course.SKIP)


def _suppressions(case: Case, receiver: ReceiverFacts, place: str) -> Iterator[Finding]:
    if receiver.identifier is None:
        return
    for suppression in covering(
        receiver.suppressions,
        receiver.identifier,
        case.purpose,
        case.sender,
        pool_of(case.channel),
    ):
        facts = {
            "receiver": place,
            "cause": suppression.cause.value,
            "since": suppression.at.isoformat(),
        }
        yield Finding(because(SUPPRESSED_BY[suppression.scope], **facts), Course.SKIP)


def _subscription(case: Case, receiver: ReceiverFacts, place: str) -> Iterator[Finding]:
    if case.purpose is not Purpose.MARKETING:
        return
    platform = case.channel.platform
    subscribed = receiver.subscriptions.get(platform)
    facts = {"receiver": place, "platform": platform}
    if subscribed is False:
        yield Finding(because(ReasonCode.SUBSCRIPTION_UNSUBSCRIBED, **facts), Course.SKIP)
    elif subscribed is None and platform in case.rules.subscription_required:
        yield Finding(because(ReasonCode.SUBSCRIPTION_BLANK, **facts), Course.SKIP)


def _holdout(case: Case, receiver: ReceiverFacts, place: str) -> Iterator[Finding]:
    if not receiver.held_out:
        return
    if case.controls.ignore_global_holdout:
        yield Finding(because(ReasonCode.HOLDOUT_IGNORED, receiver=place))
    else:
        yield Finding(because(ReasonCode.HOLDOUT_SKIPPED, receiver=place), Course.SKIP)


def _caps(case: Case, receiver: ReceiverFacts, place: str) -> Iterator[Finding]:
    channel, asked = case.channel, case.controls.cap_frequency
    for cap in case.rules.frequency_caps:
        if not binds(cap, channel.platform, channel.message_type, cap_frequency=asked):
            continue
        free = next_free(receiver.sent_at, cap.limit, cap.window, case.at)
        if free == case.at:
            continue
        facts = {
            "receiver": place,
            "limit": str(cap.limit),
            "windowSeconds": str(int(cap.window.total_seconds())),
            "at": case.at.isoformat(),
        } | ({"until": free.isoformat()} if free else {})
        yield Finding(because(ReasonCode.FREQUENCY_CAPPED, **facts), Course.REJECT, free)


CONSENT_RULES: Sequence[Callable[[Case, ReceiverFacts, str], Iterator[Finding]]] = (
    _suppressions,
    _subscription,
    _holdout,
)
"""What a person may say between the claim of a message and its hand-over."""

RECEIVER_RULES: Sequence[Callable[[Case, ReceiverFacts, str], Iterator[Finding]]] = (
    _reach,
    *CONSENT_RULES,
    _caps,
)
