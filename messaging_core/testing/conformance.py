"""The contracts, run against a storage or a transport that is only named.

pytest collects this module; what there is to collect is put into it by `against_storage` and
`against_transport`.
"""

import inspect
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from messaging_core.errors import ConfigurationError, MissingDependencyError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Transport
from messaging_core.testing.contracts.storage import DurableStorageContract, StorageContract
from messaging_core.testing.contracts.transport import CONTENTS, TransportContract
from messaging_core.testing.object_path import load_object

try:
    import pytest
except ModuleNotFoundError as error:
    raise MissingDependencyError("pytest", "testing") from error

_OPTIONS: Final = (
    *("-c", os.devnull, "--rootdir", os.curdir),  # the host's own settings are for its own tests
    *("-p", "no:cacheprovider", "-p", "no:warnings", "--import-mode=prepend"),
    *("--quiet", "--no-header", "--tb=short", "-rN"),
)


def takes_a_path(factory: Callable[..., Any]) -> bool:
    """Tell whether a factory cannot be called without an argument."""
    return any(
        one.default is one.empty and one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}
        for one in inspect.signature(factory).parameters.values()
    )


class Opened:
    """Makes storages, remembers where each of them is, and closes them in the end."""

    def __init__(self, factory: Callable[..., Storage], prefix: str = "") -> None:
        self._factory = factory
        self._prefix = prefix
        self._wants_path = takes_a_path(factory)
        self._numbers = count(1)
        self._opened: list[tuple[Storage, Path]] = []
        self.folder = Path()

    def new(self) -> Storage:
        """Return a new, empty storage."""
        return self._open(self.folder / f"{self._prefix}{next(self._numbers)}.db")

    def again(self, storage: Storage) -> Storage:
        """Return another storage on the same path."""
        return self._open(self.path_of(storage))

    def path_of(self, storage: Storage) -> Path:
        """Return the path that a storage was made with."""
        return next(path for one, path in self._opened if one is storage)

    def _open(self, path: Path) -> Storage:
        storage = self._factory(path) if self._wants_path else self._factory()
        self._opened.append((storage, path))
        return storage

    def close(self) -> None:
        """Close all that can be closed."""
        while self._opened:
            close(self._opened.pop()[0])


def close(storage: object) -> None:
    """Close what can be closed; it may have been closed before."""
    closing = getattr(storage, "close", None)
    if closing is not None:
        closing()


class _Folder:
    """Gives each test a folder of its own."""

    opened: Opened

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> Iterator[None]:
        self.opened.folder = tmp_path
        yield
        self.opened.close()

    def make_storage(self) -> Storage:
        return self.opened.new()


class _Storage(_Folder, StorageContract):
    """Any storage."""


class _DurableStorage(_Folder, DurableStorageContract):
    """A storage that outlives its object."""

    connect: Callable[[Path], Any]

    def open_again(self, storage: Storage) -> Storage:
        return self.opened.again(storage)

    def reopen(self, storage: Storage) -> Storage:
        close(storage)
        return self.opened.again(storage)

    def make_connection(self, storage: Storage) -> Any:
        connection = type(self).connect(self.opened.path_of(storage))
        self._connections.append(connection)
        return connection

    @pytest.fixture(autouse=True)
    def _hosts_own(self) -> Iterator[None]:
        self._connections: list[Any] = []
        yield
        for one in self._connections:
            close(one)


def against_storage(
    factory: str,
    *,
    durable: str | None = None,
    model: str | None = None,
    runs: int = 50,
    steps: int = 30,
) -> int:
    """Hold a storage to its contract, and return pytest's exit status.

    Args:
        factory: `package.module:name` of what returns an empty storage; where it cannot be called
            without an argument, it gets the path of a file that is not there yet.
        durable: `package.module:name` of what opens a connection (PEP 249) of the host's own on
            such a path; then the storage is held to the contract of durable ones.
        model: `package.module:name` of what returns a storage that is known to be right; then
            both are driven side by side.
        runs: How many runs of the model.
        steps: How many steps in each.

    Raises:
        ConfigurationError: Something named is not there.
    """
    its: dict[str, Any] = {"opened": Opened(load_object(factory))}
    if durable is None:
        tests: dict[str, type] = {"TestStorage": type("TestStorage", (_Storage,), its)}
    else:
        if not takes_a_path(load_object(factory)):
            raise ConfigurationError(f"a durable storage is made from a path: {factory} takes none")
        its["connect"] = staticmethod(load_object(durable))
        tests = {"TestStorage": type("TestStorage", (_DurableStorage,), its)}
    if model is not None:
        tests["TestAgreesWithModel"] = _machine(Opened(load_object(factory)), model, runs, steps)
    return _run(tests)


def _machine(opened: Opened, model: str, runs: int, steps: int) -> type:
    """Return the tests that drive a storage and its model side by side."""
    try:
        import hypothesis  # noqa: PLC0415 - needed only here
    except ModuleNotFoundError as error:
        raise MissingDependencyError("hypothesis", "testing") from error
    from messaging_core.testing.contracts.storage_machine import StorageMachine  # noqa: PLC0415 - the same

    models = Opened(load_object(model), prefix="model-")

    class Machine(StorageMachine):
        def make_model(self) -> Storage:
            return models.new()

        def make_storage(self) -> Storage:
            return opened.new()

        def teardown(self) -> None:
            opened.close()
            models.close()

    @pytest.fixture(autouse=True)
    def _folders(self: object, tmp_path: Path) -> None:  # noqa: ARG001 - a method
        opened.folder = models.folder = tmp_path

    settings = hypothesis.settings(
        max_examples=runs, stateful_step_count=steps, deadline=None, database=None
    )
    its = {"settings": settings, "_folders": _folders}
    return type("TestAgreesWithModel", (Machine.TestCase,), its)


def against_transport(factory: str, *, delivered: str, platform: str) -> int:
    """Hold a transport to its contract, and return pytest's exit status.

    Args:
        factory: `package.module:name` of what returns a transport whose peer takes every message.
        delivered: `package.module:name` of what says, of such a transport, how many messages its
            peer has taken.
        platform: What it carries: one message of that platform's kind.

    Raises:
        ConfigurationError: Something named is not there.
    """
    make, taken = load_object(factory), load_object(delivered)
    contents = [content for kind, content in CONTENTS if kind == platform]
    if not contents:
        raise ConfigurationError(f"there is no message for platform {platform!r}")

    class TestTransport(TransportContract):
        content = contents[0]

        @pytest.fixture(autouse=True)
        def _none_yet(self) -> Iterator[None]:
            self.made: list[Transport] = []
            yield
            for one in self.made:
                close(one)

        def make_transport(self) -> Transport:
            self.made.append(make())
            return self.made[-1]

        def delivered(self) -> int:
            return sum(taken(one) for one in self.made)

    TestTransport.platform = platform
    return _run({"TestTransport": TestTransport})


def _run(tests: dict[str, type]) -> int:
    """Let pytest collect these classes, and this module, and nothing else."""
    for name, kind in tests.items():
        kind.__module__ = __name__
        globals()[name] = kind
    promises = _Promises()
    try:
        arguments = [*_OPTIONS, *(f"{__file__}::{name}" for name in tests)]
        return int(pytest.main(arguments, plugins=[promises]))
    finally:
        for name in tests:
            del globals()[name]


_SAID: Final = {"runTest": "test_it_does_what_its_model_does"}


class _Promises:
    """Say in the end which promises were broken, in the words of the tests."""

    def __init__(self) -> None:
        self.kept = 0
        self.broken: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.kept += report.when == "call" and report.passed
        name = report.nodeid.rpartition("::")[2]
        if report.failed and name not in self.broken:
            self.broken.append(_SAID.get(name, name))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        write("")
        for name in self.broken:
            write(f"broken: {name.removeprefix('test_').replace('_', ' ')}")
        write(f"{self.kept} promises kept, {len(self.broken)} broken")
