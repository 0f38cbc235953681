"""When a contact may get its next message under a frequency cap."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.instants import in_utc
from messaging_core.models.policy.send_rules import FrequencyCap


def binds(
    cap: FrequencyCap, platform: str, message_type: MessageType, *, cap_frequency: bool
) -> bool:
    """Return whether a cap is to be asked about a message.

    Args:
        cap: The cap.
        platform: Of the channel.
        message_type: Of the channel.
        cap_frequency: Whether the request asks to be capped.
    """
    return (
        (not cap.platforms or platform in cap.platforms)
        and (not cap.message_types or message_type in cap.message_types)
        and (cap_frequency or not cap.only_if_asked)
    )


def next_free(
    sent_at: Sequence[datetime], limit: int, window: timedelta, now: datetime
) -> datetime | None:
    """Return the earliest instant from `now` on at which one more message keeps to the cap.

    The window rolls: a message counts from the instant it was sent until exactly `window` later,
    when it counts no more. One that lies in the future, by another machine's clock, counts now.

    Args:
        sent_at: Aware instants of the messages so far, in any order.
        limit: Most messages within any window.
        window: How long a message counts.
        now: Aware.

    Returns:
        `now` itself where there is room; `None` where there never is: a limit below 1, or a
        window that reaches beyond the calendar.
    """
    if limit < 1:
        return None
    if len(sent_at) < limit:
        return now
    try:
        return max(in_utc(now), sorted(map(in_utc, sent_at))[-limit] + window)
    except OverflowError:
        return None
