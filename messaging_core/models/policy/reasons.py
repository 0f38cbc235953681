"""The reasons why a message is sent, waits or is not sent: every code of a decision."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.models.policy.plan import Reason


class ReasonCode(StrEnum):
    """The code of a reason; codes never change, but `meaning` may be reworded."""

    CHANNEL_INACTIVE = "channel.inactive"
    RECEIVER_UNREACHABLE = "receiver.unreachable"
    SUPPRESSED_MARKETING = "suppressed.marketing"
    SUPPRESSED_TRANSACTIONAL = "suppressed.transactional"
    SUPPRESSED_SENDER = "suppressed.sender"
    SUBSCRIPTION_UNSUBSCRIBED = "subscription.unsubscribed"
    SUBSCRIPTION_BLANK = "subscription.blank"
    HOLDOUT_SKIPPED = "holdout.skipped"
    HOLDOUT_IGNORED = "holdout.ignored"
    FREQUENCY_CAPPED = "frequency.capped"
    RECEIVERS_NOBODY_LEFT = "receivers.nobody_left"
    QUIET_HOURS_HOLD = "quiet_hours.hold"
    QUIET_HOURS_DROP = "quiet_hours.drop"
    QUIET_HOURS_BYPASSED = "quiet_hours.bypassed"
    QUIET_HOURS_OUTLASTS_VALIDITY = "quiet_hours.outlasts_validity"
    QUIET_HOURS_NEVER = "quiet_hours.never"
    VALIDITY_EXPIRED = "validity.expired"
    ESCALATION_PLANNED = "escalation.planned"
    ESCALATION_IMPOSSIBLE = "escalation.impossible"
    ESCALATION_WAITS = "escalation.waits"
    ESCALATION_IN_TURN = "escalation.in_turn"
    ESCALATION_DELIVERED = "escalation.delivered"
    ESCALATION_STOPPED = "escalation.stopped"
    ESCALATION_FAILED = "escalation.failed"
    ESCALATION_OVERTAKEN = "escalation.overtaken"
    TRACKING_REFUSED = "tracking.refused"
    SCHEDULE_LATER = "schedule.later"
    SCHEDULE_NOW = "schedule.now"

    @property
    def meaning(self) -> str:
        """Return a text for people, in one line."""
        return _MEANINGS[self]


SUPPRESSED_BY: Final = MappingProxyType(
    {
        SuppressionScope.MARKETING: ReasonCode.SUPPRESSED_MARKETING,
        SuppressionScope.TRANSACTIONAL: ReasonCode.SUPPRESSED_TRANSACTIONAL,
        SuppressionScope.SENDER: ReasonCode.SUPPRESSED_SENDER,
    }
)
"""The reason why a suppression of each scope stops a message."""

_MEANINGS: Final = MappingProxyType(
    {
        ReasonCode.CHANNEL_INACTIVE: "the channel sends nothing",
        ReasonCode.RECEIVER_UNREACHABLE: "the receiver has no address on this platform",
        ReasonCode.SUPPRESSED_MARKETING: "the address must not get marketing",
        ReasonCode.SUPPRESSED_TRANSACTIONAL: "the address must get nothing but marketing",
        ReasonCode.SUPPRESSED_SENDER: "the receiver told this sender to stop",
        ReasonCode.SUBSCRIPTION_UNSUBSCRIBED: "the contact has unsubscribed from this platform",
        ReasonCode.SUBSCRIPTION_BLANK: "the contact has not subscribed to this platform",
        ReasonCode.HOLDOUT_SKIPPED: "the contact is held out",
        ReasonCode.HOLDOUT_IGNORED: "the contact is held out, and the request ignores that",
        ReasonCode.FREQUENCY_CAPPED: "the contact had as many messages as the cap allows",
        ReasonCode.RECEIVERS_NOBODY_LEFT: "none of the receivers may get it",
        ReasonCode.QUIET_HOURS_HOLD: "it waits until the quiet hours end",
        ReasonCode.QUIET_HOURS_DROP: "it falls into quiet hours, which drop messages",
        ReasonCode.QUIET_HOURS_BYPASSED: "it falls into quiet hours, and bypasses them",
        ReasonCode.QUIET_HOURS_OUTLASTS_VALIDITY: "the quiet hours end after its validity",
        ReasonCode.QUIET_HOURS_NEVER: "the quiet hours leave no moment to send it",
        ReasonCode.VALIDITY_EXPIRED: "its validity is over before it could go",
        ReasonCode.ESCALATION_PLANNED: "its fallback goes unless it is delivered by then",
        ReasonCode.ESCALATION_IMPOSSIBLE: "it has no fallback: the other channel cannot carry it",
        ReasonCode.ESCALATION_WAITS: "it goes unless the message before it is delivered by then",
        ReasonCode.ESCALATION_IN_TURN: "the message before it is being handed over right now",
        ReasonCode.ESCALATION_DELIVERED: "the message before it was delivered",
        ReasonCode.ESCALATION_STOPPED: "the message before it was cancelled or must not go",
        ReasonCode.ESCALATION_FAILED: "the message before it failed: it goes now",
        ReasonCode.ESCALATION_OVERTAKEN: "it was not delivered in time: its fallback goes",
        ReasonCode.TRACKING_REFUSED: "the send rules let nothing count its opens and clicks",
        ReasonCode.SCHEDULE_LATER: "it waits for its time",
        ReasonCode.SCHEDULE_NOW: "its time is past, or less than 10 minutes away: it is sent now",
    }
)


def because(code: ReasonCode, **facts: str) -> Reason:
    """Return a reason with the facts that decided; names of facts are in camelCase."""
    return Reason(code=code.value, message=code.meaning, facts=facts)
