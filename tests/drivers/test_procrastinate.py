"""Procrastinate drives the worker, with its jobs and the messages in one database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from messaging_adapters.storage.postgres import PostgresStorage
from messaging_core import Messenger
from postgres_server import Schemas
from tests.drivers.conftest import SCRIPTS, code_of, running, sent, wait_until

PROGRAM = str(SCRIPTS / "procrastinate")
FINISHED = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"


@pytest.fixture
def dsn(postgres_schemas: Schemas) -> Iterator[str]:
    dsn = postgres_schemas.new()
    yield dsn
    postgres_schemas.drop(dsn)


def test_what_is_due_is_delivered_and_a_job_starts_it_at_once(folder: Path, dsn: str) -> None:
    tasks, sending = (code_of("With Procrastinate", "python", number) for number in (0, 1))
    (folder / "tasks.py").write_text(tasks)
    (folder / "send.py").write_text(sending)
    environment = {"SHOP_DSN": dsn, "PYTHONPATH": str(folder)}

    def run(*command: str) -> int:
        return subprocess.run(command, env=os.environ | environment, check=False).returncode  # noqa: S603 - our own

    assert run(PROGRAM, "--app", "tasks.app", "schema", "--apply") == 0
    with PostgresStorage(dsn) as storage:
        messenger = Messenger.from_config("messaging.toml", storage=storage)
        with running(PROGRAM, "--app", "tasks.app", "worker", **environment):
            messenger.send("parcels", to="+31612345678", text="found by the periodic task")
            wait_until(lambda: sent(folder) == 1)

            assert run(sys.executable, "send.py") == 0
            wait_until(lambda: sent(folder) == 2 and finished(dsn) >= 2)

        assert sent(folder) == 2
        assert [message.status for message in messenger.find().results] == ["sent"] * 2


def finished(dsn: str) -> int:
    """Return how many jobs have succeeded."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(FINISHED).fetchone()
        return row[0] if row else 0
