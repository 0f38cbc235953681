"""What the report of a notification says about one message."""

from collections.abc import Sequence
from typing import Final

from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.notification import NotificationFailure, NotificationSkip
from messaging_core.models.policy.reasons import ReasonCode

CANCELLED: Final = "cancelled"

_FAILED: Final = frozenset({Status.SENDING_FAILED, Status.DELIVERY_FAILED})


def outcome_of(
    message: Message, user_id: str, platform: str
) -> NotificationFailure | NotificationSkip | None:
    """Return what to report of a message; nothing where it went, is on its way or will be tried.

    What the send rules keep back is skipped, a frequency cap included: nothing went wrong. A
    failure is final. A message that a worker tries again is not a failure yet, so a user who
    gets the message in the end is never among the failures.
    """
    if message.status in _FAILED:
        return NotificationFailure(
            user_id=user_id, channel=platform, error=_failure(message), message_id=message.id
        )
    if message.status in {Status.SKIPPED, Status.REJECTED}:
        reason = message.details or ReasonCode.RECEIVERS_NOBODY_LEFT
    elif message.status is Status.DELETED:
        reason = CANCELLED
    else:
        return None
    return NotificationSkip(
        user_id=user_id, channel=platform, reason=str(reason), message_id=message.id
    )


def error_of(violations: Sequence[Violation]) -> str:
    """Return short text for what is wrong, with nothing of an address in it."""
    first = violations[0]
    if first.code.startswith("receiver."):
        return f"{first.code}: nothing can be sent to the address"
    return f"{first.code}: {first.message}"


def _failure(message: Message) -> str:
    failure = message.failure
    if failure is None:
        return message.reason or "it could not be sent"
    return f"{failure.code}: {failure.description}" if failure.description else str(failure.code)
