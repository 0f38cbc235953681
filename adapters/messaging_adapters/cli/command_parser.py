"""A parser of one command line, and how commands are added to it."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from messaging_adapters.cli.output.terminal import written


class Parser(ArgumentParser):
    """Parse a command line; report help that cannot be written, which argparse ignores."""

    def print_help(self, file: Any = None) -> None:
        """Write the help, and flush it.

        Raises:
            BrokenPipeError: The reader went away.
            OutputError: The stream cannot be written to.
        """
        output = file or sys.stdout
        with written(output):
            output.write(self.format_help())
            output.flush()


Add = Callable[..., ArgumentParser]
"""Add one command."""
