"""Compare filling templates with Jinja2's sandbox and chevron: a short SMS and a mail of 20 KB.

All are given their templates compiled, as far as they can compile; the values are escaped in the
mail. Prints microseconds, each the best of several rounds taken in turn, and fails unless ours is
ahead of both.
"""

import sys
from collections.abc import Callable
from timeit import Timer
from typing import Any

import chevron
from chevron.tokenizer import tokenize
from jinja2.sandbox import ImmutableSandboxedEnvironment

from _hosts import reaches
from messaging_core.models import Form
from messaging_core.templates import InterpolationEngine

ROUNDS = 15
SECONDS = 0.02
LEAST = 1.5

SMS = "Hi {{name}}, your parcel {{number}} is here: locker {{locker}}."
SMS_VALUES = {"name": "Ada", "number": "3S-0815", "locker": 12}
ROW = '<tr><td class="name">{{%s}}</td><td><a href="https://shop.example/i">%s</a></td></tr>\n'
VARIABLES = [f"item{number}" for number in range(150)]
MAIL = (
    "<html><body><p>Dear {{first}} {{last}}, this is your order {{order}}.</p><table>"
    + "".join(ROW % (name, "x" * 56) for name in VARIABLES)
    + "</table></body></html>"
)
MAIL_VALUES = {"first": "Ada", "last": "Lovelace", "order": "A & B"} | {
    name: f"Item <{name}>" for name in VARIABLES
}


def calls(source: str, values: dict[str, Any], *, html: bool) -> dict[str, Callable[[], str]]:
    """Return each way to render a source, ready to be timed."""
    compiled = InterpolationEngine().compile(source, Form.HTML if html else Form.TEXT)
    jinja = ImmutableSandboxedEnvironment(autoescape=html).from_string(source)
    mustache = source if html else source.replace("{{", "{{{").replace("}}", "}}}")
    tokens = list(tokenize(mustache))
    return {
        "ours": lambda: compiled.render(values),
        "jinja2 sandbox": lambda: jinja.render(values),
        "chevron": lambda: chevron.render(tokens, values),
    }


def measure(name: str, source: str, values: dict[str, Any], *, html: bool) -> bool:
    """Print one comparison; return whether ours is ahead."""
    ways = calls(source, values, html=html)
    texts = (
        {way() for way in ways.values()} if not html else {len(way()) > 0 for way in ways.values()}
    )
    assert len(texts) == 1, "they do not render the same"
    timers = {label: Timer(way) for label, way in ways.items()}
    counts = {label: _calls_in(timer) for label, timer in timers.items()}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for label, timer in timers.items():
            best[label] = min(best[label], timer.timeit(counts[label]) / counts[label])
    ours = best["ours"]
    for label, seconds in best.items():
        print(f"{name:<24} {label:<16} {seconds * 1e6:9.2f} µs {seconds / ours:6.1f}x")
    fastest = min(seconds for label, seconds in best.items() if label != "ours")
    return reaches(f"{name}, of the fastest peer", fastest / ours, LEAST)


def _calls_in(timer: Timer) -> int:
    """Return how many calls fill a round."""
    return max(1, int(SECONDS / (timer.timeit(20) / 20)))


def main() -> int:
    """Run both comparisons."""
    ahead = [
        measure("SMS, 3 variables", SMS, SMS_VALUES, html=False),
        measure(f"mail, {len(MAIL) // 1000} KB, 153 variables", MAIL, MAIL_VALUES, html=True),
    ]
    return 0 if all(ahead) else 1


if __name__ == "__main__":
    sys.exit(main())
