"""What became of all messages with one tag."""

from collections.abc import Mapping
from datetime import datetime

from attrs import field

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class Campaign:
    """The figures of a campaign; each message counts at most once in each of them.

    Attributes:
        tag: In lower case.
        accepted: How many messages there are, whatever became of them.
        waiting: How many are still to be sent.
        held_until: The latest time for which one of them waits; of many, those accepted first
            are looked at.
        sent: How many a provider has, or had.
        delivered: How many arrived, as far as providers report it.
        failed: How many could not be sent, were rejected or did not arrive, by failure code.
        skipped: How many a send rule left out, by reason code.
        cancelled: How many the host withdrew.
        opened: How many people opened; see `clicked`.
        clicked: How many people clicked; machines that follow links are not among them.
        prefetched: How many a machine opened or clicked, such as a scanner of mails.
        converted: How many led to a conversion.
        as_of: All events until then are in the figures.
        is_exact: False if there are more messages than were counted.
        has_rollups: Whether the figures come from roll-ups; if not, the messages were counted.
    """

    tag: str
    accepted: int = 0
    waiting: int = 0
    held_until: datetime | None = None
    sent: int = 0
    delivered: int = 0
    failed: Mapping[str, int] = field(factory=dict)
    skipped: Mapping[str, int] = field(factory=dict)
    cancelled: int = 0
    opened: int = 0
    clicked: int = 0
    prefetched: int = 0
    converted: int = 0
    as_of: datetime
    is_exact: bool = True
    has_rollups: bool = True

    @property
    def is_done(self) -> bool:
        """Return True if no message is still to be sent."""
        return self.is_exact and not self.waiting
