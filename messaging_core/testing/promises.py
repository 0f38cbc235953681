"""The plug-in that tells pytest which promises to test, and says which were broken."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import attrs
import pytest

from messaging_core.ports.transport import SupportsCheck, SupportsLookUp, Transport
from messaging_core.testing.contracts.transport import TransportContract

_OTHER_NAMES: Final = {"runTest": "test_it_does_what_its_model_does"}


class Promises:
    """Selects promises, counts them, and reports what a transport says that it can do.

    Args:
        only: A pattern of their names, in words or as functions; nothing for all.

    Attributes:
        unmatched: Whether no promise has such a name.
        example: One that there is.
    """

    def __init__(self, only: str | None = None) -> None:
        self._only = only
        self._kept = 0
        self._broken: list[str] = []
        self._skipped: list[str] = []
        self._transport: Transport | None = None
        self.unmatched = False
        self.example = ""

    def watched(self, test: type) -> type:
        """Return the tests with a look at the transport that they make."""
        if not issubclass(test, TransportContract):
            return test
        promises = self

        class Watched(test):  # type: ignore[misc] # a class that was only named
            def make_transport(self) -> Transport:
                transport: Transport = super().make_transport()
                promises._transport = transport
                return transport

        return Watched

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the promises that were not chosen."""
        if self._only is None:
            return
        chosen = [item for item in items if self._is_chosen(_words(item.name))]
        self.unmatched = not chosen
        self.example = _words(items[0].name) if items else ""
        items[:] = chosen

    def _is_chosen(self, words: str) -> bool:
        pattern = (self._only or "").replace("_", " ").removeprefix("test ")
        return fnmatchcase(words, pattern)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a promise."""
        self._kept += report.when == "call" and report.passed
        words = _words(report.nodeid.rpartition("::")[2])
        if report.failed and words not in self._broken:
            self._broken.append(words)
        if report.skipped and isinstance(report.longrepr, Sequence):
            self._skipped.append(f"{words}: {str(report.longrepr[2]).removeprefix('Skipped: ')}")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say in the end which promises were broken or not tested, in the words of the tests."""
        write = terminalreporter.write_line
        write("")
        if self._transport is not None:
            for line in capabilities_of(self._transport):
                write(line)
        for promise in self._skipped:
            write(f"not tested: {promise}")
        for promise in self._broken:
            write(f"broken: {promise}")
        write(f"{self._kept} promises kept, {len(self._broken)} broken")


def _words(name: str) -> str:
    """Return the promise that a test is named after."""
    return _OTHER_NAMES.get(name, name).removeprefix("test_").replace("_", " ")


def capabilities_of(transport: Transport) -> list[str]:
    """Return what a transport says that it can do, one line for each capability."""
    capabilities = attrs.asdict(transport.capabilities)
    facts = {
        **capabilities,
        "check": isinstance(transport, SupportsCheck),
        "look_up": transport.capabilities.looks_up and isinstance(transport, SupportsLookUp),
    }
    width = max(map(len, facts))
    lines = [f"  {name.ljust(width)}  {_shown(value)}" for name, value in facts.items()]
    return [f"capabilities of {transport.name}:", *lines]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    return "not declared" if value is None else str(value)
