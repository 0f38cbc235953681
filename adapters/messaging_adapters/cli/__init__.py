"""The command line: send, look up and cancel messages, and see a demonstration."""

import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final, TextIO

from messaging_adapters.cli.arguments import parser
from messaging_adapters.cli.output.terminal import OutputError, safe, written
from messaging_core.errors import MessagingError, MissingDependencyError
from messaging_core.ports.clock import Clock, SystemClock

DONE: Final = 0
REFUSED: Final = 1
"""Some requests were refused, or what was asked for could not be done any more."""

WRONG: Final = 2
"""The command, a file or the configuration is wrong; as argparse says it."""

_INTERRUPTED: Final = 130  # what shells report for Ctrl-C: 128 + SIGINT
_EXTRAS: Final = {"demo": "demo", "commands.serve": "asgi,cli", "commands.view": "asgi,cli,viewer"}
_OPTIONAL: Final = frozenset(
    {"aiosmtpd", "jinja2", "python_multipart", "rich", "shtab", "starlette", "urllib3", "uvicorn"}
)


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run one command; messages for people go to standard error, results to standard output.

    Args:
        arguments: What follows the name of the program; by default what it was started with.
        clock: Tells the time; that of this machine by default.

    Returns:
        The exit status: 0, 1 when something was refused, 2 when the command, a file or the
        configuration is wrong.
    """
    if not _open_streams():
        return _complain("standard output is closed: send it to a file, or to /dev/null")
    try:
        status = _run(arguments, clock or SystemClock())
        with written(sys.stdout):
            sys.stdout.flush()
    except BrokenPipeError:
        return _leave_quietly()
    except KeyboardInterrupt:
        return _complain("interrupted", _INTERRUPTED)
    except (MessagingError, OSError) as error:
        return _complain(_reason(error))
    return status


def _reason(error: MessagingError | OSError) -> str:
    if isinstance(error, OutputError):
        _discard(sys.stdout)
    if isinstance(error, MessagingError):
        return str(error)
    place = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    return f"{place}{error.strerror or error}"


def _run(arguments: Sequence[str] | None, clock: Clock) -> int:
    commands = parser()
    options = commands.parse_args(arguments)
    options.clock = clock
    if options.version:
        return _call("commands.version:version", options)
    if options.run:
        return _call(options.run, options)
    commands.print_help()
    return WRONG


def _call(command: str, options: Namespace) -> int:
    """Import a command only when it is called for, so that help and faults come at once."""
    module, _, function = command.partition(":")
    try:
        run = getattr(import_module(f"messaging_adapters.cli.{module}"), function)
    except (ModuleNotFoundError, MissingDependencyError) as error:
        package = _package_of(error)
        if package not in _OPTIONAL:
            raise
        raise MissingDependencyError(package, _EXTRAS.get(module, "cli")) from error
    status: int = run(options)
    return status


def _package_of(error: ModuleNotFoundError | MissingDependencyError) -> str:
    if isinstance(error, MissingDependencyError):
        return error.package
    return (error.name or "").partition(".")[0]


def _complain(text: str, status: int = WRONG) -> int:
    """Write why it ends; where even that cannot be written, the exit status has to say it."""
    try:
        sys.stderr.write(f"messaging: {safe(text)}\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)
    return status


def _leave_quietly() -> int:
    """The reader went away: discard the rest, and go."""
    _discard(sys.stdout)
    return REFUSED


def _discard(stream: TextIO) -> None:
    """Let what is still in the buffer go nowhere: the interpreter flushes it when it ends."""
    with suppress(OSError, ValueError):  # a stream without a descriptor, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_streams() -> bool:
    """Let a terminal that cannot show a character show its code instead; false without output."""
    if sys.stderr is None:  # closed by the parent process
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - until the process ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return sys.stdout is not None
