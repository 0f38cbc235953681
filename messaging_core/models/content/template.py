"""What a request says about the template it is made from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, tuple_of
from messaging_core.models.content.body import Attachment


@frozen(kw_only=True)
class StringParameter:
    """A text."""

    type: ClassVar[str] = "string"

    key: str
    value: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class NumberParameter:
    """A number."""

    type: ClassVar[str] = "number"

    key: str
    value: float | None = None


@frozen(kw_only=True)
class BooleanParameter:
    """A yes or no."""

    type: ClassVar[str] = "boolean"

    key: str
    value: bool | None = None


@frozen(kw_only=True)
class ObjectParameter:
    """Any JSON object."""

    type: ClassVar[str] = "object"

    key: str
    value: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ReplyRow:
    """Offer one answer in a section."""

    type: ClassVar[str] = "reply-action"

    text: str = field(repr=False)
    image_url: str | None = field(default=None, repr=False)
    payload: str | None = field(default=None, repr=False)
    sub_title: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class RowSection:
    """Group answers under a title."""

    title: str = field(repr=False)
    items: tuple[ReplyRow, ...] = field(converter=tuple_of[ReplyRow])
    id: str | None = None
    multiple_selection: bool | None = None


@frozen(kw_only=True)
class RowSections:
    """List sections of answers."""

    sections: tuple[RowSection, ...] = field(default=(), converter=tuple_of[RowSection])


@frozen(kw_only=True)
class SectionListParameter:
    """Sections of answers to choose from."""

    type: ClassVar[str] = "sectionList"

    key: str
    value: RowSections | None = None


@frozen(kw_only=True)
class Timeslot:
    """Offer a time; `duration` in the platform's unit."""

    start_time: datetime
    duration: float
    id: str | None = None


@frozen(kw_only=True)
class Timeslots:
    """List times to choose from."""

    timeslots: tuple[Timeslot, ...] = field(default=(), converter=tuple_of[Timeslot])


@frozen(kw_only=True)
class TimeslotListParameter:
    """Times to choose from."""

    type: ClassVar[str] = "timeslotList"

    key: str
    value: Timeslots | None = None


@frozen(kw_only=True)
class CatalogProduct:
    """Name a product of the platform's catalogue."""

    external_product_id: str
    amount: str | int | float | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ProductSection:
    """Group products under a title of 1 to 24 characters."""

    title: str = field(repr=False)
    products: tuple[CatalogProduct, ...] = field(converter=tuple_of[CatalogProduct])


@frozen(kw_only=True)
class ProductSections:
    """List sections of products."""

    product_sections: tuple[ProductSection, ...] = field(
        default=(), converter=tuple_of[ProductSection]
    )


@frozen(kw_only=True)
class ProductSectionsParameter:
    """Sections of products."""

    type: ClassVar[str] = "productSections"

    key: str
    value: ProductSections | None = None


@frozen(kw_only=True)
class ProductItem:
    """Show one product."""

    type: ClassVar[str] = "product"

    external_product_id: str
    amount: str | int | float | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ProductItems:
    """List products."""

    products: tuple[ProductItem, ...] = field(default=(), converter=tuple_of[ProductItem])


@frozen(kw_only=True)
class ProductListParameter:
    """Products."""

    type: ClassVar[str] = "productList"

    key: str
    value: ProductItems | None = None


@frozen(kw_only=True)
class ShippingMethod:
    """Offer a way to ship."""

    amount: str | int | float = field(repr=False)
    label: str = field(repr=False)
    identifier: str
    detail: str = field(repr=False)


@frozen(kw_only=True)
class ShippingMethods:
    """List ways to ship."""

    shipping_methods: tuple[ShippingMethod, ...] = field(
        default=(), converter=tuple_of[ShippingMethod]
    )


@frozen(kw_only=True)
class ShippingMethodListParameter:
    """Ways to ship."""

    type: ClassVar[str] = "shippingMethodList"

    key: str
    value: ShippingMethods | None = None


@frozen(kw_only=True)
class LineItem:
    """Charge an amount; `kind` is `pending` or `final`."""

    amount: str | int | float = field(repr=False)
    text: str = field(repr=False)
    kind: str | None = field(default=None, metadata={"wire": "type"})


@frozen(kw_only=True)
class LineItems:
    """List amounts."""

    line_items: tuple[LineItem, ...] = field(default=(), converter=tuple_of[LineItem])


@frozen(kw_only=True)
class LineItemListParameter:
    """Amounts."""

    type: ClassVar[str] = "lineItemList"

    key: str
    value: LineItems | None = None


@frozen(kw_only=True)
class WhatsAppProductItem:
    """Show one product of a WhatsApp catalogue."""

    type: ClassVar[str] = "whatsapp-product-item"

    external_product_id: str


@frozen(kw_only=True)
class WhatsAppProductSection:
    """Group WhatsApp products under a title of 1 to 24 characters."""

    type: ClassVar[str] = "whatsapp-product-section"

    title: str = field(repr=False)
    products: tuple[WhatsAppProductItem, ...] = field(converter=tuple_of[WhatsAppProductItem])


@frozen(kw_only=True)
class WhatsAppProductSections:
    """List sections of WhatsApp products."""

    sections: tuple[WhatsAppProductSection, ...] = field(
        default=(), converter=tuple_of[WhatsAppProductSection]
    )


@frozen(kw_only=True)
class WhatsAppProductSectionsParameter:
    """Sections of WhatsApp products."""

    type: ClassVar[str] = "whatsappProductSections"

    key: str
    value: WhatsAppProductSections | None = None


@frozen(kw_only=True)
class WhatsAppProductItems:
    """List WhatsApp products."""

    products: tuple[WhatsAppProductItem, ...] = field(
        default=(), converter=tuple_of[WhatsAppProductItem]
    )


@frozen(kw_only=True)
class WhatsAppProductItemsParameter:
    """WhatsApp products."""

    type: ClassVar[str] = "whatsappProductItems"

    key: str
    value: WhatsAppProductItems | None = None


Parameter = (
    StringParameter
    | NumberParameter
    | BooleanParameter
    | ObjectParameter
    | SectionListParameter
    | TimeslotListParameter
    | ProductSectionsParameter
    | ProductListParameter
    | ShippingMethodListParameter
    | LineItemListParameter
    | WhatsAppProductSectionsParameter
    | WhatsAppProductItemsParameter
)


@frozen(kw_only=True)
class TemplateShortLinks:
    """Switch short links of a template on; the domain `default` is the workspace's own."""

    enabled: bool | None = None
    domain: str | None = None


@frozen(kw_only=True)
class UtmParameter:
    """Add one parameter to every link.

    Exactly one of `value` (1-100 characters) and `reference` (`platform_name` or
    `channel_name`) is set; `key` has 1-20 characters.
    """

    key: str
    value: str | None = field(default=None, repr=False)
    reference: str | None = None


@frozen(kw_only=True)
class TemplateSettings:
    """Settings of WhatsApp marketing templates."""

    disallow_mm_lite: bool | None = field(default=None, metadata=NULLABLE)
    use_mm_lite: bool | None = field(default=None, metadata=NULLABLE)


@frozen(kw_only=True)
class TemplateReference:
    """Name the stored content a message is made from, and what to fill into it.

    Attributes:
        project_id: The project that holds the template; or `name`, the platform's own name.
        version: A template id, or `latest`, which is pinned when the message is accepted.
        locale: BCP 47 tag of the wanted language.
    """

    project_id: str | None = None
    version: str | None = None
    locale: str | None = None
    name: str | None = field(default=None, repr=False)
    parameters: tuple[Parameter, ...] = field(
        default=(), converter=tuple_of[Parameter], metadata=NULLABLE
    )
    variables: Mapping[str, str] | None = field(default=None, metadata=NULLABLE, repr=False)
    attachments: tuple[Attachment, ...] = field(
        default=(), converter=tuple_of[Attachment], metadata=NULLABLE
    )
    short_links: TemplateShortLinks | None = field(default=None, metadata=NULLABLE)
    utm_parameters: tuple[UtmParameter, ...] = field(
        default=(), converter=tuple_of[UtmParameter], metadata=NULLABLE
    )
    settings: TemplateSettings | None = field(default=None, metadata=NULLABLE)
