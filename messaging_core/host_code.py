"""Keep code of the host from ending a thread or a process of the engine."""

import threading
from types import FrameType, TracebackType
from typing import Final

from messaging_core.errors import ConfigurationError
from messaging_core.lazy import logger

_log = logger(__name__)

_OWN: Final = ("messaging_core.", "messaging_adapters.")


def fault_of(error: BaseException) -> str:
    """Return the type of an exception and where it was raised, for a log; never its text.

    The text may quote an address, content or a secret.
    """
    from traceback import walk_tb  # noqa: PLC0415 - only faults need it

    places = [(frame, line) for frame, line in walk_tb(error.__traceback__) if frame]
    # The frames of the engine say nothing about the fault, unless there are no others.
    places = [place for place in places if not _is_own(place[0])] or places[-1:]
    kind = type(error).__name__
    if not places:
        return kind
    first, last = _shown(*places[0]), _shown(*places[-1])
    return f"{kind} at {last}" + (f", called from {first}" if first != last else "")


def _is_own(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith(_OWN)


def _shown(frame: FrameType, line: int) -> str:
    return f"{frame.f_code.co_filename}:{line}"


def is_interrupt(error: BaseException) -> bool:
    """Return whether Ctrl-C was pressed: Python raises it in the main thread only."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and isinstance(error, KeyboardInterrupt)


def may_be_a_signal(error: BaseException) -> bool:
    """Return whether an exception may come from a signal handler, such as one that calls `exit`.

    Signals arrive on the main thread only; elsewhere `SystemExit` is a fault of the code called.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and not isinstance(error, Exception)


class HostCode:
    """Make an error of whatever ends code of the host, and is no `Exception`.

    `SystemExit`, `CancelledError` and the like would end the thread, or the event loop, that
    happened to call the code. An `Exception` passes, and so does Ctrl-C.

    Args:
        what: Which code, for the log and the error, such as `the audience`.

    Raises:
        ConfigurationError: On exit, in the place of the other exception.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_value is None or isinstance(exc_value, Exception) or is_interrupt(exc_value):
            return
        fault = fault_of(exc_value)
        _log.error("%s raised %s", self._what, fault)
        message = f"{self._what} raised {fault}: let it raise an Exception, or return"
        raise ConfigurationError(message) from exc_value
