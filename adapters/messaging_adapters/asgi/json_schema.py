"""JSON Schema of the classes on the wire, written out from the classes themselves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from messaging_core.wire.codec.registry import registry
from messaging_core.wire.codec.schema import ClassSchema, Field, plan_of, tag_of, tagged_classes

Schema = dict[str, Any]
"""One JSON Schema (2020-12), as JSON values."""

_NO_ARGUMENTS: Final[Mapping[Any, Any]] = MappingProxyType({})
_SINGLE: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    Any: {},
}
_ARRAYS: Final = (tuple, list, Sequence)


class Schemas:
    """Write schemas, and collect those of the classes that they refer to.

    Args:
        constraints: What the rules add to the fields of a class: by class, then by JSON key.
        prefix: Where the collected schemas will stand, for references to them.

    Attributes:
        components: The schemas of classes, by name.
    """

    def __init__(
        self,
        constraints: Mapping[type, Mapping[str, Schema]],
        prefix: str = "#/components/schemas/",
    ) -> None:
        self.components: dict[str, Schema] = {}
        self._constraints = constraints
        self._prefix = prefix

    def of(self, kind: Any, arguments: Mapping[Any, Any] = _NO_ARGUMENTS) -> Schema:
        """Return the schema of a type: of a field, or of a whole document."""
        kind = arguments.get(kind, kind)
        if kind in _SINGLE:
            return dict(_SINGLE[kind])
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"type": "string", "enum": [member.value for member in kind]}
        origin, inner = get_origin(kind), get_args(kind)
        if origin in {Union, UnionType}:
            return self._union(kind, arguments)
        if origin in _ARRAYS:
            return {"type": "array", "items": self.of(inner[0], arguments)}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1], arguments)}
        return self._model(kind)

    def _union(self, kind: Any, arguments: Mapping[Any, Any]) -> Schema:
        members = [member for member in get_args(kind) if member is not NoneType]
        if len(members) == 1:
            return self.of(members[0], arguments)
        schemas = [self.of(member, arguments) for member in members]
        return {"oneOf": schemas} if tagged_classes(kind) else {"anyOf": schemas}

    def _model(self, kind: Any) -> Schema:
        """Return a reference to the schema of a class, which is written once."""
        cls = get_origin(kind) or kind
        name = cls.__name__ + "Of".join(["", *(member.__name__ for member in get_args(kind))])
        if name not in self.components:
            self.components[name] = {}  # a class may hold itself
            self.components[name] = self._written(kind, cls)
        return {"$ref": self._prefix + name}

    def _written(self, kind: Any, cls: type) -> Schema:
        plan, hints = plan_of(kind, registry()), get_type_hints(cls)
        parameters: tuple[TypeVar, ...] = getattr(cls, "__parameters__", ())
        arguments = dict(zip(parameters, get_args(kind), strict=False))
        schema = self._fields(plan, hints, arguments)
        tag = tag_of(cls)
        if tag is None:
            return schema
        constant: Schema = {"type": "string", "const": tag.value}
        if plan.is_flat:
            schema["properties"] = {"type": constant, **schema["properties"]}
            schema["required"] = ["type", *schema.get("required", ())]
            return schema
        return _closed({"type": constant, tag.key: schema}, ["type"] + [tag.key] * (not tag.bare))

    def _fields(
        self, plan: ClassSchema, hints: Mapping[str, Any], arguments: Mapping[Any, Any]
    ) -> Schema:
        rules = self._constraints.get(plan.cls, {})
        properties = {
            field.key: self._field(field, hints, arguments, rules.get(field.key, {}))
            for field in plan.fields
            if not field.is_stored_only
        }
        required = [field.key for field in plan.fields if field.required]
        return _closed(properties, required, is_open=plan.rest is not None)

    def _field(
        self,
        field: Field,
        hints: Mapping[str, Any],
        arguments: Mapping[Any, Any],
        rules: Schema,
    ) -> Schema:
        schema = self.of(hints[field.name], arguments)
        schema = (
            {**schema, **rules, "items": {**schema["items"], **rules["items"]}}
            if ("items" in rules)
            else {**schema, **rules}
        )
        return {"anyOf": [schema, {"type": "null"}]} if field.nullable else schema


def _closed(properties: Schema, required: Sequence[str], *, is_open: bool = False) -> Schema:
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if not is_open:
        schema["additionalProperties"] = False
    return schema
