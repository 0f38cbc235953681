"""A source is taken apart, or refused with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.errors import TemplateSyntaxError
from messaging_core.templates import Placeholder, parse

SOURCES = st.text(alphabet="{}ab.\\ \n<\"'=>#/", max_size=60)


def test_a_source_is_literal_text_and_placeholders() -> None:
    text = parse("Hi {{ user.name }}, {{{items.0.label}}}!")

    assert text.pieces == (
        "Hi ",
        Placeholder(name="user.name", offset=3),
        ", ",
        Placeholder(name="items.0.label", raw=True, offset=20),
        "!",
    )


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ("", ()),
        ("a } b }} c", ("a } b }} c",)),
        (r"\{{ name }}", ("{{ name }}",)),
        ("{ {{a}} }", ("{ ", Placeholder(name="a", offset=2), " }")),
        ('{"n":{{a}}}', ('{"n":', Placeholder(name="a", offset=5), "}")),
        ("{{\n größe-1 \t}}", (Placeholder(name="größe-1"),)),
    ],
)
def test_braces_that_are_no_placeholder_are_text(source: str, pieces: tuple[object, ...]) -> None:
    assert parse(source).pieces == pieces


@pytest.mark.parametrize(
    ("source", "line", "column", "reason"),
    [
        ("Hi {{ name", 1, 4, "without its closing braces"),
        ("a\nbc {{ na me }}", 2, 4, "a placeholder is a path"),
        ("\n\n{{}}", 3, 1, "a placeholder is a path"),
        ("{{#if x}}y{{/if}}", 1, 1, "only fills values in"),
        ("{{ a..b }}", 1, 1, "a placeholder is a path"),
        ("{{{ a }}", 1, 1, "a placeholder is a path"),
        ("{{ a | upcase }}", 1, 1, "a placeholder is a path"),
        ("{{ a() }}", 1, 1, "a placeholder is a path"),
    ],
)
def test_a_broken_source_is_refused_with_line_and_column(
    source: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(TemplateSyntaxError, match=reason) as caught:
        parse(source)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"line {line}, column {column}: ")


@given(st.text().filter(lambda text: "{{" not in text))
def test_literal_text_is_unchanged(text: str) -> None:
    assert parse(text).pieces == ((text,) if text else ())


@given(SOURCES)
def test_whatever_is_refused_is_refused_with_its_place(source: str) -> None:
    error = fault_of(source)

    if error is not None:
        assert source.split("\n")[error.line - 1][error.column - 1 :].startswith("{{")


def fault_of(source: str) -> TemplateSyntaxError | None:
    try:
        parse(source)
    except TemplateSyntaxError as error:
        return error
    return None


def test_a_long_source_of_braces_is_refused_at_once() -> None:
    with pytest.raises(TemplateSyntaxError):
        parse("{" * 1_000_000)
    with pytest.raises(TemplateSyntaxError):
        parse("{{ a" + ".a" * 500_000)


def test_a_source_has_at_most_10000_placeholders() -> None:
    assert len(parse("{{a}}" * 10_000).placeholders) == 10_000
    with pytest.raises(TemplateSyntaxError, match="more than 10000 placeholders"):
        parse("{{a}}" * 10_001)
