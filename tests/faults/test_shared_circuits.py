"""A circuit that two processes share: one finds the provider down, the other finds it well."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.processes import Child, child
from postgres_server import Schemas


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    up = {"up": str(tmp_path / "up")}
    if request.param == "sqlite":
        yield up | {"database": str(tmp_path / "shop.db")}
        return
    schemas: Schemas = request.getfixturevalue("postgres_schemas")
    dsn = schemas.new()
    yield up | {"dsn": dsn}
    schemas.drop(dsn)


def told(process: Child, line: str) -> dict[str, Any]:
    """Tell a process what to do, and return what it says when it has done that."""
    before = len(process.lines)
    process.tell(line)
    process.says(before + 1)
    answer: dict[str, Any] = json.loads(process.lines[-1])
    return answer


def test_processes_open_and_close_a_circuit_together(settings: dict[str, Any]) -> None:
    with (
        child("breaking_sender", settings) as first,
        child("breaking_sender", settings) as second,
    ):
        assert told(second, "send") == {"outcome": "Deferred", "calls": 1}  # it does not open alone
        for calls in (1, 2):
            assert told(first, "send") == {"outcome": "Deferred", "calls": calls}
        told(second, "2")  # it looks once a second
        for _ in range(3):
            assert told(second, "send") == {"outcome": "Deferred", "calls": 1}

        first.kill()  # the circuit is on the storage
        Path(settings["up"]).touch()
        told(second, "301")
        assert told(second, "send") == {"outcome": "Accepted", "calls": 2}  # the probe
        assert told(second, "send") == {"outcome": "Accepted", "calls": 3}

        with child("breaking_sender", settings) as third:
            assert told(third, "send") == {"outcome": "Accepted", "calls": 1}
