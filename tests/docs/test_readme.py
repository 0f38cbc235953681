"""The README names every adapter and every page of the tutorial."""

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import messaging_adapters.receipts
import messaging_adapters.transports
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.ports.transport import Transport

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What transports are made of, for transports of the host's own.
PARTS = {"CodecTransport", "DeviceTransport", "HttpTransport"}
TUTORIAL = [page.name for page in (ROOT / "docs" / "tutorial").glob("*.md")]


def adapters() -> list[str]:
    """Return the names of all public transports and receipt parsers."""
    names = set()
    for package in (messaging_adapters.transports, messaging_adapters.receipts):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "._" not in module.name:
                names |= set(_adapters_of(import_module(module.name)))
    return sorted(names - PARTS)


def _adapters_of(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in inspect.getmembers(module, inspect.isclass)
        if value.__module__ == module.__name__
        and {Transport, ReceiptParser} & {*value.__mro__}
        and not name.startswith("_")
    ]


@pytest.mark.parametrize("name", adapters())
def test_every_adapter_is_named(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("page", TUTORIAL)
def test_every_page_of_the_tutorial_is_linked(page: str) -> None:
    assert page == "index.md" or f"docs/tutorial/{page}" in README
