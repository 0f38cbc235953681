"""The command that prints a script for a shell, which then completes commands and options."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

import shtab

from messaging_adapters.cli.arguments import parser
from messaging_adapters.cli.output.terminal import written

_FILES = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}


def completion(options: Namespace) -> int:
    """Write the script for one shell."""
    root = parser()
    for command in _commands(root):
        for action in command._actions:  # noqa: SLF001 - argparse has no other way to list them
            if isinstance(action.metavar, str) and action.metavar in _FILES:
                action.complete = _FILES[action.metavar]  # type: ignore[attr-defined]
    with written(sys.stdout):
        sys.stdout.write(shtab.complete(root, options.shell))
    return 0


def _commands(root: ArgumentParser) -> Iterator[ArgumentParser]:
    """Yield a parser and those of its commands."""
    yield root
    for action in root._actions:  # noqa: SLF001 - the same
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _commands(command)
