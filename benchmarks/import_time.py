"""Compare what programs import with attrs and cattrs, in processor time and in one run.

A process of its own measures each statement in turn, so that a busy machine slows all alike. The
bytecode is compiled beforehand, as in an installation. A ratio includes attrs and cattrs.
The last line is not only an import: it sends one message and delivers it, since what an import
leaves for later must not make the first message slow.
"""

import os
import subprocess
import sys
import tempfile
from statistics import median

from _hosts import QUICK

ROUNDS = 5 if QUICK else 15

_ENGINE = "from messaging_core import Channel, Messenger, SendMessage, Worker, text, to"
_FIRST_MESSAGE = f"""
{_ENGINE}
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.development.console import ConsoleTransport
import io
sms = Channel(name="orders", platform="sms", sender="+31612345678")
transport = ConsoleTransport(stream=io.StringIO())
messenger = Messenger(storage=MemoryStorage(), channels={{sms: transport}})
messenger.send(sms, SendMessage(receiver=to("+31687654321"), body=text("hi")))
assert Worker(messenger).drain().sent == 1
"""

# What a program imports, and the most that it may cost, in times of attrs and cattrs.
# Reached, on an idle and on a busy machine: see docs/explanation/performance.md.
LIMITS = {
    "import messaging_core": 1.2,
    "from messaging_core.rules import split_sms": 1.8,
    "from messaging_core import Messenger, Worker": 3.6,
    _ENGINE: 3.6,
    "from messaging_core import Messenger\n"
    "from messaging_adapters.storage.sqlite import SqliteStorage": 4.0,
    "from messaging_adapters.cli import parser; parser().format_help()": 2.0,
    _FIRST_MESSAGE: 6.5,
}
_SCRIPT = """
from time import process_time
start = process_time()
import attrs, cattrs
middle = process_time()
{statement}
print(middle - start, process_time() - start)
"""


def seconds(statement: str, environment: dict[str, str]) -> tuple[float, float]:
    """Return the processor time of attrs and cattrs, and that of them and the statement."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _SCRIPT.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    base, whole = map(float, done.stdout.split())
    return base, whole


def measure(environment: dict[str, str]) -> dict[str, list[tuple[float, float]]]:
    """Measure all statements in turn; the first round compiles the bytecode and does not count."""
    rounds = [
        {statement: seconds(statement, environment) for statement in LIMITS}
        for _ in range(ROUNDS + 1)
    ]
    return {statement: [figures[statement] for figures in rounds[1:]] for statement in LIMITS}


def name_of(statement: str) -> str:
    """Return a line that says what was measured."""
    return "send and deliver one SMS" if statement == _FIRST_MESSAGE else statement


def main() -> int:
    """Print every ratio; fail if one is above its limit."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    is_late = False
    with tempfile.TemporaryDirectory() as folder:
        results = measure({**environment, "PYTHONPYCACHEPREFIX": folder})
    for statement, limit in LIMITS.items():
        times = median(whole / base for base, whole in results[statement])
        milliseconds = 1000 * median(whole for _, whole in results[statement])
        is_late |= times > limit
        name = name_of(statement).replace("\n", "; ")
        print(f"{times:5.2f} times, limit {limit:.1f} {milliseconds:6.0f} ms  {name}")
    return int(is_late)


if __name__ == "__main__":
    sys.exit(main())
