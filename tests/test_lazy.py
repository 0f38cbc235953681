"""Classes whose methods are written on first use are the classes that attrs makes."""

import copy
import json
import logging
import pickle
import re
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

import attrs
import pytest

from messaging_core import lazy
from messaging_core.arguments import checked_init, whole
from messaging_core.errors import ArgumentError
from messaging_core.models.common.identifier import Identifier

T = TypeVar("T")


@lazy.frozen(kw_only=True)
class Parcel:
    """A field of every kind."""

    kind: ClassVar[str] = "parcel"

    number: int = attrs.field(converter=int)
    tags: tuple[str, ...] = attrs.field(factory=tuple, repr=False)
    note: "str | None" = attrs.field(default=None, eq=False)
    weight: float = 1.5

    @number.validator
    def _is_positive(self, _: object, value: int) -> None:
        if value < 0:
            raise ValueError("negative")

    @property
    def label(self) -> str:
        return f"{self.kind} {self.number}"


@attrs.frozen(kw_only=True)
class Letter:
    number: int
    tags: tuple[str, ...] = ()


@lazy.frozen
class Point(Generic[T]):
    x: T
    y: T | None = None


@lazy.frozen
class Place(Point[int]):
    name: str = ""


@lazy.frozen
class Named:
    name: str

    def __repr__(self) -> str:
        return "hidden"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


def fresh() -> type[Any]:
    """Make a class of which no method was used yet."""

    @lazy.frozen(kw_only=True)
    class Fresh:
        number: int = 1

    return Fresh


def empty(cls: type[Any]) -> Any:
    """Make an instance as the codec does, without `__init__`."""
    instance = cls.__new__(cls)
    object.__setattr__(instance, "number", 1)
    return instance


EVERY_CLASS = """
import json, pkgutil, sys
from importlib import import_module
import attrs, messaging_adapters, messaging_core
from messaging_core import lazy

for package in (messaging_core, messaging_adapters):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        # The Django app can be imported where Django is set up only.
        if not module.name.endswith("__main__") and ".django" not in module.name:
            import_module(module.name)

values = [value for module in list(sys.modules.values()) for value in vars(module).values()]
patterns = [
    # `isinstance` would ask objects of other libraries, which make themselves on first use too.
    value for value in values if type(value) is lazy._Later and "pattern" in vars(value)
]
assert len(patterns) > 80
for pattern in patterns:
    pattern.fullmatch

refers = lambda value: "__class__" in getattr(getattr(value, "__code__", None), "co_freevars", ())
made = {cls: vars(make()) for cls, make in list(lazy._unfinished.items())}
print(json.dumps({
    f"{cls.__module__}.{cls.__qualname__}": [
        attrs.has(cls) and cls not in lazy._unfinished,
        vars(cls).keys() >= by_attrs.keys() - {"__attrs_own_setattr__"},  # for hooks of setters
        vars(cls)["__slots__"] == by_attrs["__slots__"],
        cls.__qualname__ == by_attrs["__init__"].__qualname__.rpartition(".")[0],
        vars(cls)["__attrs_attrs__"] == by_attrs["__attrs_attrs__"],
        not any(map(refers, vars(cls).values())),
    ]
    for cls, by_attrs in made.items()
}))
"""


USES: dict[str, Callable[[type[Any]], object]] = {
    "made": lambda cls: cls(),
    "its fields listed": attrs.fields,
    "recognised": attrs.has,
    "compared": lambda cls: empty(cls) == empty(cls),
    "distinguished": lambda cls: empty(cls) != empty(cls),
    "hashed": lambda cls: hash(empty(cls)),
    "shown": lambda cls: repr(empty(cls)),
    "changed": lambda cls: attrs.evolve(empty(cls), number=2),
    "copied": lambda cls: copy.copy(empty(cls)),
    "matched": lambda cls: cls.__match_args__,
    "inherited": lambda cls: type("Sub", (cls,), {})(number=3),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_the_first_use_writes_all_methods(use: Callable[[type[Any]], object]) -> None:
    cls = fresh()
    assert cls in lazy._unfinished

    use(cls)

    assert cls not in lazy._unfinished
    assert not set(map(id, vars(cls).values())) & set(map(id, lazy._UNWRITTEN.values()))
    assert cls.__qualname__ == "fresh.<locals>.Fresh"
    assert repr(cls(number=4)) == "Fresh(number=4)"


def test_an_instance_cannot_be_changed_before_another_method_was_used() -> None:
    instance = empty(fresh())

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        instance.number = 2
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del instance.number
    with pytest.raises(AttributeError):
        instance.other = 2


def test_fields_keep_their_defaults_converters_validators_and_flags() -> None:
    parcel = Parcel(number="7", note="fragile")  # type: ignore[arg-type]

    assert (parcel.number, parcel.tags, parcel.weight) == (7, (), 1.5)
    assert parcel == Parcel(number=7)
    assert repr(parcel) == "Parcel(number=7, note='fragile', weight=1.5)"
    assert (parcel.label, Parcel.kind) == ("parcel 7", "parcel")
    with pytest.raises(ValueError, match="negative"):
        Parcel(number=-1)
    with pytest.raises(TypeError, match="positional"):
        Parcel(7)  # type: ignore[misc]


def test_equal_values_have_equal_hashes_and_other_classes_differ() -> None:
    assert hash(Parcel(number=7)) == hash(Parcel(number=7))
    assert Parcel(number=7) != Letter(number=7)


def test_type_hints_slots_and_weak_references_are_those_of_attrs() -> None:
    parcel = Parcel(number=7)

    assert get_type_hints(Parcel)["note"] == str | None
    assert Parcel.__slots__ == ("number", "tags", "note", "weight", "__weakref__")  # type: ignore[attr-defined]
    assert not hasattr(parcel, "__dict__")
    assert weakref.ref(parcel)() is parcel


def test_a_class_inherits_fields_and_may_be_generic() -> None:
    place = Place(1, 2, "home")

    assert place == Place(x=1, y=2, name="home")
    assert Point[int](3) == Point(3)
    assert [field.name for field in attrs.fields(Place)] == ["x", "y", "name"]
    assert Place.__slots__ == ("name",)  # type: ignore[attr-defined]
    match place:
        case Place(1, y, name):
            assert (y, name) == (2, "home")
        case _:
            pytest.fail("did not match")


def test_methods_of_the_class_itself_stay() -> None:
    assert repr(Named("ada")) == "hidden"
    assert Named("ada") == Named("bob")
    assert not Named("ada") != Named("bob")  # noqa: SIM202 - the other operator
    assert hash(Named("ada")) == 7


def test_a_class_that_can_be_changed_is_that_of_attrs() -> None:
    @lazy.define(kw_only=True)
    class Counter:
        count: int = attrs.field(default=0, converter=int)

    @lazy.define(eq=False)
    class Lock:
        owner: str = ""

    counter = Counter()
    counter.count = "3"  # type: ignore[assignment]

    assert (counter.count, counter) == (3, Counter(count=3))
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)
    assert Lock("ada") != Lock("ada")
    assert len({Lock("ada"), Lock("ada")}) == 2
    with pytest.raises(AttributeError):
        Lock().other = 1  # type: ignore[attr-defined]


def test_arguments_are_checked_from_the_first_instance_on() -> None:
    cls = checked_init(number=whole())(fresh())
    assert cls in lazy._unfinished

    with pytest.raises(ArgumentError):
        cls(number=0)
    assert cls(number=2).number == 2


def test_arguments_of_a_class_in_use_are_checked_too() -> None:
    cls = fresh()
    cls()

    with pytest.raises(ArgumentError):
        checked_init(number=whole())(cls)(number=0)


def test_what_was_pickled_is_read_by_a_process_that_did_not_use_the_class() -> None:
    value = Identifier(identifier_key="emailaddress", identifier_value="ada@shop.example")
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).identifier_key)"

    run = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], input=pickle.dumps(value), capture_output=True, check=True
    )

    assert run.stdout.strip() == b"emailaddress"
    assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301 - what was pickled just now


def test_threads_that_use_a_class_at_the_same_time_all_succeed() -> None:
    failures: list[BaseException] = []
    classes = [fresh() for _ in range(100)]
    start = threading.Barrier(4)
    interval = sys.getswitchinterval()

    def work() -> None:
        try:
            start.wait()
            for cls in classes:
                assert cls(number=2) == cls(number=2)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)

    assert failures == []


def test_a_pattern_is_compiled_when_it_is_first_used() -> None:
    digits = lazy.pattern("[0-9]+(x?)", re.IGNORECASE)
    assert vars(digits).keys() == {"pattern", "_make"}

    assert digits.fullmatch("12X")
    assert [match[0] for match in digits.finditer("1 2x")] == ["1", "2x"]
    assert (digits.pattern, digits.groups) == ("[0-9]+(x?)", 1)
    assert vars(digits)["fullmatch"] == re.compile("[0-9]+(x?)", re.IGNORECASE).fullmatch


def test_a_pattern_with_a_mistake_is_an_error_on_first_use() -> None:
    broken = lazy.pattern("[0-9")

    with pytest.raises(re.error, match="unterminated"):
        broken.search("1")


def test_a_logger_is_that_of_its_name(caplog: pytest.LogCaptureFixture) -> None:
    log = lazy.logger("messaging_core.example")
    assert vars(log).keys() == {"_make"}

    log.warning("it is %s", "late")

    assert caplog.record_tuples == [("messaging_core.example", logging.WARNING, "it is late")]
    assert vars(log)["warning"] == logging.getLogger("messaging_core.example").warning


def test_every_class_of_the_engine_becomes_what_attrs_makes_of_it_and_all_patterns_compile() -> (
    None
):
    run = subprocess.run(  # noqa: S603 - our own interpreter and our own program
        [sys.executable, "-c", EVERY_CLASS], capture_output=True, check=True, text=True
    )

    classes = json.loads(run.stdout)
    assert len(classes) > 200
    assert {name: promises for name, promises in classes.items() if not all(promises)} == {}
