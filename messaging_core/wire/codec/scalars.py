"""Read and write single values: strings, numbers, instants, identifiers, lists and maps."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from messaging_core.lazy import pattern
from messaging_core.models.common.instants import in_utc
from messaging_core.rules.policy.schedule import parse_rfc3339
from messaging_core.wire.parsing.faults import ViolationCollector, check_depth, pointer

Reader = Callable[[Any, str, ViolationCollector], Any]
"""Takes a JSON value, its JSON pointer and where faults go; what it returns counts only without."""

Writer = Callable[[Any], Any]
"""Takes a value of a model; what does not belong there is passed on as it is, to be reported."""

_UUID: Final = pattern("[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_UUID_LENGTH: Final = 36
_OWN_DATETIME: Final = pattern(
    "[0-9]{4}-[01][0-9]-[0-3][0-9]T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    "[.][0-9]{3}(?:[0-9]{3})?Z"
)
_LONGEST_OWN_DATETIME: Final = len("2025-01-31T09:00:00.000000Z")
_EXPECTED: Final = {
    (str,): "a string",
    (bool,): "a boolean",
    (int,): "an integer",
    (float, int): "a number",
}


def read_uuid(value: Any, path: str, faults: ViolationCollector) -> UUID | None:
    """Read the canonical form of RFC 9562 §4, in either case."""
    if type(value) is not str:
        faults.mismatch(path, "a UUID string", value)
        return None
    uuid = _uuid(value) if len(value) == _UUID_LENGTH else None
    if uuid is None:
        faults.add(
            path, "wire.uuid", "expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"
        )
    return uuid


@lru_cache(maxsize=256)  # most ids in a message are those of its channel, as in the last message
def _uuid(value: str) -> UUID | None:
    return UUID(value) if _UUID.fullmatch(value) else None


def write_uuid(value: Any) -> Any:
    """Write the canonical form, in lower case."""
    return _uuid_text(value) if isinstance(value, UUID) else plain(value)


_uuid_text: Final = lru_cache(maxsize=256)(str)


def read_datetime(value: Any, path: str, faults: ViolationCollector) -> datetime | None:
    """Read an instant of RFC 3339, which has an offset."""
    if type(value) is not str:
        faults.mismatch(path, "a date-time string", value)
        return None
    own = _own_datetime(value) if len(value) <= _LONGEST_OWN_DATETIME else None
    instant = own or parse_rfc3339(value)
    if instant is None:
        faults.add(
            path,
            "wire.datetime",
            "expected an RFC 3339 date-time with an offset, such as 2025-01-31T09:00:00.000Z",
        )
    return instant


@lru_cache(maxsize=64)  # the same instant stands in several places of a message, and of its like
def _own_datetime(value: str) -> datetime | None:
    """Read the form that we write ourselves, which needs no looking at offsets and fractions."""
    if not _OWN_DATETIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def write_datetime(value: Any) -> Any:
    """Write an instant in UTC with milliseconds, or with microseconds where it has some.

    One without offset is written without, so that reading it reports the fault.
    """
    if not isinstance(value, datetime):
        return plain(value)
    if value.tzinfo is UTC:  # as nearly always
        return _written(value)
    instant = in_utc(value)
    if instant.tzinfo is UTC:
        return _written(instant)
    # Only the first and last hours of the calendar have an offset, and cannot be told in UTC.
    return (
        instant if instant.utcoffset() is not None else instant.replace(tzinfo=None)
    ).isoformat()


# For the same reason. Only of UTC: instants of one zone are equal by the clock on its wall, which
# shows one hour twice in autumn.
@lru_cache(maxsize=64)
def _written(value: datetime) -> str:
    precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
    return f"{value.isoformat(timespec=precision)[:-6]}Z"


def enum_reader(kind: type[Enum]) -> Reader:
    """Read the members of an enumeration by their values."""
    members = {member.value: member for member in kind}
    types = {type(value) for value in members}
    allowed = ", ".join(str(value) for value in members)

    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        if type(value) in types:
            if value in members:
                return members[value]
            faults.add(path, "wire.enum", f"expected one of: {allowed}")
        else:
            faults.mismatch(path, f"one of {allowed}", value)
        return None

    return read


def write_enum(value: Any) -> Any:
    """Write a member as its value."""
    # `value` is a property written in Python, which calls another function to return this.
    return value._value_ if isinstance(value, Enum) else plain(value)


def exact_reader(types: tuple[type, ...]) -> Reader:
    """Read values that JSON already has, without coercion: neither `"1"` nor `true` is a number."""
    expected = _EXPECTED.get(types, "a string or a number")

    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        if type(value) not in types:
            faults.mismatch(path, expected, value)
        return value

    return read


def plain(value: Any) -> Any:
    """Turn a subclass of a JSON type into that type, and pass everything else on."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    if _is_object(value):
        return dict(value)
    return value


def read_anything(value: Any, path: str, faults: ViolationCollector) -> Any:
    """Read any JSON value."""
    check_depth(value, path, faults)
    return value


def read_object(value: Any, path: str, faults: ViolationCollector) -> Any:
    """Read an object of any keys and values."""
    if type(value) is not dict:
        faults.mismatch(path, "an object", value)
    check_depth(value, path, faults)
    return value


def optional_reader(item: Reader) -> Reader:
    """Read a value that may be null."""

    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        return None if value is None else item(value, path, faults)

    return read


def array_reader(make: Callable[[list[Any]], Any], item: Reader, types: Collection[type]) -> Reader:
    """Read an array; items of `types` need no reading."""
    ready = frozenset(types)

    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        if type(value) is not list:
            faults.mismatch(path, "an array", value)
            return None
        if ready and ready.issuperset(map(type, value)):
            return make(value)
        made: list[Any] = []
        for element in value:
            made.append(item(element, f"{path}/{len(made)}", faults))
        return make(made)

    return read


def array_writer(item: Writer, types: Collection[type]) -> Writer:
    """Write a tuple, a list or a host's own sequence as an array."""
    ready = frozenset(types)

    def write(value: Any) -> Any:
        if not _is_array(value):
            return plain(value)
        if ready and ready.issuperset(map(type, value)):
            return list(value)
        return [item(element) for element in value]

    return write


def models_writer(writers: Mapping[type, Writer]) -> Writer:
    """Write an array of models, each by the class that it has at run time."""

    def write(value: Any) -> Any:
        return (
            [writers[type(element)](element) for element in value]
            if _is_array(value)
            else plain(value)
        )

    return write


def _is_array(value: Any) -> bool:
    kind = type(value)
    return kind is tuple or (issubclass(kind, Sequence) and not issubclass(kind, str | bytes))


def _is_object(value: Any) -> bool:
    return type(value) is dict or isinstance(value, Mapping)  # ABCs are slow


def mapping_reader(item: Reader, types: Collection[type]) -> Reader:
    """Read an object of any keys; values of `types` need no reading."""
    ready = frozenset(types)

    def read(value: Any, path: str, faults: ViolationCollector) -> Any:
        if type(value) is not dict:
            faults.mismatch(path, "an object", value)
            return None
        if ready and ready.issuperset(map(type, value.values())):
            return value
        return {key: item(element, pointer(path, key), faults) for key, element in value.items()}

    return read


def mapping_writer(item: Writer, types: Collection[type]) -> Writer:
    """Write a mapping as an object."""
    ready = frozenset(types)

    def write(value: Any) -> Any:
        if not _is_object(value):
            return plain(value)
        if ready and ready.issuperset(map(type, value.values())):
            return dict(value)
        return {key: item(element) for key, element in value.items()}

    return write
