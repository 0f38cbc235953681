"""What to do with a message that was just claimed."""

from datetime import datetime, timedelta

from attrs import frozen

from messaging_core.decisions.rendering import envelope_of
from messaging_core.decisions.settlement import (
    IN_DOUBT,
    UNPROVEN,
    end,
    expire,
    postpone,
)
from messaging_core.models.channel import Channel, WhenInDoubt
from messaging_core.models.delivery import Claim, Settlement
from messaging_core.models.envelope import Envelope
from messaging_core.models.failure import Failure, FailureCode, FailureSource, Retry

_LOST_CHANNEL_WAIT = timedelta(minutes=1)


@frozen(kw_only=True)
class Send:
    """Hand this envelope to the channel's transport."""

    envelope: Envelope


@frozen(kw_only=True)
class Finish:
    """Do not send now; record this instead."""

    settlement: Settlement


Dispatch = Send | Finish


def dispatch(claim: Claim, channel: Channel | None, now: datetime) -> Dispatch:
    """Decide whether a claimed message is sent now.

    Args:
        claim: The message, as it was claimed.
        channel: Its channel, if the host still has it.
        now: The present.
    """
    if now >= claim.delivery.expires_at:
        return Finish(settlement=expire(claim, now))
    if channel is None:
        return Finish(settlement=_without_channel(claim, now))
    if claim.message.details == IN_DOUBT and channel.when_in_doubt is not WhenInDoubt.RESEND:
        return Finish(settlement=_leave_in_doubt(claim, channel.when_in_doubt, now))
    return Send(envelope=envelope_of(claim.message, claim.delivery, channel))


def _leave_in_doubt(claim: Claim, choice: WhenInDoubt, now: datetime) -> Settlement:
    """Send nothing: fail, or stay in doubt until the validity ends."""
    if choice is WhenInDoubt.FAIL:
        return end(claim, now, UNPROVEN, reason=IN_DOUBT)
    return postpone(claim, now, claim.delivery.expires_at, UNPROVEN)


def _without_channel(claim: Claim, now: datetime) -> Settlement:
    """Wait for the host to bring the channel back, as long as the message is valid."""
    failure = Failure(
        code=FailureCode.NOT_CONFIGURED,
        description="this worker was not given the channel of the message",
        source=FailureSource(name="pre-processing", code="channel.unknown"),
        retry=Retry.CONFIGURATION,
    )
    until = min(now + _LOST_CHANNEL_WAIT, claim.delivery.expires_at)
    return postpone(claim, now, until, failure)
