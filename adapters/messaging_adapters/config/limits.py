"""The limits of a configuration, which channels share by name: rates, concurrency, or both."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from messaging_adapters.config.keys import Key, faults_of, near
from messaging_adapters.transports.composition.concurrency_limit import ConcurrencyLimit
from messaging_adapters.transports.composition.throttled import RateLimit, Throttled
from messaging_core.errors import ConfigurationError
from messaging_core.ports.transport import Transport

_KEYS: Final = {
    "rate": Key(kind=float, required=True),
    "concurrency": Key(kind=int, least=1),
    "burst": Key(kind=int, least=1),
    "count": Key(choices=("messages", "parts")),
    "shared": Key(kind=bool),
    "per_sender": Key(kind=bool),
}


_CONCURRENCY_KEYS: Final = {"concurrency": Key(kind=int, least=1, required=True)}


@frozen(kw_only=True)
class Limit:
    """What a table says; one of both is there."""

    rate: RateLimit | None = None
    concurrency: ConcurrencyLimit | None = None

    def around(self, transport: Transport) -> Throttled:
        """Return a transport that keeps to the limit."""
        if self.rate is not None:
            return Throttled(transport, self.rate, concurrency=self.concurrency)
        assert self.concurrency is not None  # noqa: S101 - a table without both has a fault
        return Throttled(transport, self.concurrency)


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
    slots = table.get("concurrency")
    concurrency = None if slots is None else ConcurrencyLimit(slots, key=name)
    if "rate" not in table:
        return Limit(concurrency=concurrency)
    options = {key: table[key] for key in table if key not in {"shared", "concurrency"}}
    rate = RateLimit(**options, key=name if table.get("shared") else None)
    return Limit(rate=rate, concurrency=concurrency)


def _table_faults(name: str, table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "must be a table, with keys such as rate"
        return
    faults = list(faults_of(table, _CONCURRENCY_KEYS if set(table) == {"concurrency"} else _KEYS))
    yield from faults
    if not faults:
        try:
            _limit(name, table)
        except ConfigurationError as error:
            yield str(error)


def _tables(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
