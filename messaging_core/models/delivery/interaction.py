"""What a person did with a message."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import OPEN, tuple_of
from messaging_core.models.common.instants import in_utc
from messaging_core.models.people.contact import MessageReceiver


class InteractionType(StrEnum):
    """What a person did."""

    CLICKED = "clicked"
    DELETE_REQUEST = "delete-request"
    INVALID = "invalid"
    OPENED = "opened"
    READ = "read"
    REPORTED_AS_SPAM = "reported-as-spam"
    UNSUBSCRIBE_REQUEST = "unsubscribe-request"
    REACTION = "reaction"
    CONVERSION = "conversion"
    SUBSCRIBE_REQUEST = "subscribe-request"
    SUBSCRIBE_CONSENT = "subscribe-consent"


@frozen(kw_only=True)
class InteractionContext:
    """Where a message belongs, such as a campaign."""

    id: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = field(default=(), converter=tuple_of[str])


@frozen(kw_only=True)
class ClickedLink:
    """The link that was clicked."""

    name: str | None = field(default=None, repr=False)
    url: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class PressedButton:
    """The payload of the button that was pressed."""

    payload: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Reaction:
    """The reaction of a person; `action` is `react` or `unreact`."""

    emoji: str | None = field(default=None, repr=False)
    action: str | None = None


@frozen(kw_only=True)
class Conversion:
    """What a message led to, such as a purchase.

    `type` is `otp`, `url` or `promo_code`; `status` is `converted`, `canceled`, `not_converted`,
    `resent`, `received_after_expiration` or, for the time being, `incorrect_code`.
    """

    type: str
    status: str
    method: str = "unknown"
    timestamp: datetime | None = field(default=None, converter=in_utc)


@frozen(kw_only=True)
class InteractionMetadata:
    """The details of an interaction; `prefetched` means that a machine did it."""

    link: ClickedLink | None = None
    button: PressedButton | None = None
    reaction: Reaction | None = None
    conversion: Conversion | None = None
    prefetched: bool | None = None
    extra: Mapping[str, Any] | None = field(default=None, metadata=OPEN, repr=False)


@frozen(kw_only=True)
class Interaction:
    """One act of a person on a message.

    Attributes:
        is_first_interaction: No person has done this with the message before.
        is_first_interaction_including_bots: Neither a person nor a machine has.
    """

    id: UUID
    message_id: UUID
    channel_id: UUID
    type: InteractionType
    created_at: datetime
    platform_id: str | None = None
    message_reference: str | None = field(default=None, repr=False)
    message_parts_count: int | None = None
    message_tags: tuple[str, ...] = field(default=(), repr=False)
    receiver: MessageReceiver | None = None
    details: str | None = None
    context: InteractionContext | None = None
    metadata: InteractionMetadata | None = None
    is_first_interaction: bool | None = None
    is_first_interaction_including_bots: bool | None = None

    @property
    def is_by_machine(self) -> bool:
        """Return whether a machine did it, such as a scanner of mails."""
        return self.metadata is not None and self.metadata.prefetched is True
