import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.content.tags import check_tags, normalize_tags


def codes(tags: list[str]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in check_tags(tags)]


def test_tags_are_stored_lower_case_and_once_in_the_order_given() -> None:
    assert normalize_tags(["Beta", "alpha", "BETA", "Alpha", "c"]) == ("beta", "alpha", "c")


@pytest.mark.parametrize("tag", ["a", "a" * 50, "A-Z_0 9", "-", " "])
def test_letters_digits_hyphens_underscores_and_spaces_make_a_tag(tag: str) -> None:
    assert codes([tag]) == []


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("", "tags.empty"),
        ("a" * 51, "tags.too_long"),
        ("a\n", "tags.bad_character"),
        ("a\nb", "tags.bad_character"),
        ("é", "tags.bad_character"),
        ("\u0661", "tags.bad_character"),
        ("\u212a", "tags.bad_character"),
        ("a.b", "tags.bad_character"),
        ("a/b", "tags.bad_character"),
    ],
)
def test_a_faulty_tag_is_reported_at_its_place(tag: str, code: str) -> None:
    assert codes(["good", tag]) == [("/tags/1", code)]


def test_a_tag_with_two_faults_is_reported_twice() -> None:
    assert codes(["!" * 51]) == [("/tags/0", "tags.too_long"), ("/tags/0", "tags.bad_character")]


def test_the_eleventh_tag_is_one_too_many() -> None:
    assert codes([f"tag {n}" for n in range(10)]) == []
    assert codes([f"tag {n}" for n in range(11)]) == [("/tags", "tags.too_many")]


def test_a_repeated_tag_does_not_count() -> None:
    assert codes(["a", "A"] * 10) == []
    assert codes([*(f"tag {n}" for n in range(10)), "TAG 0"]) == []


def test_beside_a_faulty_tag_one_of_fifty_characters_stays_good() -> None:
    assert codes(["a" * 50, "?"]) == [("/tags/1", "tags.bad_character")]


def test_a_repeated_faulty_tag_is_reported_where_it_first_occurs() -> None:
    assert codes(["a", "?", "a", "?"]) == [("/tags/1", "tags.bad_character")]


def test_of_too_many_tags_only_the_first_ten_are_examined() -> None:
    violations = codes([f"?{n}" for n in range(1000)])

    assert len(violations) == 11


def test_a_path_of_the_caller_s_is_kept() -> None:
    assert [v.path for v in check_tags(["?"], "/messages/3/tags")] == ["/messages/3/tags/0"]


@given(st.lists(st.text()))
def test_any_text_is_judged_without_an_exception(tags: list[str]) -> None:
    faults = check_tags(tags)

    assert all("\n" not in str(fault) for fault in faults)
    assert normalize_tags(normalize_tags(tags)) == tuple(
        dict.fromkeys(tag.lower() for tag in normalize_tags(tags))
    )
