"""What a process does to the files of one folder, and what it says, as strace sees it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from faults.processes import PYTHON_PATH

_CALLS = (
    "openat", "creat", "write", "writev", "pwrite64", "pwritev", "ftruncate", "truncate",
    "fallocate", "fsync", "fdatasync", "unlink", "unlinkat", "rename", "renameat", "renameat2",
)  # fmt: skip
_LINE = re.compile(r"(?P<thread>\d+) +(?P<rest>.*)")
_UNFINISHED = re.compile(r"(?P<begin>.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<end>.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE = re.compile(r"(\d+)<([^>]*)>")
_STANDARD_OUTPUT = 1


@frozen
class Opened:
    """A file was opened, and made where there was none."""

    name: str


@frozen
class Written:
    """Bytes went to a place of a file."""

    name: str
    offset: int
    content: bytes


@frozen
class Truncated:
    """A file was given a size."""

    name: str
    size: int


@frozen
class Synced:
    """A file is on the disk, once this has returned."""

    name: str


@frozen
class FolderSynced:
    """The names of the folder are on the disk, once this has returned."""


@frozen
class Removed:
    """A name is gone."""

    name: str


@frozen
class Said:
    """Something was told to the world, which cannot be taken back."""

    text: str


Operation = Opened | Written | Truncated | Synced | FolderSynced | Removed | Said


def record(folder: Path, module: str, settings: dict[str, Any]) -> list[Operation]:
    """Run one of our processes to its end, and return what it did in a folder and said."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed; on Debian: apt-get install strace")
    report = folder.with_suffix(".trace")
    command = (
        program, "-f", "--seccomp-bpf", "-y", "-xx", "-s", "10000000",
        "-e", f"trace={','.join(_CALLS)}", "-e", "signal=none", "-o", str(report),
        sys.executable, "-m", f"faults.{module}", json.dumps(settings),
    )  # fmt: skip
    subprocess.run(  # noqa: S603 - our own
        command,
        check=True,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # a pipe, as a caller that waits for an answer has it
    )
    with report.open() as lines:
        return list(operations(lines, folder))


def operations(lines: Iterable[str], folder: Path) -> Iterator[Operation]:
    """Yield what the calls of a trace did, in the order that is worst for the storage.

    Of a call that other threads interrupted, a write counts from its beginning and a sync from
    its end.
    """
    begun: dict[str, str] = {}
    pending: list[Operation | None] = []
    places: dict[str, int] = {}
    for line in lines:
        parts = _LINE.match(line)
        assert parts is not None, line
        thread, rest = parts["thread"], parts["rest"]
        if unfinished := _UNFINISHED.match(rest):
            begun[thread], places[thread] = unfinished["begin"], len(pending)
            pending.append(None)
        elif resumed := _RESUMED.match(rest):
            done = _operation(begun.pop(thread) + resumed["end"], folder)
            if isinstance(done, Synced | FolderSynced):
                pending.append(done)
            else:
                pending[places[thread]] = done
        else:
            pending.append(_operation(rest, folder))
    return (call for call in pending if call is not None)


def _operation(call: str, folder: Path) -> Operation | None:
    """Return what one call did; nothing where it failed or is none of our business."""
    parts = _CALL.match(call)
    if parts is None or int(parts["result"]) < 0:
        return None  # also: a thread's or the process's end
    name, arguments = parts["name"], parts["arguments"]
    number, path = _file(arguments)
    strings = [_bytes(text) for text in _STRING.findall(arguments)]
    if name == "write" and number == _STANDARD_OUTPUT:
        return Said(strings[0].decode())
    if name in {"openat", "unlink"}:
        path = Path(strings[0].decode())
    if name in {"fsync", "fdatasync"} and path == folder:
        return FolderSynced()
    if path.parent != folder or path.name.endswith("-shm"):
        return None  # an index in shared memory is built again after a power cut
    return _file_operation(name, path.name, arguments, strings)


def _file_operation(call: str, name: str, arguments: str, strings: list[bytes]) -> Operation | None:
    numbers = [argument for argument in arguments.split(", ") if argument.isdigit()]
    match call:
        case "openat" if "O_TRUNC" not in arguments:
            return Opened(name) if "O_CREAT" in arguments else None
        case "pwrite64":
            return Written(name, int(numbers[-1]), strings[0])
        case "ftruncate":
            return Truncated(name, int(numbers[-1]))
        case "fsync" | "fdatasync":
            return Synced(name)
        case "unlink":
            return Removed(name)
    raise AssertionError(f"what {call} does to {name} is not modelled")


def _file(arguments: str) -> tuple[int, Path]:
    """Return number and path of the file that the first argument names."""
    match = _FILE.match(arguments)
    if match is None:
        return -1, Path()
    path = match[2]
    return int(match[1]), Path(_bytes(path).decode() if path.startswith("\\x") else path)


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))
