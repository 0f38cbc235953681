"""Plan how each field of a class looks on the wire, from its type and its metadata."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
from attrs import NOTHING, Attribute, Factory, evolve

from messaging_core.lazy import frozen
from messaging_core.models.content.action import LocationRequestAction
from messaging_core.models.content.template import Parameter
from messaging_core.wire.codec import scalars
from messaging_core.wire.codec.scalars import Reader, Writer

# Tagged classes whose fields stand beside `type`, not in an object of their own.
_FLAT: Final = frozenset(get_args(Parameter))
# Tagged classes whose object may be left out.
_BARE: Final = frozenset({LocationRequestAction})

_SINGLE: Final[Mapping[Any, tuple[Reader, Writer]]] = {
    UUID: (scalars.read_uuid, scalars.write_uuid),
    datetime: (scalars.read_datetime, scalars.write_datetime),
    Any: (scalars.read_anything, scalars.plain),
    Mapping[str, Any]: (scalars.read_object, scalars.plain),
}
_EXACT: Final[Mapping[Any, tuple[type, ...]]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),  # 5 is as good a number as 5.0, and stays what it is
}
_ARRAYS: Final[Mapping[Any, Callable[[Any], Any]]] = {tuple: tuple, Sequence: tuple, list: list}
_OBJECTS: Final = frozenset({Mapping, dict})


class Lookup(Protocol):
    """Finds readers and writers of other types.

    Attributes:
        writers: By class, made when a class is first asked for.
        is_storage: Whether it writes for a storage: what the wire does not show too, and only what
            orjson does not write by itself.
    """

    writers: dict[type, Writer]
    is_storage: bool

    def reader(self, kind: Any) -> Reader:
        """Return the reader of a class, of a union of tagged classes, or of a host's type."""

    def writer(self, kind: Any) -> Writer:
        """Return the writer of a host's type."""

    def write(self, value: Any) -> Any:
        """Write a value by the class that it has at run time."""


@frozen(kw_only=True)
class TypeCodec:
    """One type on the wire.

    Attributes:
        types: JSON types whose values are the model's values already, both ways.
        read: Makes the reader; called on first use, for types may hold themselves.
        write: Makes the writer; `None` writes by the class that a value has at run time.
        is_native: Whether orjson writes the values as `write` does, except for models in them.
    """

    types: tuple[type, ...] = ()
    read: Callable[[], Reader]
    write: Callable[[], Writer] | None = None
    is_native: bool = True


@frozen(kw_only=True)
class Field:
    """One field on the wire.

    Attributes:
        name: The attribute.
        alias: The argument of `__init__`.
        key: The key in JSON; empty where there is none.
        default: The default, a `Factory`, or `NOTHING`.
        nullable: Whether null may stand there.
        is_rest: Whether it collects the undeclared keys.
        is_always_written: Whether it is written even where it equals its default.
        is_stored_only: Whether only storages write it; every reader accepts it.
    """

    name: str
    alias: str
    key: str
    is_rest: bool
    kind: TypeCodec
    default: Any
    nullable: bool
    is_always_written: bool = False
    is_stored_only: bool = False

    @property
    def is_number(self) -> bool:
        """Return whether a number has to stand there."""
        return self.required and bool(self.kind.types) and set(self.kind.types) <= {int, float}

    @property
    def required(self) -> bool:
        """Return whether the key must be there."""
        return self.default is NOTHING

    @property
    def factory(self) -> Any:
        """Return what makes the default, if it is made."""
        return self.default if isinstance(self.default, cast("type", Factory)) else None


@frozen(kw_only=True)
class Tag:
    """How a class says on the wire which one it is.

    Attributes:
        value: What stands in `type`.
        key: The key of the object that holds the fields; empty where they stand beside `type`.
        bare: Whether that object may be left out.
    """

    value: str
    key: str
    bare: bool


@frozen(kw_only=True)
class ClassSchema:
    """One class on the wire.

    Attributes:
        cls: The class.
        tag: What `type` says, if it has one.
        fields: Those with a key.
        rest: The one that collects undeclared keys; without it there must be none.
        hidden: Those never on the wire.
    """

    cls: type
    tag: Tag | None
    fields: tuple[Field, ...]
    rest: Field | None
    hidden: tuple[Field, ...]

    @property
    def every(self) -> tuple[Field, ...]:
        """Return all fields."""
        return (*self.fields, *self.hidden, *([self.rest] if self.rest else []))

    @property
    def is_flat(self) -> bool:
        """Return whether `type` stands among the fields."""
        return self.tag is not None and not self.tag.key


def camel(name: str) -> str:
    """Turn `snake_case` or `kebab-case` into `camelCase`."""
    return re.sub("[-_](.)", lambda match: match[1].upper(), name)


def plan_of(kind: Any, lookup: Lookup) -> ClassSchema:
    """Plan a class, or a generic class with its arguments, such as `Page[Message]`."""
    cls = get_origin(kind) or kind
    arguments = dict(zip(getattr(cls, "__parameters__", ()), get_args(kind), strict=False))
    hints = get_type_hints(cls)
    fields = [
        _field(attribute, hints[attribute.name], arguments, lookup)
        for attribute in attrs.fields(cls)
        if attribute.init
    ]
    return ClassSchema(
        cls=cls,
        tag=tag_of(cls),
        fields=tuple(field for field in fields if field.key),
        rest=next((field for field in fields if field.is_rest), None),
        hidden=tuple(field for field in fields if not field.key and not field.is_rest),
    )


def tag_of(cls: Any) -> Tag | None:
    """Return the tag of a class that has one: a class variable `type`."""
    value = getattr(cls, "type", None) if attrs.has(cls) else None
    if not isinstance(value, str) or "type" in attrs.fields_dict(cls):
        return None
    return Tag(value=value, key="" if cls in _FLAT else camel(value), bare=cls in _BARE)


def tagged_classes(kind: Any) -> tuple[type, ...]:
    """Return the classes that `type` tells apart; none where the type is something else."""
    members = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    return members if all(tag_of(member) for member in members) else ()


def _field(
    attribute: "Attribute[Any]", hint: Any, arguments: Mapping[Any, Any], lookup: Lookup
) -> Field:
    inner, optional = _without_none(hint)
    required = attribute.default is NOTHING
    metadata = attribute.metadata
    is_rest = bool(metadata.get("open"))
    return Field(
        name=attribute.name,
        alias=attribute.alias or attribute.name,
        key="" if is_rest else metadata.get("wire", camel(attribute.name)) or "",
        is_rest=is_rest,
        kind=_kind_of(inner, arguments, lookup),
        default=attribute.default,
        nullable=bool(metadata.get("nullable")) or (required and optional),
        is_always_written=bool(metadata.get("always")),
        is_stored_only=bool(metadata.get("stored_only")),
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    members = get_args(hint) if _is_union(hint) else ()
    if NoneType not in members:
        return hint, False
    rest = tuple(member for member in members if member is not NoneType)
    return Union[rest], True  # noqa: UP007 - as many members as there are


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in {Union, UnionType}


def _kind_of(hint: Any, arguments: Mapping[Any, Any], lookup: Lookup) -> TypeCodec:
    hint = arguments.get(hint, hint)
    inner, optional = _without_none(hint)
    if optional:
        item = _kind_of(inner, arguments, lookup)
        return evolve(item, types=(), read=lambda: scalars.optional_reader(item.read()))
    return (
        _leaf(hint)
        or _container(hint, arguments, lookup)
        or _model(hint, lookup)
        or TypeCodec(
            read=lambda: lookup.reader(hint), write=lambda: lookup.writer(hint), is_native=False
        )
    )


def _leaf(hint: Any) -> TypeCodec | None:
    """Plan what is one value in JSON."""
    if hint in _SINGLE:
        read, write = _SINGLE[hint]
        # orjson would write instants with another precision.
        return TypeCodec(read=lambda: read, write=lambda: write, is_native=hint is not datetime)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return TypeCodec(read=lambda: scalars.enum_reader(hint), write=lambda: scalars.write_enum)
    members = get_args(hint) if _is_union(hint) else (hint,)
    if not all(member in _EXACT for member in members):
        return None
    types = tuple(dict.fromkeys(kind for member in members for kind in _EXACT[member]))
    return TypeCodec(
        types=types, read=lambda: scalars.exact_reader(types), write=lambda: scalars.plain
    )


def _container(hint: Any, arguments: Mapping[Any, Any], lookup: Lookup) -> TypeCodec | None:
    """Plan arrays, and objects of any keys."""
    match get_origin(hint), get_args(hint):
        case (made, (item, *rest)) if made in _ARRAYS and rest in ([], [...]):
            inner = _kind_of(item, arguments, lookup)
            return TypeCodec(
                read=lambda: scalars.array_reader(_ARRAYS[made], inner.read(), inner.types),
                write=lambda: (
                    scalars.array_writer(inner.write(), inner.types)
                    if inner.write
                    else scalars.models_writer(lookup.writers)
                ),
                is_native=inner.is_native,
            )
        case (made, (key, item)) if made in _OBJECTS and key is str:
            inner = _kind_of(item, arguments, lookup)
            return TypeCodec(
                read=lambda: scalars.mapping_reader(inner.read(), inner.types),
                write=lambda: scalars.mapping_writer(
                    inner.write() if inner.write else lookup.write, inner.types
                ),
                is_native=inner.is_native,
            )
    return None


def _model(hint: Any, lookup: Lookup) -> TypeCodec | None:
    """Plan attrs classes and unions of them, and types known only at run time."""
    members = get_args(hint) if _is_union(hint) else (hint,)
    if isinstance(hint, TypeVar):
        return TypeCodec(read=lambda: scalars.read_anything, is_native=False)
    return TypeCodec(read=lambda: lookup.reader(hint)) if all(map(attrs.has, members)) else None
