"""Which keys a table of the configuration may have, and what to say of one that is wrong."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta, tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.models.common.sender_pool import SenderPool

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_KINDS: Final[Mapping[type, tuple[tuple[type, ...], str]]] = {
    str: ((str,), "text in quotes"),
    Path: ((str,), "text in quotes"),
    tzinfo: ((str,), "the name of a time zone in quotes"),
    UUID: ((str,), "a UUID in quotes"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    timedelta: ((int, float), "a number of seconds"),
    bool: ((bool,), "true or false"),
    list: ((str, list), "text in quotes, or a list of such texts"),
    dict: ((dict,), "a table"),
    object: ((str, dict), "a DSN in quotes, or a table"),
    SenderPool: ((dict, list), "a table of senders with their weights, or a list of senders"),
}
"""What a value of each kind may be in TOML, and how that is called."""


@frozen(kw_only=True)
class Key:
    """What may stand behind one key.

    Attributes:
        kind: What it becomes: one of those in `_KINDS`.
        choices: The only values, where they are few.
        least: The smallest number.
        most: The largest number.
        required: Whether the key must be there.
        secret: Whether the value is one.
        may_be_empty: Whether a list or table without items means something.
    """

    kind: type = str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 2**31
    required: bool = False
    secret: bool = False
    may_be_empty: bool = False

    @property
    def expected(self) -> str:
        """Return what the value must be, in words."""
        return f"one of {', '.join(self.choices)}" if self.choices else _KINDS[self.kind][1]

    @property
    def numbers(self) -> tuple[type[int] | type[float], ...]:
        """Return the kinds of number that the value may be."""
        return tuple(kind for kind in (int, float) if kind in _KINDS[self.kind][0])


def faults_of(table: Mapping[str, Any], keys: Mapping[str, Key]) -> Iterator[str]:
    """Yield everything that is wrong with a table, each fault beginning with its key."""
    for name, value in table.items():
        if not isinstance(name, str):
            yield f"a key must be text, not {_shown(name)}"
        elif name not in keys:
            yield f"{name}: unknown key{near(name, keys)}; allowed: {', '.join(keys)}"
        elif fault := fault_of(value, keys[name]):
            yield f"{name}: {fault}"
    for name, key in keys.items():
        if key.required and name not in table:
            yield f"{name}: missing; {_expected(key)}"


def near(name: str, names: Collection[str]) -> str:
    """Return a question that proposes a similar name, or nothing when none is similar."""
    matches = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f' (did you mean "{matches[0]}"?)' if matches else ""


def fault_of(value: Any, key: Key) -> str:
    """Return what is wrong with a value, or nothing."""
    # True is an int in Python, but not in a configuration file.
    if type(value) not in _KINDS[key.kind][0]:
        return f"must be {_KINDS[key.kind][1]}, not {_shown(value)}"
    if key.choices and value not in key.choices:
        return f'"{value}" is not {_expected(key)}{near(value, key.choices)}'
    if isinstance(value, int | float) and not key.least <= value <= key.most:
        return f"must be {key.least} to {key.most}, not {value}"
    if value in ("", {}, []) and not key.may_be_empty:
        return "must not be empty"
    # A secret may have lines, as a key in PEM has; what makes the adapter judges it.
    return "" if key.secret else _text_fault(value if isinstance(value, list) else [value])


def _text_fault(values: Collection[Any]) -> str:
    texts = [value for value in values if isinstance(value, str)]
    if len(values) > 1 and len(texts) < len(values):
        return f"must be {_KINDS[list][1]}"
    if any(_CONTROL.search(text) for text in texts):
        return "must not have control characters"
    return ""


def _expected(key: Key) -> str:
    return key.expected if key.choices else f"it is {key.expected}"


def _shown(value: Any) -> str:
    """Return a value as TOML writes it, or what it is: it may be long, or a secret."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return "text" if isinstance(value, str) else f"a {type(value).__name__}"
