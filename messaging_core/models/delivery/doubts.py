"""How often it was not known whether a provider took a message, and how that ended."""

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class Doubts:
    """Count doubts since the storage was made; only a doubt can make a message arrive twice.

    Attributes:
        opened: Attempts that may have been accepted or not.
        deduplicated: Sent again to a provider that tells a message it has seen before.
        resent: Sent again, by the choice of the channel: these may have arrived twice.
        failed: Given up, by the choice of the channel.
        expired: Not resolved before the validity ended.
        reported: A receipt told that the provider had it, or the provider was asked and told
            whether it had it.
        answered: The worker that had been given up answered after all.
        parked: Laid aside for a person, by the choice of the channel; that ends none of them.
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
        """Return how many have not ended; each belongs to a message that is in doubt now."""
        ended = (self.deduplicated, self.resent, self.failed, self.expired)
        return self.opened - sum(ended) - self.reported - self.answered
