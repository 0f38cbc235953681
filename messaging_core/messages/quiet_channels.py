"""Whether the quiet hours of a channel hold now, for receivers whose zone is unknown."""

from datetime import datetime

from messaging_core.context import EngineContext
from messaging_core.models.common.channel import Channel
from messaging_core.rules.policy.quiet_hours import SEARCH_LIMIT, allowed_from, is_quiet


def quiet_until(context: EngineContext, channel: Channel) -> datetime | None:
    """Return when the quiet hours of a channel end, or None if they do not hold now."""
    hours, now = context.policies.of(channel).quiet_hours, context.now()
    if hours is None or channel.message_type not in hours.message_types:
        return None
    if not is_quiet(now, hours.windows, hours.fallback_zone):
        return None
    return allowed_from(now, hours.windows, [hours.fallback_zone]) or now + SEARCH_LIMIT
