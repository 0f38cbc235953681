"""The example scripts of the documentation, run as they are."""

import runpy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from messaging_adapters.cli.demo.examples import example_path
from messaging_adapters.cli.output.screen import Screen

SCRIPTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sms.py": "SMS through Twilio, with receipts, a lost answer and an opt-out",
        "notification.py": "One notification to two clusters, by email, SMS and push",
        "escalation.py": "A push message that no phone confirms becomes an SMS",
        "over_http.py": "Two services that are not written in Python, over HTTP",
        "campaign.py": "A campaign over midnight, in three time zones, with one who opts out",
    }
)
"""Which scripts are run, and what each shows."""


def play(screen: Screen) -> None:
    """Run every script, under what it shows and where to read it."""
    for name, shows in SCRIPTS.items():
        screen.heading(shows)
        screen.line(f"This is docs/examples/{name}, a program that runs by itself.", "dim")
        screen.line()
        runpy.run_path(str(example_path(name)), run_name="__main__")
