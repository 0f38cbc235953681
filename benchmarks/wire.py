# ruff: noqa: D101 - the classes mirror those of messaging_core.models, which explain themselves
"""Compare reading, checking and writing requests with pydantic models of the same shape.

The models check types, lengths and patterns; the rules behind ours check much more.

Prints microseconds and the ratio to pydantic, each the best of several rounds taken in turn, so
that a busy machine slows both alike.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from timeit import Timer
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from _hosts import QUICK, stays_below
from _requests import full, minimal
from messaging_core import Channel
from messaging_core.errors import InvalidMessageError
from messaging_core.models import SendMessage as Request
from messaging_core.rules.requests.message import check_message
from messaging_core.wire import dump_send_message, encode, parse_send_message
from messaging_core.wire.codec import readers, registry
from messaging_core.wire.codec.readers import emit_reader
from messaging_core.wire.codec.scalars import Reader
from messaging_core.wire.codec.schema import ClassSchema
from messaging_core.wire.parsing.faults import ViolationCollector
from messaging_core.wire.parsing.limits import REQUEST_LIMITS

# Many short rounds, so that some of them fall between what else a busy machine does.
ROUNDS = 60 if QUICK else 400
CALLS = 10
LIMIT = 1.7  # measured 1.3 for a minimal request, 1.4 to 1.57 for a full one
# A request built in code against the same one as bytes: measured 1.7 and 2.0.
BUILT_LIMIT = 2.4
LEAST_SHARE = 0.03  # a measure that saves less goes

SMS = Channel(name="orders", platform="sms", sender="+31612345678")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")
NOW = datetime(2025, 1, 30, tzinfo=UTC)
REQUESTS = {"minimal": (SMS, minimal(1)), "full": (MAIL, full(1))}


class Model(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )


class Identifier(Model):
    identifier_key: str
    identifier_value: str


class ReceiverContact(Model):
    id: str | None = None
    identifier_key: str | None = None
    identifier_value: str | None = None
    type: Literal["to", "cc", "bcc"] | None = None
    identifiers: tuple[Identifier, ...] = ()
    platform_address: str | None = None
    platform_address_selector: str | None = None


class Receiver(Model):
    contacts: Annotated[tuple[ReceiverContact, ...], Field(min_length=1)]


class SenderAnnotations(Model):
    name: str | None = None


class SenderConnector(Model):
    identifier_value: str
    annotations: SenderAnnotations | None = None


class Sender(Model):
    connector: SenderConnector


class ReferralMetadata(Model):
    source_id: str | None = Field(default=None, alias="source_id")
    source_url: str | None = Field(default=None, alias="source_url")
    media_url: str | None = Field(default=None, alias="media_url")
    tracking_id: str | None = Field(default=None, alias="tracking_id")


class Referral(Model):
    source: str | None = None
    title: str | None = None
    text: str | None = None
    group: str | None = None
    metadata: ReferralMetadata | None = None


class Price(Model):
    amount: int | None = None
    exponent: int | None = None
    currency_code: str | None = None


class OrderedProduct(Model):
    external_catalog_id: str | None = None
    external_product_id: str | None = None
    quantity: int | None = None
    price: Price | None = None


class Order(Model):
    products: tuple[OrderedProduct, ...] = ()


class ReferredProduct(Model):
    external_catalog_id: str | None = None
    external_product_id: str | None = None


class EmailFrom(Model):
    username: str | None = None
    display_name: str | None = None


class EmailMeta(Model):
    subject: str | None = None
    headers: dict[str, str] | None = None
    sender: EmailFrom | None = Field(default=None, alias="from")


class PushNotificationsMeta(Model):
    gateway_type_override: Literal["apns", "firebase", "web"] | None = None


class StepMeta(Model):
    id: UUID | None = None
    name: str | None = None
    step_id: str | None = None
    run_id: UUID | None = None


class CampaignMeta(Model):
    id: UUID | None = None
    name: str | None = None


class Meta(Model):
    extra_information: dict[str, Any] | None = None
    referral: Referral | None = None
    order: Order | None = None
    referred_product: ReferredProduct | None = None
    email: EmailMeta | None = None
    push_notifications: PushNotificationsMeta | None = None
    navigator_id: UUID | None = None
    navigator_message_id: UUID | None = None
    flow: StepMeta | None = None
    journey: StepMeta | None = None
    campaign: CampaignMeta | None = None


class ReplyTo(Model):
    id: str
    type: Literal["message", "click", "referrals"]
    order: int | None = None


class Notification(Model):
    url: str | None = None


class ShortLinks(Model):
    domain: Annotated[str, Field(max_length=128)]


class Attachment(Model):
    filename: str
    media_url: str | None = None
    content: str | None = None
    content_type: str | None = None
    inline: bool = False
    content_id: str | None = None


class ActionDescription(Model):
    label: Annotated[str, Field(max_length=72)] | None = None


class ActionMetadata(Model):
    description: ActionDescription | None = None


class Link(Model):
    text: str
    url: str


class Reply(Model):
    text: str
    image_url: str | None = None
    metadata: ActionMetadata | None = None


class Postback(Model):
    text: str
    payload: str | None = None
    image_url: str | None = None
    metadata: ActionMetadata | None = None


class LinkAction(Model):
    type: Literal["link"]
    link: Link


class ReplyAction(Model):
    type: Literal["reply"]
    reply: Reply


class PostbackAction(Model):
    type: Literal["postback"]
    postback: Postback


Action = Annotated[LinkAction | ReplyAction | PostbackAction, Field(discriminator="type")]


class TextMetadata(Model):
    subject: str | None = None
    headers: dict[str, str] | None = None


class HtmlMetadata(Model):
    subject: str | None = None
    email_from: EmailFrom | None = None
    headers: dict[str, str] | None = None
    initial_open_tracking: bool | None = None
    click_tracking: bool | None = None
    open_tracking: bool | None = None


class MediaMetadata(Model):
    model_config = ConfigDict(extra="allow")

    subject: str | None = None
    fallback_text: str | None = None
    story_type: str | None = None


class Text(Model):
    text: Annotated[str, Field(min_length=1)]
    attachments: tuple[Attachment, ...] | None = ()
    actions: tuple[Action, ...] | None = ()
    metadata: TextMetadata | None = None


class Html(Model):
    html: Annotated[str, Field(min_length=1)] | None = None
    text: Annotated[str, Field(min_length=1)] | None = None
    attachments: tuple[Attachment, ...] | None = ()
    actions: tuple[Action, ...] | None = ()
    metadata: HtmlMetadata | None = None


class Picture(Model):
    media_url: str
    alt_text: str | None = None


class Pictures(Model):
    images: Annotated[tuple[Picture, ...], Field(min_length=1)]
    text: str | None = None
    actions: tuple[Action, ...] | None = ()
    metadata: MediaMetadata | None = None


class Section(Model):
    items: "tuple[Body, ...]" = ()
    configurations: dict[str, str] | None = None


class TextBody(Model):
    type: Literal["text"]
    text: Text


class HtmlBody(Model):
    type: Literal["html"]
    html: Html


class ImageBody(Model):
    type: Literal["image"]
    image: Pictures


class SectionBody(Model):
    type: Literal["section"]
    section: Section


Body = Annotated[TextBody | HtmlBody | ImageBody | SectionBody, Field(discriminator="type")]
Tag = Annotated[str, Field(min_length=1, max_length=50, pattern="^[a-zA-Z0-9-_ ]+$")]


class SendMessage(Model):
    receiver: Receiver
    body: Body | None = None
    sender: Sender | None = None
    reference: str | None = None
    meta: Meta | None = None
    reply_to: ReplyTo | None = None
    notification: Notification | None = None
    cap_frequency: bool = False
    enable_link_tracking: bool = False
    ignore_quiet_hours: bool = False
    ignore_global_holdout: bool = False
    tags: Annotated[tuple[Tag, ...], Field(max_length=10)] = ()
    short_links: ShortLinks | None = None
    scheduled_for: datetime | None = None
    validity: Annotated[int, Field(ge=0)] | None = None


def best(*works: Callable[[], object]) -> list[float]:
    """Return the shortest time of each in microseconds; they take turns."""
    timers = [Timer(work) for work in works]
    rounds = [[timer.timeit(CALLS) / CALLS for timer in timers] for _ in range(ROUNDS)]
    return [min(times) * 1e6 for times in zip(*rounds, strict=True)]


def compare(  # noqa: C901 - six small functions to time
    name: str, channel: Channel, values: dict[str, Any]
) -> float:
    """Print one table and return how often the time of pydantic we need for all three steps."""
    data = json.dumps(values, separators=(",", ":")).encode()
    ours, theirs = parse_send_message(data), SendMessage.model_validate_json(data)
    assert dump_send_message(ours) == values
    both = json.loads(theirs.model_dump_json(by_alias=True, exclude_unset=True)), values
    assert all(document.pop("scheduledFor", None) for document in both) or name == "minimal"
    assert both[0] == both[1]

    def read_ours() -> object:
        return parse_send_message(data)

    def check_ours() -> object:
        return check_message(ours, channel, NOW)

    def read_theirs() -> object:
        return SendMessage.model_validate_json(data)

    def write_ours() -> object:
        return encode(ours)

    def write_theirs() -> object:
        return theirs.model_dump_json(by_alias=True, exclude_defaults=True)

    def refuse_ours() -> object:
        try:
            return parse_send_message(wrong)
        except InvalidMessageError as error:
            return error

    def refuse_theirs() -> object:
        try:
            return SendMessage.model_validate_json(wrong)
        except ValidationError as error:
            return error.errors()

    wrong = json.dumps(values | {"validity": "1", "unknown": 1, "reference": 5}).encode()
    assert not check_ours()
    check, *both_ways = best(check_ours, read_ours, read_theirs, write_ours, write_theirs)
    read, write = both_ways[:2], both_ways[2:]
    refuse = best(refuse_ours, refuse_theirs)
    total = [read[0] + check + write[0], read[1] + write[1]]
    print(f"\n{name} request, {len(data)} bytes, {objects(values)} objects")
    print(f"{'':16}{'ours, us':>10}{'pydantic':>10}{'ratio':>8}")
    print(f"{'check the rules':16}{check:10.1f}")
    rows = {"read": read, "write": write, "all of it": total, "refuse 3 faults": refuse}
    for row, (mine, peer) in rows.items():
        print(f"{row:16}{mine:10.1f}{peer:10.1f}{mine / peer:8.2f}")
    return total[0] / total[1]


def objects(value: Any) -> int:
    """Count the objects of a document."""
    if isinstance(value, dict):
        return 1 + sum(map(objects, value.values()))
    return sum(map(objects, value)) if isinstance(value, list) else 0


def compare_built(name: str, values: dict[str, Any]) -> float:
    """Return how many times as long a request built in code takes as the same one as bytes."""
    data = json.dumps(values, separators=(",", ":")).encode()
    request = parse_send_message(data)
    ours, built = best(
        lambda: parse_send_message(data), lambda: parse_send_message(dump_send_message(request))
    )
    print(
        f"read a {name} request built in code: {built:.1f} us, {built / ours:.2f} times its bytes"
    )
    return built / ours


def shares() -> list[float]:
    """Print and return how much of the time to read a full request the two measures save."""
    values = full(1)
    reads = [reader_with(emit_reader), reader_with(interpret)]
    fill = readers._writable  # noqa: SLF001 - it is what is measured
    readers._writable = lambda _: None  # noqa: SLF001
    reads.append(reader_with(emit_reader))
    readers._writable = fill  # noqa: SLF001
    ours, *others = best(
        *(partial(read, values, "", ViolationCollector(REQUEST_LIMITS)) for read in reads)
    )
    saved = [1 - ours / other for other in others]
    print(f"\nof reading a full request, generated code saves {saved[0]:.0%} against a loop,")
    print(f"and assignment {saved[1]:.0%} against constructors")
    return saved


def reader_with(emit: Callable[[ClassSchema], Reader]) -> Reader:
    """Return a reader of requests whose classes are all read by what `emit` returns."""
    registry.emit_reader = emit
    try:
        read = registry.Registry().reader(Request)
        read(full(1), "", ViolationCollector(REQUEST_LIMITS))  # makes the readers of all classes
    finally:
        registry.emit_reader = emit_reader
    return read


def interpret(schema: ClassSchema) -> Reader:
    """Return a reader that loops over the fields of a class, as a general converter does."""
    writable = readers._writable(schema.cls)  # noqa: SLF001
    fields = [
        (
            field.key,
            field.name,
            frozenset(field.kind.types),
            field.nullable,
            field.default.factory() if field.factory else field.default,
            field.kind.read(),
        )
        for field in schema.every
    ]

    def read(data: Any, path: str, faults: ViolationCollector) -> Any:
        model = writable()
        for key, name, types, nullable, default, read_value in fields:
            if key not in data:
                value = default
            else:
                value = data[key]
                if type(value) not in types and not (nullable and value is None):
                    value = read_value(value, f"{path}/{key}", faults)
            setattr(model, name, value)
        model.__class__ = schema.cls
        return model

    return read


def main() -> int:
    """Return 1 where we are slower than the limit allows."""
    checks = []
    for name, (channel, values) in REQUESTS.items():
        ratio = compare(name, channel, values)
        checks.append(stays_below(f"{name}: all of it, of pydantic", ratio, LIMIT))
        built = compare_built(name, values)
        checks.append(stays_below(f"{name}: built in code, of its bytes", built, BUILT_LIMIT))
    saved = shares()
    checks.append(QUICK or min(saved) >= LEAST_SHARE)  # a short run cannot tell so little
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
