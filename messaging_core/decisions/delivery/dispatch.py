"""What to do with a message that was just claimed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve

from messaging_core.decisions.content.rendering import envelope_of
from messaging_core.decisions.delivery.policy_outcomes import blocked, deferred, excluding
from messaging_core.decisions.delivery.settlement import (
    IN_DOUBT,
    UNPROVEN,
    dead_letter,
    expire,
    fail,
    may_have_gone,
    postpone,
)
from messaging_core.decisions.policy.send_rules import evaluate
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.delivery import Claim, Resolution, Settlement
from messaging_core.models.messages.envelope import Envelope
from messaging_core.models.policy.send_rules import Course, ReceiverFacts, Ruling, SendRules

MAX_CRASHES = 5
"""After how many crashes a message is given up, unless a worker is told otherwise."""

NO_RULES = SendRules()
"""What holds where nothing is set up."""

_LOST_CHANNEL_WAIT = timedelta(minutes=1)


@frozen(kw_only=True)
class Send:
    """Hand this envelope to the channel's transport."""

    envelope: Envelope


@frozen(kw_only=True)
class Finish:
    """Do not send now; record this instead."""

    settlement: Settlement


@frozen(kw_only=True)
class LookUp:
    """Ask the provider first what became of a message in doubt.

    Attributes:
        envelope: The message in doubt.
        if_missing: What to do if the provider certainly does not have it.
        otherwise: What to do if the provider cannot tell.
    """

    envelope: Envelope
    if_missing: Send | Finish
    otherwise: Send | Finish


Dispatch = Send | Finish | LookUp


def dispatch(  # noqa: PLR0913 - by keyword beyond the third
    claim: Claim,
    channel: Channel | None,
    now: datetime,
    *,
    deduplicates: bool = False,
    looks_up: bool = False,
    max_crashes: int = MAX_CRASHES,
    rules: SendRules = NO_RULES,
) -> Dispatch:
    """Decide whether a claimed message is sent now.

    Args:
        claim: The message, as it was claimed.
        channel: Its channel, if the host still has it.
        now: The present.
        deduplicates: Whether the provider would recognise the message if it came again; then
            doubt is no reason not to send it.
        looks_up: Whether the provider can be asked about a message in doubt.
        max_crashes: After how many crashes a message is given up, unless it is in doubt.
        rules: The send rules of the channel, asked where the claim knows its receivers.
    """
    if now >= claim.delivery.expires_at:
        return Finish(settlement=expire(claim, now))
    if claim.delivery.crashes >= max_crashes and not may_have_gone(claim.message, None):
        return Finish(settlement=dead_letter(claim, now))
    if channel is None or not channel.active:
        return Finish(settlement=_without_channel(claim, channel, now))
    if claim.message.details == IN_DOUBT and not deduplicates:
        return _about_doubt(claim, channel, rules, now, looks_up=looks_up)
    return _by_the_rules(claim, channel, rules, now)


def _about_doubt(
    claim: Claim, channel: Channel, rules: SendRules, now: datetime, *, looks_up: bool
) -> Dispatch:
    if claim.doubted and channel.in_doubt_timeout:
        return Finish(settlement=_wait_for_proof(claim, channel, now))
    allowed = otherwise = _by_the_rules(claim, channel, rules, now)
    if channel.when_in_doubt is not WhenInDoubt.RESEND:
        otherwise = Finish(settlement=_leave_in_doubt(claim, channel.when_in_doubt, now))
    if not looks_up:
        return otherwise
    envelope = envelope_of(claim.message, claim.delivery, channel)
    return LookUp(envelope=envelope, if_missing=allowed, otherwise=otherwise)


def _by_the_rules(claim: Claim, channel: Channel, rules: SendRules, now: datetime) -> Send | Finish:
    if claim.receivers is None:
        return Send(envelope=envelope_of(claim.message, claim.delivery, channel))
    ruling = ruling_on(claim, claim.receivers, channel, rules, now)
    match ruling.course:
        case Course.HOLD:
            return Finish(settlement=deferred(claim, now, ruling))
        case Course.SKIP | Course.REJECT:
            return Finish(settlement=blocked(claim, now, ruling))
    allowed = excluding(claim, ruling.excluded)
    return Send(envelope=envelope_of(allowed.message, allowed.delivery, channel))


def ruling_on(
    claim: Claim,
    receivers: Sequence[ReceiverFacts],
    channel: Channel,
    rules: SendRules,
    now: datetime,
) -> Ruling:
    """Return what the send rules decide on a claimed message at this moment."""
    return evaluate(
        channel,
        rules,
        receivers,
        now=now,
        due_at=now,
        expires_at=claim.delivery.expires_at,
        controls=claim.delivery.controls,
        meta=claim.message.meta,
        sender=claim.message.sender.address,
    )


def _wait_for_proof(claim: Claim, channel: Channel, now: datetime) -> Settlement:
    """Give a receipt time to come, and the worker that was lost time to come back."""
    until = min(now + channel.in_doubt_timeout, claim.delivery.expires_at)
    return postpone(claim, now, until, UNPROVEN)


def _leave_in_doubt(claim: Claim, choice: WhenInDoubt, now: datetime) -> Settlement:
    """Send nothing: fail, or stay in doubt until the validity ends."""
    if choice is WhenInDoubt.FAIL:
        ended = fail(claim, now, UNPROVEN, reason=IN_DOUBT)
        return evolve(ended, resolved=Resolution.FAILED)
    parked = postpone(claim, now, claim.delivery.expires_at, UNPROVEN)
    return evolve(parked, resolved=Resolution.PARKED)


def _without_channel(claim: Claim, channel: Channel | None, now: datetime) -> Settlement:
    """Wait for the host to bring the channel back, as long as the message is valid."""
    if channel is None:
        description, code = "the host has no such channel now", "channel.unknown"
    else:
        description, code = "the channel is not active", "channel.inactive"
    failure = Failure(
        code=FailureCode.NOT_CONFIGURED,
        description=description,
        source=FailureSource(name="pre-processing", code=code),
        retry=Retry.CONFIGURATION,
    )
    until = min(now + _LOST_CHANNEL_WAIT, claim.delivery.expires_at)
    return postpone(claim, now, until, failure)
