"""When to try again: exponential backoff with full jitter, never past the expiry."""

from datetime import datetime, timedelta

from attrs import frozen

from messaging_core.models.channel import EMAIL


@frozen(kw_only=True)
class RetryPolicy:
    """Bound the waits between attempts.

    Attributes:
        base: The longest wait after the first attempt; it doubles with each further one.
        cap: The longest wait there is.
    """

    base: timedelta = timedelta(seconds=5)
    cap: timedelta = timedelta(hours=1)

    def wait(self, attempts: int, chance: float) -> timedelta:
        """Return how long to wait after so many attempts.

        Args:
            attempts: Attempts made so far, at least 1.
            chance: Uniform in [0, 1): full jitter spreads a crowd over the whole wait.
        """
        longest: timedelta = min(self.cap, self.base * (1 << min(attempts - 1, 32)))
        return longest * chance


EMAIL_RETRIES = RetryPolicy(base=timedelta(seconds=60), cap=timedelta(hours=4))
OTHER_RETRIES = RetryPolicy()


def policy_of(platform: str) -> RetryPolicy:
    """Return the waits of a platform: mail servers want minutes, other providers seconds."""
    return EMAIL_RETRIES if platform == EMAIL else OTHER_RETRIES


def next_try(  # noqa: PLR0913 - each is one fact of the decision
    policy: RetryPolicy,
    attempts: int,
    *,
    now: datetime,
    expires_at: datetime,
    chance: float,
    retry_after: timedelta | None = None,
) -> datetime | None:
    """Return when to try again, or nothing when that would be too late.

    Args:
        policy: The waits.
        attempts: Attempts made so far.
        now: The present.
        expires_at: From then on nothing may be tried.
        chance: Uniform in [0, 1).
        retry_after: What the provider asked for; the wait is never shorter.
    """
    wait = max(policy.wait(attempts, chance), timedelta(milliseconds=1))
    left = expires_at - now
    if retry_after is not None and retry_after >= left:
        return None  # before it is multiplied: a provider may ask for any number of years
    if retry_after is not None and retry_after > wait:
        # A tenth more, spread, so that all who were told the same do not come back at once.
        wait = retry_after * (1 + chance / 10)
    return now + wait if wait < left else None
