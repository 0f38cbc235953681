"""Environment variables in the texts of a configuration: `${NAME}`."""

import re
from collections.abc import Mapping
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
        ConfigurationError: The environment does not have one of them, or it has one whose name
            stands in the text without braces.
    """
    match value:
        case str():
            return _VARIABLE.sub(lambda match: _value(match, environment), value)
        case list():
            return [filled_in(item, environment) for item in value]
        case dict():
            return {key: filled_in(item, environment) for key, item in value.items()}
    return value


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name, bare = match.groups()
    if bare and bare in environment:  # a password may have a dollar, but hardly this name
        raise ConfigurationError(f"${bare} is no variable here: write ${{{bare}}}")
    if name is None:
        return match[0] if bare else "$"
    value = environment.get(name)
    if not value:
        raise ConfigurationError(f"the environment has no variable {name}; set it: export {name}=…")
    return value
