"""Check what a host passes to constructors and calls, and accept what is plain.

A check takes a value and the name of its argument. It returns the value in the form that the code
works with, or raises `ArgumentError` with one sentence: the argument, what is allowed, what was
given, and the remedy.
"""

import math
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, time, timedelta
from enum import Enum
from functools import partial, wraps
from inspect import Parameter, signature
from itertools import islice
from os import PathLike, fspath
from typing import Any, Final, ParamSpec, TypeVar, cast
from uuid import UUID

from messaging_core.errors import ArgumentError
from messaging_core.lazy import decorated_on_use, pattern

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Check = Callable[[Any, str], Any]
"""Takes a value and the name of its argument; returns what to use instead, or raises."""

_SHOWN: Final = (bool, int, float, timedelta)
_LONGEST_SLIP: Final = 40
_BY_PLACE: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_LONE_SURROGATE: Final = pattern("[\ud800-\udfff]")
_VOWELS: Final = frozenset("AEIOUaeiou")


def checked(**checks: Check) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check arguments of a function by their names, each time it is called.

    Defaults are not checked. It costs about a microsecond an argument, so the hot paths check
    nothing before something is wrong.
    """

    def decorate(call: Callable[P, R]) -> Callable[P, R]:
        parameters = signature(call).parameters.values()
        names = [parameter.name for parameter in parameters if parameter.kind in _BY_PLACE]
        rest_name = "".join(
            parameter.name for parameter in parameters if parameter.kind is Parameter.VAR_POSITIONAL
        )
        if unknown := checks.keys() - {parameter.name for parameter in parameters}:
            raise TypeError(f"{call.__qualname__} has no argument {', '.join(sorted(unknown))}")

        def convert(name: str, value: Any) -> Any:
            check = checks.get(name)
            return value if check is None else check(value, name)

        @wraps(call)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            places: Any = [convert(*pair) for pair in zip(names, args, strict=False)]
            rest: Any = [convert(rest_name, value) for value in args[len(names) :]]
            given: Any = {name: convert(name, value) for name, value in kwargs.items()}
            return call(*places, *rest, **given)

        return guarded

    return decorate


def checked_init(**checks: Check) -> Callable[[type[T]], type[T]]:
    """Check the fields of an attrs class when an instance is made."""

    def decorate(cls: type[T]) -> type[T]:
        setattr(cls, "__init__", checked(**checks)(cls.__init__))  # noqa: B010 - mypy
        return cls

    return partial(decorated_on_use, decorate=decorate)


def refuse(name: str, allowed: str, value: Any, remedy: str = "") -> ArgumentError:
    """Return the error about one argument."""
    return ArgumentError(name, allowed, described(value), remedy)


def described(value: Any) -> str:
    """Say what a value is; only numbers and flags are shown, all else may be content or secret."""
    if value is None or isinstance(value, _SHOWN):
        return str(value)
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, str):
        return "text" if value else "an empty text"
    if isinstance(value, datetime) and value.utcoffset() is None:
        return "a datetime without one"
    name = type(value).__name__
    return f"{'an' if name[0] in _VOWELS else 'a'} {name}"


def optional(check: Check) -> Check:
    """Let nothing pass as well."""
    return lambda value, name: None if value is None else check(value, name)


def part(allowed: str, *methods: str, remedy: str) -> Check:
    """Allow an object that has these methods, and no class of such objects.

    Args:
        allowed: What it is, such as "a storage".
        methods: What it can do.
        remedy: What to write instead.
    """

    def check(value: Any, name: str) -> Any:
        able = all(callable(getattr(value, method, None)) for method in methods)
        if value is None or isinstance(value, type | str) or not able:
            raise refuse(name, allowed, value, remedy)
        return value

    return check


def a(kind: type[Any] | tuple[type[Any], ...], allowed: str, remedy: str) -> Check:
    """Allow instances of a class."""

    def check(value: Any, name: str) -> Any:
        if not isinstance(value, kind):
            raise refuse(name, allowed, value, remedy)
        return value

    return check


def whole(least: int = 1, most: int | None = None) -> Check:
    """Allow whole numbers of a range."""
    allowed = f"a whole number from {least}" + (f" to {most}" if most is not None else "")

    def check(value: Any, name: str) -> Any:
        if not _is_whole(value) or value < least or (most is not None and value > most):
            raise refuse(name, allowed, value, f"write {name}={least} or more, without quotes")
        return value

    return check


def positive(value: Any, name: str) -> Any:
    """Allow numbers above zero, with or without a fraction."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0:
        raise refuse(name, "a number above 0", value, f"write {name}=1 or more, without quotes")
    return value


def span(least: timedelta | None = None) -> Check:
    """Allow spans of time; a number counts seconds.

    Args:
        least: The shortest span; by default any above zero.
    """
    allowed = "a timedelta or a number of seconds"
    allowed += " above 0" if least is None else f" from {least.total_seconds():g}"

    def check(value: Any, name: str) -> Any:
        length = _span(value)
        is_long_enough = length is not None and (
            length > timedelta(0) if least is None else length >= least
        )
        if not is_long_enough:
            raise refuse(name, allowed, value, f"write {name}=timedelta(seconds=30)")
        return length

    return check


def any_span(value: Any, name: str) -> Any:
    """Allow spans of any length, or seconds: rules say how long it may be."""
    length = _span(value)
    if length is None:
        allowed = "a timedelta or a number of seconds"
        raise refuse(name, allowed, value, f"write {name}=timedelta(seconds=30)")
    return length


def path(value: Any, name: str) -> Any:
    """Allow paths, as text or as objects of `pathlib`."""
    if not isinstance(value, str | PathLike) or not isinstance(fspath(value), str):
        raise refuse(name, "a path", value, f'write {name}="folder/file", or a pathlib.Path')
    return value


def _span(value: Any) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return timedelta(seconds=value)
    except (OverflowError, ValueError):  # too many, or not a number
        return None


def any_instant(value: Any, name: str) -> Any:
    """Allow datetimes of any kind, and texts in ISO 8601: rules say whether an offset is there."""
    remedy = f"write {name}=datetime(2026, 3, 2, 9, tzinfo=UTC)"
    read = _parsed(value, datetime.fromisoformat)
    if not isinstance(read, datetime):
        raise refuse(name, "a datetime with a time zone", value, remedy)
    return read


def instant(value: Any, name: str) -> Any:
    """Allow aware datetimes, and texts in ISO 8601 with an offset."""
    remedy = f"write {name}=datetime(2026, 3, 2, 9, tzinfo=UTC)"
    read = any_instant(value, name)
    if read.utcoffset() is None:
        raise refuse(name, "a datetime with a time zone", value, remedy)
    return read


def uuid(value: Any, name: str) -> Any:
    """Allow UUIDs, and texts that are one."""
    read = _parsed(value, UUID)
    if not isinstance(read, UUID):
        raise refuse(name, "a UUID", value, "pass the UUID itself, or its text in hex with hyphens")
    return read


def id_of(what: str) -> Check:
    """Allow the UUID of something, its text, and the thing itself, which has an `id`."""

    def check(value: Any, name: str) -> Any:
        own = getattr(value, "id", None)
        is_thing = isinstance(own, UUID) and not isinstance(value, type)
        read = _parsed(own if is_thing else value, UUID)
        if not isinstance(read, UUID):
            remedy = f"pass the id of the {what}, the UUID that it has as `id`"
            raise refuse(name, f"the UUID of a {what}", value, remedy)
        return read

    return check


def ids_of(what: str, *, most: int) -> Check:
    """Allow up to so many ids of things, as a tuple."""
    an_id = id_of(what)
    allowed = f"at most {most} ids of {what}s"

    def check(value: Any, name: str) -> Any:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise refuse(name, allowed, value, f"write {name}=[{what}.id]")
        ids = tuple(an_id(item, name) for item in islice(value, most + 1))
        if len(ids) > most:
            raise refuse(name, allowed, value, "ask in several calls")
        return ids

    return check


def _parsed(value: Any, parse: Callable[[str], T]) -> Any:
    """Return what a text says, nothing where it cannot be parsed, and any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except ValueError:
        return None


def a_text(value: Any, name: str) -> Any:
    """Allow text that can be written as UTF-8; what else it may hold is a matter of rules."""
    if not isinstance(value, str):
        raise refuse(name, "text", value, f'write {name}="…"')
    if not value.isascii() and _LONE_SURROGATE.search(value):
        remedy = "decode the bytes that it was made of as what they are"
        raise refuse(name, "text without lone surrogates", value, remedy)
    return value


def flag(value: Any, name: str) -> Any:
    """Allow true and false."""
    if not isinstance(value, bool):
        raise refuse(name, "True or False", value, f"write {name}=True or {name}=False")
    return value


def function(value: Any, name: str) -> Any:
    """Allow what can be called."""
    if not callable(value):
        raise refuse(name, "a function", value, "pass the function itself, without calling it")
    return value


def choice(*choices: str, case: Callable[[str], str] = str) -> Check:
    """Allow one of some texts, or members of an enumeration by their values, in any case.

    Args:
        choices: What is allowed; members of a `StrEnum` come back as members.
        case: How a text is written that is one of them, such as `str.upper`.
    """
    by_text = {str(choice): choice for choice in choices}
    allowed = f"one of {', '.join(by_text)}"

    def check(value: Any, name: str) -> Any:
        member = by_text.get(case(str(value))) if isinstance(value, str) else None
        if member is None:
            raise ArgumentError(name, allowed, _chosen(value), f'write {name}="{choices[0]}"')
        return member

    return check


def _chosen(value: Any) -> str:
    """Show a short text: where a few are allowed, it is a slip and neither content nor secret."""
    is_slip = isinstance(value, str) and 0 < len(value) <= _LONGEST_SLIP
    return ascii(value) if is_slip else described(value)


def members(kind: type[Enum]) -> Check:
    """Allow several members of an enumeration, by themselves or by their values, or one alone."""
    one_of = choice(*cast("Iterable[str]", kind))

    def check(value: Any, name: str) -> Any:
        if isinstance(value, str):
            return (one_of(value, name),)
        if not isinstance(value, Iterable):
            allowed = f"a collection of {', '.join(map(str, kind))}"
            raise refuse(name, allowed, value, f"write {name}=[…]")
        return tuple(one_of(item, name) for item in value)

    return check


def set_of(check: Check) -> Check:
    """Return what another check allows as a frozenset."""
    return lambda value, name: frozenset(check(value, name))


def any_whole(value: Any, name: str) -> Any:
    """Allow whole numbers: rules say which."""
    if not _is_whole(value):
        raise refuse(name, "a whole number", value, f"write {name}=1, without quotes")
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def time_of_day(value: Any, name: str) -> Any:
    """Allow times of the day, and texts such as 21:00."""
    read = _parsed(value, time.fromisoformat)
    if not isinstance(read, time):
        raise refuse(name, "a time of the day", value, f"write {name}=time(21, 0)")
    return read


def several(what: str, *, alone: type[Any] | tuple[type[Any], ...]) -> Check:
    """Allow a collection, or one thing alone, which counts as a collection of one."""

    def check(value: Any, name: str) -> Any:
        if isinstance(value, alone):
            return (value,)
        if not isinstance(value, Collection) or isinstance(value, bytes):
            raise refuse(name, f"a collection of {what}", value, f"write {name}=[…]")
        return tuple(value)

    return check
