"""The values with which a template is shown: typed by a visitor, or examples of its own."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import frozen

from messaging_adapters.viewer.parameters import FilterError, Parameters
from messaging_adapters.viewer.reads import TOO_LONG, Reads
from messaging_core.errors import StorageBusyError
from messaging_core.models.common.expiring_record import RecordKind
from messaging_core.models.content.template_project import TemplateVariable, VariableType

MOST_BYTES: Final = 200_000
DATA: Final = "data"
_KIND: Final = RecordKind.TEMPLATE_VALUES
PREFIX: Final = "value."
_HOUR: Final = timedelta(hours=1)
_KEY_BYTES: Final = 12
_MARK: Final = "~"
_DEEPEST: Final = 200
_BOOLEANS: Final = {"true": True, "false": False}


@frozen(kw_only=True)
class Given:
    """The value of one variable.

    Attributes:
        words: As it stands in the form.
        value: As the template gets it; nothing if it is not given or cannot be read.
        fault: Why it cannot be read.
        is_example: Whether the visitor did not type it.
    """

    words: str
    value: Any = None
    fault: str | None = None
    is_example: bool = False


def typed_in(form: Parameters) -> dict[str, str]:
    """Return the values that a form holds, as they were typed.

    Raises:
        FilterError: They are larger than 200 kB.
    """
    typed = {
        name.removeprefix(PREFIX): value.replace("\r\n", "\n")
        for name, value in form.pairs
        if name.startswith(PREFIX)
    }
    if sum(len(value.encode(errors="surrogatepass")) for value in typed.values()) > MOST_BYTES:
        raise FilterError(DATA, f"at most {MOST_BYTES:,} bytes of values")
    return typed


async def remember_data(typed: Mapping[str, str], workspace: UUID, reads: Reads) -> str:
    """Store values for an hour, and return what names them in a link."""
    key = token_urlsafe(_KEY_BYTES)
    value = orjson.dumps(dict(typed)).decode()
    put = reads.messenger.page_records.put
    await reads.act(put, _KIND, key, value, lifetime=_HOUR, workspace=workspace)
    return f"{_MARK}{key}"


async def recall_data(name: str | None, workspace: UUID, reads: Reads) -> Mapping[str, str] | None:
    """Return the values that a link names, or nothing if it names none.

    Raises:
        FilterError: They have expired, or were never there.
    """
    if name is None:
        return None
    key = name.removeprefix(_MARK)
    get = reads.messenger.page_records.get
    record = await reads(get, _KIND, key, workspace=workspace)
    if record is TOO_LONG:
        raise StorageBusyError("the values could not be read in time")
    if record is not None and name.startswith(_MARK):
        return dict(orjson.loads(record))
    raise FilterError(DATA, "values of the last hour; these have expired, so type them again")


def given_values(
    variables: Sequence[TemplateVariable],
    typed: Mapping[str, str] | None,
    *,
    names: Iterable[str],
    now: datetime,
) -> dict[str, Given]:
    """Return the value of each variable, by its key.

    Args:
        variables: Those that the template declares.
        typed: What a visitor typed; without it, the template is shown with examples.
        names: The paths of the values that the template uses.
        now: The present, an example of a time.
    """
    paths = list(names)
    if typed is None:
        return {own.key: _example(own, paths, now) for own in variables}
    return {own.key: _read(own, typed.get(own.key, "")) for own in variables}


def _example(variable: TemplateVariable, names: Sequence[str], now: datetime) -> Given:
    """Return the default of a variable, else a value of its type that shows its name."""
    value = variable.default
    if value is None:
        value = _of_type(variable, names, now)
    return Given(words=_words(value), value=value, is_example=True)


def _of_type(variable: TemplateVariable, names: Sequence[str], now: datetime) -> Any:
    match variable.type:
        case VariableType.NUMBER:
            return 1
        case VariableType.BOOLEAN:
            return True
        case VariableType.DATE_TIME:
            return now.isoformat(timespec="seconds")
        case VariableType.OBJECT:
            return _object(variable.key, names)
        case _:
            name = variable.key.rpartition(".")[2]
            return f"[{name}]"[: variable.character_limit]


def _object(key: str, names: Sequence[str]) -> dict[str, Any]:
    """Return an object that has each value below its key that the template uses."""
    values: dict[str, Any] = {}
    for name in names:
        own = name.removeprefix(f"{key}.")
        if own == name:
            continue
        *way, last = own.split(".")
        place = values
        for part in way:
            below = place.get(part)
            place[part] = place = below if isinstance(below, dict) else {}
        place.setdefault(last, f"[{last}]")
    return values


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _read(variable: TemplateVariable, words: str) -> Given:
    """Return what was typed as a value; an empty text is no value."""
    if not words.strip():
        return Given(words=words)
    if variable.type in {VariableType.STRING, VariableType.DATE_TIME}:
        return Given(words=words, value=words)
    if variable.type is VariableType.BOOLEAN:
        value = _BOOLEANS.get(words.strip().lower())
        return Given(words=words, value=value, fault="true or false" if value is None else None)
    return _read_json(words)


def _read_json(words: str) -> Given:
    if max(words.count("["), words.count("{")) > _DEEPEST:
        return Given(words=words, fault=f"at most {_DEEPEST} lists and objects")
    try:
        return Given(words=words, value=json.loads(words, parse_constant=_refuse))
    except json.JSONDecodeError as error:
        fault = f"line {error.lineno}, column {error.colno}: {error.msg}"
        return Given(words=words, fault=fault)
    except (ValueError, RecursionError):
        return Given(words=words, fault="a value of JSON")


def _refuse(name: str) -> None:
    raise ValueError(name)
