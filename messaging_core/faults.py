"""What can be told about an exception of the host's code without quoting it."""

import threading
from traceback import walk_tb


def describe(error: BaseException) -> str:
    """Return the type of an exception and where it was raised; never its text.

    The text may quote an address or what a message says.
    """
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    places = list(dict.fromkeys(f"{name}:{line}" for name, line in frames[1:][:1] + frames[-1:]))
    called = f", called at {places[0]}" if len(places) > 1 else ""
    raised = f" at {places[-1]}" if places else ""
    return f"{type(error).__name__}{raised}{called}"


def is_interrupt(error: BaseException) -> bool:
    """Tell whether an exception may come from a signal: it must be passed on.

    Signals arrive on the main thread only. On every other thread `SystemExit` and the like are
    faults of the code that was called.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and not isinstance(error, Exception)
