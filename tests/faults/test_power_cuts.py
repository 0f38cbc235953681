import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import frozen

from faults.accepting import broken_promises
from faults.integrity import damage
from faults.power import cuts
from faults.shop import ORDERS
from faults.trace import Operation, record
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Messenger
from messaging_core.errors import MessagingError
from messaging_core.testing import RecordingTransport, a_request

CUTS = int(os.environ.get("MESSAGING_CUTS", "160")) // 4
CALLS = 12
MESSAGES = 40

Promises = Callable[[sqlite3.Connection, list[str]], list[str]]


@frozen(kw_only=True)
class Recording:
    """What a process did from a folder that was wholly on the disk."""

    before: dict[str, bytes]
    operations: list[Operation]
    broken: Promises


def accepting(
    folder: Path, *, exclusive: bool, synchronous: str, host_synchronous: str = "EXTRA"
) -> Recording:
    settings = {
        "database": str(folder / "a.db"), "exclusive": exclusive, "synchronous": synchronous,
        "host_synchronous": host_synchronous, "run": "run", "seed": 3, "calls": CALLS,
    }  # fmt: skip
    return Recording(
        before={}, operations=record(folder, "accepting", settings), broken=broken_promises
    )


def delivering(folder: Path, *, exclusive: bool, synchronous: str) -> Recording:
    database = folder / "a.db"
    with SqliteStorage(database) as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        requests = [a_request(to=f"{n}@receiver.example") for n in range(MESSAGES)]
        messenger.send_many("orders", requests)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    settings = {
        "database": str(database), "exclusive": exclusive, "synchronous": synchronous,
        "transport": "spoken", "drain": True,
    }  # fmt: skip
    operations = record(folder, "delivering", settings)
    return Recording(before=before, operations=operations, broken=undelivered_promises)


def undelivered_promises(connection: sqlite3.Connection, said: list[str]) -> list[str]:
    """Return what is not known of messages that were handed over, and what never was."""
    rows = connection.execute(
        "SELECT lower(hex(id)), status, handed_over"
        " FROM messaging_messages LEFT JOIN messaging_outbox USING (position)"
    ).fetchall()
    gone = {line.split()[1] for line in said}
    problems = [] if len(rows) == MESSAGES else [f"{len(rows)} messages of {MESSAGES}"]
    for message_id, status, handed_over in rows:
        if message_id in gone and status != "sent" and not handed_over:
            problems.append(f"{message_id} was handed over, and would go once more in silence")
        if message_id not in gone and status == "sent":
            problems.append(f"{message_id} is said to be sent, and was not")
    return problems


def problems_after_cuts(recording: Recording, folder: Path, *, exclusive: bool) -> Iterator[str]:
    """Cut the power at many moments, and yield what is wrong with what each time is found."""
    for number, (contents, said) in enumerate(
        cuts(recording.operations, recording.before, count=CUTS, seed=4)
    ):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        for problem in problems(folder / "a.db", recording.broken, said, exclusive=exclusive):
            yield f"cut {number}: {problem}"


def problems(database: Path, broken: Promises, said: list[str], *, exclusive: bool) -> list[str]:
    """Open the file as a host would after a power cut, and look for what is wrong with it."""
    try:
        SqliteStorage(database, exclusive=exclusive, busy_timeout=timedelta(0)).close()
        with closing(sqlite3.connect(database)) as connection:
            return damage(connection) + broken(connection, said)
    except (MessagingError, sqlite3.Error) as error:
        return [f"the file cannot be used: {error}"]


SETUPS = pytest.mark.parametrize("exclusive", [False, True], ids=["shared", "exclusive"])
PROCESSES = pytest.mark.parametrize("process", [accepting, delivering])


@SETUPS
@PROCESSES
def test_a_power_cut_takes_nothing_that_was_acknowledged(
    tmp_path: Path,
    figure: Callable[[str], None],
    process: Callable[..., Recording],
    exclusive: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    (tmp_path / "live").mkdir()
    recording = process(tmp_path / "live", exclusive=exclusive, synchronous="FULL")

    problems = list(problems_after_cuts(recording, tmp_path / "found", exclusive=exclusive))

    where = "exclusive" if exclusive else "shared"
    figure(
        f"power cuts while {process.__name__}, {where} file: {CUTS} cuts at"
        f" {len(recording.operations)} moments, {len(problems)} with problems"
    )
    assert problems == []


@SETUPS
@PROCESSES
def test_without_full_syncing_a_power_cut_does_take_something(
    tmp_path: Path,
    figure: Callable[[str], None],
    process: Callable[..., Recording],
    exclusive: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    (tmp_path / "live").mkdir()
    recording = process(tmp_path / "live", exclusive=exclusive, synchronous="NORMAL")

    problems = list(problems_after_cuts(recording, tmp_path / "found", exclusive=exclusive))

    where = "exclusive" if exclusive else "shared"
    bad = {problem.partition(":")[0] for problem in problems}
    figure(
        f"power cuts while {process.__name__}, {where} file, NORMAL: {CUTS} cuts,"
        f" {len(bad)} with problems, as there must be"
    )
    assert bad


def test_a_commit_of_the_host_is_as_durable_as_the_connection_of_the_host(tmp_path: Path) -> None:
    # In SQLite's usual mode a commit is a removed journal, and with FULL it may come back.
    (tmp_path / "live").mkdir()
    recording = accepting(
        tmp_path / "live", exclusive=False, synchronous="FULL", host_synchronous="FULL"
    )

    problems = list(problems_after_cuts(recording, tmp_path / "found", exclusive=False))

    assert problems
    assert all("was acknowledged and is lost" in problem for problem in problems)
