"""The command that runs the contract tests against a storage or transport of yours."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from messaging_core.errors import ConfigurationError

_DESCRIPTION = "Hold a storage or a transport to the promises that the engine relies on."
_STATUS = "exit status: 0 all promises are kept, 1 some are broken, 2 wrong usage"
_STORAGE = (
    "FACTORY returns an empty storage each time it is called. Where it cannot be called without an "
    "argument it gets the path of a file that is not there yet, in a folder that is cleared away."
)


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    root = ArgumentParser(
        prog="python -m messaging_core.testing", description=_DESCRIPTION, epilog=_STATUS
    )
    add = root.add_subparsers(title="what", metavar="WHAT", required=True).add_parser
    storage = add("storage", help="run StorageContract", description=_STORAGE, epilog=_STATUS)
    storage.add_argument("factory", metavar="FACTORY", help="package.module:name")
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
    storage.set_defaults(run=_run_storage)
    transport = add("transport", help="run TransportContract", epilog=_STATUS)
    transport.add_argument(
        "factory", metavar="FACTORY", help="package.module:name; its peer takes every message"
    )
    transport.add_argument(
        "--delivered",
        required=True,
        metavar="COUNT",
        help="package.module:name of what says, of such a transport, how many messages arrived",
    )
    transport.add_argument("--platform", default="email", metavar="NAME", help="default: email")
    transport.set_defaults(run=_run_transport)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one contract, and return the exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ConfigurationError as error:
        sys.stderr.write(f"messaging_core.testing: {error}\n")
        return 2
    return status


def _run_storage(options: Namespace) -> int:
    from messaging_core.testing.conformance import against_storage  # noqa: PLC0415 - wants pytest

    return against_storage(
        options.factory,
        durable=options.durable,
        model=options.model,
        runs=options.runs,
        steps=options.steps,
    )


def _run_transport(options: Namespace) -> int:
    from messaging_core.testing.conformance import against_transport  # noqa: PLC0415 - the same

    return against_transport(
        options.factory, delivered=options.delivered, platform=options.platform
    )


if __name__ == "__main__":
    sys.exit(main())
