import json
import sqlite3
from contextlib import closing
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from messaging_adapters.storage.transfer.tables import TABLES

MAIL = {
    "receiver": {"contacts": [{"identifierValue": "ada@customer.example"}]},
    "body": {"type": "text", "text": {"text": "second"}},
    "meta": {"extraInformation": {"subject": "Winter offer"}},
}


@pytest.fixture
def sent(run, write, sms):
    """Two messages that were delivered."""
    lines = [
        {"channel": "parcels", "request": sms("first")},
        {"channel": "support", "request": MAIL},
    ]
    assert run("send", write(*lines)).status == 0


def listed(ran):
    """Return the messages of `list --json`."""
    assert ran.status == 0
    return [json.loads(line) for line in ran.out.splitlines()]


@pytest.mark.usefixtures("sent")
def test_a_database_moves_to_another(run, shop, postgres_schemas):
    before = listed(run("list", "--json"))
    dsn = postgres_schemas.take()
    server = url(dsn)

    exported = run("export", "moved.export")
    imported = run("import", "--database", server, "moved.export")
    assert run("export", "--database", server, "back.export").status == 0
    assert run("import", "--database", "back.db", "back.export").status == 0

    assert exported.status == imported.status == 0
    assert exported.out.endswith(" rows exported to moved.export\n")
    assert imported.out.endswith("from moved.export, as many as were exported\n")
    assert listed(run("list", "--json", "--database", server)) == before
    assert listed(run("list", "--json", "--database", "back.db")) == before
    with closing(sqlite3.connect(shop / "moved.export")) as file:  # as the manual describes it
        (application,) = file.execute("PRAGMA application_id").fetchone()
        assert application.to_bytes(4) == b"MSGX"
        about = dict(file.execute("SELECT key, value FROM export"))
        assert about.keys() == {"id", "schema", "facts", "counts", "complete"}
        counts = json.loads(about["counts"])
        assert counts.keys() == {table.name for table in TABLES}
        assert counts["messaging_messages"] == len(before)
        assert f"{sum(counts.values())} rows" in exported.out
    postgres_schemas.give_back(dsn)


def url(dsn):
    """Return a DSN of the tests as `--database` takes it."""
    parts = conninfo_to_dict(dsn)
    base = f"postgresql://{parts['user']}@/{parts['dbname']}?host={quote(parts['host'], safe='')}"
    return f"{base}&options={quote(parts['options'])}"


@pytest.mark.usefixtures("sent")
def test_what_cannot_be_moved_is_said(run):
    assert run("export", "x.export").status == 0

    again = run("export", "x.export")
    foreign = run("import", "x.export")
    missing = run("import", "--database", "new.db", "none.export")

    assert (again.status, foreign.status, missing.status) == (2, 2, 2)
    assert "complete export already" in again.err
    assert "messaging_messages has rows" in foreign.err
    assert missing.err == "messaging: there is no file none.export\n"
