"""Run the tests without any change, and know which of them run a line, the quickest first."""

import json
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from pathlib import Path

import coverage
import pytest

LONGEST_TEST = 3.0  # on a busy machine; a few tests with hostile input take longer
BUDGET = 10.0  # how many seconds the tests of one change may take
IMPORT, COLLECTION = "import", "collection"


class Baseline:
    """A plugin of pytest that measures each test.

    Args:
        root: The folder of the project.
        slow: A file that remembers the tests that take too long to be tried thousands of times.
    """

    def __init__(self, root: Path, slow: Path) -> None:
        self._root, self._slow = root, slow
        self._seconds: Counter[str] = Counter()
        self._tests: dict[str, dict[int, set[str]]] = {}
        self._lasting: list[str] = []
        self._coverage: coverage.Coverage | None = coverage.Coverage(
            data_file=None, config_file=False, include=[str(root / "messaging_core/*")]
        )
        self._coverage.start()
        self._coverage.switch_context(IMPORT)

    def pytest_collection(self) -> None:
        self._coverage.switch_context(COLLECTION)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        slow = self._known_as_slow()
        items[:] = [item for item in items if item.nodeid not in slow]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if self._coverage:
            self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration  # type: ignore[assignment]

    def end(self) -> None:
        """Stop measuring, and remember which tests are slow."""
        self._coverage.stop()
        data, self._coverage = self._coverage.get_data(), None
        for file in data.measured_files():
            lines = data.contexts_by_lineno(file).items()
            self._tests[file] = {line: set(contexts) for line, contexts in lines}
        self._lasting = sorted(
            (name for name, seconds in self._seconds.items() if seconds <= LONGEST_TEST),
            key=self._seconds.__getitem__,
        )
        slow = self._seconds.keys() - set(self._lasting)
        self._slow.write_text(json.dumps(sorted(slow | self._known_as_slow())))

    def lasting(self) -> list[str]:
        """Return the tests that are quick enough to be run again and again."""
        return self._lasting

    def _known_as_slow(self) -> set[str]:
        return set(json.loads(self._slow.read_text())) if self._slow.exists() else set()

    def matters_at_import(self, path: Path, lines: Iterable[int]) -> bool:
        """Return whether lines run while modules are imported, or in no test at all."""
        contexts = self._contexts(path, lines)
        return IMPORT in contexts or contexts == {COLLECTION}

    def tests_of(self, path: Path, lines: Iterable[int]) -> list[str]:
        """Return the tests for a change of lines: those of the module first, then the quickest."""
        contexts = self._contexts(path, lines)
        if self.matters_at_import(path, lines):
            # What a constant decides shows wherever the module is used.
            contexts = set().union(*self._tests[str(path)].values())
            contexts = contexts if contexts > {IMPORT, COLLECTION} else set(self._seconds)
        names = [name for name in self._lasting if name in contexts]
        names.sort(key=partial(_distance, path.relative_to(self._root)))  # stable: quickest first
        return list(self._within_budget(names))

    def _contexts(self, path: Path, lines: Iterable[int]) -> set[str]:
        by_line = self._tests.get(str(path), {})
        return set().union(*(by_line.get(line, ()) for line in lines)) - {""}

    def _within_budget(self, names: list[str]) -> Iterator[str]:
        seconds = 0.0
        for name in names:
            seconds += self._seconds[name]
            if seconds > BUDGET:
                return
            yield name


def _distance(module: Path, test: str) -> int:
    """Tell how far a test is from a module: named after it, of its package, or elsewhere."""
    file = Path(test.partition("::")[0])
    if file.name == f"test_{module.stem.strip('_')}.py":
        return 0
    return 1 if file.parts[1] == module.parts[1] else 2
