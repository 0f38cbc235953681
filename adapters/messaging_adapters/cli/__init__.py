"""The command line: send, look up and cancel messages, and see a demonstration."""

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from messaging_adapters.cli.arguments import parser
from messaging_core.errors import MessagingError, MissingDependencyError
from messaging_core.ports.clock import Clock, SystemClock

DONE: Final = 0
REFUSED: Final = 1
"""Some requests were refused, or what was asked for could not be done any more."""

WRONG: Final = 2
"""The command, a file or the configuration is wrong; as argparse says it."""

_INTERRUPTED: Final = 130  # what shells report for Ctrl-C: 128 + SIGINT
_OPTIONAL: Final = frozenset({"rich", "aiosmtpd"})


def main(arguments: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run one command; messages for people go to standard error, results to standard output.

    Args:
        arguments: What follows the name of the program; by default what it was started with.
        clock: Tells the time; that of this machine by default.

    Returns:
        The exit status: 0, 1 when something was refused, 2 when the command, a file or the
        configuration is wrong.
    """
    _tolerate_any_encoding()
    commands = parser()
    options = commands.parse_args(arguments)
    options.clock = clock or SystemClock()
    if not options.run:
        commands.print_help()
        return WRONG
    try:
        status = _run(options.run, options)
        sys.stdout.flush()
    except BrokenPipeError:
        return _leave_quietly()
    except KeyboardInterrupt:
        return _complain("interrupted", _INTERRUPTED)
    except MessagingError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or 'input'}: {error.strerror or error}")
    return status


def _run(command: str, options: object) -> int:
    """Import a command only when it is called for, so that help and faults come at once."""
    module, _, function = command.partition(":")
    try:
        run = getattr(import_module(f"messaging_adapters.cli.{module}"), function)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _OPTIONAL:
            raise
        extra = "demo" if module == "demo" else "cli"
        raise MissingDependencyError(package, extra) from error
    status: int = run(options)
    return status


def _complain(text: str, status: int = WRONG) -> int:
    sys.stderr.write(f"messaging: {text}\n")
    return status


def _leave_quietly() -> int:
    """Nobody reads on: give the interpreter something to flush to, and go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return REFUSED


def _tolerate_any_encoding() -> None:
    """Let a terminal that cannot show a character show its code instead."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
