"""The plan of a class decides how it is read and written; each case with a codec made for it."""

from typing import Any, Self

import pytest
from attrs import Factory, define, field, frozen

from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.content.action import LocationRequestAction
from messaging_core.models.content.body import Coordinates, TextBody
from messaging_core.models.content.template import Parameter, StringParameter
from messaging_core.models.people.contact import Annotations
from messaging_core.wire import DOCUMENT_LIMITS, dump, dump_stored, load
from messaging_core.wire.codec.readers import _writable
from messaging_core.wire.codec.registry import Registry
from messaging_core.wire.parsing.faults import ViolationCollector


@define
class Leaf:
    a: int = 0


@define
class Tree:
    pair: tuple[int, str] = (0, "")
    words: tuple[str, int] = ("", 0)
    kinds: set[str] = Factory(set)
    numbers: dict[int, str] = Factory(dict)
    names: dict[str, str] = Factory(dict)
    leaves: dict[str, Leaf] = Factory(dict)
    several: list[Leaf] = Factory(list)
    flag: bool = False
    none: str | None = None
    empty: tuple[str, ...] = ()
    _hidden: str = "h"
    own: str = Factory(lambda self: (self.flag and "f") or "n", takes_self=True)
    always: int = field(default=1, metadata={"always": True})


def test_what_storages_alone_keep_is_not_on_the_wire() -> None:
    failure = Failure(code=FailureCode.THROTTLED, retry=Retry.THROTTLED)

    assert dump_stored(failure) == {"code": 15003, "retry": "throttled"}
    assert dump(failure) == {"code": 15003}
    assert load(Failure, dump_stored(failure)) == failure


def read(kind: Any, data: Any, *, is_lenient: bool = False) -> tuple[Any, list[tuple[str, str]]]:
    faults = ViolationCollector(DOCUMENT_LIMITS, is_lenient=is_lenient)
    value = Registry().reader(kind)(data, "", faults)
    return value, [(fault.path, fault.code) for fault in faults]


@pytest.mark.parametrize(
    ("kind", "data", "faults"),
    [
        (Parameter, {"type": "string", "key": "k", "value": "v"}, []),
        (
            Parameter,
            {"type": "string", "key": "k", "value": "v", "x": 1},
            [("/x", "wire.unknown_key")],
        ),
        (StringParameter, {"type": "string", "key": "k"}, []),
        (TextBody, {"type": "text", "text": {"text": "hi"}}, []),
        (
            TextBody,
            {"type": "text", "text": {"text": "hi", "type": "x", "y": 1}},
            [("/text/type", "wire.unknown_key"), ("/text/y", "wire.unknown_key")],
        ),
        (TextBody, {"type": "text"}, [("/text", "wire.missing")]),
        (LocationRequestAction, {"type": "locationRequest"}, []),
        (Annotations, {"name": "n", "x": 1}, []),
        (Leaf, {"x": 1}, [("/x", "wire.unknown_key")]),
        (Leaf, {"type": "x"}, [("/type", "wire.unknown_key")]),
        (Coordinates, {"latitude": 1}, [("/longitude", "wire.missing")]),
        (Tree, {"names": {"a": 1}}, [("/names/a", "wire.type")]),
        (Tree, {"leaves": {"a": {"a": "x"}}}, [("/leaves/a/a", "wire.type")]),
        (Tree, {"pair": "x"}, [("/pair", "wire.value")]),
        (Tree, {"numbers": {"x": "a"}}, [("/numbers", "wire.value")]),
        (Tree, {"kinds": 5}, [("/kinds", "wire.value")]),
    ],
)
def test_a_plan_says_what_belongs_where(
    kind: Any, data: Any, faults: list[tuple[str, str]]
) -> None:
    assert read(kind, data)[1] == faults


def test_undeclared_keys_are_gathered_and_declared_ones_are_not() -> None:
    value, _ = read(Annotations, {"name": "n", "x": 1})

    assert value == Annotations(name="n", extra={"x": 1})
    assert read(Annotations, {"name": "n"})[0].extra is None


def test_a_number_is_zero_where_reading_is_lenient() -> None:
    assert read(Coordinates, {}, is_lenient=True) == (Coordinates(latitude=0, longitude=0), [])


TREE = Tree(
    pair=(1, "a"),
    words=("a", 1),
    kinds={"k"},
    numbers={1: "a"},
    names={"a": "b"},
    leaves={"a": Leaf(1)},
    several=[Leaf(2)],
    flag=True,
    none="n",
    empty=("e",),
    hidden="x",
    own="o",
)


def test_containers_of_every_kind_are_read_back_as_they_were_written() -> None:
    registry = Registry()

    assert read(Tree, registry.write(TREE)) == (TREE, [])


def test_defaults_are_left_out_unless_a_field_says_otherwise() -> None:
    assert Registry().write(Tree()) == {"own": "n", "always": 1}
    assert read(Tree, {}) == (Tree(), [])
    assert Registry().write(Tree(flag=0, none=0)) == {  # type: ignore[arg-type]
        "flag": 0,
        "none": 0,
        "own": "n",
        "always": 1,
    }


@frozen
class Plain:
    a: int = 0


@frozen
class WithNew:
    a: int = 0

    def __new__(cls, *_: object, **__: object) -> Self:
        return object.__new__(cls)


@frozen
class BelowNew(WithNew):
    b: int = 0


@frozen
class WithHook:
    a: int = 0

    def __attrs_post_init__(self) -> None:
        """Do nothing, but be called."""


@frozen
class Uninitialised:
    a: int = field(default=0, init=False)


@pytest.mark.parametrize("cls", [WithNew, BelowNew, WithHook, Uninitialised, Tree])
def test_a_class_whose_init_may_do_more_is_made_by_calling_it(cls: type[Any]) -> None:
    assert _writable(cls) is None
    assert _writable(Plain) is not None
