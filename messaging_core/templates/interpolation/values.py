"""Turn what a request says into the values of a template, and hold them to its variables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template import (
    BooleanParameter,
    NumberParameter,
    ObjectParameter,
    Parameter,
    StringParameter,
    TemplateReference,
)
from messaging_core.models.content.template_project import (
    Missing,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)
from messaging_core.rules.policy.schedule import parse_rfc3339
from messaging_core.templates.interpolation.formatting import as_text
from messaging_core.templates.interpolation.paths import ABSENT, covers, find, place, pointer_of
from messaging_core.wire import dump
from messaging_core.wire.parsing.faults import pointer

_PLAIN: Final = (StringParameter, NumberParameter, BooleanParameter, ObjectParameter)

DEFAULT_KEY: Final = "default"
"""The key of `variables` whose text replaces every text that is not given."""

Checked = tuple[dict[str, Any], tuple[Violation, ...]]
"""Values, and what is wrong with them; they are of use only if nothing is."""


@frozen
class Given:
    """One value as it came, and where."""

    key: str
    value: Any
    path: str


def values_of_request(
    version: TemplateVersion, reference: TemplateReference, path: str = "/template"
) -> Checked:
    """Return the values that a request gives to a template, defaults included.

    A key with dots is a place in an object. A parameter counts more than a variable of the same
    key, and one without value is not given. What no variable covers is a violation.
    """
    texts = reference.variables or {}
    keys = {parameter.key for parameter in reference.parameters}
    given = [
        Given(key, value, pointer(f"{path}/variables", key))
        for key, value in texts.items()
        if key != DEFAULT_KEY and key not in keys
    ]
    given += [
        Given(parameter.key, _plain(parameter), f"{path}/parameters/{index}")
        for index, parameter in enumerate(reference.parameters)
    ]
    violations = _check_known(version.variables, given)
    values, more = _fill(version, given, f"{path}/parameters", texts.get(DEFAULT_KEY))
    return values, (*violations, *more)


def values_of_data(
    version: TemplateVersion, data: Mapping[str, Any], path: str = "/data"
) -> Checked:
    """Return the values that are given as one object, defaults included.

    What the template does not use is passed over, as the Mia-Platform Messaging Service does.
    """
    given = [Given(key, value, pointer(path, key)) for key, value in data.items()]
    return _fill(version, given, path, None)


def type_fault(variable: TemplateVariable, value: Any) -> tuple[str, str] | None:
    """Return code and message if a value is not what a variable takes."""
    if not _IS[variable.type](value):
        return "template.wrong_type", f"{variable.key} is a {variable.type}"
    text, limit = as_text(value), variable.character_limit
    if limit is not None and text is not None and len(text) > limit:
        message = f"{variable.key} has at most {limit} characters, not {len(text)}"
        return "template.value_too_long", message
    return None


def _plain(parameter: Parameter) -> Any:
    return parameter.value if isinstance(parameter, _PLAIN) else dump(parameter.value)


def _check_known(variables: Sequence[TemplateVariable], given: Iterable[Given]) -> list[Violation]:
    keys = {variable.key for variable in variables}
    return [
        Violation(entry.path, "template.unknown_variable", "the template takes no such value")
        for entry in given
        if entry.key not in keys
        and not any(
            covers(variable.key, entry.key) or covers(entry.key, variable.key)
            for variable in variables
        )
    ]


def _fill(
    version: TemplateVersion, given: Sequence[Given], path: str, default: str | None
) -> Checked:
    values: dict[str, Any] = {}
    violations = []
    for entry in given:
        if entry.value is not None and not place(values, entry.key, entry.value):
            message = "another value stands in the same place: give it once"
            violations.append(Violation(entry.path, "template.duplicate_key", message))
    for variable in version.variables:
        fault = _settle(values, variable, version.missing, default)
        if fault is not None:
            violations.append(Violation(_origin(variable.key, given, path), *fault))
    return values, tuple(violations)


def _settle(
    values: dict[str, Any], variable: TemplateVariable, missing: Missing, default: str | None
) -> tuple[str, str] | None:
    """Put a default where no value is, and check what is there."""
    value = find(values, variable.key)
    if value is not ABSENT and value is not None:
        return type_fault(variable, value)
    stand_in = variable.default
    if stand_in is None and variable.type is VariableType.STRING:
        stand_in = default
    if stand_in is not None:
        if value is ABSENT and place(values, variable.key, stand_in):
            return type_fault(variable, stand_in)
        return "template.wrong_type", f"{variable.key} has no place in the values given"
    if variable.required and missing is Missing.ERROR:
        return "template.missing_variable", f"{variable.key} has no value"
    return None


def _origin(key: str, given: Sequence[Given], path: str) -> str:
    """Return where the value of a variable came from, or where it belongs."""
    for entry in given:
        if covers(entry.key, key) and entry.value is not None:
            return entry.path + pointer_of(key[len(entry.key) + 1 :]) * (len(key) > len(entry.key))
    return path


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_instant(value: Any) -> bool:
    if isinstance(value, datetime):
        return value.utcoffset() is not None
    return isinstance(value, str) and parse_rfc3339(value) is not None


_IS: Final[Mapping[VariableType, Callable[[Any], bool]]] = {
    VariableType.STRING: lambda value: isinstance(value, str),
    VariableType.NUMBER: _is_number,
    VariableType.BOOLEAN: lambda value: isinstance(value, bool),
    VariableType.DATE_TIME: _is_instant,
    VariableType.OBJECT: lambda value: isinstance(value, Mapping | list | tuple),
}
