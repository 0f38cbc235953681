"""What the page about storages counts is as many as there are."""

import re
import typing
from pathlib import Path

import messaging_core.document_stores
from messaging_core.ports.storage.documents import Documents
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.testing.storage_conformance import STORES

PAGE = (Path(__file__).parents[2] / "docs/how-to/write-a-storage.md").read_text()


def test_the_page_counts_the_verbs_that_a_storage_writes() -> None:
    hints = typing.get_type_hints(Transaction).values()
    ports: list[typing.Any] = [
        port for port in hints if isinstance(port, type)
    ]  # without those that may be None
    stores = [
        getattr(messaging_core.document_stores, name)
        for name in messaging_core.document_stores.__all__
    ]
    written = {port: port.__abstractmethods__ for port in ports}
    given = {port: store.__abstractmethods__ for store in stores for port in store.__mro__}
    verbs = sum(map(len, written.values()))
    left = sum(len(given.get(port, verbs)) for port, verbs in written.items())
    own = len(Documents.__abstractmethods__)

    assert f"The port has {verbs} verbs in {len(written)} stores" in " ".join(PAGE.split())
    assert f"The library brings {verbs - left} of these verbs" in PAGE
    assert f"{own} verbs of `Documents` instead. That leaves {left + own} verbs" in PAGE


def test_the_page_counts_the_promises_of_each_step() -> None:
    steps = re.findall(r"^\| \d+ \| (`.*?`) \| .*? \| (\d+) \| [^|]*\|$", PAGE, re.MULTILINE)
    names = [re.findall(r"`(\w+)`", stores) for stores, _ in steps]

    assert sorted(name for its in names for name in its) == sorted(STORES)
    for its, (_, number) in zip(names, steps, strict=True):
        promises = sum(len(_promises(contract)) for name in its for contract in STORES[name])
        # A few may be new: a promise can be added without a look at the page.
        assert int(number) <= promises <= int(number) + 5, its


def _promises(contract: type) -> list[str]:
    return [name for name in dir(contract) if name.startswith("test_")]
