"""Processes that race with one idempotency key make one message."""

import subprocess
import sys
from pathlib import Path

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.models.messages.query import MessageQuery

SCRIPT = Path(__file__).with_name("racing_sender.py")
PROCESSES, KEYS = 2, 40


def start(database: Path) -> subprocess.Popen[str]:
    """Start a sender, which waits for the others."""
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, SCRIPT, database, str(KEYS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_processes_that_race_with_one_key_make_one_message(tmp_path: Path) -> None:
    database = tmp_path / "race.db"
    processes = [start(database) for _ in range(PROCESSES)]

    for process in processes:
        go(process)
    said = [process.communicate(timeout=60)[0].split() for process in processes]

    with SqliteStorage(database) as storage, storage.begin(read_only=True) as tx:
        messages = tx.messages.find(MessageQuery(limit=1000, reverse=True)).results
        assert said == [[str(message.id) for message in messages]] * PROCESSES
    assert len(messages) == KEYS
