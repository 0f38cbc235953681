"""The example projects work as their pages say: their own tests, and their commands."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from postgres_server import Schemas

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
SEND = (
    "from messaging_adapters.django import messenger;"
    " print(messenger.send('orders', to='+31612345678', text='From a shell').status)"
)


class Project:
    """A Django project on a database of its own."""

    def __init__(self, **environment: str) -> None:
        # Django finds a project beside manage.py, which this would prevent.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
        self._environment = {**inherited, "PYTHONDONTWRITEBYTECODE": "1", **environment}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-W", "error::ResourceWarning", "manage.py", *arguments],
            cwd=EXAMPLES / "django_shop",
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Project:
    return Project(SHOP_DATABASE=str(tmp_path / "shop.sqlite3"))


@pytest.fixture
def on_postgres(postgres_schemas: Schemas) -> Iterator[Project]:
    parameters = conninfo_to_dict(postgres_schemas.dsn)
    name = f"shop_{os.getpid()}"
    with psycopg.connect(postgres_schemas.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield Project(
            SHOP_PGHOST=str(parameters["host"]),
            SHOP_PGUSER=str(parameters["user"]),
            SHOP_PGDATABASE=name,
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("database", ["on_sqlite", "on_postgres"])
def test_the_commands_of_the_django_page_work(
    database: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(database)

    assert "Applying messaging.0001_tables... OK" in project.run("migrate")
    assert "no issues" in project.run("check", "--database", "default")
    assert "No changes detected" in project.run("makemigrations", "--check")
    assert "accepted" in project.run("shell", "-c", SEND)
    assert "From a shell" in project.run("messaging_worker", "--once")
    assert "accepted" in project.run("shell", "-c", SEND)
    assert_delivers_and_stops(project.start("messaging_worker"))


def assert_delivers_and_stops(worker: subprocess.Popen[str]) -> None:
    """Wait for the message, then end the worker as a supervisor does."""
    assert worker.stdout
    try:
        assert read_until(worker.stdout, "From a shell")
        worker.send_signal(signal.SIGTERM)
        output, _ = worker.communicate(timeout=30)
    finally:
        worker.kill()
    assert (worker.returncode, "sent=1, failed=0" in output) == (0, True)


def read_until(lines: IO[str], text: str) -> bool:
    return any(text in line for line in lines)


@pytest.mark.parametrize("database", ["on_sqlite", "on_postgres"])
def test_the_tests_of_the_django_project_pass(
    database: str, request: pytest.FixtureRequest
) -> None:
    project: Project = request.getfixturevalue(database)

    assert "Ran 5 tests" in project.run("test", "--noinput")


@pytest.mark.parametrize(("name", "tests"), [("fastapi_shop", 4), ("flask_shop", 3)])
def test_the_tests_of_a_project_pass(name: str, tests: int, postgres_schemas: Schemas) -> None:
    dsn = postgres_schemas.new()
    hidden = {"PYTHONSAFEPATH"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=EXAMPLES / name,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1", "SHOP_DSN": dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    postgres_schemas.drop(dsn)
    assert (done.returncode, f"{tests} passed" in done.stdout) == (0, True), done.stdout
