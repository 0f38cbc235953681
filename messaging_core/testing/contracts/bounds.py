"""Bounds for one call of a transport: time, threads and connections."""
# ruff: noqa: S101 - assert is how pytest asserts

import gc
import logging
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from time import monotonic, sleep
from typing import Final, TypeVar

T = TypeVar("T")

_DESCRIPTORS: Final = (Path("/proc/self/fd"), Path("/dev/fd"))
_SOON: Final = 2.0  # seconds in which threads and connections must have ended


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what a call returns, or raise what it raises, and fail if it does not end in time."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            errors.append(error)

    thread = threading.Thread(target=run, name="contract", daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), (
        f"the call did not end within {seconds:g} seconds: bound every wait"
    )
    if errors:
        raise errors[0]
    return results[0]


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fail if more threads or descriptors are open afterwards, or were left to the collector."""
    gc.collect()
    threads, descriptors = threading.active_count(), _open_descriptors()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        yield
        gc.collect()
    unclosed = [str(warning.message) for warning in caught if _is_unclosed(warning)]
    assert not unclosed, f"left for the garbage collector to close: {unclosed[0]}"
    _soon(lambda: threading.active_count() <= threads, "threads were left running")
    _soon(lambda: _open_descriptors() <= descriptors, "files or connections were left open")


@contextmanager
def no_thread_that_holds_the_process() -> Iterator[None]:
    """Fail if a thread started in the block keeps the process from ending."""
    before = set(_lasting_threads())
    yield
    fault = "a thread is left that is no daemon: the process of the host would never end"
    _soon(lambda: set(_lasting_threads()) <= before, fault)


def _lasting_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if not thread.daemon]


def _is_unclosed(warning: warnings.WarningMessage) -> bool:
    return issubclass(warning.category, ResourceWarning)


def _open_descriptors() -> int:
    """Count the open files and sockets of this process; 0 where the system does not tell."""
    folder = next(filter(Path.is_dir, _DESCRIPTORS), None)
    return len(list(folder.iterdir())) if folder else 0


def _soon(is_so: Callable[[], bool], fault: str) -> None:
    end = monotonic() + _SOON
    while not is_so():
        assert monotonic() < end, fault
        sleep(0.01)


@contextmanager
def nothing_said(words: Collection[str], ignored: Collection[str] = ()) -> Iterator[None]:
    """Fail if a word is printed or logged in the block.

    Args:
        words: What must not be said.
        ignored: Loggers that a peer in this process writes to.
    """
    output, root = StringIO(), logging.getLogger()
    handler = _Texts(ignored)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(output), redirect_stderr(output):
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert not _spoken(words, output.getvalue()), "words of the message or a secret were printed"
    for text in handler.texts:
        assert not _spoken(words, text), "words of the message or a secret were logged"


def _spoken(words: Collection[str], text: str) -> bool:
    return any(word in text for word in words if word)


class _Texts(logging.Handler):
    """Keep what is logged."""

    def __init__(self, ignored: Collection[str]) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []
        self._ignored = tuple(ignored)
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        if not any(f"{record.name}.".startswith(f"{name}.") for name in self._ignored):
            self.texts.append(self._formatter.format(record))
