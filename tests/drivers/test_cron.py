"""A line of a crontab drives the worker, as cron runs it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from messaging_core import Messenger
from tests.drivers.conftest import SCRIPTS, code_of, sent, wait_until

NUMBER = 20


@pytest.fixture
def crontab(folder: Path) -> Path:
    """Return the crontab of the page, for this folder and this environment."""
    text = code_of("With cron", "text")
    text = text.replace("/srv/shop/.venv/bin", str(SCRIPTS)).replace("/srv/shop", str(folder))
    path = folder / "crontab"
    path.write_text(text)
    return path


def test_cron_takes_the_crontab(crontab: Path) -> None:
    program = shutil.which("crontab")
    if program is None:
        pytest.skip("cron is not installed: apt-get install cron")
    subprocess.run([program, "-n", str(crontab)], check=True, capture_output=True)  # noqa: S603 - our own


def test_runs_that_overlap_deliver_each_message_once(crontab: Path, folder: Path) -> None:
    path, line = crontab.read_text().splitlines()
    command = line.removeprefix("* * * * * ")
    # Without the lock, so that both runs are at work at the same time.
    alone = command.replace("flock --nonblock deliver.lock ", "")
    assert alone != command
    with Messenger.from_config("messaging.toml") as messenger:
        messenger.send_many("parcels", [{"to": "+31612345678", "text": "hi"}] * NUMBER)
        runs = [as_cron(path, command, folder), as_cron(path, alone, folder)]
        assert [run.wait(60) for run in runs] == [0, 0], (folder / "deliver.log").read_text()
        wait_until(lambda: not messenger.health().due)
        assert {message.status for message in messenger.find().results} == {"sent"}

    assert sent(folder) == NUMBER


def as_cron(path: str, command: str, home: Path) -> "subprocess.Popen[bytes]":
    """Run a command with the little that cron gives it."""
    environment = {"HOME": str(home), "LOGNAME": "shop", "SHELL": "/bin/sh"}
    environment |= dict([path.split("=", 1)])
    return subprocess.Popen(["/bin/sh", "-c", command], env=environment, cwd="/")  # noqa: S603 - our own
