"""The host's own attrs classes are read and written like ours."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pytest
from attrs import Factory, define, field, frozen
from attrs.validators import ge

from messaging_core.errors import InvalidDocumentError
from messaging_core.models import Body, NativeContent, ReceiverType, TextBody
from messaging_core.wire import converter, dump, encode, load
from messaging_core.wire.codec.readers import _writable


@frozen(kw_only=True)
class Line:
    product_id: UUID
    amount: int = field(validator=ge(1))
    note: str | None = None


@define
class Order:
    """Not frozen, positional, with a private attribute and every sort of default."""

    id: str
    lines: list[Line]
    _secret: str = "s"
    placed_at: datetime | None = None
    totals: dict[str, float] = Factory(dict)
    labels: Mapping[str, tuple[str, ...]] = field(factory=dict)
    label: str = Factory(lambda self: f"order {self.id}", takes_self=True)
    role: ReceiverType = field(default=ReceiverType.TO, converter=ReceiverType)
    children: "list[Order]" = Factory(list)
    parent: "Order | None" = None
    anything: Any = None
    body: Body | None = None
    seen: int = field(default=0, init=False)


@frozen(kw_only=True)
class Call:
    type: ClassVar[str] = "phone-call"

    number: str


@frozen
class Price:
    amount: Decimal


class Quantity:
    """A type of the host that is read from an object of ours."""

    def __init__(self, line: Line) -> None:
        self.line = line


@define(slots=False)
class Basket:
    """Keeps its fields in a dictionary."""

    gaps: list[str | None] = Factory(list)
    quantity: Quantity | None = None


ORDER = Order(
    id="o1",
    lines=[Line(product_id=UUID(int=1), amount=2)],
    secret="t",
    placed_at=datetime(2025, 1, 31, tzinfo=UTC),
    totals={"eur": 1.5},
    labels={"a": ("b", "c")},
    role=ReceiverType.BCC,
    children=[Order(id="o2", lines=[])],
    parent=Order(id="o0", lines=[], label="own"),
    anything={"a": [1, None]},
    body=TextBody(text="hi"),
)


def faults(cls: type, data: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDocumentError) as caught:
        load(cls, data)
    return [(violation.path, violation.code) for violation in caught.value.violations]


def test_a_class_of_the_host_is_read_back_as_it_was_written() -> None:
    assert load(Order, encode(ORDER)) == ORDER
    assert load(Order, dump(ORDER)) == ORDER


def test_defaults_of_the_host_are_made_when_a_key_is_absent() -> None:
    order = load(Order, {"id": "o1", "lines": []})

    assert order == Order(id="o1", lines=[])
    assert order.totals is not load(Order, {"id": "o1", "lines": []}).totals


def test_faults_in_a_class_of_the_host_have_places() -> None:
    data = {"id": 1, "lines": [{"amount": "1"}], "totals": {"a": "b"}, "children": [{"id": "x"}]}

    assert sorted(faults(Order, data)) == [
        ("/children/0/lines", "wire.missing"),
        ("/id", "wire.type"),
        ("/lines/0/amount", "wire.type"),
        ("/lines/0/productId", "wire.missing"),
        ("/totals/a", "wire.type"),
    ]


def test_what_a_validator_refuses_is_a_violation() -> None:
    data = {"id": "o", "lines": [{"productId": str(UUID(int=1)), "amount": 0}]}

    assert faults(Order, data) == [("/lines/0", "wire.value")]


def test_a_class_that_holds_itself_cannot_be_nested_for_ever() -> None:
    data: dict[str, Any] = {"id": "o", "lines": []}
    for _ in range(150):
        data = {"id": "o", "lines": [], "parent": data}

    ((_, code),) = faults(Order, encode(data))

    assert code == "wire.depth"


def test_a_tagged_class_of_the_host_stands_under_its_type() -> None:
    call = Call(number="1")

    assert dump(call) == {"type": "phone-call", "phoneCall": {"number": "1"}}
    assert load(Call, dump(call)) == call
    assert faults(Call, {"type": "phone", "phoneCall": {}}) == [
        ("/type", "wire.enum"),
        ("/phoneCall/number", "wire.missing"),
    ]


def test_a_type_of_the_host_is_read_and_written_by_its_own_hooks() -> None:
    hooks = converter()
    hooks.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    hooks.register_unstructure_hook(Decimal, str)

    assert dump(Price(Decimal("1.50"))) == {"amount": "1.50"}
    assert load(Price, {"amount": "1.50"}) == Price(Decimal("1.50"))
    assert faults(Price, {"amount": "one"}) == [("/amount", "wire.value")]


def test_faults_inside_a_type_of_the_host_keep_their_places() -> None:
    converter().register_structure_hook(Quantity, lambda value, _: Quantity(load(Line, value)))

    assert faults(Basket, {"quantity": {"productId": 1, "amount": 1}}) == [
        ("/quantity/productId", "wire.type")
    ]


def test_items_may_be_null_where_their_type_says_so() -> None:
    basket = Basket(gaps=["a", None])

    assert load(Basket, encode(basket)) == basket
    assert faults(Basket, {"gaps": [1, None]}) == [("/gaps/0", "wire.type")]


def test_the_converter_itself_reads_and_writes_our_classes() -> None:
    hooks = converter()

    assert hooks.structure({"type": "text", "text": {"text": "hi"}}, TextBody) == TextBody(
        text="hi"
    )
    assert hooks.unstructure(TextBody(text="hi")) == {"type": "text", "text": {"text": "hi"}}
    with pytest.raises(InvalidDocumentError):
        hooks.structure({}, TextBody)


def test_a_class_with_a_body_is_read_through_the_type_of_the_body() -> None:
    content = NativeContent(body=TextBody(text="hi"))

    assert load(NativeContent, encode(content)) == content


def test_only_classes_whose_init_just_sets_slots_are_filled_by_assignment() -> None:
    writable = _writable(TextBody)

    assert writable is not None
    assert issubclass(writable, TextBody)
    assert _writable(Line) is None
    assert _writable(Order) is None
    assert _writable(Basket) is None


def test_what_is_read_is_of_its_class_and_frozen() -> None:
    body = load(TextBody, {"type": "text", "text": {"text": "hi"}})

    assert type(body) is TextBody
    assert hash(body) == hash(TextBody(text="hi"))
    with pytest.raises(AttributeError):
        body.text = "other"  # type: ignore[misc]
