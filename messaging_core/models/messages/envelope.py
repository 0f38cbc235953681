"""One message as a transport gets it: rendered and addressed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.content.action import Action
from messaging_core.models.content.body import Attachment, Body
from messaging_core.models.content.sms import SmsText
from messaging_core.models.people.contact import ReceiverType


@frozen(kw_only=True)
class Address:
    """An address of the platform, with a display name.

    Attributes:
        value: A number (E.164), an email address, a push token, or the host's own.
    """

    value: str = field(repr=False)
    name: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Recipient(Address):
    """One receiver of a message, and the header of an email that names it."""

    type: ReceiverType = ReceiverType.TO
    contact_id: str | None = None


@frozen(kw_only=True)
class SmsContent:
    """A text message, already split into the parts that will be billed."""

    sms: SmsText = field(repr=False)

    @property
    def text(self) -> str:
        """Return the whole text."""
        return self.sms.text


@frozen(kw_only=True)
class MediaItem:
    """One picture or file of a message."""

    media_url: str = field(repr=False)
    content_type: str | None = None
    filename: str | None = None
    alt_text: str | None = None


@frozen(kw_only=True)
class MmsContent:
    """Pictures or files with a text and a title."""

    media: tuple[MediaItem, ...]
    text: str | None = field(default=None, repr=False)
    subject: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class EmailContent:
    """An email; at least one of `text` and `html` is set, and `text` is the alternative of `html`.

    Attributes:
        headers: The caller's own headers, by name; names and values hold no control characters.
        attachments: By URL or inline, as in the request.
    """

    subject: str = field(default="", repr=False)
    text: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    open_tracking: bool = False
    initial_open_tracking: bool = False
    click_tracking: bool = False


@frozen(kw_only=True)
class PushContent:
    """A push notification.

    Attributes:
        link: The address that a tap opens.
        actions: Further buttons.
        gateway: `apns`, `firebase` or `web`, if the caller chose one.
        data: The data that the gateway gets instead of title, subtitle and text, with the keys
            `android` and `apns`.
    """

    text: str = field(repr=False)
    title: str | None = field(default=None, repr=False)
    subtitle: str | None = field(default=None, repr=False)
    image_url: str | None = field(default=None, repr=False)
    link: str | None = field(default=None, repr=False)
    actions: tuple[Action, ...] = field(default=(), repr=False)
    gateway: str | None = None
    data: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class NativeContent:
    """The body of the request, for platforms of the host's own."""

    body: Body = field(repr=False)


Content = SmsContent | MmsContent | EmailContent | PushContent | NativeContent


@frozen(kw_only=True)
class Envelope:
    """All data that a transport needs to hand one message over.

    Attributes:
        message_id: The same at every attempt: for `Message-ID`, idempotency and correlation.
        receivers: The receivers of this attempt; on a retry only those that no provider accepted.
        copies: On email all receivers of the message, for its To and Cc headers.
        created_at: When the message was accepted.
        scheduled_for: The later time for which it was scheduled, if any; the same at every
            attempt.
        expires_at: From this instant on it must not be handed over.
        attempt: 1 for the first call of a transport.
    """

    message_id: UUID
    workspace: UUID
    channel: Channel
    sender: Address | None
    receivers: tuple[Recipient, ...]
    content: Content
    created_at: datetime
    expires_at: datetime
    attempt: int = 1
    scheduled_for: datetime | None = None
    reference: str | None = field(default=None, repr=False)
    copies: tuple[Recipient, ...] = field(default=(), repr=False)

    @property
    def to(self) -> str:
        """Return the address of the first receiver; most platforms allow only one."""
        return self.receivers[0].value
