"""Export and import in child processes that are killed at random calls, until one ends by itself.

Arguments: the SQLite file to export, the file of the export, the DSN to import into, and a seed.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer import export_storage, import_storage
from messaging_adapters.storage.transfer.export_file import ExportFile
from messaging_adapters.storage.transfer.session import Session
from messaging_adapters.storage.transfer.tables import TABLES
from messaging_core.testing.contracts.storage.steps import AT

CALLS = (10, 70)
WATCHED: tuple[tuple[Any, str], ...] = (
    (ExportFile, "append"),
    (ExportFile, "_note"),
    (Session, "insert"),
    (Session, "begin_import"),
    (Session, "advance_import"),
    (Session, "set_facts"),
    (Session, "end_import"),
)
"""Some of them are called inside a transaction, and some after one."""


def kill_after(calls: int) -> None:
    """Let this process be killed when so many calls have returned."""
    left = calls

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            result = call(*arguments, **options)
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    for owner, name in WATCHED:
        setattr(owner, name, watched(getattr(owner, name)))


def repeat(move: Callable[[], object], random: Random) -> int:
    """Run a move in children until one survives, and return how many were killed."""
    killed = 0
    while True:
        calls = random.randint(*CALLS)
        child = os.fork()
        if not child:
            kill_after(calls)
            move()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not status:
            return killed
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        killed += 1


def main(source: str, file: str, dsn: str, seed: str) -> None:
    """Print how many exports and imports were killed."""
    random = Random(int(seed))  # noqa: S311 - no secret
    for table in TABLES:
        object.__setattr__(table, "at_once", 4)

    def export() -> None:
        with SqliteStorage(source) as storage:
            export_storage(storage, file, now=AT)

    def load() -> None:
        with PostgresStorage(dsn) as storage:
            import_storage(storage, file, now=AT)

    exports = repeat(export, random)
    assert Path(file).stat().st_mode & 0o077 == 0, "others may read it"
    print(exports, repeat(load, random))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
