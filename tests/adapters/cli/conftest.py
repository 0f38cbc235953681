"""A folder with a configuration, a clock that stands still, and a way to run commands there."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from messaging_adapters.cli import main
from messaging_core.testing import ManualClock

CONFIG = """
database = "shop.db"

[channels.parcels]
platform = "sms"
sender = "The Shop"
transport = { type = "file", folder = "sms" }

[channels.support]
platform = "email"
sender = "support@shop.example"
transport = { type = "file", folder = "mail" }
"""


@frozen
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder with a configuration, in UTC, with a terminal of no known width."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    time.tzset()
    (tmp_path / "messaging.toml").write_text(CONFIG, encoding="utf-8")
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], clock: ManualClock) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        status = main(arguments, clock=clock)
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def write(shop: Path) -> Callable[..., str]:
    """Write requests, or lines as they are, into a file of the folder."""

    def write(*lines: dict[str, Any] | str, name: str = "requests.jsonl") -> str:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        (shop / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        return name

    return write


@pytest.fixture
def sms() -> Callable[..., dict[str, Any]]:
    def sms(text: str = "Your parcel is here", to: str = "+31600000001", **more: Any) -> Any:
        body = {"type": "text", "text": {"text": text}}
        return {"receiver": {"contacts": [{"identifierValue": to}]}, "body": body, **more}

    return sms


@pytest.fixture
def messages(run: Callable[..., Ran]) -> Callable[..., list[dict[str, Any]]]:
    """List messages, as JSON values."""

    def messages(*filters: str) -> list[dict[str, Any]]:
        ran = run("list", "--json", *filters)
        assert ran.status == 0, ran.err
        return [json.loads(line) for line in ran.out.splitlines()]

    return messages
