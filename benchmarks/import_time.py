"""Compare importing the core with importing attrs and cattrs, each in a process of its own.

The second and third line are what a program pays that goes on to send: names are imported when
they are first used.
"""

import subprocess
import sys
from statistics import median

ROUNDS = 15
LIMIT = 2.5
HELP_LIMIT = 2.0  # what `messaging --help` imports
STATEMENTS = (
    "import messaging_core",
    "from messaging_core import Messenger",
    "from messaging_core import Messenger, SendMessage, Worker, text, to",
    "from messaging_core.rules.formats.sms import split_sms",
    "from messaging_adapters.cli import parser; parser().format_help()",
)
_SCRIPT = """
from time import perf_counter
start = perf_counter()
import attrs, cattrs
middle = perf_counter()
{statement}
print(middle - start, perf_counter() - start)
"""


def ratio(statement: str) -> tuple[float, float]:
    """Return milliseconds, and how many times those of attrs and cattrs; both included."""
    pairs = []
    for _ in range(ROUNDS):
        script = _SCRIPT.format(statement=statement)
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        base, whole = map(float, done.stdout.split())
        pairs.append((whole * 1000, whole / base))
    return median(ms for ms, _ in pairs), median(times for _, times in pairs)


def main() -> int:
    """Print every figure; fail when importing the core misses its limit."""
    figures = {statement: ratio(statement) for statement in STATEMENTS}
    for statement, (milliseconds, times) in figures.items():
        print(f"{statement:70}{milliseconds:6.0f} ms{times:6.2f} times attrs and cattrs")
    help_times = figures[STATEMENTS[-1]][1]
    return 0 if figures[STATEMENTS[0]][1] <= LIMIT and help_times <= HELP_LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
