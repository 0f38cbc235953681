"""Whether, when and to whom a message may go, by every send rule at once.

The rules are asked in this order, and the first that forbids decides: is the channel active · is
the receiver reachable · suppressions · subscription · global holdout · frequency caps · quiet
hours · validity. All of them are asked, whatever the first says, so that the reasons are complete.

The time is an argument: one function answers at acceptance, before an attempt, and for a host
that asks when a receiver may get a message next.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from messaging_core.decisions.policy.receiver_rules import (
    CONSENT_RULES,
    RECEIVER_RULES,
    Case,
    Finding,
)
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.content.meta import Meta
from messaging_core.models.delivery.delivery import Controls
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.models.policy.send_rules import (
    Course,
    QuietAction,
    QuietHours,
    ReceiverFacts,
    Ruling,
    SendRules,
)
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.formats.zones import Zones, joined, zones_of_receiver
from messaging_core.rules.policy.consent import purpose_of
from messaging_core.rules.policy.quiet_hours import allowed_from, is_quiet

_NO_CONTROLS = Controls()


@frozen(kw_only=True)
class _Places:
    """The receivers of a message: those who may get it, and those who only had too many."""

    all: frozenset[int]
    left: frozenset[int]
    capped: frozenset[int]

    @property
    def asleep(self) -> frozenset[int]:
        """Return the receivers whose quiet hours count.

        They are those who may get it; without them those who may get it later; else all.
        """
        return self.left or self.capped or self.all

    @property
    def ending(self) -> Course | None:
        """Return how a message without a receiver ends, by the last rule that left one out."""
        if self.left or not self.all:
            return None
        return Course.REJECT if self.capped else Course.SKIP


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

    A receiver who must not get it is left out, and the others get it; when no receiver is left, it
    is skipped, or rejected if a frequency cap left out the last. Quiet hours have to be over in
    every zone of every receiver who is left.

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
    case = Case(
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
        for rule in RECEIVER_RULES
        for place, receiver in enumerate(receivers)
        for finding in rule(case, receiver, f"/receiver/contacts/{place}")
    ]
    return _join(case, receivers, personal)


def is_refused(  # noqa: PLR0913 - as for `evaluate`
    channel: Channel,
    rules: SendRules,
    receivers: Sequence[ReceiverFacts],
    *,
    now: datetime,
    controls: Controls = _NO_CONTROLS,
    meta: Meta | None = None,
    sender: str | None = None,
) -> bool:
    """Return whether a suppression, a subscription or the holdout takes out any receiver.

    The arguments are those of `evaluate`.
    """
    case = Case(
        channel=channel,
        rules=rules,
        controls=controls,
        purpose=purpose_of(channel.message_type, meta),
        sender=sender or channel.sender,
        at=now,
        expires_at=None,
    )
    return any(
        finding.course
        for rule in CONSENT_RULES
        for receiver in receivers
        for finding in rule(case, receiver, "")
    )


def _join(
    case: Case, receivers: Sequence[ReceiverFacts], personal: Sequence[tuple[int, Finding]]
) -> Ruling:
    """Turn what was found on each receiver into what becomes of the message."""
    places = _divide(len(receivers), personal)
    hours = _binding(case)
    zones = [_zones(receivers[place], hours) for place in sorted(places.asleep)] if hours else []
    until = _end_of_quiet(case, case.at, zones)
    findings = [
        *_inactive(case),
        *(Finding(finding.reason, finding.course and places.ending) for _, finding in personal),
        *_no_receiver_left(places),
        *_quiet_hours(case, zones, until),
        *_expired(case),
    ]
    decisive = next((finding for finding in findings if finding.course), None)
    course = decisive.course if decisive and decisive.course else Course.SEND
    free = _first_free(personal, places.capped) if places.ending else case.at
    return Ruling(
        course=course,
        reasons=tuple(finding.reason for finding in findings),
        due_at=decisive.until if decisive else case.at,
        next_at=_next_open(case, free, zones, until) if case.channel.active else None,
        excluded=places.all - places.left,
    )


def _divide(count: int, personal: Sequence[tuple[int, Finding]]) -> _Places:
    every = frozenset(range(count))
    skipped = frozenset(place for place, finding in personal if finding.course is Course.SKIP)
    capped = frozenset(place for place, finding in personal if finding.course is Course.REJECT)
    return _Places(all=every, left=every - skipped - capped, capped=capped - skipped)


def _inactive(case: Case) -> Iterator[Finding]:
    if not case.channel.active:
        reason = because(ReasonCode.CHANNEL_INACTIVE, channel=case.channel.name)
        yield Finding(reason, Course.REJECT)


def _no_receiver_left(places: _Places) -> Iterator[Finding]:
    if places.ending and len(places.all) > 1:
        yield Finding(because(ReasonCode.RECEIVERS_NOBODY_LEFT, receivers=str(len(places.all))))


def _quiet_hours(case: Case, zones: Sequence[Zones], until: datetime | None) -> Iterator[Finding]:
    hours = _binding(case)
    if hours is None or until == case.at:
        return
    facts = _quiet_facts(case, hours, zones, until)
    passed_over_by = _passed_over_by(case, hours)
    if passed_over_by:
        yield Finding(because(ReasonCode.QUIET_HOURS_BYPASSED, by=passed_over_by, **facts))
    elif hours.action is QuietAction.DROP:
        yield Finding(because(ReasonCode.QUIET_HOURS_DROP, **facts), Course.SKIP)
    else:
        yield _hold(case, until, facts)


def _hold(case: Case, until: datetime | None, facts: Mapping[str, str]) -> Finding:
    """Hold a message, unless the wait would be for nothing."""
    if until is None:
        return Finding(because(ReasonCode.QUIET_HOURS_NEVER, **facts), Course.REJECT)
    if case.expires_at is None or until < case.expires_at:
        return Finding(because(ReasonCode.QUIET_HOURS_HOLD, **facts), Course.HOLD, until)
    facts = {**facts, "expiresAt": case.expires_at.isoformat()}
    reason = because(ReasonCode.QUIET_HOURS_OUTLASTS_VALIDITY, **facts)
    # What is over already has nothing to wait for: that the validity says, which comes next.
    return Finding(reason, Course.REJECT if case.at < case.expires_at else None)


def _quiet_facts(
    case: Case, hours: QuietHours, zones: Sequence[Zones], until: datetime | None
) -> dict[str, str]:
    quiet = [name for name in joined(zones) if is_quiet(case.at, hours.windows, name)]
    facts = {
        "at": case.at.isoformat(),
        "quietIn": ", ".join(quiet),
        "zonesFrom": ", ".join(dict.fromkeys(zone.source for zone in zones)),
    }
    return facts | ({"until": until.isoformat()} if until else {})


def _expired(case: Case) -> Iterator[Finding]:
    if case.expires_at is not None and case.at >= case.expires_at:
        facts = {"at": case.at.isoformat(), "expiresAt": case.expires_at.isoformat()}
        yield Finding(because(ReasonCode.VALIDITY_EXPIRED, **facts), Course.EXPIRE)


def _binding(case: Case) -> QuietHours | None:
    hours = case.rules.quiet_hours
    return hours if hours and case.channel.message_type in hours.message_types else None


def _passed_over_by(case: Case, hours: QuietHours) -> str:
    if case.controls.ignore_quiet_hours:
        return "ignoreQuietHours"
    return "action" if hours.action is QuietAction.BYPASS else ""


def _zones(receiver: ReceiverFacts, hours: QuietHours) -> Zones:
    address = receiver.identifier
    is_number = address is not None and address.identifier_key == PLATFORM_KEYS[SMS]
    number = address.identifier_value if address and is_number else None
    return zones_of_receiver(receiver.time_zone, number, hours.fallback_zone)


def _first_free(personal: Sequence[tuple[int, Finding]], places: frozenset[int]) -> datetime | None:
    """Return when the first of those who only had too many messages may get another."""
    frees = []
    for index in places:
        untils = [
            finding.until
            for place, finding in personal
            if place == index and finding.course is Course.REJECT
        ]
        ends = [until for until in untils if until is not None]
        if len(ends) == len(untils):
            frees.append(max(ends))
    return min(frees, default=None)


def _end_of_quiet(case: Case, at: datetime, zones: Sequence[Zones]) -> datetime | None:
    hours = _binding(case)
    return allowed_from(at, hours.windows, joined(zones)) if hours else at


def _next_open(
    case: Case, free: datetime | None, zones: Sequence[Zones], until: datetime | None
) -> datetime | None:
    """Return the first instant, once the caps have room, that quiet hours leave open."""
    hours = _binding(case)
    if free is None or hours is None or _passed_over_by(case, hours):
        return free
    return until if free == case.at else _end_of_quiet(case, free, zones)
