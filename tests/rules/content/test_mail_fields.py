"""What the structured fields of a mail may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.content.headers import check_headers
from messaging_core.rules.content.mail_fields import FieldError, field_tokens, is_structured

STRUCTURED = [
    *["Reply-To", "Errors-To", "Mail-Followup-To", "Mail-Reply-To", "Return-Receipt-To"],
    *[
        "Disposition-Notification-To",
        "X-Confirm-Reading-To",
        "List-Help",
        "List-Subscribe",
        "List-Unsubscribe",
    ],
    *["List-Owner", "List-Archive", "List-Post", "List-Id", "In-Reply-To", "References"],
    *["List-Unsubscribe-Post", "Auto-Submitted", "Precedence", "Importance", "X-Priority"],
]
LONG = "<https://shop.example/" + "a" * 879


def read(name: str, value: str) -> list[str]:
    return [token.text for token in field_tokens(name, value)]


@pytest.mark.parametrize(
    ("name", "value", "tokens"),
    [
        ("Reply-To", " a@x.example ", ["a@x.example"]),
        ("reply-to", "<a@x.example>", ["a@x.example"]),
        ("Reply-To", "A  B <a@x.example>", ["A B", "<a@x.example>"]),
        ("Reply-To", "J. R. <a@x.example>", ["J. R.", "<a@x.example>"]),
        ("Reply-To", "a@b.example <a@x.example>", ["a@b.example", "<a@x.example>"]),
        ("Reply-To", r'"A, \"B\"" <a@x.example>', ['A, "B"', "<a@x.example>"]),
        ("Reply-To", '"" <a@x.example>', ["a@x.example"]),
        ("Reply-To", "a@x.example (A (B))", ["A (B)", "<a@x.example>"]),
        ("Reply-To", "A <a@x.example> (B)", ["A", "<a@x.example>"]),
        ("Reply-To", "a@X.example,,\xa0b@y.example,", ["a@x.example", ",", "b@y.example"]),
        ("Reply-To", "é@straße.example", ["é@xn--strae-oqa.example"]),
        (
            "Reply-To",
            "c@x.example, T: a@x.example, b@x.example;",
            ["c@x.example", ",", "T", ":", "a@x.example", ",", "b@x.example", ";"],
        ),
        ("Reply-To", "T:;, a@x.example", ["T", ":", ";", ",", "a@x.example"]),
        ("List-Help", "< https://x.example/a b >", ["<https://x.example/ab>"]),
        ("List-Help", "<mailto:é@ü.example>", ["<mailto:%C3%A9@xn--tda.example>"]),
        ("List-Help", "<https://ü.example/é>", ["<https://xn--tda.example/%C3%A9>"]),
        ("List-Help", "<ftp://x.example/é>,", ["<ftp://x.example/%C3%A9>"]),
        (
            "List-Owner",
            "<mailto:a@x.example,b@x.example> (A), <tel:+31>",
            ["<mailto:a@x.example,b@x.example>", "A", ",", "<tel:+31>"],
        ),
        ("List-Post", "no (closed)", ["NO", "closed"]),
        ("List-Id", '"Ü, news" <news.x.example>', ["Ü, news", "<news.x.example>"]),
        ("List-Id", "news.x.example", ["<news.x.example>"]),
        ("In-Reply-To", "<a@x> (of Monday)", ["<a@x>"]),
        ("References", "<a@x>,<b>  c@d", ["<a@x>", "<b>", "<c@d>"]),
        ("Precedence", " bulk ", ["bulk"]),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click", ["List-Unsubscribe=One-Click"]),
        ("List-Help", LONG[:899] + ">", [LONG[:899] + ">"]),
    ],
)
def test_a_value_is_read_as_its_standard_says(name: str, value: str, tokens: list[str]) -> None:
    assert read(name, value) == tokens
    assert check_headers({name: value}, "") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in STRUCTURED for value in ("", " ", "=?utf-8?q?=0A?=")],
        ("Reply-To", "Smith, Anna <a@x.example>"),
        ("Reply-To", "José"),
        ("Reply-To", "a@x.example b@x.example"),
        ("Reply-To", "<a@x.example"),
        ("Reply-To", "a@x.example>"),
        ("Reply-To", "<a@x.example> A"),
        ("Reply-To", "<a@x.example> <b@x.example>"),
        ("Reply-To", ","),
        ("Reply-To", "a@host"),
        ("Reply-To", '"a b"@x.example'),
        ("Reply-To", "a@x.example (open"),
        ("Reply-To", "a@x.example)"),
        ("Reply-To", '"open <a@x.example>'),
        ("Reply-To", "a@x.example;"),
        ("Reply-To", "T: a@x.example"),
        ("Reply-To", "T: U: a@x.example;;"),
        ("Reply-To", ": a@x.example;"),
        ("Reply-To", "<a@x.example>: b@x.example;"),
        ("Reply-To", "a@[127.0.0.1]"),
        ("List-Help", "https://x.example"),
        ("List-Help", "<x.example>"),
        ("List-Help", "<javascript:x>"),
        ("List-Help", "<https://u:p@x.example>"),
        ("List-Help", "<https://x.example> <https://y.example>"),
        ("List-Help", "<https://x.example/{{a}}>"),
        ("List-Help", "(only a comment)"),
        ("List-Help", "NO"),
        ("List-Post", "<https://x.example>, NO"),
        ("List-Help", LONG[:900] + ">"),
        ("List-Id", "a b"),
        ("List-Id", "<a> <b>"),
        ("List-Id", "<ä>"),
        ("In-Reply-To", "your mail"),
        ("In-Reply-To", "<ä@x>"),
        ("References", "<a b@x>"),
        ("Precedence", "bülk"),
    ],
)
def test_what_programs_could_not_read_is_refused(name: str, value: str) -> None:
    with pytest.raises(FieldError):
        field_tokens(name, value)

    (violation,) = check_headers({"X-Ok": "1", name: value}, "/headers")

    assert (violation.path, violation.code) == (f"/headers/{name}", "header.malformed")


def test_other_headers_are_free_text() -> None:
    assert not is_structured("X-Own")
    assert check_headers({"X-Own": "", "List-Own": " ü, <"}, "") == []


@given(st.sampled_from(STRUCTURED), st.text('<>()":;,@\\.= ?aé/', max_size=40) | st.text())
def test_a_value_read_again_is_the_same(name: str, value: str) -> None:
    try:
        tokens = field_tokens(name, value)
    except FieldError:
        return
    assert all(token.text for token in tokens)
