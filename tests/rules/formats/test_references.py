"""References of platforms, with and without what stands around them."""

import pytest

from messaging_core.rules.formats.references import bare_reference


@pytest.mark.parametrize(
    ("reference", "bare"),
    [
        ("a1@mail.example", "a1@mail.example"),
        (" <a1@mail.example>\r\n", "a1@mail.example"),
        ("< a1@mail.example >", "a1@mail.example"),
        ("<<a>>", "<a>"),
        ("<a1@mail.example", "<a1@mail.example"),
        ("a1@mail.example>", "a1@mail.example>"),
        ("<x>y", "<x>y"),
        ("<>", ""),
        ("", ""),
    ],
)
def test_a_reference_loses_blanks_and_one_pair_of_brackets(reference: str, bare: str) -> None:
    assert bare_reference(reference) == bare
