"""Processes of our own, to be killed, stopped and starved."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

TESTS = Path(__file__).parents[1]
PATIENCE = 120.0
_PAUSE = 0.005


class Child:
    """A process that runs one of our modules and tells what it does line by line."""

    def __init__(self, module: str, settings: dict[str, Any], trace: tuple[str, ...] = ()) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(  # noqa: S603 - our own
            [*trace, sys.executable, "-m", f"faults.{module}", json.dumps(settings)],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in _pipe(self._process.stdout):
            if line.endswith("\n"):  # else it was killed within the line
                self.lines.append(line.rstrip("\n"))

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def says(self, lines: int = 1) -> None:
        """Wait until it has said so many lines."""
        until(lambda: len(self.lines) >= lines or not self.is_running, "a child says nothing")
        assert len(self.lines) >= lines, "a child ended without a word"

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def finish(self) -> list[str]:
        """Ask it to end, and return everything that it said."""
        _pipe(self._process.stdin).close()
        assert self._process.wait(PATIENCE) == 0
        self._listener.join()
        return self.lines

    def kill(self) -> list[str]:
        """End it without warning, and return everything that it said."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            _pipe(pipe).close()
        return self.lines


@contextmanager
def child(module: str, settings: dict[str, Any], trace: tuple[str, ...] = ()) -> Iterator[Child]:
    """Start a process, and kill it when the block ends."""
    process = Child(module, settings, trace)
    try:
        yield process
    finally:
        process.kill()


def until(condition: Callable[[], object], complaint: str, patience: float = PATIENCE) -> None:
    """Wait until something is so."""
    deadline = monotonic() + patience
    while not condition():
        assert monotonic() < deadline, complaint
        sleep(_PAUSE)


def say(**what: object) -> None:
    """Tell the parent something, with one write that is made or not when we are killed."""
    os.write(1, (json.dumps(what) + "\n").encode())


def when_told_to_end(then: Callable[[], object]) -> None:
    """Call something once the parent closes our standard input."""

    def wait() -> None:
        sys.stdin.read()
        then()

    threading.Thread(target=wait, daemon=True).start()


def count_doubts(database: Path) -> None:
    """Let the file itself note every message that is found in doubt when it is claimed."""
    with look(database) as connection:
        connection.executescript(
            "CREATE TABLE doubts (id TEXT);"
            "CREATE TRIGGER doubted AFTER UPDATE OF fence ON messaging_outbox"
            " WHEN old.handed_over = 1 AND new.fence > old.fence BEGIN"
            " INSERT INTO doubts SELECT lower(hex(id)) FROM messaging_messages"
            " WHERE position = new.position; END;"
        )


def counted_doubts(database: Path) -> Counter[str]:
    """Return how often each message was found in doubt, by its id."""
    with look(database) as connection:
        return Counter(row[0] for row in connection.execute("SELECT id FROM doubts"))


@contextmanager
def look(database: Path) -> Iterator[sqlite3.Connection]:
    """Open the file beside everybody else."""
    connection = sqlite3.connect(database, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe
