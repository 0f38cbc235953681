"""What is made on first use, so that a program starts quickly: methods, patterns and loggers."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, get_origin

import attrs

if TYPE_CHECKING:
    from logging import Logger

T = TypeVar("T")


@attrs.frozen
class _Example:
    """Shows which methods this version of attrs and Python writes."""


class _Unwritten:
    """Stands in a class for a method that attrs has not written yet."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        for cls in owner.__mro__:
            _finish(cls)
        return getattr(owner if instance is None else instance, self.name)


_UNWRITTEN = {
    name: _Unwritten(name)
    for name in (
        *("__attrs_attrs__", "__attrs_props__", "__match_args__", "__init__", "__replace__"),
        *("__eq__", "__ne__", "__hash__", "__repr__", "__setattr__", "__delattr__"),
        *("__getstate__", "__setstate__"),
    )
    if hasattr(_Example, name)
}

# What Python puts into each class by itself.
_OF_ITS_OWN = ("__dict__", "__weakref__")

# For each class without methods: what makes the class from which it takes them.
_unfinished: dict[type, Callable[[], Any]] = {}


def frozen_on_use(cls: Any = None, *, kw_only: bool = False) -> Any:
    """Do as `attrs.frozen`, but write the methods when the first of them is used.

    attrs compiles the methods of each class, which takes half a millisecond. There are 250 classes,
    and a program uses few of them: `benchmarks/import_time.py`. Fields, slots, pickling, type hints
    and type checks are those of `attrs.frozen`. As the class is made twice, its methods must not
    call `super()` without arguments.
    """
    return _made_on_use(attrs.frozen, cls, kw_only=kw_only)


def define_on_use(cls: Any = None, *, kw_only: bool = False, eq: bool = True) -> Any:
    """Do as `attrs.define`, but write the methods when the first of them is used."""
    return _made_on_use(attrs.define, cls, kw_only=kw_only, eq=eq)


def _made_on_use(make: Callable[..., type], cls: Any, **options: bool) -> Any:
    if cls is None:
        return partial(_made_on_use, make, **options)
    body = {name: value for name, value in vars(cls).items() if name not in _OF_ITS_OWN}
    body["__qualname__"] = cls.__qualname__
    fields = [name for name, hint in cls.__annotations__.items() if not _is_class_variable(hint)]
    has_weakrefs = any("__weakref__" in vars(base) for base in cls.__mro__[1:])
    slots = (*fields, *(() if has_weakrefs else ("__weakref__",)))
    methods = {name: value for name, value in body.items() if name not in fields}
    made = _made_again(cls, {**_UNWRITTEN, **methods, "__slots__": slots})
    # attrs changes the class that it is given, and two threads may finish `made` at the same time.
    _unfinished[made] = lambda: make(_made_again(cls, body), **options)
    return made


def decorated_on_use(cls: type[T], decorate: Callable[[type[T]], type[T]]) -> type[T]:
    """Apply a decorator that changes generated methods: when they are written, or now."""
    make = _unfinished.get(cls)
    if make is None:
        return decorate(cls)
    _unfinished[cls] = lambda: decorate(make())
    return cls


def _made_again(cls: type, body: dict[str, Any]) -> type:
    metaclass = type(cls)
    return metaclass(cls.__name__, cls.__bases__, body)


def _is_class_variable(hint: Any) -> bool:
    return hint is ClassVar or get_origin(hint) is ClassVar


def _finish(cls: type) -> None:
    """Let attrs make the class from its source, and take over the methods."""
    make = _unfinished.get(cls)
    if make:
        complete = make()
        for name, unwritten in _UNWRITTEN.items():
            # Threads that do this at the same time write equal methods, so no lock is needed.
            if vars(cls).get(name) is unwritten:
                setattr(cls, name, getattr(complete, name))
        _unfinished.pop(cls, None)


if TYPE_CHECKING:  # type checkers know what attrs does
    from attrs import define as define  # noqa: PLC0414
    from attrs import frozen as frozen  # noqa: PLC0414
else:
    define = define_on_use
    frozen = frozen_on_use


class _Later:
    """Makes an object when one of its attributes is first used."""

    def __init__(self, make: Callable[[], Any], **known: Any) -> None:
        vars(self).update(known)  # attributes that need no object
        self._make = make

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._make(), name)
        setattr(self, name, value)  # from now on Python finds it without this method
        return value


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """Do as `re.compile`, but compile when the pattern is first used.

    The 100 patterns of the rules take nearly as long to compile as attrs and cattrs to import, and
    a program uses few of them. Python reports a mistake in a pattern on first use.
    """
    return cast("re.Pattern[str]", _Later(partial(re.compile, text, flags), pattern=text))


def logger(name: str) -> "Logger":
    """Do as `logging.getLogger`, but import `logging` when the logger is first used."""

    def make() -> "Logger":
        from logging import getLogger  # noqa: PLC0415 - a twentieth of the time of an import

        return getLogger(name)

    return cast("Logger", _Later(make))
