"""A message as the engine stores and shows it."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure
from messaging_core.models.common.fields import NULLABLE
from messaging_core.models.content.body import Body
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.messages.request import ReplyTo, ShortLinks
from messaging_core.models.messages.status import Direction as Direction  # noqa: PLC0414
from messaging_core.models.messages.status import Status as Status  # noqa: PLC0414 - exported
from messaging_core.models.people.contact import MessageReceiver, MessageSender


@frozen(kw_only=True)
class Part:
    """One part of a message, with the platform's own reference."""

    platform_reference: str


@frozen(kw_only=True)
class Origin:
    """What created a message, such as a batch or a replay."""

    type: str
    id: str


@frozen(kw_only=True)
class Message:
    """A message that was accepted or received.

    Attributes:
        id: UUIDv7, made when the message was accepted.
        status: Its state; `reason` and `details` say why, and `failure` says what went wrong.
        parts: The parts in which the platform sent it, once it was handed over.
        last_status_at: When `status` last changed.
    """

    id: UUID
    channel_id: UUID
    sender: MessageSender
    receiver: MessageReceiver
    status: Status
    last_status_at: datetime
    created_at: datetime
    updated_at: datetime
    direction: Direction = Direction.OUTGOING
    body: Body | None = field(default=None, metadata=NULLABLE)
    template: TemplateReference | None = field(default=None, metadata=NULLABLE)
    meta: Meta | None = None
    reference: str | None = None
    reply_to: ReplyTo | None = None
    tags: tuple[str, ...] = ()
    short_links: ShortLinks | None = field(default=None, metadata=NULLABLE)
    scheduled_for: datetime | None = None
    parts: tuple[Part, ...] = ()
    reason: str | None = None
    details: str | None = None
    origin: Origin | None = field(default=None, metadata=NULLABLE)
    failure: Failure | None = field(default=None, metadata=NULLABLE)

    @property
    def references(self) -> tuple[str, ...]:
        """Return the platform's own references, one for each part."""
        return references_of(self.parts)

    @property
    def to(self) -> str:
        """Return the address of the first receiver; most platforms allow only one."""
        return self.receiver.contacts[0].address if self.receiver.contacts else ""

    @property
    def text(self) -> str | None:
        """Return the text of the body, where it has one: of an HTML mail its alternative."""
        return getattr(self.body, "text", None)

    @property
    def subject(self) -> str | None:
        """Return the subject of an email or MMS, or the title of a push message."""
        return getattr(getattr(self.body, "metadata", None), "subject", None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the address of each receiver, as in the envelope."""
        return tuple([contact.address for contact in self.receiver.contacts])


def references_of(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the platform's own references of parts."""
    return tuple([part.platform_reference for part in parts])
