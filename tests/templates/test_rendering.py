"""A template and values give the content of a message, or every reason why not."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.decisions.content.rendering import content_of
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    Attachment,
    Channel,
    EmailContent,
    HtmlBody,
    LinkAction,
    Missing,
    NumberParameter,
    ObjectParameter,
    PlatformContent,
    PostbackAction,
    RenderedTemplate,
    RowSection,
    RowSections,
    SectionListParameter,
    SmsContent,
    StringParameter,
    TemplateContent,
    TemplateReference,
    TemplateShortLinks,
    TemplateSource,
    TemplateVariable,
    TemplateVersion,
    TextBody,
    VariableType,
    Violation,
)
from messaging_core.templates import (
    choose_content,
    choose_locale,
    pinned,
    render_request,
    render_template,
)

VERSION_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
TERMS = Attachment(filename="terms.pdf", media_url="https://shop.example/terms.pdf")
TEXT = TemplateContent(locale="en", text="Hi {{name}}, {{count}} left")
NAME = TemplateVariable(key="name", character_limit=10)
COUNT = TemplateVariable(key="count", type=VariableType.NUMBER, default=1)


def a_version(*contents: TemplateContent, **changes: Any) -> TemplateVersion:
    own = tuple(content for content in contents if isinstance(content, PlatformContent))
    version = TemplateVersion(
        id=VERSION_ID,
        project_id="parcels",
        default_locale="en",
        generic_content=tuple(content for content in contents if content not in own),
        platform_content=own,
        variables=(NAME, COUNT),
    )
    return evolve(version, **changes)


def name(value: str | None) -> StringParameter:
    return StringParameter(key="name", value=value)


def rendered(made: RenderedTemplate | tuple[Violation, ...]) -> RenderedTemplate:
    assert isinstance(made, RenderedTemplate), made
    return made


def faults(made: RenderedTemplate | tuple[Violation, ...]) -> list[tuple[str, str]]:
    assert isinstance(made, tuple)
    return [(violation.path, violation.code) for violation in made]


def test_parameters_fill_a_text_and_the_result_names_where_it_came_from() -> None:
    reference = TemplateReference(project_id="parcels", version="latest", parameters=(name("Ada"),))

    made = rendered(render_request(a_version(TEXT), "sms", reference))

    assert made.body == TextBody(text="Hi Ada, 1 left")
    assert made.source == TemplateSource(
        project_id="parcels", version_id=VERSION_ID, locale="en", platform=None
    )


def test_a_pinned_reference_renders_the_same_again() -> None:
    reference = TemplateReference(version="latest", locale="en-GB", parameters=(name("Ada"),))
    made = rendered(render_request(a_version(TEXT), "sms", reference))

    pin = pinned(reference, made)

    assert (pin.project_id, pin.version, pin.locale) == ("parcels", str(VERSION_ID), "en")
    assert render_request(a_version(TEXT), "sms", pin) == made


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (
            TemplateReference(),
            [("/template/parameters", "template.missing_variable")],
        ),
        (
            TemplateReference(parameters=(name(None),)),
            [("/template/parameters", "template.missing_variable")],
        ),
        (
            TemplateReference(parameters=(NumberParameter(key="name", value=3),)),
            [("/template/parameters/0", "template.wrong_type")],
        ),
        (
            TemplateReference(parameters=(name("x" * 11), StringParameter(key="nmae", value="x"))),
            [
                ("/template/parameters/1", "template.unknown_variable"),
                ("/template/parameters/0", "template.value_too_long"),
            ],
        ),
        (
            TemplateReference(variables={"name": "Ada", "count": "3", "more": "x"}),
            [
                ("/template/variables/more", "template.unknown_variable"),
                ("/template/variables/count", "template.wrong_type"),
            ],
        ),
        (
            TemplateReference(
                parameters=(name("Ada"), StringParameter(key="name.first", value="A"))
            ),
            [("/template/parameters/1", "template.duplicate_key")],
        ),
        (
            TemplateReference(parameters=(name("Ada"), name("Bob"))),
            [("/template/parameters/1", "template.duplicate_key")],
        ),
        (
            TemplateReference(attachments=(TERMS,)),
            [("/template/parameters", "template.missing_variable")],
        ),
    ],
    ids=[
        *("missing", "null", "type", "long and unknown", "variables", "conflict", "twice"),
        "attachments",
    ],
)
def test_values_are_held_to_the_variables(
    reference: TemplateReference, expected: list[tuple[str, str]]
) -> None:
    assert faults(render_request(a_version(TEXT), "sms", reference)) == expected


def test_parameters_count_more_than_variables_and_those_more_than_defaults() -> None:
    greeting = TemplateVariable(key="greeting", default="Hello")
    content = evolve(TEXT, text="{{greeting}} {{name}} {{count}} {{city}}")
    version = a_version(content, variables=(NAME, COUNT, greeting, TemplateVariable(key="city")))
    reference = TemplateReference(
        parameters=(name("Ada"), NumberParameter(key="count", value=2.0)),
        variables={"name": "Bob", "default": "there"},
    )

    assert rendered(render_request(version, "sms", reference)).body == TextBody(
        text="Hello Ada 2 there"
    )


def test_objects_and_lists_are_reached_by_path() -> None:
    sections = RowSections(sections=(RowSection(title="Tea", items=()),))
    content = evolve(TEXT, text="{{o.a}} {{o.b.0}} {{s.sections.0.title}} {{p.q}}")
    variables = tuple(
        TemplateVariable(key=key, type=kind)
        for key, kind in (
            ("o", VariableType.OBJECT),
            ("s", VariableType.OBJECT),
            ("p.q", VariableType.STRING),
        )
    )
    reference = TemplateReference(
        parameters=(
            ObjectParameter(key="o", value={"a": 1, "b": ["x"]}),
            SectionListParameter(key="s", value=sections),
            StringParameter(key="p.q", value="z"),
        )
    )

    made = render_request(a_version(content, variables=variables), "sms", reference)

    assert rendered(made).body == TextBody(text="1 x Tea z")


def test_what_is_missing_inside_an_object_is_named() -> None:
    version = a_version(
        evolve(TEXT, text="{{user.name}}"),
        variables=(TemplateVariable(key="user", type=VariableType.OBJECT),),
    )
    reference = TemplateReference(parameters=(ObjectParameter(key="user", value={}),))

    made = render_request(version, "sms", reference)

    assert isinstance(made, tuple)
    assert [str(violation) for violation in made] == [
        "/template/parameters: user.name has no value [template.missing_variable]"
    ]


def test_what_may_be_missing_leaves_its_place_empty() -> None:
    optional = a_version(TEXT, variables=(evolve(NAME, required=False), COUNT))
    blank = a_version(TEXT, missing=Missing.BLANK)

    for version in (optional, blank):
        made = render_request(version, "sms", TemplateReference())
        assert rendered(made).body == TextBody(text="Hi , 1 left")


def test_data_that_is_not_used_is_passed_over_and_its_faults_have_their_place() -> None:
    made = render_template(a_version(TEXT), "sms", None, {"name": "Ada", "more": {}})
    assert rendered(made).body == TextBody(text="Hi Ada, 1 left")

    made = render_template(a_version(TEXT), "sms", None, {"name": 1})
    assert faults(made) == [("/data/name", "template.wrong_type")]


def test_a_mail_has_subject_html_text_and_all_attachments_once() -> None:
    content = PlatformContent(
        platform="email",
        locale="en",
        subject="For {{name}}",
        html="<p>{{name}}</p>",
        text="{{name}}",
        attachments=(TERMS,),
    )
    bill = Attachment(filename="bill.pdf", media_url="https://shop.example/bill.pdf")
    reference = TemplateReference(parameters=(name("<A>\r\nB"),), attachments=(bill, TERMS))

    body = rendered(render_request(a_version(content), "email", reference)).body

    assert isinstance(body, HtmlBody)
    assert content_of(body, None, Channel(name="m", platform="email", sender="a@x.example")) == (
        EmailContent(
            subject="For <A> B",
            html="<p>&lt;A&gt;\r\nB</p>",
            text="<A>\r\nB",
            attachments=(TERMS, bill),
        )
    )


def test_generic_content_goes_with_what_the_platform_carries() -> None:
    content = TemplateContent(
        locale="en",
        subject="s",
        text="t {{name}}",
        html="{{missing}}",
        attachments=(TERMS,),
        actions=(
            LinkAction(text="Go {{name}}", url="https://x.example/{{name}}"),
            PostbackAction(text="p", payload="{{missing}}"),
        ),
    )
    reference = TemplateReference(parameters=(name("A"),))

    body = rendered(render_request(a_version(content), "sms", reference)).body

    assert body == TextBody(
        text="t A", actions=(LinkAction(text="Go A", url="https://x.example/A"),)
    )
    sms = content_of(body, None, Channel(name="s", platform="sms", sender="+31612345678"))
    assert isinstance(sms, SmsContent)
    assert sms.text == "t A\nGo A: https://x.example/A"


def test_push_has_title_subtitle_and_text_or_data() -> None:
    simple = PlatformContent(
        platform="push", locale="en", subject="T", subtitle="S", text="{{name}}"
    )
    data = PlatformContent(
        platform="push", locale="en", data='{"android":{"notification":{"body":"Hi {{name}}"}}}'
    )
    reference = TemplateReference(parameters=(name('"x"'),))

    content = rendered(render_request(a_version(simple), "push", reference))
    other = rendered(render_request(a_version(data), "push", reference))

    assert (content.body.metadata.subject, content.subtitle) == ("T", "S")  # type: ignore[union-attr]
    assert other.data == {"android": {"notification": {"body": 'Hi "x"'}}}
    assert other.body == TextBody(text='Hi "x"')


def test_push_data_that_values_break_is_refused() -> None:
    content = PlatformContent(platform="push", locale="en", data='{"a": "{{{name}}}"}')

    made = render_request(a_version(content), "push", TemplateReference(parameters=(name('"'),)))

    assert faults(made) == [("/template", "template.data_not_json")]


def test_short_links_of_the_request_replace_those_of_the_template() -> None:
    own, other = TemplateShortLinks(enabled=True), TemplateShortLinks(enabled=False)
    version = a_version(TEXT, short_links=own)
    reference = TemplateReference(parameters=(name("A"),))

    assert rendered(render_request(version, "sms", reference)).short_links == own
    with_own = evolve(reference, short_links=other)
    assert rendered(render_request(version, "sms", with_own)).short_links == other


def test_without_content_or_text_there_is_no_message() -> None:
    mail = PlatformContent(platform="email", locale="en", text="x")
    nothing = evolve(TEXT, text="{{name}}")
    optional = (evolve(NAME, required=False),)

    assert faults(render_template(a_version(mail, variables=()), "sms", None, {})) == [
        ("", "template.no_content")
    ]
    assert faults(render_template(a_version(nothing, variables=optional), "sms", None, {})) == [
        ("", "template.empty")
    ]


def test_a_broken_source_that_was_stored_is_a_violation() -> None:
    version = a_version(evolve(TEXT, text="{{"), variables=())

    assert faults(render_template(version, "sms", None, {})) == [("", "template.syntax")]


def test_an_engine_that_the_host_does_not_bring_is_its_configuration() -> None:
    with pytest.raises(ConfigurationError, match="no template engine 'other'"):
        render_template(a_version(TEXT, engine="other"), "sms", None, {"name": "x"})


@pytest.mark.parametrize(
    ("reader_locale", "chosen"),
    [
        ("nl-BE", "nl-BE"),
        ("NL-be", "nl-BE"),
        ("nl-Latn-NL", "nl"),
        ("nl-x-a", "nl"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("de", "en"),
        ("zh-Hant-TW", "zh-Hant"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_the_language_is_the_exact_one_a_wider_one_or_the_default(
    reader_locale: str | None, chosen: str
) -> None:
    locales = ["en", "nl", "nl-BE", "pt-BR", "zh-Hant", "zh"]

    assert choose_locale(locales, reader_locale, "EN") == chosen


def test_without_the_default_there_may_be_no_language() -> None:
    assert choose_locale(["nl"], "de", "en") is None


def test_content_of_a_platform_stands_instead_of_all_generic_content() -> None:
    sms = PlatformContent(platform="sms", locale="en", text="sms")
    dutch = TemplateContent(locale="nl", text="generic")
    version = a_version(TEXT, dutch, sms)

    assert choose_content(version, "sms", "nl") is sms
    assert choose_content(version, "push", "nl") is dutch


def test_a_date_is_a_text_of_rfc_3339_or_an_aware_instant() -> None:
    version = a_version(
        evolve(TEXT, text="{{day}}"),
        variables=(TemplateVariable(key="day", type=VariableType.DATE_TIME),),
    )

    for day in ("2025-01-31T09:00:00.000Z", datetime(2025, 1, 31, 9, tzinfo=UTC)):
        made = rendered(render_template(version, "sms", None, {"day": day}))
        assert made.body == TextBody(text="2025-01-31T09:00:00.000Z")
    for wrong in ("31-01-2025", datetime(2025, 1, 31)):  # noqa: DTZ001 - what is refused
        made = render_template(version, "sms", None, {"day": wrong})
        assert faults(made) == [("/data/day", "template.wrong_type")]


@pytest.mark.parametrize(
    ("key", "parameters", "paths"),
    [
        ("o.n", (ObjectParameter(key="o", value={"n": "x"}),), ["/template/parameters/0/n"]),
        (
            "o.n.m",
            (name("x"), ObjectParameter(key="o", value={"n": {"m": "x"}})),
            ["/template/parameters/1/n/m"],
        ),
        ("o.n", (StringParameter(key="o.n", value="x"),), ["/template/parameters/0"]),
    ],
)
def test_a_wrong_value_inside_an_object_has_its_place(
    key: str, parameters: tuple[Any, ...], paths: list[str]
) -> None:
    number = TemplateVariable(key=key, type=VariableType.NUMBER)
    version = a_version(TEXT, variables=(number, evolve(NAME, required=False), COUNT))

    made = render_request(version, "sms", TemplateReference(parameters=parameters))

    assert faults(made) == [(path, "template.wrong_type") for path in paths]


def test_a_value_is_as_long_as_its_variable_allows() -> None:
    made = render_request(a_version(TEXT), "sms", TemplateReference(parameters=(name("x" * 10),)))

    assert rendered(made).body == TextBody(text=f"Hi {'x' * 10}, 1 left")


@pytest.mark.parametrize(("platform", "text"), [("sms", "1 000 -5"), ("push", "1\xa0000 \u22125")])
def test_numbers_are_written_in_plain_characters_only_as_sms(platform: str, text: str) -> None:
    version = a_version(evolve(TEXT, text="{{name}}"))
    reference = TemplateReference(parameters=(name("1\xa0000 \u22125"),))

    assert rendered(render_request(version, platform, reference)).body == TextBody(text=text)


def test_short_links_of_a_request_leave_the_attachments_of_a_template_as_they_are() -> None:
    version = a_version(evolve(TEXT, text="x", attachments=(TERMS,)), variables=())
    reference = TemplateReference(short_links=TemplateShortLinks(enabled=True))

    body = rendered(render_request(version, "email", reference)).body

    assert body == TextBody(text="x", attachments=(TERMS,))
