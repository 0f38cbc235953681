"""Receipts that a host's code built: converted where that is plain, else refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from attrs import fields, frozen
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.errors import InvalidRequestError
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    InteractionReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.wire.receipts import as_receipts

AN_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
USUAL: dict[type[Any], dict[str, Any]] = {
    StatusReceipt: {"source": "p", "at": NOW},
    InteractionReceipt: {"source": "p", "at": NOW, "type": InteractionType.OPENED},
    IncomingMessage: {
        "source": "p",
        "at": NOW,
        "channel_id": AN_ID,
        "sender": "+31612345678",
        "body": TextBody(text="Hi"),
    },
}


def a_receipt(kind: type[Any] = StatusReceipt, **values: Any) -> Any:
    return kind(**{**USUAL[kind], **values})


@pytest.mark.parametrize(
    ("field", "given_as", "expected"),
    [
        ("status", "delivered", ReceiptStatus.DELIVERED),
        ("status", "failed", ReceiptStatus.FAILED),
        ("at", "2026-01-31T10:00:00+01:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("at", "2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        (
            "at",
            datetime(2026, 1, 31, 10, tzinfo=timezone(timedelta(hours=1))),
            datetime(2026, 1, 31, 9, tzinfo=UTC),
        ),
        ("message_id", str(AN_ID), AN_ID),
        ("channel_id", str(AN_ID), AN_ID),
        ("raw", b"caf\xc3\xa9 \xff", "café �"),
        ("raw", "half a pair \ud800", "half a pair ?"),
        ("provider_status", "half a pair \udfff", "half a pair ?"),
        ("reference", " <abc@x.example> ", "abc@x.example"),
        ("reference", "<>", None),
        ("reference", "a<b>", "a<b>"),
    ],
)
def test_what_is_plain_is_converted(field: str, given_as: Any, expected: Any) -> None:
    (receipt,) = as_receipts(a_receipt(**{field: given_as}))

    value = getattr(receipt, field)
    assert (value, type(value)) == (expected, type(expected))


def test_the_type_of_an_interaction_may_be_text() -> None:
    (receipt,) = as_receipts([a_receipt(InteractionReceipt, type="clicked")])

    assert isinstance(receipt, InteractionReceipt)
    assert receipt.type is InteractionType.CLICKED


@pytest.mark.parametrize("kind", USUAL)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", datetime(2026, 1, 31, 9)),  # noqa: DTZ001 - that is the fault
        ("at", "2026-01-31T09:00:00"),
        ("at", "yesterday"),
        ("at", 1_769_850_000),
        ("at", None),
        ("source", None),
        ("source", 7),
        ("channel_id", "not an id"),
        ("channel_id", 7),
        ("reference", 7),
        ("reference", ["r"]),
        ("key", 7),
        ("raw", {"status": "x"}),
        ("raw", None),
    ],
)
def test_anything_else_is_refused_with_its_place(kind: type[Any], field: str, value: Any) -> None:
    names = {"channel_id": "channelId"}

    with pytest.raises(InvalidRequestError) as refused:
        as_receipts([a_receipt(kind), a_receipt(kind, **{field: value})])

    (violation,) = refused.value.violations
    assert violation.path == f"/1/{names.get(field, field)}"


@pytest.mark.parametrize(
    ("kind", "field", "value", "path"),
    [
        (StatusReceipt, "status", "DELIVERED", "/status"),
        (StatusReceipt, "status", 1, "/status"),
        (StatusReceipt, "message_id", "+31612345678", "/messageId"),
        (StatusReceipt, "recipient", 31612345678, "/recipient"),
        (StatusReceipt, "failure", "gone", "/failure"),
        (StatusReceipt, "provider_status", 5, "/providerStatus"),
        (InteractionReceipt, "type", "looked at", "/type"),
        (InteractionReceipt, "metadata", "a phone", "/metadata"),
        (IncomingMessage, "body", "Hi", "/body"),
        (IncomingMessage, "sender", 31612345678, "/sender"),
        (IncomingMessage, "sender_name", 7, "/senderName"),
    ],
)
def test_one_receipt_alone_is_refused_likewise(
    kind: type[Any], field: str, value: Any, path: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        as_receipts(a_receipt(kind, **{field: value}))

    assert [violation.path for violation in refused.value.violations] == [path]


def test_every_fault_is_told_and_none_of_the_values() -> None:
    secret = "+31612345678"

    with pytest.raises(InvalidRequestError) as refused:
        as_receipts([a_receipt(message_id=secret, at=secret), a_receipt(status=secret)])

    paths = {violation.path for violation in refused.value.violations}
    assert paths == {"/0/messageId", "/0/at", "/1/status"}
    assert secret not in str(refused.value)


@pytest.mark.parametrize("wrong", [None, 7, "delivered", b"delivered", object()])
def test_what_is_no_receipt_at_all_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="receipts must be a StatusReceipt"):
        as_receipts(wrong)
    with pytest.raises(TypeError, match="receipts must be a StatusReceipt"):
        as_receipts([a_receipt(), wrong])


def test_a_receipt_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(InvalidRequestError):
        as_receipts(a_receipt(recipient=loop))


def test_a_receipt_of_a_class_of_the_host_s_is_kept_as_what_it_is_a_kind_of() -> None:
    @frozen(kw_only=True)
    class Special(StatusReceipt):
        extra: str = "x"

    special = Special(source="p", at=NOW, status=ReceiptStatus.SENT, extra="beyond")

    assert as_receipts(special) == [StatusReceipt(source="p", at=NOW, status=ReceiptStatus.SENT)]


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.uuids(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(object),
)


@given(st.data(), st.sampled_from(list(USUAL)))
def test_whatever_stands_in_a_receipt_it_becomes_sound_or_is_refused(
    data: st.DataObject, kind: type[Any]
) -> None:
    names = [field.name for field in fields(kind)]
    changed = data.draw(st.dictionaries(st.sampled_from(names), anything, max_size=3))

    try:
        (receipt,) = as_receipts(a_receipt(kind, **changed))
    except InvalidRequestError:
        return
    assert receipt.at.utcoffset() is not None
    assert as_receipts(receipt) == [receipt]


def test_a_sound_receipt_comes_back_as_it_was() -> None:
    receipt = a_receipt(status=ReceiptStatus.SENT, message_id=uuid4(), reference="r", raw="{}")

    assert as_receipts([receipt]) == [receipt]
