"""Which keys a table of the configuration may have, and what to say of one that is wrong."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from messaging_core.lazy import frozen

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_KINDS = {str: "text in quotes", int: "a whole number", bool: "true or false", dict: "a table"}


@frozen(kw_only=True)
class Key:
    """What may stand behind one key.

    Attributes:
        kind: `str`, `int`, `bool` or `dict`.
        choices: The only values, where they are few.
        least: The smallest number.
        most: The largest number.
        required: Whether the key must be there.
    """

    kind: type = str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 2**31
    required: bool = False


def faults_of(table: Mapping[str, Any], keys: Mapping[str, Key]) -> Iterator[str]:
    """Yield everything that is wrong with a table, each fault beginning with its key."""
    for name, value in table.items():
        if name not in keys:
            yield f"{name}: unknown key{near(name, keys)}; allowed: {', '.join(keys)}"
        elif fault := _fault(value, keys[name]):
            yield f"{name}: {fault}"
    for name, key in keys.items():
        if key.required and name not in table:
            yield f"{name}: missing; {_expected(key)}"


def near(name: str, names: Collection[str]) -> str:
    """Return a question that proposes a similar name, or nothing when none is similar."""
    matches = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f' (did you mean "{matches[0]}"?)' if matches else ""


def _fault(value: Any, key: Key) -> str:
    # True is an int in Python, but not in a configuration file.
    kind: type = type(value)
    if kind is not key.kind:
        return f"must be {_KINDS[key.kind]}, not {_shown(value)}"
    if key.choices and value not in key.choices:
        return f'"{value}" is not {_expected(key)}{near(value, key.choices)}'
    if isinstance(value, int) and not key.least <= value <= key.most:
        return f"must be {key.least} to {key.most}, not {value}"
    if value in ("", {}):
        return "must not be empty"
    if isinstance(value, str) and _CONTROL.search(value):
        return "must not have control characters"
    return ""


def _expected(key: Key) -> str:
    if key.choices:
        return f"one of {', '.join(key.choices)}"
    return f"it is {_KINDS[key.kind]}"


def _shown(value: Any) -> str:
    """Return a value as TOML writes it, or what it is: it may be long, or a secret."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return "text" if isinstance(value, str) else f"a {type(value).__name__}"
