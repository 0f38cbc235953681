"""Processes of our own, to be killed, stopped and starved."""

import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

PYTHON_PATH = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
PATIENCE = 120.0
_PAUSE = 0.005


@cache
def _forks() -> ForkServerContext:
    """Begin the process that imports everything, of which each other one is a fork.

    So hundreds of them begin at once.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faults.warm"])
    # Python 3.11 does not tell it our sys.path.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", PYTHON_PATH)
        forkserver.ensure_running()
    return context


class Child:
    """A process that runs one of our modules and tells what it does line by line.

    Its standard input is closed when it is asked to end, and what it says is its standard output.
    """

    def __init__(self, module: str, settings: dict[str, Any]) -> None:
        self.lines: list[str] = []
        forks = _forks()
        its_input, self._input = forks.Pipe(duplex=False)
        self._output, its_output = forks.Pipe(duplex=False)
        self._process = forks.Process(target=_run, args=(module, settings, its_input, its_output))
        self._process.start()
        its_input.close()
        its_output.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        with open(self._output.fileno(), closefd=False) as lines:
            for line in lines:
                if line.endswith("\n"):  # else it was killed within the line
                    self.lines.append(line.rstrip("\n"))

    def says(self, lines: int = 1) -> None:
        """Wait until it has said so many lines."""
        until(lambda: len(self.lines) >= lines or not self._process.is_alive(), "it says nothing")
        assert len(self.lines) >= lines, "a process ended without a word"

    @property
    def exit_code(self) -> int | None:
        """How it ended: minus the signal, if one ended it; None while it runs."""
        return self._process.exitcode

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        os.write(self._input.fileno(), f"{line}\n".encode())

    def end(self) -> None:
        """Ask it to end, without waiting for that."""
        self._input.close()

    def finish(self, patience: float = PATIENCE) -> list[str]:
        """Ask it to end, and return everything that it said."""
        self.end()
        self._process.join(patience)
        code = self._process.exitcode
        assert code == 0, f"a process ended with {code}, and after {self.lines[-1:]}"
        self._listener.join()
        return self.lines

    def kill(self) -> list[str]:
        """End it without warning, and return everything that it said."""
        self._process.kill()
        self._process.join()
        self._listener.join()
        self._input.close()
        self._output.close()
        return self.lines


def _run(module: str, settings: dict[str, Any], its_input: Connection, output: Connection) -> None:
    os.dup2(its_input.fileno(), 0)
    os.dup2(output.fileno(), 1)
    its_input.close()
    output.close()
    import_module(f"faults.{module}").main(settings)


@contextmanager
def child(module: str, settings: dict[str, Any]) -> Iterator[Child]:
    """Start a process, and kill it when the block ends."""
    process = Child(module, settings)
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
        os.read(0, 1)
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
    """Open the file beside the processes that use it."""
    connection = sqlite3.connect(database, timeout=30)
    try:
        yield connection
    finally:
        connection.close()
