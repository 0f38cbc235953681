"""Headers and subjects of email."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import Violation
from messaging_core.rules.content.headers import RESERVED_HEADERS, check_headers, check_subject

HEADERS = "/body/html/metadata/headers"


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Campaign": "spring", "x-other": ""},
        {"List-Unsubscribe": "<mailto:u@example.com>, <https://example.com/u>"},
        {"Reply-To": "ada@example.com", "In-Reply-To": "<1@x.example>", "Auto-Submitted": "no"},
        {"X-Name": "José 日本"},
        {"!#$%&'*+-.^_`|~": "any ftext"},
    ],
)
def test_a_callers_own_headers_are_accepted(headers: dict[str, str]) -> None:
    assert check_headers(headers, HEADERS) == []


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\n", "Bcc\r\nX", "Bétá", "x\u2028", "a" * 77])
def test_a_header_name_is_ftext(name: str) -> None:
    assert faults(check_headers({"X-Ok": "1", name: "x"}, HEADERS)) == [
        (HEADERS, "header.bad_name")
    ]


@pytest.mark.parametrize(
    "name",
    [
        *sorted(RESERVED_HEADERS),
        "BCC",
        "Content-Type",
        "content-disposition",
        "Resent-To",
        "ARC-Seal",
    ],
)
def test_headers_that_the_engine_writes_are_reserved(name: str) -> None:
    assert faults(check_headers({name: "x"}, HEADERS)) == [(f"{HEADERS}/{name}", "header.reserved")]


@pytest.mark.parametrize(
    "value", ["a\r\nBcc: x@y.example", "\n", "\0", "\x85", "a\u2028b", "\ud800"]
)
def test_a_header_value_is_one_line(value: str) -> None:
    violations = faults(check_headers({"X-A": value}, HEADERS))

    assert violations == [(f"{HEADERS}/X-A", "header.control_character")]


def test_a_header_is_no_longer_than_a_line() -> None:
    assert check_headers({"X-A": "a" * 993}, HEADERS) == []
    assert faults(check_headers({"X-A": "a" * 994}, HEADERS)) == [
        (f"{HEADERS}/X-A", "header.too_long")
    ]


def test_headers_are_compared_without_regard_to_case() -> None:
    violations = faults(check_headers({"X-A": "1", "x-a": "2"}, HEADERS))

    assert violations == [(f"{HEADERS}/x-a", "header.duplicate")]


def test_a_name_is_escaped_in_the_pointer() -> None:
    violations = faults(check_headers({"X/A~": "\n"}, HEADERS))

    assert violations == [(f"{HEADERS}/X~1A~0", "header.control_character")]


def test_every_fault_of_every_header_is_told() -> None:
    violations = faults(check_headers({"Bcc": "a\n", "X Y": "\n", "X-Ok": "1"}, HEADERS))

    assert violations == [
        (f"{HEADERS}/Bcc", "header.reserved"),
        (f"{HEADERS}/Bcc", "header.control_character"),
        (HEADERS, "header.bad_name"),
        (HEADERS, "header.control_character"),
    ]


def test_no_message_repeats_a_value() -> None:
    assert "secret" not in str(check_headers({"Bcc": "secret\n", "X\n": "secret"}, HEADERS))


@given(st.dictionaries(st.text(), st.text()))
def test_accepted_headers_never_break_a_line(headers: dict[str, str]) -> None:
    if not check_headers(headers, HEADERS):
        for name, value in headers.items():
            assert name.isascii()
            assert name.isprintable()
            assert ":" not in name
            assert len(f"{name}: {value}".splitlines()) == 1


def test_a_subject_is_one_line_of_998_characters() -> None:
    assert check_subject("", "/x") == check_subject("é" * 998, "/x") == []
    assert faults(check_subject("a" * 999, "/x")) == [("/x", "text.too_long")]
    assert faults(check_subject("Hi\r\nBcc: x@y.example", "/x")) == [
        ("/x", "text.control_character")
    ]


def test_huge_headers_are_refused_quickly() -> None:
    violations = check_headers(
        {"a" * 10_000_000: "b" * 10_000_000, "X-A": "\n" * 10_000_000}, HEADERS
    )

    assert all(len(str(violation)) < 250 for violation in violations)
    assert {violation.code for violation in violations} == {
        "header.bad_name",
        "header.too_long",
        "header.control_character",
    }
