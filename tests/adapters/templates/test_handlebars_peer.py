"""Our Handlebars writes what Handlebars itself writes, but for the differences listed here."""

from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from messaging_adapters.templates.handlebars import HandlebarsEngine
from messaging_core.errors import TemplateError, TemplateSyntaxError, TemplateValueError
from messaging_core.models import Form
from peers.handlebars import render_all

VALUES: Final[dict[str, Any]] = {
    "user": {"name": "Ada & Bo", "locale": "it"},
    "data": {
        "n": 1234567.891,
        "zero": 0,
        "one": 1,
        "yes": True,
        "no": False,
        "nothing": None,
        "empty": [],
        "list": [1, "b", None, 2.5],
        "map": {"k1": "v1", "k2": "v2"},
        "o": {},
        "items": [{"name": "x", "sub": [1, 2]}, {"name": "y", "sub": []}],
        "day": "2025-01-31T23:30:00Z",
        "text": "abc",
    },
}
BLOCKS: Final = [
    "{{#if data.yes}}a{{else}}b{{/if}}",
    "{{#if data.zero}}a{{else}}b{{/if}}",
    "{{#if data.zero includeZero=true}}a{{else}}b{{/if}}",
    "{{#if data.empty}}a{{else}}b{{/if}}",
    "{{#if data.o}}a{{else}}b{{/if}}",
    "{{#if data.yes}}a{{^}}b{{/if}}",
    "{{#if data.yes}}a{{else}}{{/if}}",
    "{{#if data.yes}}{{#if data.yes}}{{user.name}}{{/if}}{{/if}}",
    "{{#if (eq user.locale 'it')}}ciao{{else if (eq user.locale \"en\")}}hi{{else}}?{{/if}}",
    "{{#unless data.no}}a{{/unless}}{{#unless data.yes}}b{{else}}c{{/unless}}",
    "{{#each data.list}}[{{@index}}:{{this}}]{{/each}}",
    "{{#each data.list}}{{.}}{{/each}}",
    "{{#each data.empty}}x{{else}}none{{/each}}",
    "{{#each (lookup data 'list')}}{{this}}{{/each}}",
    "{{#each data.map}}{{@key}}={{this}}{{#unless @last}},{{/unless}}{{/each}}",
    "{{#each data.map}}{{@first}}{{@last}}{{@index}}{{/each}}",
    (
        "{{#each data.items}}{{name}}{{#each sub}}({{../name}} {{@../index}} {{@index}} {{this}} "
        "{{@root.user.name}}){{else}}none{{/each}}{{/each}}"
    ),
    "{{#each data.items as |item i|}}{{i}}{{item.name}}{{user.name}}{{/each}}",
    "{{#with data.map}}{{k1}}{{../user.name}}{{/with}}",
    "{{#with data.missing}}a{{else}}b{{/with}}",
    "{{#with data.zero}}a{{this}}{{else}}b{{/with}}",
    "{{#with data.text}}{{this}}{{/with}}",
    "{{#with data}}{{#with this}}{{../user.name}}{{/with}}{{/with}}",
    "{{#data.items}}{{name}};{{/data.items}}{{^data.empty}}none{{/data.empty}}",
    "{{^data.items}}none{{/data.items}}{{#data.map}}{{k1}}{{/data.map}}",
    "{{#if (and data.yes (not data.no))}}t{{/if}}{{#if (or data.zero data.empty)}}t{{/if}}",
    "{{#if (gt data.one 0)}}y{{/if}}{{gte 2 '2'}}{{lt 'a' 'b'}}{{lte 3 2}}{{eq 1 '1'}}{{ne 1 2}}",
]
OUTPUTS: Final = [
    "Hi {{user.name}}! {{{user.name}}} {{&user.name}} {{  user.name  }}",
    "{{data.missing}}x{{data.missing.deep}}{{../user.name}}",
    "{{data.yes}}{{data.no}}{{data.zero}}{{data.nothing}}{{data.list}}",
    "{{user/name}} {{this.user.name}} {{./user.name}} {{[user].[name]}} {{data.list.[1]}}",
    "{{data.items.length}} {{data.text.length}} {{a-b}}{{$x}}{{@index}}{{@root.data.one}}",
    "{{lookup data.map 'k2'}}{{lookup data.list 1}}{{uppercase (lowercase user.name)}}",
    r"\{{user.name}} \\{{user.name}} {{lookup data.map 'k1'}}",
]
BLANKS: Final = [
    "a\n  {{#if data.yes}}\n  b\n  {{else}}\n  c\n  {{/if}}\nd",
    "a {{~#if data.yes~}} b {{~else~}} c {{~/if~}} d",
    "{{! c }}\n x {{!-- }} --}} y\n",
    "a{{! x }}b\n{{! alone }}\nc",
    "{{#if data.no}}\nx\n{{else if data.yes}}\ny\n{{else}}\nz\n{{/if}}\nend",
    "  {{#if data.no}}\n x\n  {{else if data.no}}\n y\n  {{else if data.yes}}\n z\n  {{/if}}\n end",
    "{{#each data.items}}\n- {{name}}\n{{/each}}",
    "{{#if data.yes }}\r\na\r\n{{/if}}\r\nb",
    "{{~{user.name}~}} x",
]
LANGUAGES: Final = (
    "it-IT",
    "en",
    "de-CH",
    "es",
    "es-MX",
    "pl",
    "fr",
    "en-IN",
    "pt-PT",
    "pt-BR",
    "nl",
)
HELPERS: Final = [
    "{{dateFormat data.day format='DD/MM/YYYY HH:mm:ss.SSS Z ZZ A a h hh' tz='Europe/Rome'}}",
    "{{dateFormat data.day format='d dd ddd dddd M MMM MMMM YY [at] H' tz='America/New_York'}}",
    "{{dateFormat data.day}} {{dateFormat data.day tz='Europe/Rome'}}",
    "{{dateFormat '2025-03-05' format='dddd D MMMM YYYY'}}{{dateFormat 1738366200000 format='D'}}",
    *(
        f"{{{{toLocale data.n locale='{tag}'}}}} {{{{toLocale 1234 locale='{tag}'}}}} "
        f"{{{{toLocale -0.5 locale='{tag}'}}}} {{{{toLocale 12345.0005 locale='{tag}'}}}}"
        for tag in LANGUAGES
    ),
    "{{toLocale data.missing locale='it'}}{{toLocale data.text locale='it'}}",
]
TABLE: Final = [*BLOCKS, *OUTPUTS, *BLANKS, *HELPERS]
REFUSED: Final = [
    *("{{else}}", "{{#if}}x{{/if}}", "{{#if a}}", "{{a b}}", "{{foo", "{{}}", "{{/if}}"),
    *("{{#if a}}{{/each}}", "{{{a}}", "{{a.}}", "{{a ..b}}", "{{a 'b}}", "{{a.this}}"),
    *(
        "{{> partial}}",
        "{{if a (b}}",
        "{{#each a as |b}}{{/each}}",
        "{{#if a}}{{else}}{{else}}{{/if}}",
    ),
]
DIFFERENCES: Final[dict[str, tuple[str | None, str | type[TemplateError]]]] = {
    # It writes the text that JavaScript gives an object; a name of a part is missing.
    "{{data.o}}": ("[object Object]", TemplateValueError),
    # It looks up the key "x", and nothing else could be meant by a value that is known.
    "{{'user'}}": ("[object Object]", TemplateSyntaxError),
    # An index needs brackets there, and none in our other templates.
    "{{data.list.1}}": (None, "b"),
    # It reads the fourth brace as a fault.
    "{{{ data.text }}}}": (None, "abc}"),
    # It adds raw numbers that stand next to one another.
    "{{{data.one}}}{{{data.one}}}": ("2", "11"),
    # It knows inline partial templates.
    "{{#*inline 'a'}}b{{/inline}}": ("", TemplateSyntaxError),
    # It hands text on to a helper without looking at it.
    "{{{{raw}}}} {{x}} {{{{/raw}}}}": ("", TemplateSyntaxError),
}


def ours(source: str, values: Any = VALUES) -> str:
    """Render as HTML; we escape an apostrophe as they do, but neither ` nor =."""
    template = HandlebarsEngine().compile(source, Form.HTML)
    return template.render(values, locale="en", blank=lambda _: True)


def test_the_table_is_rendered_alike() -> None:
    theirs = render_all([(source, VALUES) for source in TABLE])

    assert {source: ours(source) for source in TABLE} == dict(zip(TABLE, theirs, strict=True))


def test_broken_sources_are_refused_alike() -> None:
    assert render_all([(source, VALUES) for source in REFUSED]) == [None] * len(REFUSED)

    for source in REFUSED:
        with pytest.raises(TemplateSyntaxError):
            ours(source)


@pytest.mark.parametrize("source", DIFFERENCES)
def test_a_difference_is_as_described(source: str) -> None:
    theirs, expected = DIFFERENCES[source]

    assert render_all([(source, VALUES)]) == [theirs]
    if isinstance(expected, str):
        assert ours(source) == expected
    else:
        with pytest.raises(expected):
            ours(source)


names = st.sampled_from(
    ["a", "b", "c", "this", "this.a", "../a", "a.b", "@index", "@key", "@root.b"]
)
words = st.sampled_from(["x", " ", "\n", " \n", "\n ", "  ", "y\n", "\n\n", "\\"])
dashes = st.sampled_from(["", "", "", "~"])
conditions = names | st.builds("(eq {} {})".format, names, names)


def outputs() -> st.SearchStrategy[str]:
    # The dash keeps raw numbers from being added to one another, see `DIFFERENCES`.
    return st.builds("{{{{{}{}{}}}}}".format, dashes, names, dashes) | st.builds(
        "-{{{{{{{}}}}}}}".format, names
    )


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    otherwise = st.builds("{{{{{}else{}}}}}{}".format, dashes, dashes, inner) | st.just("")
    chained = st.builds("{{{{else if {}}}}}{}{}".format, conditions, inner, otherwise)
    return st.one_of(
        st.builds(
            lambda name, condition, body, rest, *dash: (
                f"{{{{{dash[0]}#{name} {condition}{dash[1]}}}}}{body}{rest}"
                f"{{{{{dash[2]}/{name}{dash[3]}}}}}"
            ),
            st.sampled_from(["if", "unless", "each", "with"]),
            conditions,
            inner,
            otherwise,
            *[dashes] * 4,
        ),
        st.builds("{{{{#if {}}}}}{}{}{{{{/if}}}}".format, conditions, inner, chained),
    )


sources = st.recursive(
    words | outputs() | st.just("{{! note }}"),
    lambda inner: blocks(inner) | st.lists(inner, min_size=2, max_size=4).map("".join),
    max_leaves=12,
)
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "t", "<&"])
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
objects = st.fixed_dictionaries({"a": anything, "b": anything})


# Each example starts a process, which makes shrinking slow.
@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.tuples(sources, objects), min_size=40, max_size=40))
def test_random_templates_are_rendered_alike(cases: list[tuple[str, Any]]) -> None:
    for (source, values), text in zip(cases, render_all(cases), strict=True):
        if "[object Object]" in (text or ""):
            with pytest.raises(TemplateValueError, match="name a part of it"):
                ours(source, values)
        elif text is None:
            with pytest.raises(TemplateSyntaxError):
                ours(source, values)
        else:
            assert ours(source, values) == text, (source, values)
