"""Find an object by the path that a command line gives."""

from importlib import import_module
from typing import Any

from messaging_core.errors import ConfigurationError


def load_object(path: str) -> Any:
    """Return the object that `package.module:name` names.

    Raises:
        ConfigurationError: The path has another form, or the module or the name does not exist.
    """
    module, _, name = path.partition(":")
    if not module or not name:
        raise ConfigurationError(f"{path!r} must have the form package.module:name")
    try:
        value: Any = import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"{path!r} cannot be imported: {error}") from error
    return value
