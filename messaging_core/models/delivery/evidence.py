"""The evidence that a message was delivered or not."""

from datetime import datetime

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure


@frozen(kw_only=True)
class Reported:
    """The reports of receipts about one part of a message, or about one of its receivers.

    Attributes:
        recipient: The receiver that they name; empty if they name none.
        reference: The part that they name; empty if they name none.
        delivered_at: The earliest delivery that was reported.
        failed_at: The latest failure that was reported.
        failure: The failure of that report.
    """

    recipient: str = field(default="", repr=False)
    reference: str = ""
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None


@frozen(kw_only=True)
class HandOver:
    """One attempt of which the provider's acceptance became known after its lease had expired.

    Attributes:
        references: The provider's ids of the parts.
    """

    references: tuple[str, ...] = ()


@frozen(kw_only=True)
class Evidence:
    """The evidence about a message that its own settlements do not contain.

    `decisions.status.evidence.merge` joins two of them; the order does not matter.

    Attributes:
        doubted: A provider may have accepted one of the attempts.
        handed_over: An attempt passed the point of no return and ended without acceptance.
        late: Attempts that were accepted after another worker had claimed the message.
        reported: The reports of receipts, by receiver and reference.
    """

    doubted: bool = False
    handed_over: bool = False
    late: tuple[HandOver, ...] = ()
    reported: tuple[Reported, ...] = ()
