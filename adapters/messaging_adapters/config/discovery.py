"""Adapters that installed packages offer, each loaded only when a configuration names it."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from messaging_core.errors import ConfigurationError, MessagingError
from messaging_core.ports.configuration import AdapterType

_SECRETS: Final = ("password", "secret", "token", "api_key", "access_key")


@cache
def offered(group: str) -> Sequence[EntryPoint]:
    """Return what packages offer in a group, without loading anything: they are read once."""
    return tuple(entry_points(group=group))


def names_of(group: str) -> Sequence[str]:
    """Return the names that packages offer in a group."""
    return sorted({point.name for point in offered(group)})


@cache
def adapter_type(group: str, name: str) -> AdapterType:
    """Load what one name means, and nothing else.

    Raises:
        ConfigurationError: No package offers it, two do, or it cannot be loaded.
    """
    points = [point for point in offered(group) if point.name == name]
    if not points:
        names = ", ".join(names_of(group)) or "none"
        raise ConfigurationError(f"no installed package offers {name}; there are: {names}")
    if len({point.value for point in points}) > 1:
        packages = ", ".join(sorted(_package(point) for point in points))
        raise ConfigurationError(
            f"several packages offer {name}: {packages}; uninstall all but one"
        )
    return _as_type(_loaded(points[0]), points[0])


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except MessagingError:  # such as a missing package, with the line that installs it
        raise
    except Exception as error:
        fault = f"{point.name} of {_package(point)} cannot be loaded: {type(error).__name__}"
        raise ConfigurationError(fault) from error


def _as_type(loaded: Any, point: EntryPoint) -> AdapterType:
    if isinstance(loaded, AdapterType):
        return loaded
    if not callable(loaded):
        fault = f"{point.name} of {_package(point)} is neither an AdapterType nor a class"
        raise ConfigurationError(fault)
    return AdapterType(make=loaded, secrets=frozenset(_SECRETS))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
