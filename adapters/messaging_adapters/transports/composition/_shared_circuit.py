"""The state of a circuit that processes share, on their storage."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import uuid4

from messaging_core.errors import StorageError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.rate import RateLog, RateUse
from messaging_core.ports.storage.rates import Rates
from messaging_core.ports.storage.transaction import Storage

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LOOK: Final = timedelta(seconds=1)
"""How often a process looks whether others have changed the state."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_FAILED: Final = 1
_MISCONFIGURED: Final = 2


@frozen(kw_only=True)
class Opening:
    """Why and when a circuit opened.

    Attributes:
        at: When.
        misconfigured: Whether the provider refused our configuration.
    """

    at: datetime
    misconfigured: bool = False


class SharedCircuit:
    """Read and write an opening, and let one process at a time probe.

    The opening is stored as a use of a limit, whose count is its cause. A probe is a use that is
    held by a process, until it must have ended. If the storage fails, each process goes by what it
    knows.

    Args:
        key: Names the circuit on the storage.
        probe_for: After what time the probe of a process that died no longer counts.
    """

    def __init__(self, key: str, probe_for: timedelta) -> None:
        self._where = (DEFAULT_WORKSPACE, f"circuit.{key}")
        self._probe_for = probe_for
        self._storage: Storage | None = None
        self._looked_at = _NEVER

    def share(self, storage: Storage) -> None:
        """Keep the state on a storage."""
        self._storage = storage

    def must_look(self, now: datetime) -> bool:
        """Return whether it is time to look, and do not return so again for a second."""
        if self._storage is None or self._looked_at <= now < self._looked_at + _LOOK:
            return False
        self._looked_at = now
        return True

    def look(self, known: Opening | None) -> Opening | None:
        """Return the opening that is stored, or what is known if the storage fails."""
        return self._decide(lambda rates: _opening(rates.lock(*self._where)), otherwise=known)

    def put(self, opening: Opening | None) -> None:
        """Store what this process found out; this ends its probe."""

        def replace(rates: Rates) -> None:
            rates.lock(*self._where)
            rates.put(*self._where, RateLog(uses=_uses(opening)))

        self._decide(replace, otherwise=None)

    def begin_probe(self, now: datetime, known: Opening) -> tuple[bool, Opening | None]:
        """Return whether this process may probe, and the opening that is stored.

        It may if no other process probes, and none has changed the state meanwhile.
        """

        def decide(rates: Rates) -> tuple[bool, Opening | None]:
            stored = rates.lock(*self._where)
            opening = _opening(stored)
            until = now + self._probe_for  # beyond it is a clock that was wrong
            is_probed = any(use.holder and now < use.at <= until for use in stored.uses)
            if opening is None or opening.at > known.at or is_probed:
                return False, opening
            probe = RateUse(at=until, count=1, holder=uuid4().hex)
            rates.put(*self._where, RateLog(uses=(*_uses(opening), probe)))
            return True, opening

        own: tuple[bool, Opening | None] = (True, known)
        return self._decide(decide, otherwise=own)

    def _decide(self, decision: Callable[[Rates], T], *, otherwise: T) -> T:
        """Decide in a transaction; without a storage, or if it fails, take something else."""
        if self._storage is None:
            return otherwise
        try:
            with self._storage.begin() as tx:
                return decision(tx.rates)
        except StorageError as error:
            _log.warning("circuit %s is not shared now: %s", self._where[1], type(error).__name__)
            return otherwise


def _opening(log: RateLog) -> Opening | None:
    openings = [use for use in log.uses if use.holder is None]
    if not openings:
        return None
    return Opening(at=openings[0].at, misconfigured=openings[0].count == _MISCONFIGURED)


def _uses(opening: Opening | None) -> tuple[RateUse, ...]:
    if opening is None:
        return ()
    return (RateUse(at=opening.at, count=_MISCONFIGURED if opening.misconfigured else _FAILED),)
