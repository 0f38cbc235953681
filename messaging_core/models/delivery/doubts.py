"""How many attempts were in doubt, and how each doubt ended."""

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class Doubts:
    """Numbers of doubts since the storage was created; only these messages may arrive twice.

    Attributes:
        opened: Attempts that a provider may have accepted.
        deduplicated: Sent again to a provider that recognises messages it already has.
        resent: Sent again, as the channel is set: these may have arrived twice.
        failed: Failed, as the channel is set.
        expired: Not resolved before the validity ended.
        reported: Resolved by a receipt, or by the answer of the provider to a query.
        answered: Resolved by the late answer of a worker whose lease had expired.
        parked: Left for a person to decide, as the channel is set; they stay open.
    """

    opened: int = 0
    deduplicated: int = 0
    resent: int = 0
    failed: int = 0
    expired: int = 0
    reported: int = 0
    answered: int = 0
    parked: int = 0

    @property
    def open(self) -> int:
        """Return how many doubts are open; each belongs to a message that is in doubt now."""
        ended = (self.deduplicated, self.resent, self.failed, self.expired)
        return self.opened - sum(ended) - self.reported - self.answered
