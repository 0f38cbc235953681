import importlib.util
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, MessageQuery, Messenger, Status
from messaging_core.testing import RecordingTransport, a_request

SCRIPT = Path(__file__).with_name("killed_worker.py")
SPEC = importlib.util.spec_from_file_location("killed_worker", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
killed_worker = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(killed_worker)

KILLS = int(os.environ.get("MESSAGING_KILLS", "8"))
MESSAGES = 40 * KILLS
PATIENCE = 60.0


@contextmanager
def worker(database: Path, ledger: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker process, and kill it without warning when the block ends."""
    process = subprocess.Popen([sys.executable, SCRIPT, database, ledger])  # noqa: S603 - our own
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def lines(ledger: Path) -> list[str]:
    return ledger.read_text().split() if ledger.exists() else []


def grown(ledger: Path, by: int) -> None:
    """Wait until some more messages were handed over, or all of them."""
    wanted, deadline = min(len(lines(ledger)) + by, MESSAGES), monotonic() + PATIENCE
    while len(lines(ledger)) < wanted:
        assert monotonic() < deadline, "the worker hands nothing over"
        sleep(0.005)


def unfinished(messenger: Messenger) -> list[Message]:
    waiting = (Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING)
    return list(messenger.find(MessageQuery(status=waiting, limit=1000)).results)


@pytest.fixture
def messenger(tmp_path: Path) -> Iterator[Messenger]:
    with SqliteStorage(tmp_path / "a.db", busy_timeout=timedelta(seconds=30)) as storage:
        yield Messenger(storage=storage, channels={killed_worker.CHANNEL: RecordingTransport()})


def test_a_killed_worker_loses_nothing_and_repeats_only_what_it_left_in_doubt(
    messenger: Messenger, tmp_path: Path
) -> None:
    chance, ledger = random.Random(1), tmp_path / "ledger"  # noqa: S311 - picks moments
    sent = messenger.send_many("orders", [a_request(f"no {n}") for n in range(MESSAGES)])
    ids = [str(one.id) for one in sent if isinstance(one, Message)]

    for _ in range(KILLS):
        with worker(tmp_path / "a.db", ledger):
            grown(ledger, by=chance.randrange(5, 30))
            sleep(chance.random() * 0.02)
    with worker(tmp_path / "a.db", ledger):
        deadline = monotonic() + PATIENCE
        while unfinished(messenger) and monotonic() < deadline:
            sleep(0.1)

    assert len(ids) == MESSAGES
    assert {messenger.get(one.id).status for one in sent if isinstance(one, Message)} == {
        Status.SENT
    }
    handed_over = Counter(lines(ledger))
    assert set(handed_over) == set(ids)
    # A kill leaves in doubt at most what a batch holds; nothing is repeated without one.
    repeated = sum(handed_over.values()) - MESSAGES
    print(f"{KILLS} kills, {repeated} repeated")  # noqa: T201 - shown with -s
    assert repeated <= 20 * KILLS
