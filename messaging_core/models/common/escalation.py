"""Which channel takes over from another one."""

from datetime import timedelta

from messaging_core.arguments import a_text, any_span, checked_init
from messaging_core.lazy import frozen


@checked_init(channel=a_text, after=any_span)
@frozen(kw_only=True)
class Escalation:
    """Send a message on another channel if it is not delivered in time.

    Attributes:
        channel: The name of the other channel, of the same workspace.
        after: How long after its time the message waits for proof of delivery, from a second to
            35 days.
    """

    channel: str
    after: timedelta
