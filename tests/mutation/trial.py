"""Run tests in forks, each with one change planted in the module under test.

Tests are collected once for each module. A change within a function is planted by exchanging the
function's code in a fork, which takes milliseconds; any other change, such as that of a constant,
is planted while a fresh fork imports the module.
"""

import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

import pytest
from _pytest.main import pytest_runtestloop

from mutation.operators import Mutant, mutated

TIME_OUT = 60
LONGEST_TEST = 1.0
# What tests import anyway; trials are forks, so it is loaded once for all of them.
LIBRARIES = (
    *("asyncio", "attrs", "cattrs", "email.policy", "html.parser", "hypothesis.strategies"),
    *("phonenumbers.timezone", "sqlite3", "zoneinfo"),
)


class Trial(NamedTuple):
    """A change, the test files that may notice it, and what to do with the answer."""

    mutant: Mutant
    files: Sequence[str]
    report: Callable[[str], None]


def load_libraries() -> None:
    """Import what every trial needs, except the modules under test."""
    for name in LIBRARIES:
        importlib.import_module(name)


def start_trials(path: Path, trials: Sequence[Trial]) -> int:
    """Start the trials of one module, one after another, and return the process's id."""
    return _fork(partial(_run_all, path, trials))


def _run_all(path: Path, trials: Sequence[Trial]) -> int:
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    _be_silent()
    files = list(dict.fromkeys(file for trial in trials for file in trial.files))
    in_functions = _InFunctions(path, trials)
    if not files or _pytest(files, in_functions):
        return 1
    for trial in in_functions.left:
        trial.report(_fate(_fork(partial(_import_and_test, path, trial))))
    return 0


class _InFunctions:
    """A plugin of pytest that runs the collected tests once for each change of a function."""

    def __init__(self, path: Path, trials: Sequence[Trial]) -> None:
        self._path = path
        self._seconds: Counter[str] = Counter()
        self.left = list(trials)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration  # type: ignore[assignment]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        module = importlib.import_module(_module_name(self._path))
        if session.testsfailed or _run_items(session):
            raise pytest.UsageError("the tests fail without any change")
        # What takes long tries hostile input, and notices no more than its neighbours.
        items = [item for item in session.items if self._seconds[item.nodeid] < LONGEST_TEST]
        session.items = sorted(items, key=lambda item: self._seconds[item.nodeid])
        for trial in list(self.left):
            code = _code_of(mutated(self._path.read_text(), trial.mutant.index), trial.mutant)
            function = _function_of(module, trial.mutant)
            if code and function and _can_be_exchanged(function.__code__, code):
                self.left.remove(trial)
                trial.report(_fate(_fork(partial(_test, session, trial, function, code))))
        return True


def _test(session: pytest.Session, trial: Trial, function: FunctionType, code: CodeType) -> int:
    _forget_results()
    function.__code__ = code
    places = {file: place for place, file in enumerate(trial.files)}
    chosen = [item for item in session.items if item.location[0] in places]
    session.items = sorted(chosen, key=lambda item: places[item.location[0]])
    return _run_items(session)


def _run_items(session: pytest.Session) -> int:
    try:
        pytest_runtestloop(session)
    except session.Failed:
        return 1
    return int(session.testsfailed > 0)


def _can_be_exchanged(code: CodeType, other: CodeType) -> bool:
    """Tell whether the change is in the code, rather than in a default or a decorator."""
    return code != other and code.co_freevars == other.co_freevars


def _forget_results() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("messaging_core"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def _function_of(module: ModuleType, mutant: Mutant) -> FunctionType | None:
    """Return the outermost function around a change, without its decorators."""
    value: object = module
    for name in mutant.function.split("."):
        value = vars(value).get(name)
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        while hasattr(value, "__wrapped__"):
            value = value.__wrapped__
        if not isinstance(value, type):
            break
    return value if isinstance(value, FunctionType) else None


def _code_of(tree: object, mutant: Mutant) -> CodeType | None:
    names = mutant.function.split(".")
    wanted = {".".join(names[:end]) for end in range(1, len(names) + 1)}
    codes = _codes_in(compile(tree, "<mutant>", "exec"))  # type: ignore[call-overload]
    return next((code for code in codes if code.co_qualname in wanted), None)


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions of a module and of its classes."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & 0x2:  # CO_NEWLOCALS: a function, not the body of a class
                yield inner
            else:
                yield from _codes_in(inner)


def _import_and_test(path: Path, trial: Trial) -> int:
    for name in list(sys.modules):
        if name.startswith(("messaging_", "tests", "test_", "conftest", "adapters")):
            del sys.modules[name]
    sys.meta_path.insert(0, _Planting(path, trial.mutant.index))
    # Most changes fall in the first file, before the others need to be imported.
    for files in filter(None, (trial.files[:1], trial.files[1:])):
        if status := _pytest(files):
            return status
    return 0


def _pytest(files: Sequence[str], *plugins: object) -> int:
    warning = "ignore::pytest.PytestAssertRewriteWarning"  # Hypothesis is loaded already
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", warning]
    return int(pytest.main([*options, *files], plugins=plugins))


def _be_silent() -> None:
    sys.stdout.flush()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def _fork(run: Callable[[], int]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(run())
        finally:
            os._exit(1)
    return pid


def _fate(pid: int) -> str:
    """Await a trial; one that ran without an end, or took the interpreter with it, was noticed."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(TIME_OUT)
    _, status = os.waitpid(pid, 0)
    signal.alarm(0)
    return "killed" if status else "survived"


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[parts.index("messaging_core") :]).removesuffix(".__init__")


class _Planting(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module with the change, and everything else as it is."""

    def __init__(self, path: Path, index: int) -> None:
        self._path, self._index = path, index

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != _module_name(self._path):
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def create_module(self, _: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        tree = mutated(self._path.read_text(), self._index)
        exec(compile(tree, str(self._path), "exec"), module.__dict__)  # noqa: S102 - our own code
