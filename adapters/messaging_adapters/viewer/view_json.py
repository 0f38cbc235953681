"""Write a view as JSON: what the page shows, masked alike."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import attrs
import orjson

from messaging_adapters.viewer.statuses import Mark
from messaging_adapters.viewer.times import Moment, iso


def view_json(view: Any) -> bytes:
    """Return the JSON of a view, with names in camel case; what is absent is left out."""
    return orjson.dumps(_value(view), option=orjson.OPT_INDENT_2)


def _value(value: Any) -> Any:
    if isinstance(value, Moment):
        return value.iso
    if isinstance(value, Mark):
        return value.key
    if attrs.has(type(value)):
        fields = [field.name for field in attrs.fields(type(value))]
        values = {_camel(name): _value(getattr(value, name)) for name in fields}
        return {name: item for name, item in values.items() if item is not None}
    if isinstance(value, dict):
        return {str(name): _value(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, UUID) else value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
