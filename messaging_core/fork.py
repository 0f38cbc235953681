"""Let objects with locks, threads or connections survive a fork of their process."""

import os
import sys
import threading
from importlib import import_module
from typing import Final
from weakref import WeakSet


class ForkAware:
    """Inherit this, and call `watch_forks`, to be called before and after each fork.

    Python calls these for `os.fork` and for `multiprocessing`. A fork that C code makes may leave
    out the first two, and a platform without fork calls none of them.
    """

    def before_fork(self) -> None:
        """Prepare for a fork, on the thread that forks."""

    def after_fork_in_parent(self) -> None:
        """Go on in the process that forked."""

    def after_fork_in_child(self) -> None:
        """Go on in the new process, where only the thread that forked exists."""


_watched: Final[WeakSet[ForkAware]] = WeakSet()
_prepared: Final[list[ForkAware]] = []


def watch_forks(watched: ForkAware) -> None:
    """Call the methods of an object at each fork, for as long as the object lives."""
    _watched.add(watched)


class ForkSafeLock(ForkAware):
    """A lock for a `with` block that every forked child finds open.

    Where a thread holds a `threading.Lock` during a fork, the child never gets it. What such a lock
    guards must be right at every instant, or not matter to a child.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        watch_forks(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Forget who held it."""
        self._lock = threading.Lock()


def _finish_imports() -> None:
    """Wait for modules that other threads import: a child would wait for them for ever."""
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if getattr(spec, "_initializing", False):
            import_module(name)


def _before() -> None:
    _finish_imports()
    _prepared[:] = list(_watched)
    for watched in _prepared:
        watched.before_fork()


def _in_parent() -> None:
    while _prepared:
        _prepared.pop().after_fork_in_parent()


def _in_child() -> None:
    while _prepared:
        _prepared.pop().after_fork_in_child()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
