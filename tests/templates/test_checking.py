"""What is wrong with a template is found when it is saved."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.models import (
    ContentReport,
    LinkAction,
    PlatformContent,
    TemplateContent,
    TemplateProject,
    TemplateReference,
    TemplateShortLinks,
    TemplateStatus,
    TemplateVariable,
    TemplateVersion,
    VariableType,
    Violation,
)
from messaging_core.templates import (
    activate,
    check_project,
    check_version,
    choose_version,
    deactivate,
    inspect,
    save_draft,
)

NOW = datetime(2025, 1, 31, 9, tzinfo=UTC)
TEXT = TemplateContent(locale="en", text="Hi {{name}}")
VERSION = TemplateVersion(
    id=UUID(int=1),
    project_id="p",
    default_locale="en",
    generic_content=(TEXT,),
    variables=(TemplateVariable(key="name"),),
)
PROJECT = TemplateProject(id="p", name="Parcels")


def push(**fields: Any) -> PlatformContent:
    return PlatformContent(platform="push", locale="en", **fields)


def generic(**fields: Any) -> TemplateVersion:
    return evolve(VERSION, generic_content=(evolve(TEXT, **fields),))


def with_variable(**fields: Any) -> TemplateVersion:
    return evolve(VERSION, variables=(evolve(VERSION.variables[0], **fields),))


def test_a_sound_template_is_let_in() -> None:
    assert check_version(VERSION) == []
    assert check_project(PROJECT) == []


@pytest.mark.parametrize(
    ("version", "path", "code"),
    [
        (generic(text="a\nb {{x"), "/genericContent/0/text", "template.syntax"),
        (generic(html="<p x={{name}}>"), "/genericContent/0/html", "template.syntax"),
        (generic(subject="{{x}}"), "/genericContent/0/subject", "template.undeclared_variable"),
        (generic(text="a\0"), "/genericContent/0/text", "text.bad_character"),
        (generic(text="a" * 500_001), "/genericContent/0/text", "text.too_long"),
        (generic(text=None), "/genericContent/0", "template.no_text"),
        (generic(subject="a\nb"), "/genericContent/0/subject", "text.control_character"),
        (generic(subtitle="a\nb"), "/genericContent/0/subtitle", "text.control_character"),
        (generic(data="{{{name}}}"), "/genericContent/0/data", "template.data_not_json"),
        (generic(data='{"a": }'), "/genericContent/0/data", "template.data_not_json"),
        (generic(data="[]"), "/genericContent/0/data", "template.data_not_json"),
        (
            generic(actions=(LinkAction(text="{{", url="https://x.example"),)),
            "/genericContent/0/actions/0/link/text",
            "template.syntax",
        ),
        (
            generic(actions=(LinkAction(text="x", url="javascript:x"),)),
            "/genericContent/0/actions/0/link/url",
            "uri.forbidden_scheme",
        ),
        (generic(locale="en_US"), "/genericContent/0/locale", "template.bad_locale"),
        (
            evolve(VERSION, generic_content=(TEXT, evolve(TEXT, locale="EN"))),
            "/genericContent/1/locale",
            "template.duplicate_locale",
        ),
        (evolve(VERSION, default_locale="nl"), "/defaultLocale", "template.no_default_content"),
        (evolve(VERSION, generic_content=()), "", "template.no_content"),
        (evolve(VERSION, engine="x"), "/engine", "template.unknown_engine"),
        (
            evolve(VERSION, platform_content=(push(subject="t", data="{}"),)),
            "/platformContent/0/subject",
            "template.two_contents",
        ),
        (
            evolve(VERSION, short_links=TemplateShortLinks(domain="a b")),
            "/shortLinks/domain",
            "links.bad_domain",
        ),
        (
            evolve(VERSION, variables=VERSION.variables * 2),
            "/variables/1/key",
            "template.duplicate_key",
        ),
        (
            evolve(VERSION, variables=VERSION.variables * 201),
            "/variables",
            "template.too_many_variables",
        ),
        (with_variable(default=3), "/variables/0/default", "template.wrong_type"),
        (
            with_variable(default="ab", character_limit=1),
            "/variables/0/default",
            "template.value_too_long",
        ),
        (with_variable(character_limit=0), "/variables/0/characterLimit", "template.bad_limit"),
        (
            with_variable(type=VariableType.DATE_TIME, default="2025-01-31"),
            "/variables/0/default",
            "template.wrong_type",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    version: TemplateVersion, path: str, code: str
) -> None:
    assert (path, code) in [
        (violation.path, violation.code) for violation in check_version(version)
    ]


def test_a_broken_source_is_told_with_line_and_column() -> None:
    [violation] = check_version(generic(text="a\nb {{x"))

    assert violation.message.startswith("line 2, column 3: ")


def test_everything_wrong_is_told_at_once() -> None:
    version = evolve(
        generic(text="{{", subject="{{y}}"), default_locale="nl", engine="interpolation"
    )

    assert {violation.code for violation in check_version(version)} == {
        "template.syntax",
        "template.undeclared_variable",
        "template.no_default_content",
    }


def test_a_key_that_no_placeholder_could_name_is_refused() -> None:
    version = evolve(VERSION, variables=(*VERSION.variables, TemplateVariable(key="a b")))

    assert [violation.code for violation in check_version(version)] == ["template.bad_key"]


def test_an_inspection_tells_what_is_taken_and_how_long_it_becomes() -> None:
    version = evolve(
        generic(text="{{name}}, {{code}}: {{x}}" + "." * 140, subject="{{name}}"),
        variables=(
            TemplateVariable(key="name", character_limit=30),
            TemplateVariable(key="code", default="42", type=VariableType.STRING, character_limit=4),
            TemplateVariable(key="old"),
        ),
    )

    assert inspect(version) == (
        ContentReport(
            locale="en",
            placeholders=("name", "code", "x"),
            undeclared=("x",),
            unused=("old",),
            parts=1,
            longest_parts=2,
            longest_unicode_parts=3,
        ),
    )


def test_without_a_limit_there_is_no_longest_case() -> None:
    mail = PlatformContent(platform="email", locale="en", text="x")

    report, other = inspect(evolve(VERSION, platform_content=(mail,)))

    assert (report.parts, report.longest_parts) == (1, None)
    assert (other.parts, other.longest_parts) == (None, None)


def changed(change: TemplateProject | tuple[Violation, ...]) -> TemplateProject:
    assert isinstance(change, TemplateProject)
    return change


def codes(change: object) -> list[str]:
    assert isinstance(change, tuple)
    return [violation.code for violation in change]


def test_a_draft_is_saved_and_changed_until_it_is_active() -> None:
    project = changed(save_draft(PROJECT, VERSION, NOW))
    edited = generic(text="Hello {{name}}")

    project = changed(save_draft(project, edited, NOW + timedelta(hours=1)))
    assert [version.generic_content for version in project.versions] == [edited.generic_content]
    assert project.versions[0].created_at == NOW

    project = activate(project, project.versions[0], NOW)
    assert codes(save_draft(project, VERSION, NOW)) == ["template.immutable"]


def test_a_project_has_one_draft_at_a_time() -> None:
    project = changed(save_draft(PROJECT, VERSION, NOW))

    assert codes(save_draft(project, evolve(VERSION, id=UUID(int=2)), NOW)) == [
        "template.second_draft"
    ]
    assert codes(save_draft(PROJECT, evolve(VERSION, project_id="q"), NOW)) == [
        "template.other_project"
    ]


def test_latest_is_what_became_active_last() -> None:
    other = evolve(VERSION, id=UUID(int=2))
    project = activate(activate(PROJECT, other, NOW), VERSION, NOW - timedelta(days=1))

    choice = choose_version(project, TemplateReference(version="latest"))

    assert isinstance(choice, TemplateVersion)
    assert choice.id == other.id
    assert choose_version(project, TemplateReference()) == choice
    project = deactivate(project, choice, NOW)
    choice = choose_version(project, TemplateReference(version="latest"))
    assert isinstance(choice, TemplateVersion)
    assert (choice.id, choice.status) == (VERSION.id, TemplateStatus.ACTIVE)


def test_only_what_is_active_can_be_sent() -> None:
    project = changed(save_draft(PROJECT, VERSION, NOW))

    for version, code in (
        ("latest", "template.not_active"),
        (str(VERSION.id), "template.not_active"),
        (str(UUID(int=9)), "template.unknown_version"),
    ):
        assert codes(choose_version(project, TemplateReference(version=version))) == [code]
