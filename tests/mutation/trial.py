"""Run tests in a process of their own, against a module with one change in it."""

import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from mutation.operators import mutated

TIME_OUT = 120


def start_trial(path: Path, index: int, test_files: Sequence[str]) -> int:
    """Start the tests in a fork, and return its process id; it exits 0 when all of them pass."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os._exit(_run(path, index, test_files))
    return pid


def _run(path: Path, index: int, test_files: Sequence[str]) -> int:
    signal.alarm(TIME_OUT)  # whose default is to end the process
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    sys.meta_path.insert(0, _Planting(path, index))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Most changes fall in the first file, before the others need to be imported.
    for files in filter(None, (test_files[:1], test_files[1:])):
        if status := int(pytest.main([*options, *files])):
            return status
    return 0


class _Planting(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module with the change, and everything else as it is."""

    def __init__(self, path: Path, index: int) -> None:
        self._path, self._index = path, index
        parts = path.with_suffix("").parts
        package = parts[parts.index("messaging_core") :]
        self._name = ".".join(package).removesuffix(".__init__")

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def create_module(self, _: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        tree = mutated(self._path.read_text(), self._index)
        exec(compile(tree, str(self._path), "exec"), module.__dict__)  # noqa: S102 - our own code
