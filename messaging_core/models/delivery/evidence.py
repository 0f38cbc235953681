"""What speaks for and against a message having arrived."""

from datetime import datetime

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure


@frozen(kw_only=True)
class Reported:
    """Everything that receipts said about one part of a message, or one of its receivers.

    Attributes:
        recipient: Whom they named; empty where they named no recipient.
        reference: The part they named; empty where they named none.
        delivered_at: The earliest delivery that was reported.
        failed_at: The latest failure that was reported.
        failure: Why, by that report.
    """

    recipient: str = field(default="", repr=False)
    reference: str = ""
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None


@frozen(kw_only=True)
class HandOver:
    """One attempt that turned out to have been accepted after its lease was lost.

    Attributes:
        references: The provider's ids of the parts.
    """

    references: tuple[str, ...] = ()


@frozen(kw_only=True)
class Evidence:
    """Everything about a message that its own settlements do not say.

    Two of them are joined by `decisions.status.join`, whose result does not depend on the order.

    Attributes:
        doubted: Some attempt may have been accepted or not.
        handed_over: Some attempt passed the point of no return and ended without acceptance.
        late: Attempts that were accepted after another worker had claimed the message.
        reported: What receipts said, by recipient and reference.
    """

    doubted: bool = False
    handed_over: bool = False
    late: tuple[HandOver, ...] = ()
    reported: tuple[Reported, ...] = ()
