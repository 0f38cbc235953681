"""The option that tells which version is installed."""

import sys
from argparse import Namespace
from importlib.metadata import version as version_of
from typing import Final

from messaging_adapters.cli.output.terminal import written

_PACKAGE: Final = "messaging-engine"


def version(_: Namespace) -> int:
    """Write the version of the package and of Python, as a report of a fault needs them."""
    python = ".".join(map(str, sys.version_info[:3]))
    with written(sys.stdout):
        sys.stdout.write(f"{_PACKAGE} {version_of(_PACKAGE)} (Python {python})\n")
    return 0
