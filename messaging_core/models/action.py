"""What a receiver can do with a message: buttons, links and quick replies."""

from typing import ClassVar

from attrs import frozen


@frozen(kw_only=True)
class ActionDescription:
    """Describe an action where the platform shows it as a row; `label` is at most 72 characters."""

    label: str | None = None


@frozen(kw_only=True)
class ActionMetadata:
    """Carry what only some platforms show beside an action."""

    description: ActionDescription | None = None


@frozen(kw_only=True)
class LinkAction:
    """Open a page; `url` is absolute or holds a `{{variable}}`."""

    type: ClassVar[str] = "link"

    text: str
    url: str


@frozen(kw_only=True)
class ReplyAction:
    """Answer with `text`."""

    type: ClassVar[str] = "reply"

    text: str
    image_url: str | None = None
    metadata: ActionMetadata | None = None


@frozen(kw_only=True)
class PostbackAction:
    """Send `payload` back to the host without showing it."""

    type: ClassVar[str] = "postback"

    text: str
    payload: str | None = None
    image_url: str | None = None
    metadata: ActionMetadata | None = None


@frozen(kw_only=True)
class LocationRequestAction:
    """Ask for the receiver's position."""

    type: ClassVar[str] = "locationRequest"

    text: str = "Send location"


@frozen(kw_only=True)
class BuyAction:
    """Offer a purchase of `amount_cents` hundredths of `currency` (ISO 4217, three letters)."""

    type: ClassVar[str] = "buy"

    text: str
    amount_cents: int
    currency: str


Action = LinkAction | ReplyAction | PostbackAction | LocationRequestAction | BuyAction
