"""What a query for roll-ups may ask for."""

from datetime import datetime, timedelta

from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.rollups import (
    FIVE_MINUTES,
    MAX_FINE_RANGE,
    MAX_INTERVALS,
    ONE_DAY,
)
from messaging_core.rules.content.tags import TAG_LENGTH


def check_rollups(
    since: datetime, until: datetime, step: timedelta, tag: str | None
) -> list[Violation]:
    """Refuse intervals that roll-ups cannot be divided into, and too many of them.

    These rules are ours: an answer has a bounded number of intervals, and so has what is read
    for it.
    """
    violations = [
        Violation(path, "query.no_offset", "the instant has no offset from UTC: end it in Z")
        for path, instant in (("/since", since), ("/until", until))
        if instant.utcoffset() is None
    ]
    violations += check_tag(tag) if tag is not None else []
    if step % FIVE_MINUTES or not FIVE_MINUTES <= step <= ONE_DAY:
        message = "an interval has a multiple of 5 minutes, at most 24 hours"
        violations.append(Violation("/step", "query.bad_step", message))
    if violations:
        return violations
    return _check_range(in_utc(until) - in_utc(since), step)


def check_tag(tag: str) -> list[Violation]:
    """Refuse a tag that no message can have."""
    if 1 <= len(tag) <= TAG_LENGTH:
        return []
    return [Violation("/tag", "query.bad_tag", f"a tag has 1 to {TAG_LENGTH} characters")]


def _check_range(time: timedelta, step: timedelta) -> list[Violation]:
    if time < timedelta(0):
        return [Violation("/since", "query.start_after_end", "since is not after until")]
    longest = MAX_INTERVALS * step
    if step < ONE_DAY:
        longest = min(longest, MAX_FINE_RANGE)
    if time <= longest:
        return []
    message = (
        f"with intervals of {step}, it reaches over at most {longest}: choose longer intervals"
        " or a later time"
    )
    return [Violation("/since", "query.range_too_long", message)]
