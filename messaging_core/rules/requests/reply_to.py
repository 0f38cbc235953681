"""What a message may answer."""

from typing import Final

from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.request import ReplyTo
from messaging_core.rules.formats.text import check_line

REPLY_TYPES: Final = ("message", "click", "referrals")
MAX_ID_LENGTH: Final = 500


def check_reply_to(reply_to: ReplyTo, path: str) -> list[Violation]:
    """Hold an answer to the Bird Channels API, rule 28: an id, and one of three types.

    No shape is published for the id: ours is one line of 1 to 500 characters.
    """
    violations = check_line(reply_to.id, f"{path}/id", required=True, longest=MAX_ID_LENGTH)
    if reply_to.type not in REPLY_TYPES:
        message = f"one of {', '.join(REPLY_TYPES)}"
        violations.append(Violation(f"{path}/type", "reply_to.bad_type", message))
    return violations
