import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import sleep

import pytest

from faults.accepting import broken_promises
from faults.integrity import damage
from faults.processes import child
from messaging_adapters.storage.sqlite import SqliteStorage

KILLS = int(os.environ.get("MESSAGING_KILLS", "6"))


@pytest.mark.parametrize("exclusive", [False, True], ids=["shared", "exclusive"])
def test_what_a_killed_process_acknowledged_is_there_and_the_rest_wholly_or_not_at_all(
    tmp_path: Path,
    figure: Callable[[str], None],
    exclusive: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    database, chance = tmp_path / "a.db", random.Random(2)  # noqa: S311 - picks moments
    SqliteStorage(database).close()
    lines: list[str] = []

    for kill in range(KILLS):
        settings = {
            "database": str(database),
            "exclusive": exclusive,
            "run": f"run{kill}",
            "seed": kill,
        }
        with child("accepting", settings) as host:
            host.says(chance.randint(1, 12))
            sleep(chance.random() * 0.01)
            lines += host.kill()

    with closing(sqlite3.connect(database)) as connection:
        done = sum("done" in line for line in lines)
        cut = len(lines) - 2 * done
        figure(f"kill -9 while accepting: {KILLS} kills, {done} calls done, {cut} cut off")
        assert done >= KILLS
        assert broken_promises(connection, lines) == []
        assert damage(connection) == []


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a file in which messages were accepted in every way, and what was said of them."""
    database = tmp_path_factory.mktemp("accepted") / "a.db"
    settings = {"database": str(database), "run": "run", "seed": 2, "calls": 8}
    with child("accepting", settings) as host:
        return database, host.finish()


@pytest.mark.parametrize(
    ("spoiling", "complaint"),
    [
        ("DELETE FROM messaging_outbox", "a message that waits has no delivery"),
        ("DELETE FROM messaging_messages", "messaging_outbox.position names nothing"),
        ("UPDATE messaging_messages SET inline_document = x''", "a message has no document"),
        ("DELETE FROM messaging_tags", "a message has another number of tags than rows"),
        ("DELETE FROM messaging_channels", "a message has no channel"),
        ("DELETE FROM messaging_people", "a message has no receiver to be found by"),
        ("DELETE FROM messaging_contacts", "a receiver is no contact"),
        ("DELETE FROM messaging_contact_identifiers", "a contact has no identifier"),
        ("UPDATE messaging_messages SET status = 'sent'", "a message that is finished has"),
        ("UPDATE messaging_messages SET reference = 'run-0-9'", "was acknowledged and is lost"),
        ("DELETE FROM messaging_messages WHERE reference LIKE '%-1'", "is there by halves"),
    ],
    ids=lambda value: value.replace(" ", "-"),
)
def test_what_is_missing_after_a_fault_is_noticed(
    accepted: tuple[Path, list[str]], spoiling: str, complaint: str
) -> None:
    database, lines = accepted
    with closing(sqlite3.connect(database)) as original:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        original.backup(connection)

    with closing(connection):
        before = damage(connection) + broken_promises(connection, lines)
        connection.execute(spoiling)
        problems = damage(connection) + broken_promises(connection, lines)

    assert before == []
    assert any(complaint in problem for problem in problems), problems
