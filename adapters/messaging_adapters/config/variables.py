"""Environment variables in the texts of a configuration: `${NAME}`."""

import re
from collections.abc import Mapping
from typing import Any, Final

from messaging_core.errors import ConfigurationError

_VARIABLE: Final = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\})")


def names_in(text: str) -> list[str]:
    """Return the names of the variables in a text."""
    return [match[1] for match in _VARIABLE.finditer(text) if match[1]]


def filled_in(value: Any, environment: Mapping[str, str]) -> Any:
    """Return a text, or the texts of a list or table, with their variables; `$$` means `$`.

    Raises:
        ConfigurationError: The environment does not have one of them.
    """
    match value:
        case str():
            return _VARIABLE.sub(lambda match: _value(match[1], environment), value)
        case list():
            return [filled_in(item, environment) for item in value]
        case dict():
            return {key: filled_in(item, environment) for key, item in value.items()}
    return value


def _value(name: str | None, environment: Mapping[str, str]) -> str:
    if name is None:
        return "$"
    value = environment.get(name)
    if not value:
        raise ConfigurationError(f"the environment has no variable {name}; set it: export {name}=…")
    return value
