"""What would happen to a request, with every reason."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.sms import SmsText
from messaging_core.models.messages.envelope import Envelope


class Verdict(StrEnum):
    """Say what acceptance decides about a request."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    INVALID = "invalid"


@frozen(kw_only=True)
class Reason:
    """Explain one decision.

    Attributes:
        code: Stable name, such as `schedule.later`.
        message: The same for people.
        facts: What the decision was taken on, as text.
    """

    code: str
    message: str
    facts: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Plan:
    """Show what would happen to a request, without doing it.

    Attributes:
        verdict: What acceptance would decide now.
        violations: Every rule the request breaks; empty unless the verdict is `invalid`.
        reasons: Why the verdict and the time are what they are.
        due_at: When the message would go.
        expires_at: Until when it could still go.
        sms: Encoding and parts of a text message, and what forced them.
        envelope: What the transport would be given.
    """

    verdict: Verdict
    violations: tuple[Violation, ...] = ()
    reasons: tuple[Reason, ...] = ()
    due_at: datetime | None = None
    expires_at: datetime | None = None
    sms: SmsText | None = None
    envelope: Envelope | None = None

    @property
    def would_send(self) -> bool:
        """Return whether the message would go, now or later."""
        return self.verdict in {Verdict.ACCEPTED, Verdict.SCHEDULED}


@frozen(kw_only=True)
class Rejection:
    """Say why one request of several was not accepted; nothing of it was written.

    Attributes:
        index: Its place in the list of requests.
    """

    index: int
    violations: tuple[Violation, ...]
