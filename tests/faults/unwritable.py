"""A host whose database file may suddenly be read only, and later written again.

Usage: python -m faults.unwritable SETTINGS, where the settings are JSON: database.
It runs in a process of its own: root may write everywhere, so it becomes another user for a while.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faults.processes import say
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger, Worker
from messaging_core.errors import MessagingError
from messaging_core.testing import RecordingTransport, a_channel, a_request

UNPRIVILEGED = 65534


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Take the right to write to a folder and its files away."""
    is_root = os.geteuid() == 0
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    if is_root:
        os.seteuid(UNPRIVILEGED)
    yield
    if is_root:
        os.seteuid(0)
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)


def attempt(what: str, action: Callable[[], object]) -> None:
    """Say what becomes of an action."""
    try:
        action()
    except MessagingError as error:
        say(what=what, error=type(error).__name__, text=str(error))
    else:
        say(what=what, error=None)


def accept(messenger: Messenger) -> None:
    messenger.send("orders", a_request())


def open_and(use: Callable[[Messenger], object], database: Path) -> None:
    """Open the file once more, and use it."""
    with SqliteStorage(database) as storage:
        use(Messenger(storage=storage, channels={a_channel(): RecordingTransport()}))


def main(settings: dict[str, Any]) -> None:
    """Try everything before, while and after the file is read only."""
    database = Path(settings["database"])
    storage, transport = SqliteStorage(database), RecordingTransport()
    messenger = Messenger(storage=storage, channels={a_channel(): transport})
    worker = Worker(messenger, threads=2)
    message = messenger.send("orders", a_request())
    worker.drain()
    # Once more, and with a file: so that nothing is imported any more when it matters.
    open_and(accept, database)
    with unwritable(database.parent):
        attempt("accept", lambda: accept(messenger))
        attempt("deliver", worker.run_once)
        attempt("look", lambda: messenger.get(message.id))
        attempt(
            "open and look", lambda: open_and(lambda messenger: messenger.get(message.id), database)
        )
        attempt("open and accept", lambda: open_and(accept, database))
    say(handed_over=len(transport.sent))
    # The connection was opened while nothing could be written; this one finds that out.
    attempt("accept with the old connection", lambda: accept(messenger))
    attempt("accept afterwards", lambda: accept(messenger))
    attempt("deliver afterwards", worker.drain)
    say(handed_over=len(transport.sent))
    storage.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
