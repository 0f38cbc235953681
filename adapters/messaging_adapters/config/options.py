"""The options of an adapter, as the parameters of what makes it."""

from collections.abc import Iterable, Mapping
from datetime import timedelta, tzinfo
from enum import StrEnum
from inspect import Parameter, signature
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from messaging_adapters.config.keys import Key
from messaging_core.errors import ConfigurationError
from messaging_core.ports.configuration import AdapterType
from messaging_core.ports.media import MediaSource

FETCH_MEDIA: Final = "fetch_media"
"""Replaces a parameter `media`: fetch pictures and files from public HTTPS addresses."""

_NO_ANNOTATION: Final = "an option is a parameter with an annotation"
_MOST: Final = {"port": 65_535, "timeout": 3600, "max_bytes": 2**40}
_LEAST: Final = {"port": 1, "timeout": 1}
_PLAIN: Final = frozenset({str, int, float, bool, timedelta, Path, tzinfo, UUID})


def options_of(adapter: AdapterType) -> dict[str, Key]:
    """Return the options of an adapter by name, in the order of the parameters.

    Raises:
        ConfigurationError: A parameter that must be given has no annotation, so it is no option.
    """
    options: dict[str, Key] = {}
    for name, annotation, is_required in _parameters(adapter.make):
        if annotation is None and is_required:
            raise ConfigurationError(f"{_NO_ANNOTATION}: write {name}: str in {_name_of(adapter)}")
        if name == "media" and MediaSource in _alternatives(annotation):
            options[FETCH_MEDIA] = Key(kind=bool)
        elif (key := _key(name, annotation)) is not None:
            secret = name in adapter.secrets
            options[name] = attrs.evolve(key, required=is_required, secret=secret)
    return options


def _name_of(adapter: AdapterType) -> str:
    return getattr(adapter.make, "__qualname__", "make")


def _parameters(make: Any) -> list[tuple[str, Any, bool]]:
    """Return name, annotation and whether it must be given, for each parameter."""
    if attrs.has(make):
        attrs.resolve_types(make)
        return [
            (field.alias or field.name, field.type, field.default is attrs.NOTHING)
            for field in attrs.fields(make)
            if field.init
        ]
    hints = get_type_hints(vars(make).get("__init__", make) if isinstance(make, type) else make)
    by_name = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}
    return [
        (parameter.name, hints.get(parameter.name), parameter.default is Parameter.empty)
        for parameter in signature(make).parameters.values()
        if parameter.kind in by_name
    ]


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types of a union in its order, but for None, or the only type."""
    return [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]


def _key(name: str, annotation: Any) -> Key | None:
    origin = get_origin(annotation)
    if origin is not None and _is_below(origin, Mapping):
        return Key(kind=dict)
    if origin is not None and _is_below(origin, Iterable):
        return Key(kind=list) if str in get_args(annotation) else None
    kinds = _alternatives(annotation)
    if str in kinds and any(_is_below(get_origin(kind), Iterable) for kind in kinds):
        return Key(kind=list)
    for kind in kinds:
        if kind in _PLAIN:
            return Key(kind=kind, least=_LEAST.get(name, 0), most=_MOST.get(name, 2**31))
        if _is_below(kind, StrEnum):
            return Key(choices=tuple(kind))
    return None


def _is_below(kind: Any, parent: Any) -> bool:
    """Return whether something is a class below another, whatever it is."""
    return isinstance(kind, type) and issubclass(kind, parent)


def values_of(
    table: Mapping[str, Any],
    options: Mapping[str, Key],
    *,
    folder: Path,
    channels: Mapping[str, UUID],
) -> dict[str, Any]:
    """Return the arguments that a table without faults means.

    Args:
        table: By option, with the variables filled in.
        options: Those of the adapter.
        folder: What relative paths start from.
        channels: Ids of channels by name, for an option `channels` by number.
    """
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name == FETCH_MEDIA:
            values |= _media() if value else {}
        elif name == "channels":
            values[name] = {number: _channel_id(named, channels) for number, named in value.items()}
        else:
            values[name] = _value(name, value, options[name].kind, folder)
    return values


def _value(name: str, value: Any, kind: type, folder: Path) -> Any:
    if kind is Path:
        return folder / value
    if kind is timedelta:
        return timedelta(seconds=value)
    if kind is UUID:
        try:
            return UUID(value)
        except ValueError:
            raise ConfigurationError(f"{name}: it is no UUID") from None
    if kind is tzinfo:
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(f"{name}: there is no such time zone") from None
    return value


def _media() -> dict[str, MediaSource]:
    from messaging_adapters.media.http import HttpMediaSource  # noqa: PLC0415 - only on demand

    return {"media": HttpMediaSource()}


def _channel_id(named: Any, channels: Mapping[str, UUID]) -> UUID:
    if named in channels:
        return channels[named]
    try:
        return UUID(named)
    except (ValueError, TypeError, AttributeError):
        configured = ", ".join(channels) or "none"
        fault = f"channels: a value is no configured channel; there are: {configured}"
        raise ConfigurationError(fault) from None
