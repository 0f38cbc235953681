"""When to try again: exponential backoff with equal jitter, never past the expiry."""

from datetime import datetime, timedelta

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL


@frozen(kw_only=True)
class RetryPolicy:
    """Bound the waits between attempts.

    Attributes:
        base: The longest wait after the first attempt; it doubles with each further one.
        cap: The longest wait there is.
        fixed: The share of a wait that is not random. With one half (equal jitter) each wait is
            at least as long as the one before it, until the cap.
    """

    base: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(hours=1)
    fixed: float = 0.5

    def wait(self, attempts: int, jitter: float) -> timedelta:
        """Return how long to wait after so many attempts.

        Args:
            attempts: Attempts made so far, at least 1.
            jitter: Uniform in [0, 1), for the random share, which spreads a crowd.
        """
        longest: timedelta = min(self.cap, self.base * (1 << min(attempts - 1, 32)))
        return longest * (self.fixed + (1 - self.fixed) * jitter)


EMAIL_RETRIES = RetryPolicy(base=timedelta(minutes=2), cap=timedelta(hours=4))
"""The first wait is a minute at least."""

OTHER_RETRIES = RetryPolicy()
NAMED_WAITS = RetryPolicy(cap=timedelta(seconds=5), fixed=0.0)
"""For a limit that names its wait: nothing failed, and only a little jitter is added."""


def policy_of(platform: str) -> RetryPolicy:
    """Return the waits of a platform: mail servers want minutes, other providers seconds."""
    return EMAIL_RETRIES if platform == EMAIL else OTHER_RETRIES


def next_try(  # noqa: PLR0913 - each is one fact of the decision
    policy: RetryPolicy,
    attempts: int,
    *,
    now: datetime,
    expires_at: datetime,
    jitter: float,
    retry_after: timedelta | None = None,
) -> datetime | None:
    """Return when to try again, or nothing when that would be too late.

    Args:
        policy: The waits.
        attempts: Attempts made so far.
        now: The present.
        expires_at: From then on nothing may be tried.
        jitter: Uniform in [0, 1).
        retry_after: What the provider asked for; the wait is never shorter.
    """
    wait = max(policy.wait(attempts, jitter), timedelta(milliseconds=1))
    left = expires_at - now
    if retry_after is not None and retry_after >= left:
        return None  # before it is multiplied: a provider may ask for any number of years
    if retry_after is not None and retry_after > wait:
        # A tenth more, spread, so that all who were told the same do not come back at once.
        wait = retry_after * (1 + jitter / 10)
    return now + wait if wait < left else None
