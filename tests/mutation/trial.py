"""Run tests in forks of one warm process, each fork with one change planted.

The tests are collected once, and run once without any change; that run tells which test runs which
line. A change within a function is planted by exchanging the function's code in a fork, which
takes milliseconds. A change elsewhere, such as that of a constant, is planted while a fork imports
everything again; so is a change that the first way did not show, since a cache may have hidden it.
"""

import gc
import importlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

import pytest
from _pytest.main import pytest_runtestloop

from mutation.baseline import Baseline
from mutation.operators import Mutant, mutated

ROOT = Path(__file__).parents[2]
MEMORY = 6 << 30  # a change that makes a loop endless must not take the machine with it
FAULT_OF_TOOL = 70
MOST_FILES = 12  # that a fork imports again; the nearest to the module come first
TESTS_FAIL = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)  # 2: a file cannot be read


class Trial(NamedTuple):
    """A change of a module, and where its fate is reported."""

    path: Path
    mutant: Mutant
    report: Callable[[str], None]

    @property
    def module(self) -> str:
        """The module's name."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


class ToolError(Exception):
    """The trials cannot tell anything: the tests fail without a change."""


def run_trials(trials: Sequence[Trial], tests: Sequence[str], state: Path, jobs: int) -> None:
    """Find the fate of each change.

    Args:
        trials: The changes.
        tests: The files and folders whose tests may notice them.
        state: A folder that remembers which tests are slow.
        jobs: How many run at once.

    Raises:
        ToolError: A test fails without any change.
    """
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    baseline = Baseline(ROOT, state / "slow.json")
    for path in sorted({trial.path for trial in trials}):
        importlib.import_module(Trial(path, None, print).module)  # type: ignore[arg-type]
    runs = _Runs(trials, baseline, jobs)
    if _pytest(tests, baseline, runs):
        raise ToolError("the tests fail without any change: run them with pytest")
    again = partial(_import_and_test, None, tests, baseline.lasting())
    trials_left = (
        (partial(_import_and_test, trial, *_choice(trial, baseline)), trial.report)
        for trial in runs.left
    )
    _in_forks([(again, _check), *trials_left], jobs)


def _choice(trial: Trial, baseline: Baseline) -> tuple[list[str], set[str]]:
    """Return the files and the tests that may notice a change."""
    chosen = baseline.tests_of(trial.path, trial.mutant.lines)
    files = list(dict.fromkeys(name.partition("::")[0] for name in chosen))
    return files[:MOST_FILES], set(chosen)


def _check(fate: str) -> None:
    if fate != "survived":
        raise ToolError("the tests fail when they run a second time without any change")


class _Runs:
    """A plugin of pytest that runs the collected tests once for each change of a function."""

    def __init__(self, trials: Sequence[Trial], baseline: Baseline, jobs: int) -> None:
        self._trials, self._baseline, self._jobs = trials, baseline, jobs
        self.left: list[Trial] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        failed = session.testsfailed or _run_items(session)
        self._baseline.end()
        if failed:
            raise pytest.UsageError("the tests fail without any change")
        gc.collect()
        gc.freeze()  # forks then share the memory of what was imported
        items = {item.nodeid: item for item in session.items}
        again = partial(_test, session, [items[name] for name in self._baseline.lasting()])
        _in_forks([(again, _check), *self._exchanges(session, items)], self._jobs)
        return True

    def _exchanges(
        self, session: pytest.Session, items: dict[str, pytest.Item]
    ) -> Iterator[tuple[Callable[[], int], Callable[[str], None]]]:
        for trial in self._trials:
            chosen = self._baseline.tests_of(trial.path, trial.mutant.lines)
            if not chosen:
                trial.report("not covered")
            elif self._baseline.matters_at_import(trial.path, trial.mutant.lines) or not (
                pair := _exchange(trial)
            ):
                self.left.append(trial)
            else:
                run = partial(_test, session, [items[name] for name in chosen], *pair)
                yield run, partial(self._report, trial)

    def _report(self, trial: Trial, fate: str) -> None:
        if fate == "survived":
            self.left.append(trial)
        else:
            trial.report(fate)


def _in_forks(runs: Iterable[tuple[Callable[[], int], Callable[[str], None]]], jobs: int) -> None:
    """Run each function in a fork and report its fate, several at once."""
    reports: dict[int, Callable[[str], None]] = {}
    for run, report in runs:
        if len(reports) == jobs:
            _await_one(reports)
        reports[_fork(run)] = report
    while reports:
        _await_one(reports)


def _await_one(reports: dict[int, Callable[[str], None]]) -> None:
    pid, status = os.wait()
    if pid in reports:
        reports.pop(pid)(_fate(os.waitstatus_to_exitcode(status)))


def _fate(code: int) -> str:
    """Name what an exit code says; a signal means that the change left no way on."""
    if code == 0:
        return "survived"
    return "killed" if code in TESTS_FAIL or code < 0 else "error"


def _fork(run: Callable[[], int]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = FAULT_OF_TOOL
        try:
            _be_modest()
            code = run()
        except BaseException:  # noqa: BLE001 - a fork must not return
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    return pid


def _be_modest() -> None:
    """Print nothing, and end by a signal where the change makes it run without an end."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _test(
    session: pytest.Session,
    items: list[pytest.Item],
    function: FunctionType | None = None,
    code: CodeType | None = None,
) -> int:
    _forget_results()
    session.config.pluginmanager.unregister(name="terminalreporter")
    if function and code:
        signal.alarm(60)
        function.__code__ = code
    session.items = items
    return _run_items(session)


def _run_items(session: pytest.Session) -> int:
    try:
        pytest_runtestloop(session)
    except session.Failed:
        return pytest.ExitCode.TESTS_FAILED
    return int(session.testsfailed > 0)


def _forget_results() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("messaging_"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def _exchange(trial: Trial) -> tuple[FunctionType, CodeType] | None:
    """Return the outermost function around a change, and its code with the change."""
    function = _function_of(sys.modules[trial.module], trial.mutant)
    if function is None:
        return None
    old = function.__code__
    tree = mutated(trial.path.read_text(), trial.mutant.index)
    for code in _codes_in(compile(tree, old.co_filename, "exec")):
        if (code.co_qualname, code.co_firstlineno) == (old.co_qualname, old.co_firstlineno):
            return (function, code) if code != old and code.co_freevars == old.co_freevars else None
    return None


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


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions of a module and of its classes."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & 0x2:  # CO_NEWLOCALS: a function, not the body of a class
                yield inner
            else:
                yield from _codes_in(inner)


def _import_and_test(trial: Trial | None, files: Sequence[str], names: Iterable[str]) -> int:
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        ours = name.startswith("messaging_") or ROOT / "tests" in file.parents
        if ours and "mutation" not in file.parts:
            del sys.modules[name]
    if trial:
        sys.meta_path.insert(0, _Planting(trial))
        signal.alarm(90)
    # Most changes fall in the first file, before the others need to be imported.
    for group in filter(None, (files[:1], files[1:])) if trial else (files,):
        if code := _pytest(group, _Only(names)):
            return code
    return 0


class _Only:
    """A plugin of pytest that keeps only tests of some names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._places]


def _pytest(files: Sequence[str], *plugins: object) -> int:
    warning = "ignore::pytest.PytestAssertRewriteWarning"  # Hypothesis is loaded already
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", warning]
    return int(pytest.main([*options, *files], plugins=plugins))


class _Planting(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module with the change, and everything else as it is."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self._trial.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self._trial.path, loader=self)

    def create_module(self, _: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        tree = mutated(self._trial.path.read_text(), self._trial.mutant.index)
        exec(compile(tree, str(self._trial.path), "exec"), module.__dict__)  # noqa: S102 - ours
