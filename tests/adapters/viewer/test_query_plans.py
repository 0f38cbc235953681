"""No statement behind a page looks through a table that grows."""

import re
from contextlib import closing
from pathlib import Path
from typing import Final

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.sqlite.connection.files import connect
from viewer_scene import PLACES, make_scene

SMALL: Final = ("messaging_channels", "messaging_workers")
"""Tables that do not grow with the messages."""


def scanned(plan: str, statement: str) -> bool:
    """Return whether a step of a plan looks at row after row of a large table."""
    match = re.match(r"SCAN (messaging_\w+|m|o|p|t)\b", plan)
    if match is None or match[1] in SMALL or "VIRTUAL TABLE" in plan:
        return False
    # Nothing is in an empty list, so nothing is looked at; and one row is found at once.
    return "IN ()" not in statement and not re.search(r"LIMIT 1\b", statement)


def test_statements_of_pages_use_an_index(tmp_path: Path) -> None:
    with SqliteStorage(tmp_path / "messages.db") as storage:
        scene = make_scene(storage=storage)
        statements: dict[str, str] = {}
        for place in PLACES:
            storage._connection.set_trace_callback(
                lambda statement, place=place: statements.setdefault(statement, place)
            )
            scene.site.clock.advance(seconds=30)
            scene.site.get(scene.path(place))
        storage._connection.set_trace_callback(None)
    selects = [own for own in statements if own.startswith(("SELECT", "WITH"))]
    with closing(connect(tmp_path / "messages.db", create=False)) as connection:
        slow = [
            (statements[statement], statement)
            for statement in selects
            for (*_, plan) in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
            if scanned(plan, statement)
        ]

    assert len(selects) > len(PLACES)
    assert slow == []
