"""The storages of a soak test: each is made for it, counts doubts, and is removed."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from faults import processes
from faults.shop import open_storage
from messaging_adapters.storage.postgres import PostgresStorage
from postgres_server import PostgresServer, postgres_binaries

STORAGES = ("sqlite", "postgres")
_SIZE = (
    "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
    " WHERE relkind = 'r' AND relname LIKE 'messaging\\_%'"
)
_COUNT_DOUBTS = """
CREATE TABLE doubts (id text);
CREATE FUNCTION note_doubt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO doubts SELECT encode(id, 'hex') FROM messaging_messages
    WHERE workspace = new.workspace AND position = new.position;
    RETURN NULL;
END $$;
CREATE TRIGGER doubted AFTER UPDATE OF fence ON messaging_outbox FOR EACH ROW
    WHEN (old.handed_over = 1 AND new.fence > old.fence) EXECUTE FUNCTION note_doubt();
"""


def _driver() -> str:
    """Return the newest SQLite there is: WAL, which most hosts use, is not safe with every one."""
    return "pysqlite3.dbapi2" if find_spec("pysqlite3") else "sqlite3"


@contextmanager
def new_storage(name: str, folder: Path) -> Iterator[tuple[dict[str, Any], Callable[[], int]]]:
    """Make a storage that counts doubts, and yield its settings and what tells its size."""
    if name == "sqlite":
        path = folder / "messages.db"
        where = {"database": str(path), "driver": _driver()}
        open_storage(where).close()
        processes.count_doubts(path)
        yield where, lambda: sum(file.stat().st_size for file in folder.glob("messages.db*"))
        return
    # As often as the server has more to do in an hour than others in a day.
    server = PostgresServer(postgres_binaries(), "autovacuum_naptime=5s")
    try:
        server.start()
        dsn = server.dsn()
        PostgresStorage.migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(_COUNT_DOUBTS)
            yield {"dsn": dsn}, lambda: int((connection.execute(_SIZE).fetchone() or [0])[0])
    finally:
        server.remove()


def counted_doubts(where: dict[str, Any]) -> Counter[str]:
    """Return how often each message was found in doubt, by its id."""
    if "database" in where:
        return processes.counted_doubts(Path(where["database"]))
    with psycopg.connect(where["dsn"]) as connection:
        return Counter(row[0] for row in connection.execute("SELECT id FROM doubts"))
