"""A request to send one message, as a caller writes it."""

from datetime import datetime

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, tuple_of
from messaging_core.models.common.instants import in_utc
from messaging_core.models.content.body import Body
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.people.contact import Receiver, Sender


@frozen(kw_only=True)
class ReplyTo:
    """What a message answers; `type` is `message`, `click` or `referrals`."""

    id: str
    type: str
    order: int | None = None


@frozen(kw_only=True)
class ShortLinks:
    """The domain of short links, at most 128 characters; `default` is that of the workspace."""

    domain: str


@frozen(kw_only=True)
class NotificationHook:
    """A URL of the caller that gets the events of this message: https, with a host name."""

    url: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class SendMessage:
    """A request to send one message.

    Exactly one of `body` and `template` is set.

    Attributes:
        receiver: The receivers.
        body: The content.
        template: The stored template that makes the content.
        sender: Replaces the channel's own sender.
        reference: The caller's own id; need not be unique.
        meta: Origin, purpose and email or push settings.
        reply_to: The message or click that it answers.
        notification: A webhook for its events.
        cap_frequency: Apply the frequency caps of the platform to it.
        enable_link_tracking: Add UTM parameters to links.
        ignore_quiet_hours: Send it also in quiet hours.
        ignore_global_holdout: Send it also to contacts in the holdout.
        tags: At most 10; stored in lower case.
        short_links: Shorten links (SMS).
        scheduled_for: Aware instant, at most 35 days ahead; less than 10 minutes ahead means now.
        validity: Seconds that the message may wait; by default 36 hours, on 2fa channels 10
            minutes.
    """

    receiver: Receiver
    body: Body | None = field(default=None, metadata=NULLABLE)
    template: TemplateReference | None = field(default=None, metadata=NULLABLE)
    sender: Sender | None = None
    reference: str | None = None
    meta: Meta | None = None
    reply_to: ReplyTo | None = None
    notification: NotificationHook | None = None
    cap_frequency: bool = False
    enable_link_tracking: bool = False
    ignore_quiet_hours: bool = False
    ignore_global_holdout: bool = False
    tags: tuple[str, ...] = field(default=(), converter=tuple_of[str])
    short_links: ShortLinks | None = field(default=None, metadata=NULLABLE)
    scheduled_for: datetime | None = field(default=None, converter=in_utc)
    validity: int | None = None
