"""The contract tests against a storage and a transport of the host, from the command line."""

import subprocess
import sys
from pathlib import Path

import pytest

MEMORY = "messaging_adapters.storage.memory.storage:MemoryStorage"
SQLITE = "messaging_adapters.storage.sqlite:SqliteStorage"

MINE = """
from contextlib import contextmanager
from datetime import timedelta

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core.testing import RecordingTransport


class Hasty(MemoryStorage):
    '''Gives out what is due tomorrow.'''

    @contextmanager
    def begin(self, connection=None, *, read_only=False):
        with super().begin(connection, read_only=read_only) as tx:
            claim = tx.outbox.claim
            tx.outbox.claim = lambda *, now, lease, limit: claim(
                now=now + timedelta(days=1), lease=lease, limit=limit
            )
            yield tx


def taken(transport):
    return len(transport.sent)


def twice(transport):
    return 2 * len(transport.sent)
"""


class Ran:
    def __init__(self, folder: Path, *arguments: str) -> None:
        (folder / "mine.py").write_text(MINE)
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PYTHONPATH": str(folder), "PATH": ""},
            timeout=300,
            check=False,
        )
        self.status, self.out, self.errors = done.returncode, done.stdout, done.stderr
        self.last = self.out.splitlines()[-2] if self.out else ""
        self.left = sorted(path.name for path in folder.iterdir())


def run(folder: Path, *arguments: str) -> Ran:
    return Ran(folder, "-m", "messaging_core.testing", *arguments)


def test_a_storage_in_memory_keeps_every_promise(tmp_path):
    ran = run(tmp_path, "storage", MEMORY)

    assert (ran.status, ran.errors) == (0, "")
    assert ran.last.endswith(" promises kept, 0 broken")
    assert set(ran.left) <= {"mine.py", "__pycache__"}


def test_a_durable_storage_is_held_to_more_and_driven_beside_a_model(tmp_path):
    durable = run(
        tmp_path,
        *("storage", SQLITE, "--durable", "sqlite3:connect"),
        *("--model", MEMORY, "--runs", "3", "--steps", "5"),
    )
    plain = run(tmp_path, "storage", SQLITE)

    assert (durable.status, plain.status) == (0, 0)
    assert int(durable.last.split()[0]) > int(plain.last.split()[0]) > 100


def test_a_storage_that_breaks_a_promise_fails_and_is_told_which(tmp_path):
    ran = run(tmp_path, "storage", "mine:Hasty")

    assert ran.status == 1
    assert "\nbroken: a message comes back when its lease ends\n" in ran.out
    assert not ran.last.endswith(" 0 broken")


def test_a_transport_is_held_to_its_contract_too(tmp_path):
    recording = "messaging_core.testing:RecordingTransport"

    complete = run(tmp_path, "transport", recording, "--delivered", "mine:taken")
    broken = run(tmp_path, "transport", recording, "--delivered", "mine:twice", "--platform", "sms")

    assert (complete.status, broken.status) == (0, 1)
    assert "broken: an accepted message arrives once" in broken.out


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("storage", "mine"), "package.module:name"),
        (("storage", "nowhere:Storage"), "nowhere"),
        (("storage", "mine:Nothing"), "Nothing"),
        (("storage", MEMORY, "--durable", "sqlite3:connect"), "takes none"),
        (("transport", "mine:taken", "--delivered", "mine:taken", "--platform", "x"), "'x'"),
        ((), "WHAT"),
    ],
    ids=["form", "module", "name", "path", "platform", "nothing"],
)
def test_wrong_usage_is_said_in_a_line(tmp_path, arguments, wrong):
    ran = run(tmp_path, *arguments)

    assert (ran.status, ran.out) == (2, "")
    assert wrong in ran.errors
    assert "Traceback" not in ran.errors


def test_help_names_the_options(tmp_path):
    ran = run(tmp_path, "storage", "--help")

    assert ran.status == 0
    assert "--durable CONNECT" in ran.out


@pytest.mark.parametrize("package", ["pytest", "hypothesis"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, package):
    script = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from messaging_core.testing.__main__ import main\n"
        f"sys.exit(main(['storage', {MEMORY!r}, '--model', {MEMORY!r}]))\n"
    )

    ran = Ran(tmp_path, "-c", script)

    assert ran.status == 2
    assert f"{package} is not installed: pip install 'messaging-engine[testing]'" in ran.errors
