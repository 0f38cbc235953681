"""Statuses as people see them: a word, a shape and a colour, of which any one is enough."""

from typing import Final

from attrs import frozen

from messaging_core.models.messages.status import Status

DOUBT: Final = "doubt"


@frozen
class Mark:
    """How a status is shown.

    Attributes:
        key: Names the shape and the colour.
        word: The status in words.
    """

    key: str
    word: str


MARKS: Final = {status: Mark(status, status.replace("_", " ").capitalize()) for status in Status}
"""The mark of each status."""

IN_DOUBT: Final = Mark(DOUBT, "In doubt")

ORDER: Final = (
    Status.ACCEPTED,
    Status.SCHEDULED,
    Status.PROCESSING,
    Status.SENT,
    Status.DELIVERED,
    Status.SENDING_FAILED,
    Status.DELIVERY_FAILED,
    Status.SKIPPED,
    Status.REJECTED,
    Status.DELETED,
)
"""The statuses in the order of a message's life."""
