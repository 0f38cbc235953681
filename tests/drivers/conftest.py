"""What the page says, in a folder with a configuration."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "drive-the-worker.md"
SCRIPTS: Final = Path(sys.executable).parent
CONFIG: Final = """
database = "shop.db"

[channels.parcels]
platform = "sms"
sender = "The Shop"
transport = { type = "file", folder = "sms" }
"""
PATIENCE: Final = 60.0


def code_of(heading: str, language: str, number: int = 0) -> str:
    """Return a block of the page below a heading."""
    below = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    blocks = re.findall(rf"^```{language}[^\n]*\n(.*?)^```", below, re.MULTILINE | re.DOTALL)
    return str(blocks[number])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "messaging.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "sms").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def running(*command: str, **environment: str) -> Iterator[None]:
    """Run a program in the folder while the block runs; what it prints goes into a file."""
    names = {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    log = Path(f"{Path(command[0]).name}.log")
    with log.open("w", encoding="utf-8") as output:
        program = subprocess.Popen(  # noqa: S603 - our own
            command, env=inherited | names, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield
        except BaseException:
            sys.stderr.write(log.read_text(encoding="utf-8"))
            raise
        finally:
            program.terminate()
            try:
                program.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait; a slow machine may take a long time."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def sent(folder: Path) -> int:
    """Return how many messages the provider got."""
    return len(list((folder / "sms").iterdir()))
