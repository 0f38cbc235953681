"""Environment variables in the texts of a configuration: `${NAME}`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from messaging_core.errors import ConfigurationError

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE: Final = re.compile(rf"\$(?:\$|\{{({_NAME})\}}|({_NAME}))")


def names_in(text: str) -> list[str]:
    """Return the names of the variables in a text."""
    return [match[1] for match in _VARIABLE.finditer(text) if match[1]]


def filled_in(value: Any, environment: Mapping[str, str]) -> Any:
    """Return a text, or the texts of a list or table, with their variables; `$$` means `$`.

    Raises:
        ConfigurationError: The environment does not have some of them, or it has one whose name
            stands in the text without braces; names all of them.
    """
    if faults := list(dict.fromkeys(_faults(value, environment))):
        raise ConfigurationError("; ".join(faults))
    return _filled_in(value, environment)


def _faults(value: Any, environment: Mapping[str, str]) -> Iterator[str]:
    for text in _texts(value):
        for name, bare in _VARIABLE.findall(text):
            if bare in environment:  # a password may have a dollar, but hardly this name
                yield f"${bare} is no variable here: write ${{{bare}}}"
            elif name and not environment.get(name):
                yield f"the environment has no variable {name}; set it: export {name}=…"


def _texts(value: Any) -> Iterator[str]:
    """Yield a text, or the texts of a list or table."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _filled_in(value: Any, environment: Mapping[str, str]) -> Any:
    match value:
        case str():
            return _VARIABLE.sub(lambda match: _value(match, environment), value)
        case list():
            return [_filled_in(item, environment) for item in value]
        case dict():
            return {key: _filled_in(item, environment) for key, item in value.items()}
    return value


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name, bare = match.groups()
    if name is None:
        return match[0] if bare else "$"
    return environment[name]
