"""The tests of a storage that a command line names."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from messaging_core.errors import ConfigurationError, MissingDependencyError
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage import (
    ContactsContract,
    DurableStorageContract,
    StorageContract,
    TransactionContract,
)
from messaging_core.testing.contracts.storage.access_keys import AccessKeysContract
from messaging_core.testing.contracts.storage.audit import AuditLogContract
from messaging_core.testing.contracts.storage.concurrency import ConcurrencyContract
from messaging_core.testing.contracts.storage.concurrent_records import ConcurrentRecordsContract
from messaging_core.testing.contracts.storage.contacts import (
    ContactListsContract,
    KnownContactsContract,
)
from messaging_core.testing.contracts.storage.content import ShortLinksContract, TemplatesContract
from messaging_core.testing.contracts.storage.damage import DamageContract
from messaging_core.testing.contracts.storage.documents import DocumentsContract
from messaging_core.testing.contracts.storage.fairness import FairnessContract
from messaging_core.testing.contracts.storage.log import LogContract
from messaging_core.testing.contracts.storage.messages import MessagesContract
from messaging_core.testing.contracts.storage.outbox import (
    ClaimContract,
    SettleContract,
    WaitingContract,
)
from messaging_core.testing.contracts.storage.rates import RatesContract
from messaging_core.testing.contracts.storage.received_files import ReceivedFilesContract
from messaging_core.testing.contracts.storage.retention import RetentionContract
from messaging_core.testing.contracts.storage.rollups import RollupsContract
from messaging_core.testing.contracts.storage.send_history import SendHistoryContract
from messaging_core.testing.contracts.storage.suppressions import SuppressionsContract
from messaging_core.testing.contracts.storage.time_limit import TimeLimitContract
from messaging_core.testing.contracts.storage.webhooks import WebhooksContract
from messaging_core.testing.contracts.storage.workers import WorkersContract
from messaging_core.testing.contracts.transport.contract import close
from messaging_core.testing.object_path import load_object


def takes_a_path(factory: Callable[..., Any]) -> bool:
    """Return whether a factory cannot be called without an argument."""
    by_place = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return any(
        parameter.default is parameter.empty and parameter.kind in by_place
        for parameter in inspect.signature(factory).parameters.values()
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
        return next(path for opened, path in self._opened if opened is storage)

    def _open(self, path: Path) -> Storage:
        storage = self._factory(path) if self._wants_path else self._factory()
        self._opened.append((storage, path))
        return storage

    def close(self) -> None:
        """Close all that can be closed."""
        while self._opened:
            close(self._opened.pop()[0])


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
        for connection in self._connections:
            close(connection)


STORES: Final[Mapping[str, tuple[type, ...]]] = {
    "documents": (
        DocumentsContract,
        TemplatesContract,
        RatesContract,
        AccessKeysContract,
        WorkersContract,
        AuditLogContract,
        SendHistoryContract,
    ),
    "messages": (MessagesContract, TimeLimitContract),
    "outbox": (ClaimContract, SettleContract, WaitingContract, FairnessContract),
    "contacts": (ContactsContract, KnownContactsContract, ContactListsContract),
    "suppressions": (SuppressionsContract,),
    "log": (LogContract,),
    "rollups": (RollupsContract,),
    "retention": (RetentionContract, DamageContract),
    "short_links": (ShortLinksContract,),
    "webhooks": (WebhooksContract,),
    "received_files": (ReceivedFilesContract,),
    "transactions": (TransactionContract, ConcurrencyContract, ConcurrentRecordsContract),
}
"""What `--store` tests, in an order in which each needs only those before it, but for a few."""


def storage_tests(  # noqa: PLR0913 - one argument for each option, all by name
    factory: str,
    *,
    durable: str | None,
    model: str | None,
    runs: int,
    steps: int,
    stores: Sequence[str] = (),
) -> dict[str, type]:
    """Return the tests of a storage.

    Args:
        factory: `package.module:name` of what returns an empty storage; where it cannot be called
            without an argument, it gets the path of a file that does not exist yet.
        durable: `package.module:name` of what opens a connection (PEP 249) of the host's own on
            such a path; then the storage is tested against the contract of durable ones.
        model: `package.module:name` of what returns a storage that is known to be right; then
            both are driven side by side.
        runs: How many runs of the model.
        steps: How many steps in each.
        stores: Test only these, by their names in `STORES`, and nothing else.

    Raises:
        ConfigurationError: Something named does not exist.
    """
    made = load_object(factory)
    members: dict[str, Any] = {"opened": Opened(made)}
    if stores:
        return {"TestStorage": type("TestStorage", (_Folder, *_contracts(stores)), members)}
    if durable is None:
        tests: dict[str, type] = {"TestStorage": type("TestStorage", (_Storage,), members)}
    else:
        if not takes_a_path(made):
            raise ConfigurationError(f"a durable storage is made from a path: {factory} takes none")
        members["connect"] = staticmethod(load_object(durable))
        tests = {"TestStorage": type("TestStorage", (_DurableStorage,), members)}
    if model is not None:
        tests["TestAgreesWithModel"] = _machine(Opened(made), model, runs, steps)
    return tests


def _contracts(stores: Sequence[str]) -> Iterator[type]:
    for name in dict.fromkeys(stores):
        if name not in STORES:
            raise ConfigurationError(f"no store {name}: take one of {', '.join(STORES)}")
        yield from STORES[name]


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
    members = {"settings": settings, "_folders": _folders}
    return type("TestAgreesWithModel", (Machine.TestCase,), members)
