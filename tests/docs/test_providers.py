"""The page of providers says what the transports declare."""

import runpy
from importlib.metadata import entry_points
from pathlib import Path

from messaging_core.ports.configuration import TRANSPORTS

ROOT = Path(__file__).resolve().parents[2]
DEVELOPMENT = {"console", "file"}


def test_the_page_is_the_one_that_the_transports_give() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "tabulate_providers.py"))

    written = generator["PAGE"].read_text(encoding="utf-8")

    assert written == generator["page"](), "run `python docs/tabulate_providers.py`"


def test_every_provider_of_ours_is_on_the_page() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "tabulate_providers.py"))
    own = {
        point.name
        for point in entry_points(group=TRANSPORTS)
        if point.value.startswith("messaging_adapters.")
    }

    assert set(generator["transports"]()) == own - DEVELOPMENT
