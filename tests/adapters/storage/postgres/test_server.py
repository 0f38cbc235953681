"""The tests have a PostgreSQL: by root too, without Docker, and never skipped in CI."""

import psycopg

from postgres_server import Schemas


def test_each_storage_has_a_schema_of_its_own(postgres_schemas: Schemas) -> None:
    first, second = postgres_schemas.new(), postgres_schemas.new()

    for dsn in (first, second):
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE messages (id int)")

    with psycopg.connect(first) as connection:
        row = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert row == (0,)
    for dsn in (first, second):
        postgres_schemas.drop(dsn)
