"""A request to send one message, exactly as a caller may write it."""

from datetime import datetime

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE
from messaging_core.models.common.instants import in_utc
from messaging_core.models.content.body import Body
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.people.contact import Receiver, Sender


@frozen(kw_only=True)
class ReplyTo:
    """Name what a message answers; `type` is `message`, `click` or `referrals`."""

    id: str
    type: str
    order: int | None = None


@frozen(kw_only=True)
class ShortLinks:
    """Shorten links under `domain` (at most 128 characters; `default` is the workspace's)."""

    domain: str


@frozen(kw_only=True)
class NotificationHook:
    """Name a webhook of the caller's own for this message's events."""

    url: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class SendMessage:
    """Ask for one message to be sent.

    Exactly one of `body` and `template` is set.

    Attributes:
        receiver: Whom it goes to.
        body: The content.
        template: The stored content it is made from.
        sender: Replaces the channel's own sender.
        reference: The caller's own id; need not be unique.
        meta: Origin, purpose and email or push settings.
        reply_to: What it answers.
        notification: A webhook for its events.
        cap_frequency: Let the frequency cap of the platform decide on it.
        enable_link_tracking: Add UTM parameters to links.
        ignore_quiet_hours: Send at once, whatever the hour.
        ignore_global_holdout: Send also to contacts that are held out.
        tags: At most 10; stored lower-case.
        short_links: Shorten links (SMS).
        scheduled_for: Aware instant; less than 10 minutes ahead means now, at most 35 days.
        validity: Seconds the message may wait to be sent; default 36 h, 10 min on 2fa channels.
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
    tags: tuple[str, ...] = ()
    short_links: ShortLinks | None = field(default=None, metadata=NULLABLE)
    scheduled_for: datetime | None = field(default=None, converter=in_utc)
    validity: int | None = None
