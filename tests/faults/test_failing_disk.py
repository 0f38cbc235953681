"""What was acknowledged survives a disk that is full or fails, and the storage comes back."""

import json
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import StorageError
from messaging_core.testing import a_message, a_new_message
from messaging_core.testing.contracts.storage.steps import add, claim, ids, walk

STRACE = shutil.which("strace")


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let the system refuse what this process writes beyond a size (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("exclusive", [False, True])
def test_writes_that_the_system_refuses_lose_nothing_that_was_kept(
    tmp_path: Path,
    exclusive: bool,  # noqa: FBT001 - both ways
) -> None:
    path = tmp_path / "shop.db"
    with SqliteStorage(path, exclusive=exclusive) as storage:
        messages = [a_new_message() for _ in range(20)]
        add(storage, *messages)
        longest = max(path.stat().st_size for path in tmp_path.iterdir())

        with no_file_longer_than(longest + 4096):
            for _ in range(3):
                with pytest.raises(StorageError, match="I/O error"):
                    add(storage, a_new_message(a_message("x" * 3_000_000)))
            listed = walk(storage, limit=100, reverse=True)
        add(storage, last := a_new_message())

        assert listed == ids(messages)
        assert walk(storage, limit=100, reverse=True) == ids([*messages, last])
        assert ids(claim(storage, limit=100)) == ids([*messages, last])
    assert is_sound(path)


SEND = """
import json, sys
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import StorageError
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, ids

kept, errors = [], 0
with SqliteStorage(sys.argv[1], exclusive=sys.argv[2] == "wal") as storage:
    for _ in range(40):
        new = a_new_message()
        try:
            add(storage, new)
        except StorageError:
            errors += 1
        else:
            kept += map(str, ids([new]))
print(json.dumps([kept, errors]))
"""


def can_trace() -> bool:
    """Return whether system calls can be made to fail here."""
    if STRACE is None:
        return False
    run = subprocess.run([STRACE, "-o", "/dev/null", "true"], check=False, capture_output=True)  # noqa: S603
    return run.returncode == 0


@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace")
@pytest.mark.parametrize("mode", ["wal", "truncate"])
@pytest.mark.parametrize(
    "fault", ["fsync,fdatasync:error=EIO", "pwrite64:error=ENOSPC", "pwrite64:error=EIO"]
)
def test_a_disk_that_fails_now_and_then_keeps_what_was_acknowledged(
    tmp_path: Path, mode: str, fault: str
) -> None:
    path = tmp_path / "shop.db"
    SqliteStorage.migrate(path)
    assert STRACE is not None
    failing = [STRACE, "-qq", "-f", "-o", "/dev/null", "-e", f"inject={fault}:when=23+31"]

    run = subprocess.run(  # noqa: S603 - our own program
        [*failing, sys.executable, "-c", SEND, str(path), mode],
        capture_output=True,
        check=True,
        text=True,
    )
    answers, errors = json.loads(run.stdout)

    with SqliteStorage(path) as storage:
        listed = [str(message_id) for message_id in walk(storage, limit=100, reverse=True)]
    assert errors > 0
    assert len(answers) + errors == 40
    assert [message_id for message_id in listed if message_id in answers] == answers
    assert is_sound(path)


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
