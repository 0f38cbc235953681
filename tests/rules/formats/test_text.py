"""One line, and text of many lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import Violation
from messaging_core.rules.formats.text import check_line, check_text, is_line

LONG = "a" * 10_000_000


def codes(violations: list[Violation]) -> list[str]:
    return [violation.code for violation in violations]


@pytest.mark.parametrize("value", ["", "Ada", "naïve café", "日本", "👩‍👩‍👧", "a\u200fb", "\xa0"])
def test_one_line_is_accepted_in_any_script(value: str) -> None:
    assert check_line(value, "/x") == []


@pytest.mark.parametrize(
    "character",
    ["\0", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\x9f", "\u2028", "\u2029", "\ud800"],
    ids=ascii,
)
def test_a_line_holds_no_control_character(character: str) -> None:
    violations = check_line(f"a{character}b", "/x")

    assert [(v.path, v.code) for v in violations] == [("/x", "text.control_character")]


@given(st.text(st.characters(categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1), st.text())
def test_no_line_holds_a_character_that_breaks_or_hides(bad: str, good: str) -> None:
    assert not is_line(good + bad)


@given(st.text())
def test_what_is_a_line_has_one_line(value: str) -> None:
    if is_line(value):
        assert len(value.splitlines()) <= 1
        assert value.encode().decode() == value


def test_lengths_are_counted_in_characters() -> None:
    assert check_line("😀" * 5, "/x", longest=5) == []
    assert codes(check_line("😀" * 6, "/x", longest=5)) == ["text.too_long"]


@pytest.mark.parametrize("check", [check_line, check_text])
def test_only_what_is_required_must_not_be_empty(check: type[check_line]) -> None:
    assert check("", "/x") == []
    assert codes(check("", "/x", required=True)) == ["text.empty"]


def test_every_fault_of_a_line_is_told() -> None:
    assert codes(check_line("a\nb", "/x", longest=2)) == ["text.too_long", "text.control_character"]


@pytest.mark.parametrize("value", ["a\nb", "a\r\nb\t", "\x85", "\u2028", "é", "\uffff"])
def test_a_text_may_have_many_lines(value: str) -> None:
    assert check_text(value, "/x") == []


@pytest.mark.parametrize("value", ["a\0", "\ud83d", "é\udc00"], ids=ascii)
def test_a_text_holds_only_what_a_document_can_hold(value: str) -> None:
    assert codes(check_text(value, "/x")) == ["text.bad_character"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_that_can_be_encoded_is_accepted(value: str) -> None:
    assert check_text(value, "/x") == []


@pytest.mark.parametrize("tail", ["", "\n", "é", "\u202e"], ids=ascii)
def test_a_huge_text_is_told_from_its_length_without_showing_it(tail: str) -> None:
    violations = [
        *check_line(LONG + tail, "/x", longest=9),
        *check_text(LONG + tail, "/x", longest=9),
    ]

    assert "text.too_long" in codes(violations)
    assert all(len(violation.message) < 100 for violation in violations)
