"""Room on the disk: accepting stops while there is still enough to finish what was accepted."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

from messaging_core.errors import StorageError, StorageFullError
from messaging_core.models.delivery.health import DiskSpace

_FRESH = 1.0  # seconds for which an answer of the probe holds


def disk_free(folder: Path) -> int:
    """Return how many bytes this process may still write to the disk of a folder."""
    from shutil import disk_usage  # noqa: PLC0415 - shutil loads three compressors

    return disk_usage(folder).free


class FreeSpace:
    """Refuse to accept below a floor, and ask the disk at most once a second."""

    def __init__(
        self,
        folder: Path,
        floor: int,
        *,
        probe: Callable[[Path], int] = disk_free,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._folder = folder
        self._floor = floor
        self._probe = probe
        self._clock = clock
        self._free = 0
        self._stale_at = float("-inf")

    def require(self) -> None:
        """Raise `StorageFullError` when there is less room than the floor."""
        if self._floor <= 0:
            return
        now = self._clock()
        if now >= self._stale_at:
            self._free, self._stale_at = self._ask(), now + _FRESH
        if self._free < self._floor:
            raise StorageFullError(
                f"{self._free} bytes are free in {self._folder}, and nothing is accepted below"
                f" {self._floor}"
            )

    def measure(self) -> DiskSpace | None:
        """Return how much room there is, or nothing where none is needed or it cannot be told."""
        if self._floor <= 0:
            return None
        try:
            return DiskSpace(free=self._ask(), floor=self._floor)
        except StorageError:
            return None

    def _ask(self) -> int:
        try:
            return self._probe(self._folder)
        except OSError as error:
            raise StorageError(f"cannot tell how much room there is: {error}") from error
