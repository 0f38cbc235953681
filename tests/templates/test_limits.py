"""Each limit of templates at its value and one beyond, and what a repr shows of them."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.models.content.action import PostbackAction
from messaging_core.models.content.body import Attachment
from messaging_core.models.content.template_project import (
    Form,
    PlatformContent,
    TemplateContent,
    TemplateProject,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)
from messaging_core.templates import (
    Placeholder,
    check_project,
    check_version,
    inspect,
    interpolate,
    parse,
)
from messaging_core.templates.interpolation.paths import ABSENT, look_up, place, touches
from messaging_core.templates.rendering import text_of_push

VERSION = TemplateVersion(
    id=UUID(int=1),
    project_id="p",
    default_locale="en",
    generic_content=(TemplateContent(locale="en", text="hi"),),
)


def codes(version: TemplateVersion) -> list[str]:
    return [violation.code for violation in check_version(version)]


def with_content(**fields: Any) -> TemplateVersion:
    return evolve(VERSION, generic_content=(TemplateContent(locale="en", **fields),))


def on(platform: str, **fields: Any) -> TemplateVersion:
    content = PlatformContent(platform=platform, locale="en", **fields)
    return evolve(VERSION, generic_content=(), platform_content=(content,))


def variables(number: int, **fields: Any) -> TemplateVersion:
    several = (TemplateVariable(key=f"v{index}", **fields) for index in range(number))
    return evolve(VERSION, variables=tuple(several))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (with_content(text="a" * 500_000), []),
        (with_content(text="a" * 500_001), ["text.too_long"]),
        (variables(200), []),
        (variables(201), ["template.too_many_variables"]),
        (variables(1, character_limit=0), ["template.bad_limit"]),
        (variables(1, character_limit=1), []),
        (variables(1, character_limit=100_000), []),
        (variables(1, character_limit=100_001), ["template.bad_limit"]),
        (variables(1, character_limit=2, default="ab"), []),
        (variables(1, character_limit=2, default="abc"), ["template.value_too_long"]),
    ],
)
def test_a_version_is_measured(version: TemplateVersion, expected: list[str]) -> None:
    assert codes(version) == expected


@pytest.mark.parametrize(
    ("fields", "paths"),
    [({"id": ""}, ["/id"]), ({"name": ""}, ["/name"]), ({"id": "", "name": ""}, ["/id", "/name"])],
)
def test_a_project_has_an_id_and_a_name(fields: dict[str, str], paths: list[str]) -> None:
    project = TemplateProject(**{"id": "p", "name": "n", **fields})

    assert [violation.path for violation in check_project(project)] == paths


POSTBACK = PostbackAction(text="p", payload="x")
FILE = Attachment(media_url="https://x.example/a.pdf", filename="a.pdf")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (on("sms", html="<p>"), ["template.no_text"]),
        (on("sms", data="{}"), ["template.no_text"]),
        (on("email", data="{}"), ["template.no_text"]),
        (on("email", html="<p>"), []),
        (on("push", html="<p>"), ["template.no_text"]),
        (on("push", data="{}"), []),
        (on("chat", data="{}"), []),
        (with_content(html="<p>"), []),
        (with_content(data="{}"), []),
        (with_content(subject="s"), ["template.no_text"]),
        (on("sms", text="x", actions=(POSTBACK,)), ["action.unsupported_on_platform"]),
        (with_content(text="x", actions=(POSTBACK,)), []),
        (on("push", text="x", attachments=(FILE,)), ["attachment.unsupported_on_platform"]),
        (on("email", text="x", attachments=(FILE,)), []),
        (with_content(text="x", attachments=(FILE,)), []),
    ],
)
def test_content_has_what_its_platform_carries(
    version: TemplateVersion, expected: list[str]
) -> None:
    assert codes(version) == expected


ONE_PART = 160


@pytest.mark.parametrize(
    ("variable", "longest"),
    [
        ({"type": VariableType.NUMBER}, 24),
        ({"type": VariableType.BOOLEAN}, 5),
        ({"type": VariableType.DATE_TIME}, 35),
        ({"type": VariableType.NUMBER, "character_limit": 3}, 3),
        ({"type": VariableType.STRING, "character_limit": 7}, 7),
    ],
)
def test_the_longest_value_of_a_type_is_known(variable: dict[str, Any], longest: int) -> None:
    for length, parts in ((ONE_PART - longest, 1), (ONE_PART - longest + 1, 2)):
        version = evolve(
            with_content(text="." * length + "{{x}}"),
            variables=(TemplateVariable(key="x", **variable),),
        )
        assert inspect(version)[0].longest_parts == parts


@pytest.mark.parametrize(("default", "parts"), [(None, 1), ("x", 1), ("xx", 2)])
def test_the_usual_length_is_that_of_the_defaults(default: str | None, parts: int) -> None:
    version = evolve(
        with_content(text="." * (ONE_PART - 1) + "{{x}}"),
        variables=(TemplateVariable(key="x", default=default),),
    )

    assert inspect(version)[0].parts == parts


def test_a_rendered_text_has_at_most_two_million_characters() -> None:
    half, rest = "x" * 1_000_000, "y" * 999_999

    assert len(interpolate("{{a}}{{b}}.", {"a": half, "b": rest})) == 2_000_000
    with pytest.raises(TemplateValueError, match=r"template\.too_large"):
        interpolate("{{a}}{{b}}..", {"a": half, "b": rest})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1e100"), "1" + "0" * 100),
        (Decimal("1e101"), None),
        (Decimal("1e-100"), f"0.{'0' * 99}1"),
        (Decimal("1e-101"), None),
        (2.0**53, "9007199254740992"),
        (2.0**53 + 2, "9007199254740994.0"),
        (-(2.0**53), "-9007199254740992"),
        (-(2.0**53) - 2, "-9007199254740994.0"),
    ],
)
def test_a_number_is_written_as_far_as_it_is_exact(value: Any, text: str | None) -> None:
    if text is not None:
        assert interpolate("{{x}}", {"x": value}) == text
        return
    with pytest.raises(TemplateValueError, match=r"template\.not_writable"):
        interpolate("{{x}}", {"x": value})


@pytest.mark.parametrize(
    ("length", "text"), [(8_192, "a%20b"), (8_193, "a b")], ids=["near", "far"]
)
def test_an_address_is_looked_for_as_far_as_8192_characters_back(length: int, text: str) -> None:
    start, end = "a://", "?e="
    address = start + "p" * (length - len(start) - len(end)) + end

    assert interpolate(f"{address}{{{{x}}}}", {"x": "a b"}) == address + text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("?e={{x}}", "?e=a b"),
        ("/p?e={{x}}", "/p?e=a b"),
        ("{{x}}/p?e={{x}}", "a b/p?e=a%20b"),
        ("{{x}} ?e={{x}}", "a b ?e=a b"),
        ("{{x}}p?e={{x}}", "a bp?e=a b"),
    ],
)
def test_a_query_belongs_to_an_address_or_to_a_value_before_it(source: str, text: str) -> None:
    assert interpolate(source, {"x": "a b"}) == text


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("0", "a"),
        ("1", "b"),
        ("2", ABSENT),
        ("000000001", "b"),
        ("0000000001", ABSENT),
        ("-1", ABSENT),
        ("x", ABSENT),
    ],
)
def test_an_index_has_at_most_nine_digits(key: str, expected: object) -> None:
    assert look_up(["a", "b"], key) is expected
    assert look_up(("a", "b"), key) is expected


@pytest.mark.parametrize(
    ("values", "name", "is_placed", "after"),
    [
        ({}, "a", True, {"a": 1}),
        ({}, "a.b", True, {"a": {"b": 1}}),
        ({"a": {"c": 2}}, "a.b", True, {"a": {"c": 2, "b": 1}}),
        ({"a": 2}, "a", False, {"a": 2}),
        ({"a": None}, "a", False, {"a": None}),
        ({"a": {"b": 2}}, "a.b", False, {"a": {"b": 2}}),
        ({"a": 2}, "a.b", False, {"a": 2}),
        ({"a": [2]}, "a.0", False, {"a": [2]}),
    ],
)
def test_a_value_takes_a_place_that_is_free(
    values: dict[str, Any], name: str, after: dict[str, Any], *, is_placed: bool
) -> None:
    placed = dict(values)

    assert place(placed, name, 1) is is_placed
    assert placed == after


@pytest.mark.parametrize(
    ("name", "others", "is_touched"),
    [
        ("a.b", {"a.b"}, True),
        ("a.b", {"a"}, True),
        ("a", {"a.b"}, True),
        ("a.b", {"a.c"}, False),
        ("a.b", {"b"}, False),
        ("ab", {"a"}, False),
        ("a", {"ab"}, False),
        ("a", set(), False),
    ],
)
def test_a_path_touches_those_above_and_below_it(
    name: str, others: set[str], *, is_touched: bool
) -> None:
    assert touches(name, others) is is_touched


@pytest.mark.parametrize(
    ("source", "values", "text"),
    [
        ("{{a.b}}", {"a": {"b": "x"}, "b": "y"}, "x"),
        ("{{a.b}}{{a.c}}", {"a": {"b": "x", "c": "z"}, "b": "y", "c": "w"}, "xz"),
        ("{{a.b}}{{b}}{{c}}", {"a": {"b": "x"}, "b": "y", "c": "z"}, "xyz"),
        ("{{a}}", {"a": "x\0y"}, "x\0y"),
        ("{{a}}{{b}}", {"a": "x\0y", "b": "z"}, "x\0yz"),
    ],
)
def test_values_of_one_name_in_several_places_are_told_apart(
    source: str, values: dict[str, Any], text: str
) -> None:
    for form in (Form.TEXT, Form.HTML):
        assert interpolate(source, values, form) == text


def test_null_is_no_value_in_json_either() -> None:
    with pytest.raises(TemplateValueError, match=r"template\.missing_variable"):
        interpolate('{"a": {{x}}}', {"x": None}, Form.JSON)


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ("{{a}}", (Placeholder(name="a"),)),
        ("{{{a}}}", (Placeholder(name="a", raw=True),)),
        ("{{a}}\\", (Placeholder(name="a"), "\\")),
        ("\\\\{{a}}", ("\\{{a}}",)),
        ("{{a}}\\{{b", (Placeholder(name="a"), "{{b")),
    ],
)
def test_a_placeholder_at_the_very_beginning_is_one(
    source: str, pieces: tuple[object, ...]
) -> None:
    assert parse(source).pieces == pieces


@pytest.mark.parametrize("length", [10_000, 10_001])
def test_a_path_has_at_most_10000_characters(length: int) -> None:
    source = "{{" + "a" * length + "}}"

    if length == 10_000:
        assert parse(source).placeholders[0].name == "a" * length
        return
    with pytest.raises(TemplateSyntaxError) as caught:
        parse(source)
    assert "at most 10000 characters, not 10001" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"android": {"notification": {"body": "x"}}}, "x"),
        ({"apns": {"payload": {"aps": {"alert": {"body": "x"}}}}}, "x"),
        ({"apns": {"payload": {"aps": {"alert": "x"}}}}, "x"),
        ({"apns": {"aps": {"alert": {"body": "x"}}}}, "x"),
        ({"apns": {"aps": {"alert": "x"}}}, "x"),
        ({"notification": {"body": "x"}}, "x"),
        ({"android": {"notification": {"body": ""}}, "notification": {"body": "x"}}, "x"),
        ({"android": {"notification": {"body": 5}}, "notification": {"body": "x"}}, "x"),
        ({"android": {"notification": {"body": 5}}}, None),
        ({"android": "x"}, None),
        ({}, None),
    ],
)
def test_the_text_of_push_data_is_found_where_phones_look(
    data: dict[str, Any], text: str | None
) -> None:
    assert text_of_push(data) == text
