"""A month of everything together, in which old messages are purged, leaves nothing behind."""

from collections.abc import Iterator

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing.simulation import MONTH, simulate

STAYS = frozenset(
    {
        # What the host set up, or each person has once.
        "channels",
        "contact_identifiers",
        "contacts",
        "opt_ins",
        "suppressions",
        "webhook_subscriptions",
        # One row for each name, whatever happens.
        "counters",
        "facts",
        "subjects_fts_config",
        "subjects_fts_data",
        "subscriptions",
        # What expires by itself: with the next message to a person, or after 90 days.
        "rollups",
        "sendings",
        # The key of a fallback stays, so that its message never gets another.
        "idempotency_keys",
    }
)
"""Tables in which rows are left when every message is purged."""


@pytest.fixture
def storage() -> Iterator[SqliteStorage]:
    with SqliteStorage(":memory:") as storage:
        yield storage


def rows(storage: SqliteStorage) -> dict[str, int]:
    """Count the rows of our tables, by the name without its prefix."""
    connection = storage._connection
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'messaging_*'"
    ).fetchall()
    return {
        name.removeprefix("messaging_"): connection.execute(
            f"SELECT count(*) FROM {name}"  # noqa: S608 - our own
        ).fetchone()[0]
        for (name,) in names
    }


def test_a_month_keeps_every_promise_and_no_table_grows(storage: SqliteStorage) -> None:
    story = simulate(0, MONTH, storage=lambda: storage)

    left = {name: count for name, count in rows(storage).items() if count}
    assert story.ended_at - story.began_at >= MONTH.lasts
    assert story.crashes > 100
    assert not story.unfinished
    assert len(story.messages) >= MONTH.messages
    assert left.keys() <= STAYS, "rows that nothing deletes"
    people = len(MONTH.people)
    assert left["contacts"] <= people + 2
    assert left["sendings"] <= 3 * people
    assert left["idempotency_keys"] < MONTH.messages / 2
