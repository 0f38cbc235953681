"""What a receiver can do with a message: buttons, links and quick replies."""

from typing import ClassVar

from attrs import field

from messaging_core.lazy import frozen


@frozen(kw_only=True)
class ActionDescription:
    """Describe an action where the platform shows it as a row; `label` is at most 72 characters."""

    label: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ActionMetadata:
    """Carry what only some platforms show beside an action."""

    description: ActionDescription | None = None


@frozen(kw_only=True)
class LinkAction:
    """Open a page; `url` is absolute or holds a `{{variable}}`."""

    type: ClassVar[str] = "link"

    text: str = field(repr=False)
    url: str = field(repr=False)


@frozen(kw_only=True)
class ReplyAction:
    """Answer with `text`."""

    type: ClassVar[str] = "reply"

    text: str = field(repr=False)
    image_url: str | None = field(default=None, repr=False)
    metadata: ActionMetadata | None = None


@frozen(kw_only=True)
class PostbackAction:
    """Send `payload` back to the host without showing it."""

    type: ClassVar[str] = "postback"

    text: str = field(repr=False)
    payload: str | None = field(default=None, repr=False)
    image_url: str | None = field(default=None, repr=False)
    metadata: ActionMetadata | None = None


@frozen(kw_only=True)
class LocationRequestAction:
    """Ask for the receiver's position."""

    type: ClassVar[str] = "locationRequest"

    text: str = field(default="Send location", repr=False)


@frozen(kw_only=True)
class BuyAction:
    """Offer a purchase of `amount_cents` hundredths of `currency` (ISO 4217, three letters)."""

    type: ClassVar[str] = "buy"

    text: str = field(repr=False)
    amount_cents: int
    currency: str


Action = LinkAction | ReplyAction | PostbackAction | LocationRequestAction | BuyAction
