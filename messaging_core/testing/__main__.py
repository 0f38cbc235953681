"""The command that runs the contract of a port against an adapter of yours."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from messaging_core.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    import pytest

_OPTIONS: Final = (
    *("-c", os.devnull, "--rootdir", os.curdir),  # the host's own settings are for its own tests
    *("-p", "no:cacheprovider", "-p", "no:warnings", "--import-mode=prepend"),
    *("--quiet", "--no-header", "--tb=short", "-rN"),
)

_DESCRIPTION = "Test an adapter against the promises that the engine relies on."
_STATUS = "exit status: 0 all promises are kept, 1 some are broken, 2 wrong usage"
_CLASS = "FACTORY is package.module:name of a class that inherits the contract"
_STORAGE = (
    "FACTORY returns an empty storage each time it is called. Where it cannot be called without an "
    "argument it gets the path of a file that does not exist yet, in a folder that is removed."
)
_TRANSPORT = (
    f"{_CLASS} (TransportContract, PeerContract or HttpPeerContract); or, with --delivered, of "
    "what returns a transport whose peer takes every message."
)

Add = Callable[..., ArgumentParser]


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    root = ArgumentParser(
        prog="python -m messaging_core.testing", description=_DESCRIPTION, epilog=_STATUS
    )
    add = root.add_subparsers(title="what", metavar="WHAT", required=True).add_parser
    _add_storage(add)
    _add_transport(add)
    media = _add(add, "media", "MediaContract", f"{_CLASS}; or of what gets a dict of files.")
    media.add_argument("--base-url", metavar="URL", help="what the URLs of those files begin with")
    _add(add, "media-store", "MediaStoreContract", f"{_CLASS}; or of the store itself.")
    _add(add, "files", "FilesContract", f"{_CLASS}; or of what gets a dict of files.")
    _add(add, "template-engine", "TemplateEngineContract", f"{_CLASS}; or of the engine itself.")
    _add(add, "audience", "AudienceContract", f"{_CLASS}; or of what gets a list of Person.")
    _add(add, "telemetry", "TelemetryContract", f"{_CLASS}; or of the telemetry itself.")
    _add(add, "receipt-parser", "ReceiptParserContract", f"{_CLASS}.")
    return root


def _add(add: Add, what: str, contract: str, description: str) -> ArgumentParser:
    command = add(what, help=f"run {contract}", description=description, epilog=_STATUS)
    command.add_argument("factory", metavar="FACTORY", help="package.module:name")
    command.add_argument(
        "--only", metavar="PATTERN", help="test promises with such a name: --only '*withdrawn*'"
    )
    command.add_argument("--first", action="store_true", help="end at the first broken promise")
    command.set_defaults(what=what)
    return command


def _add_storage(add: Add) -> None:
    storage = _add(add, "storage", "StorageContract", _STORAGE)
    storage.add_argument(
        "--durable",
        metavar="CONNECT",
        help="run DurableStorageContract; package.module:name of what opens the host's own "
        "connection on such a path, such as sqlite3:connect",
    )
    storage.add_argument(
        "--model",
        metavar="FACTORY",
        help="drive it beside a storage that is known to be right, such as "
        "messaging_adapters.storage.memory.storage:MemoryStorage",
    )
    storage.add_argument("--runs", type=int, default=50, metavar="N", help="with --model: 50")
    storage.add_argument("--steps", type=int, default=30, metavar="N", help="of each run: 30")
    storage.add_argument(
        "--store",
        dest="stores",
        action="append",
        default=[],
        metavar="NAME",
        help="test only this store, such as messages or outbox; may be given several times",
    )


def _add_transport(add: Add) -> None:
    transport = _add(add, "transport", "TransportContract", _TRANSPORT)
    transport.add_argument(
        "--delivered",
        metavar="COUNT",
        help="package.module:name of what says, of such a transport, what arrived: a text with "
        "the receiver and the text of each message, or their number",
    )
    transport.add_argument("--platform", default="email", metavar="NAME", help="default: email")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one contract, and return the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _run(options)
    except ConfigurationError as error:
        sys.stderr.write(f"messaging_core.testing: {error}\n")
        return 2


def _run(options: Namespace) -> int:
    for package in ("pytest", "hypothesis"):  # a plug-in may need the second before our tests do
        _require(package)
    import pytest  # noqa: PLC0415 - an extra

    session = _Session(options)
    first = ["--exitfirst"] if options.first else []
    tests = Path(__file__).with_name("conformance.py")
    status = int(pytest.main([*_OPTIONS, *first, str(tests)], plugins=[session]))
    if session.error is not None:
        raise session.error
    return status


def _require(package: str) -> None:
    try:
        is_there = find_spec(package) is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise MissingDependencyError(package, "testing")


class _Session:
    """The plug-in that gives pytest its tests, as soon as pytest can rewrite their `assert`s."""

    def __init__(self, options: Namespace) -> None:
        self._options = vars(options).copy()
        self.error: ConfigurationError | None = None

    def pytest_cmdline_main(self, config: "pytest.Config") -> int | None:
        """Make the tests, or end before anything is written."""
        from messaging_core.testing.conformance import put_in  # noqa: PLC0415 - rewritten by now
        from messaging_core.testing.promises import Promises  # noqa: PLC0415 - the same

        options = self._options
        what, self._only = options.pop("what"), options.pop("only")
        options.pop("first")
        self._promises = Promises(self._only)
        try:
            put_in(what, self._promises, options.pop("factory"), **options)
        except ConfigurationError as error:
            self.error = error
            return 2
        config.pluginmanager.register(self._promises)
        return None

    def pytest_collection_finish(self) -> None:
        """Say it when no promise has the name that was asked for."""
        if self._promises.unmatched:
            self.error = ConfigurationError(
                f"no promise is named {self._only!r}; write a pattern of one, such as "
                f"'*{self._promises.example}*'"
            )


if __name__ == "__main__":
    # pytest rewrites the `assert`s of what is imported from now on, and they show their values.
    for name in [name for name in sys.modules if f"{name}.".startswith("messaging_core.testing.")]:
        del sys.modules[name]
    sys.exit(main())
