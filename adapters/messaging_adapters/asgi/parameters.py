"""Query parameters: from the pairs of a URL to a value of the engine, by the type of its fields."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from messaging_core.errors import InvalidDocumentError, InvalidQueryError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.query import MessageQuery
from messaging_core.wire import load
from messaging_core.wire.codec.schema import camel

T = TypeVar("T")

Pairs = Iterable[tuple[str, str]]
"""Names and values of a query string, decoded, in their order."""

_BOOLEANS: Final = {"true": True, "false": False}
_LONGEST_NUMBER: Final = 18
"""Digits; a number of more is no value of any parameter, and slow to read."""


@frozen(kw_only=True)
class Parameter:
    """One query parameter.

    Attributes:
        name: In the URL.
        kind: What it holds: `str`, `int`, `bool`, `UUID`, `datetime` or an enumeration.
        is_repeatable: Whether it may stand there several times.
    """

    name: str
    kind: Any
    is_repeatable: bool


def parameters_of(cls: type[Any]) -> Mapping[str, Parameter]:
    """Return the query parameters that a class of queries takes, by name.

    The workspace is none: it is a part of the path.
    """
    hints = get_type_hints(cls)
    parameters = [
        _parameter(field.metadata.get("wire") or camel(field.name), hints[field.name])
        for field in attrs.fields(cls)
        if field.name != "workspace"
    ]
    return {parameter.name: parameter for parameter in parameters}


def query_from(
    pairs: Pairs,
    *,
    workspace: UUID = DEFAULT_WORKSPACE,
    channel: UUID | None = None,
    without: Sequence[str] = (),
) -> MessageQuery:
    """Return the listing that the query parameters of a URL ask for.

    Args:
        pairs: Such as `parse_qsl(query, keep_blank_values=True)`, or `multi_items()` of the
            query parameters of Starlette.
        workspace: The tenant that is asked for, as the path says.
        channel: Lists the messages of this channel alone; `channelId` is no parameter then.
        without: Further parameters that this listing does not have.

    Raises:
        InvalidQueryError: A parameter is unknown, stands there twice, or has a value that is not
            of its type; with every violation.
    """
    if channel is not None:
        without = (*without, "channelId")
    query = read_parameters(MessageQuery, pairs, without=without)
    channels = query.channel_id if channel is None else (channel,)
    return attrs.evolve(query, workspace=workspace, channel_id=channels)


def read_parameters(cls: type[T], pairs: Pairs, *, without: Sequence[str] = ()) -> T:
    """Return a query of any class that the parameters of a URL ask for; see `query_from`."""
    parameters = {
        name: parameter for name, parameter in parameters_of(cls).items() if name not in without
    }
    violations: list[Violation] = []
    values: dict[str, Any] = {}
    for name, text in pairs:
        parameter = parameters.get(name)
        if parameter is None:
            message = f"there is no such parameter; there are: {', '.join(parameters)}"
            violations.append(Violation(f"/{name}", "query.unknown_parameter", message))
        elif parameter.is_repeatable:
            values.setdefault(name, []).append(_value(parameter.kind, text))
        elif name in values:
            message = "the parameter stands there more than once"
            violations.append(Violation(f"/{name}", "query.repeated_parameter", message))
        else:
            values[name] = _value(parameter.kind, text)
    try:
        query = load(cls, values)
    except InvalidDocumentError as error:
        raise InvalidQueryError((*violations, *error.violations)) from None
    if violations:
        raise InvalidQueryError(violations)
    return query


def _parameter(name: str, hint: Any) -> Parameter:
    is_repeatable = get_origin(hint) is tuple
    kind = get_args(hint)[0] if is_repeatable else _without_none(hint)
    return Parameter(name=name, kind=kind, is_repeatable=is_repeatable)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    return next(member for member in get_args(hint) if member is not type(None))


def _value(kind: Any, text: str) -> Any:
    """Return the JSON value that a text means; the text itself where it is none of its type.

    The reader of the query then says what belongs there.
    """
    read: Callable[[str], Any] | None = {bool: _boolean, int: _number}.get(kind)
    return read(text) if read else text


def _boolean(text: str) -> Any:
    return _BOOLEANS.get(text, text)


def _number(text: str) -> Any:
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER
    return int(text) if is_number else text
