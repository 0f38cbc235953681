"""What a message carries about its origin and purpose, beside its content."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, tuple_of
from messaging_core.models.content.body import EmailFrom


@frozen(kw_only=True)
class ReferralMetadata:
    """Say which advertisement a referral came from."""

    source_id: str | None = field(default=None, metadata={"wire": "source_id"})
    source_url: str | None = field(
        default=None, metadata={"wire": "source_url", "nullable": True}, repr=False
    )
    media_url: str | None = field(
        default=None, metadata={"wire": "media_url", "nullable": True}, repr=False
    )
    tracking_id: str | None = field(
        default=None, metadata={"wire": "tracking_id", "nullable": True}
    )


@frozen(kw_only=True)
class Referral:
    """Say what led the person here."""

    source: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, metadata=NULLABLE, repr=False)
    text: str | None = field(default=None, metadata=NULLABLE, repr=False)
    group: str | None = field(default=None, metadata=NULLABLE, repr=False)
    metadata: ReferralMetadata | None = field(default=None, metadata=NULLABLE)


@frozen(kw_only=True)
class Price:
    """State a price as `amount` times ten to the minus `exponent`, in an ISO 4217 currency."""

    amount: int | None = None
    exponent: int | None = None
    currency_code: str | None = None


@frozen(kw_only=True)
class OrderedProduct:
    """State how many of a product were ordered."""

    external_catalog_id: str | None = None
    external_product_id: str | None = None
    quantity: int | None = None
    price: Price | None = None


@frozen(kw_only=True)
class Order:
    """List what was ordered."""

    products: tuple[OrderedProduct, ...] = field(default=(), converter=tuple_of[OrderedProduct])


@frozen(kw_only=True)
class ReferredProduct:
    """Name the product an incoming message asks about."""

    external_catalog_id: str | None = None
    external_product_id: str | None = None


@frozen(kw_only=True)
class EmailMeta:
    """Set subject, headers and sender of an email; needed where a template is the content."""

    subject: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    sender: EmailFrom | None = field(default=None, metadata={"wire": "from"})


@frozen(kw_only=True)
class PushNotificationsMeta:
    """Say what a push message has beside its body; subtitle and data are ours.

    Attributes:
        gateway_type_override: The push gateway: `apns`, `firebase` or `web`.
        subtitle: Under the title.
        data: What the gateway gets instead of title, subtitle and text.
    """

    gateway_type_override: str | None = None
    subtitle: str | None = field(default=None, repr=False)
    data: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class StepMeta:
    """Name the step of a flow or journey that sent a message."""

    id: UUID | None = field(default=None, metadata=NULLABLE)
    name: str | None = field(default=None, metadata=NULLABLE, repr=False)
    step_id: str | None = field(default=None, metadata=NULLABLE)
    run_id: UUID | None = field(default=None, metadata=NULLABLE)


@frozen(kw_only=True)
class CampaignMeta:
    """Name the campaign that sent a message."""

    id: UUID | None = field(default=None, metadata=NULLABLE)
    name: str | None = field(default=None, metadata=NULLABLE, repr=False)


@frozen(kw_only=True)
class Meta:
    """Carry everything about a message that is not its content.

    Attributes:
        extra_information: The caller's own facts; `useCase` decides on capping and suppression.
        navigator_id: The navigator that chose the channel.
    """

    extra_information: Mapping[str, Any] | None = field(default=None, repr=False)
    referral: Referral | None = None
    order: Order | None = None
    referred_product: ReferredProduct | None = field(default=None, metadata=NULLABLE)
    email: EmailMeta | None = None
    push_notifications: PushNotificationsMeta | None = None
    navigator_id: UUID | None = None
    navigator_message_id: UUID | None = None
    flow: StepMeta | None = field(default=None, metadata=NULLABLE)
    journey: StepMeta | None = field(default=None, metadata=NULLABLE)
    campaign: CampaignMeta | None = field(default=None, metadata=NULLABLE)
