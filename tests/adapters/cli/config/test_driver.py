"""The database is opened with the SQLite library that the configuration names."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.config import messenger_from
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing import a_request
from messaging_core.wire import encode

NEWER = 'driver = "pysqlite3"\n'


@pytest.fixture
def driver() -> Any:
    return pytest.importorskip("pysqlite3", reason="pysqlite3 has no wheel for this machine")


@pytest.fixture
def config(shop: Path) -> Path:
    """Return the configuration, with the driver."""
    path = shop / "messaging.toml"
    path.write_text(NEWER + path.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def write_request(folder: Path) -> str:
    """Write a file with one request, and return its name."""
    path = folder / "request.jsonl"
    path.write_bytes(encode(a_request()) + b"\n")
    return str(path)


def test_a_service_and_the_command_line_share_a_file_with_it(
    driver: Any, config: Path, run: Callable[..., Any]
) -> None:
    with messenger_from(config) as messenger:
        storage = messenger.storage
        assert isinstance(storage, SqliteStorage)
        (mode,) = storage._connection.execute("PRAGMA journal_mode").fetchone()

        sent = run("send", "--channel", "parcels", write_request(config.parent))

        listed = messenger.find().results
        assert isinstance(storage._connection, driver.Connection)
    assert (sent.status, sent.err, mode, len(listed)) == (0, "", "wal", 1)


def test_one_that_is_not_installed_is_named_with_the_line_that_installs_it(
    config: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pysqlite3", None)

    ran = run("send", "--channel", "parcels", write_request(config.parent))

    assert ran.status == 2
    assert "pysqlite3 is not installed: pip install 'messaging-engine[sqlite]'" in ran.err
