"""Whether, when and to whom a message may go, by every send rule at once.

The rules are asked in this order, and the first that forbids decides: is the channel active · is
the receiver reachable · suppressions · subscription · global holdout · frequency caps · quiet
hours · validity. All of them are asked, whatever the first says, so that the reasons are complete.

The same function decides at acceptance, before every attempt, and for whoever asks when a message
may go next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from messaging_core.models.channel import SMS, Channel
from messaging_core.models.delivery import Controls
from messaging_core.models.meta import Meta
from messaging_core.models.plan import Reason
from messaging_core.models.reasons import ReasonCode, because
from messaging_core.models.send_rules import (
    Course,
    Purpose,
    QuietAction,
    QuietHours,
    ReceiverFacts,
    Ruling,
    SendRules,
    SuppressionScope,
)
from messaging_core.rules.consent import covering, purpose_of
from messaging_core.rules.frequency import binds, next_free
from messaging_core.rules.quiet_hours import allowed_from, is_quiet
from messaging_core.rules.receiver import PLATFORM_KEYS
from messaging_core.rules.zones import Zones, joined, zones_of_receiver

_SUPPRESSED: Mapping[SuppressionScope, ReasonCode] = {
    SuppressionScope.MARKETING: ReasonCode.SUPPRESSED_MARKETING,
    SuppressionScope.TRANSACTIONAL: ReasonCode.SUPPRESSED_TRANSACTIONAL,
    SuppressionScope.SENDER: ReasonCode.SUPPRESSED_SENDER,
}
_NO_CONTROLS = Controls()


@frozen(kw_only=True)
class _Case:
    """One message as the rules see it; `at` is when it would go if nothing held it."""

    channel: Channel
    rules: SendRules
    controls: Controls
    purpose: Purpose
    sender: str | None
    at: datetime
    expires_at: datetime | None


@frozen
class _Finding:
    """What a rule has to say, and what follows for the message or for one receiver."""

    reason: Reason
    course: Course | None = None
    until: datetime | None = None


def evaluate(  # noqa: PLR0913 - everything the rules may ask for, each once
    channel: Channel,
    rules: SendRules,
    receivers: Sequence[ReceiverFacts],
    *,
    now: datetime,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    controls: Controls = _NO_CONTROLS,
    meta: Meta | None = None,
    sender: str | None = None,
) -> Ruling:
    """Decide what becomes of a message, with every reason at once.

    A receiver who must not get it is left out, and the others get it; when nobody is left, it is
    skipped, or rejected where a frequency cap took the last. Quiet hours have to be over in every
    zone of everybody who is left.

    Args:
        channel: Where it goes.
        rules: What is set up for the channel, see `combined`.
        receivers: What is known of each receiver who is still to get it.
        now: The present.
        due_at: When it is to go; in the past and absent mean now.
        expires_at: From when on it must not go; absent asks without a validity.
        controls: What the request asked for.
        meta: Of the message; its use case says what the message is for.
        sender: Whom it comes from, where that is not the channel's sender.
    """
    case = _Case(
        channel=channel,
        rules=rules,
        controls=controls,
        purpose=purpose_of(channel.message_type, meta),
        sender=sender or channel.sender,
        at=now if due_at is None else max(due_at, now),
        expires_at=expires_at,
    )
    personal = [
        (place, finding)
        for rule in _PERSONAL_RULES
        for place, receiver in enumerate(receivers)
        for finding in rule(case, receiver, f"/receiver/contacts/{place}")
    ]
    return _join(case, receivers, personal)


def _join(
    case: _Case, receivers: Sequence[ReceiverFacts], personal: Sequence[tuple[int, _Finding]]
) -> Ruling:
    """Turn what was found on each receiver into what becomes of the message."""
    places = frozenset(range(len(receivers)))
    skipped = frozenset(place for place, found in personal if found.course is Course.SKIP)
    capped = frozenset(place for place, found in personal if found.course is Course.REJECT)
    left = places - skipped - capped
    people = [receivers[place] for place in sorted(left or places - skipped or places)]
    zones = [_zones(one, hours) for one in people] if (hours := _binding(case)) else []
    ending = None if left or not places else Course.REJECT if capped - skipped else Course.SKIP
    findings = [
        *_inactive(case),
        *(_Finding(found.reason, found.course and ending) for _, found in personal),
        *_nobody_left(places, left),
        *_quiet_hours(case, zones),
        *_expired(case),
    ]
    decisive = next((found for found in findings if found.course), None)
    course = decisive.course if decisive and decisive.course else Course.SEND
    free = case.at if left or not places else _first_free(personal, capped - skipped)
    due = {Course.SEND: case.at, Course.HOLD: decisive.until if decisive else None}
    return Ruling(
        course=course,
        reasons=tuple(found.reason for found in findings),
        due_at=due.get(course),
        next_at=_open_from(case, free, zones) if case.channel.active else None,
        excluded=skipped | capped,
    )


def _inactive(case: _Case) -> Iterator[_Finding]:
    if not case.channel.active:
        reason = because(ReasonCode.CHANNEL_INACTIVE, channel=case.channel.name)
        yield _Finding(reason, Course.REJECT)


def _reach(case: _Case, receiver: ReceiverFacts, place: str) -> Iterator[_Finding]:
    if receiver.identifier is None or not receiver.identifier.identifier_value:
        facts = {"receiver": place, "platform": case.channel.platform}
        yield _Finding(because(ReasonCode.RECEIVER_UNREACHABLE, **facts), Course.SKIP)


def _suppressions(case: _Case, receiver: ReceiverFacts, place: str) -> Iterator[_Finding]:
    if receiver.identifier is None:
        return
    for one in covering(receiver.suppressions, receiver.identifier, case.purpose, case.sender):
        facts = {"receiver": place, "cause": one.cause.value, "since": one.at.isoformat()}
        yield _Finding(because(_SUPPRESSED[one.scope], **facts), Course.SKIP)


def _subscription(case: _Case, receiver: ReceiverFacts, place: str) -> Iterator[_Finding]:
    if case.purpose is not Purpose.MARKETING:
        return
    platform = case.channel.platform
    subscribed = receiver.subscriptions.get(platform)
    facts = {"receiver": place, "platform": platform}
    if subscribed is False:
        yield _Finding(because(ReasonCode.SUBSCRIPTION_UNSUBSCRIBED, **facts), Course.SKIP)
    elif subscribed is None and platform in case.rules.subscription_required:
        yield _Finding(because(ReasonCode.SUBSCRIPTION_BLANK, **facts), Course.SKIP)


def _holdout(case: _Case, receiver: ReceiverFacts, place: str) -> Iterator[_Finding]:
    if not receiver.held_out:
        return
    if case.controls.ignore_global_holdout:
        yield _Finding(because(ReasonCode.HOLDOUT_IGNORED, receiver=place))
    else:
        yield _Finding(because(ReasonCode.HOLDOUT_SKIPPED, receiver=place), Course.SKIP)


def _caps(case: _Case, receiver: ReceiverFacts, place: str) -> Iterator[_Finding]:
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
        yield _Finding(because(ReasonCode.FREQUENCY_CAPPED, **facts), Course.REJECT, free)


_PERSONAL_RULES: Sequence[Callable[[_Case, ReceiverFacts, str], Iterator[_Finding]]] = (
    _reach,
    _suppressions,
    _subscription,
    _holdout,
    _caps,
)


def _nobody_left(places: frozenset[int], left: frozenset[int]) -> Iterator[_Finding]:
    if len(places) > 1 and not left:
        yield _Finding(because(ReasonCode.RECEIVERS_NOBODY_LEFT, receivers=str(len(places))))


def _quiet_hours(case: _Case, zones: Sequence[Zones]) -> Iterator[_Finding]:
    hours = _binding(case)
    if hours is None:
        return
    until = allowed_from(case.at, hours.windows, joined(zones))
    if until == case.at:
        return
    facts = _quiet_facts(case, hours, zones, until)
    passed_over_by = _passed_over_by(case, hours)
    if passed_over_by:
        yield _Finding(because(ReasonCode.QUIET_HOURS_BYPASSED, by=passed_over_by, **facts))
    elif hours.action is QuietAction.DROP:
        yield _Finding(because(ReasonCode.QUIET_HOURS_DROP, **facts), Course.SKIP)
    else:
        yield _hold(case, until, facts)


def _hold(case: _Case, until: datetime | None, facts: Mapping[str, str]) -> _Finding:
    """Hold a message, unless the wait would be for nothing."""
    if until is None:
        return _Finding(because(ReasonCode.QUIET_HOURS_NEVER, **facts), Course.REJECT)
    if case.expires_at is None or until < case.expires_at:
        return _Finding(because(ReasonCode.QUIET_HOURS_HOLD, **facts), Course.HOLD, until)
    facts = {**facts, "expiresAt": case.expires_at.isoformat()}
    reason = because(ReasonCode.QUIET_HOURS_OUTLASTS_VALIDITY, **facts)
    # What is over already has nothing to wait for: that the validity says, which comes next.
    return _Finding(reason, Course.REJECT if case.at < case.expires_at else None)


def _quiet_facts(
    case: _Case, hours: QuietHours, zones: Sequence[Zones], until: datetime | None
) -> dict[str, str]:
    quiet = [name for name in joined(zones) if is_quiet(case.at, hours.windows, name)]
    facts = {
        "at": case.at.isoformat(),
        "quietIn": ", ".join(quiet),
        "zonesFrom": ", ".join(dict.fromkeys(each.source for each in zones)),
    }
    return facts | ({"until": until.isoformat()} if until else {})


def _expired(case: _Case) -> Iterator[_Finding]:
    if case.expires_at is not None and case.at >= case.expires_at:
        facts = {"at": case.at.isoformat(), "expiresAt": case.expires_at.isoformat()}
        yield _Finding(because(ReasonCode.VALIDITY_EXPIRED, **facts), Course.EXPIRE)


def _binding(case: _Case) -> QuietHours | None:
    hours = case.rules.quiet_hours
    return hours if hours and case.channel.message_type in hours.message_types else None


def _passed_over_by(case: _Case, hours: QuietHours) -> str:
    if case.controls.ignore_quiet_hours:
        return "ignoreQuietHours"
    return "action" if hours.action is QuietAction.BYPASS else ""


def _zones(receiver: ReceiverFacts, hours: QuietHours) -> Zones:
    address = receiver.identifier
    is_number = address is not None and address.identifier_key == PLATFORM_KEYS[SMS]
    number = address.identifier_value if address and is_number else None
    return zones_of_receiver(receiver.time_zone, number, hours.fallback_zone)


def _first_free(
    personal: Sequence[tuple[int, _Finding]], places: frozenset[int]
) -> datetime | None:
    """Return when the first of those who only had too many messages may get another."""
    frees = []
    for each in places:
        untils = [
            found.until
            for place, found in personal
            if place == each and found.course is Course.REJECT
        ]
        known = [until for until in untils if until is not None]
        if len(known) == len(untils):
            frees.append(max(known))
    return min(frees, default=None)


def _open_from(case: _Case, free: datetime | None, zones: Sequence[Zones]) -> datetime | None:
    """Return the first instant from one on that quiet hours leave open."""
    hours = _binding(case)
    if free is None or hours is None or _passed_over_by(case, hours):
        return free
    return allowed_from(free, hours.windows, joined(zones))
