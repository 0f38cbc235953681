"""The rate limits of a configuration, which channels share by name."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from messaging_adapters.config.keys import Key, faults_of, near
from messaging_adapters.transports.composition.concurrency_limit import ConcurrencyLimit
from messaging_adapters.transports.composition.throttled import RateLimit
from messaging_core.errors import ConfigurationError

_KEYS: Final = {
    "rate": Key(kind=float, required=True),
    "burst": Key(kind=int, least=1),
    "count": Key(choices=("messages", "parts")),
    "shared": Key(kind=bool),
    "per_sender": Key(kind=bool),
}


_CONCURRENCY_KEYS: Final = {"concurrency": Key(kind=int, least=1, required=True)}

Limit = RateLimit | ConcurrencyLimit


def limit_faults(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that is wrong with the limits, and with the names that channels give."""
    limits = _tables(data.get("limits"))
    for name, table in limits.items():
        yield from (f"[limits.{name}] {fault}" for fault in _table_faults(name, table))
    for channel, settings in _tables(data.get("channels")).items():
        limit = settings.get("limit") if isinstance(settings, dict) else None
        if isinstance(limit, str) and limit not in limits:
            yield f"[channels.{channel}] limit: there is no [limits.{limit}]{near(limit, limits)}"


def limits_of(data: Mapping[str, Any]) -> dict[str, Limit]:
    """Make the limits that tables without faults describe, by name."""
    return {name: _limit(name, table) for name, table in data.get("limits", {}).items()}


def _limit(name: str, table: Mapping[str, Any]) -> Limit:
    if "concurrency" in table:
        return ConcurrencyLimit(table["concurrency"], key=name)
    options = {key: value for key, value in table.items() if key != "shared"}
    return RateLimit(**options, key=name if table.get("shared") else None)


def _table_faults(name: str, table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "must be a table, with keys such as rate"
        return
    faults = list(faults_of(table, _CONCURRENCY_KEYS if "concurrency" in table else _KEYS))
    yield from faults
    if not faults:
        try:
            _limit(name, table)
        except ConfigurationError as error:
            yield str(error)


def _tables(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
