"""The plan of a request: what `send` would do, with every reason."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.sms import SmsText
from messaging_core.models.messages.envelope import Envelope


class Verdict(StrEnum):
    """The decision of acceptance on a request."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    INVALID = "invalid"


@frozen(kw_only=True)
class Reason:
    """The reason of one decision.

    Attributes:
        code: Stable name, such as `schedule.later`.
        message: A text for people.
        facts: The values that decided, as text.
    """

    code: str
    message: str
    facts: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Plan:
    """What `send` would do with a request now.

    Attributes:
        verdict: The decision of acceptance.
        violations: Every rule that the request breaks; empty unless the verdict is `invalid`.
        reasons: The reasons of the verdict and of the time.
        due_at: When the message would be sent.
        expires_at: Until when it could still be sent.
        sms: Encoding and parts of a text message, and the characters that forced them.
        envelope: The envelope that the transport would get.
        fallback: The plan of the message that would take over, where the channel escalates.
    """

    verdict: Verdict
    violations: tuple[Violation, ...] = ()
    reasons: tuple[Reason, ...] = ()
    due_at: datetime | None = None
    expires_at: datetime | None = None
    sms: SmsText | None = None
    envelope: Envelope | None = None
    fallback: "Plan | None" = None

    @property
    def would_send(self) -> bool:
        """Return whether the message would be sent, now or later."""
        return self.verdict in {Verdict.ACCEPTED, Verdict.SCHEDULED}


@frozen(kw_only=True)
class Rejection:
    """The violations of one request of several; nothing of it was written.

    Attributes:
        index: The index of the request in the list.
    """

    index: int
    violations: tuple[Violation, ...]
