"""The worst templates of 500,000 characters take a second and 50 MB at most."""

import subprocess
import sys
from pathlib import Path

import pytest

# A process of its own, because what a process once took of memory it does not give back.
_WATCHED = """
import resource, sys, time
from messaging_adapters.templates.handlebars import HandlebarsEngine
from messaging_adapters.templates.liquid import LiquidEngine
from messaging_core.errors import TemplateError
from messaging_core.models import Form
from messaging_core.templates import InterpolationEngine

resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
big = "<&'" * 60_000
engines = (LiquidEngine, InterpolationEngine, HandlebarsEngine)
engine = next(engine for engine in engines if engine.name == sys.argv[1])()
engine.compile("{{ a }}", Form.HTML).render({"a": "x"})
for source in sys.stdin.read().split("\\0"):
    for form in (Form.HTML, Form.TEXT):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        try:
            engine.compile(source, form).render({"a": "x<", "b": big}, blank=lambda _: True)
        except TemplateError:
            pass
        seconds = time.process_time() - start
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        if seconds > 2 or more > 50:  # more than a second on a busy core
            print(f"{source[:60]!r} as {form.name} takes {seconds:.2f} s and {more} MB")
"""
_LENGTH = 500_000


def _filled(piece: str, start: str = "", end: str = "") -> str:
    return start + piece * ((_LENGTH - len(start) - len(end)) // len(piece)) + end


WORST = [
    *map(_filled, ("{{", "{%", "{{ '", "{% raw %}", "{% doc %}", "{% comment %}", "{{{", "\\{{")),
    *map(
        _filled, ("{{ a }}", "{{{a}}}", "{% if a %}x{% endif %}", "<", "</", "<!--", "&", "{%#%}")
    ),
    *map(
        _filled, ("<script>", "<a href=' javascript'>", "https://", "a://", "?a=", "<a b={{ a }}>")
    ),
    _filled("b='c' ", "<a "),
    _filled("b ", "<a "),
    _filled("'", "<a "),
    _filled(" ", "{{", "}}"),
    _filled("a.", "{{", "a}}"),
    _filled("|upcase", "{{ a", "}}"),
    _filled(" ", "<a href='", "javascript:{{ a }}'>"),
    "".join(f"{{{{a{number}}}}}" for number in range(60_000)),
    "{{ a }}" * 2_500,
    "".join(["x" * 195 + "{{ a }}"] * 2_470),
    "<p title='" + "{{ a }}" * 2_400 + "'>",
    ("{{" + " " * 59 + "}}") * 790,
    ("{{ a" + "|upcase" * 1_400 + "}}") * 5,
    ("{% if a" + " and a" * 1_600 + "%}x{% endif %}") * 5,
    "{% if a %}" * 2_500,
    "{% case a %}" + "{% when 1 %}" * 2_490 + "{% endcase %}",
    "{{ " + "a[" * 3_000 + "1" + "]" * 3_000 + " }}",
    "{% for i in (1..10000) %}{{ a }}{% cycle 'a', 'b' %}{% endfor %}",
    "{% for i in (1..2000) %}" + "{% assign z = 1 | plus: 1 %}" * 10 + "{% endfor %}",
    "{% for i in (1..9999) %}" + "{% if a %}{% endif %}" * 3 + "{% endfor %}",
    "{% for i in (1..1000) %}{% assign c = b | upcase | escape %}{% endfor %}",
    "{{ b | replace: '<', b | replace: '<', b }}",
    "{{ (1..1000000000) | join: ',' }}",
    "{{ b | split: '' | join: b }}{{ b | strip_html }}",
    *map(
        _filled, ("{{!--", "{{!", "{{a '", "{{[", "{{~", "{{#if a}}", "{{else}}", "{{{a", "\\\\{{")
    ),
    *map(_filled, ("{{#each b}}x{{/each}}", "{{! a }}\n", "{{a}} \n", "{{~a~}}  ", "{{/if}}")),
    _filled(" \n", "{{#if a}}", "{{/if}}"),
    _filled("\n", "{{a}}", "x{{/if}}"),
    *(_filled(piece, "{{eq ", "}}") for piece in ("(", "a ", "a=b ", "'a' ", "1 ", "../", "@")),
    "{{a}}" * 4_990,
    "<p title='" + "{{a}}" * 4_900 + "'>",
    ("{{#if a}}" + "{{else if b}}" * 29 + "{{/if}}") * 160,
    ("{{#if (and " + "(not " * 28 + "a" + ")" * 29 + "}}x{{/if}}") * 1_000,
    "{{#each b}}x{{/each}}{{#with b}}{{uppercase this}}{{join this this}}{{/with}}",
    "{{dateFormat a format=b}}{{toLocale b}}{{lookup b b}}{{eq b b}}",
    "{{dateFormat '2025-01-01' format=b}}",
    "{{uppercase b}}" * 4_000,
]


@pytest.mark.parametrize("engine", ["liquid", "interpolation", "handlebars"])
def test_the_worst_templates_are_read_and_rendered_within_bounds(engine: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _WATCHED, engine],
        input="\0".join(WORST),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parent,
    )

    assert done.stdout == ""
