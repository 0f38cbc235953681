"""Templates of the Mia-Platform Messaging Service are the same thing seen from the other side."""

from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.templates.handlebars import HandlebarsEngine
from messaging_core.models import (
    Attachment,
    HtmlBody,
    PlatformContent,
    RenderedTemplate,
    TemplateProject,
    TemplateVersion,
    TextBody,
)
from messaging_core.templates import (
    DEFAULT_ENGINES,
    check_version,
    from_mia,
    render_template,
    to_mia,
)

DOCUMENT = {
    "_id": "5e8a125eb74dbf0011444ed3",
    "name": "reminder",
    "emailTitle": "Dear {{user.name}}",
    "emailHtmlMessage": "<p>{{data.note}}</p>{{{data.footer}}}",
    "emailAttachments": [{"file": "a b.pdf", "name": "terms.pdf"}, {"file": "c.png"}],
    "smsMessage": "{{user.name}} & {{data.day}}",
    "voiceMessage": "Hello {{user.name}}",
    "pushData": '{"android": {"notification": {"body": "{{data.note}}"}}}',
}
ENGINES = {**DEFAULT_ENGINES, "handlebars": HandlebarsEngine()}
FILES = "https://files.example/download/"
DATA = {
    "user": {"name": "Ada", "shoeSize": 38},
    "data": {"note": 'a<b>\n"{{user.name}}"', "footer": "<hr>"},
}


def version_of(document: dict[str, Any]) -> TemplateVersion:
    return from_mia(document, UUID(int=1), files=FILES).versions[0]


def render(platform: str) -> RenderedTemplate:
    made = render_template(version_of(DOCUMENT), platform, None, DATA)
    assert isinstance(made, RenderedTemplate), made
    return made


def test_a_template_is_converted_and_back() -> None:
    project = from_mia(DOCUMENT, UUID(int=1), files=FILES)

    assert check_version(project.versions[0]) == []
    assert to_mia(project, project.versions[0], files=FILES) == DOCUMENT


def test_a_mail_is_html_with_line_breaks_in_values_as_markup() -> None:
    body = render("email").body

    assert isinstance(body, HtmlBody)
    assert body.html == "<p>a&lt;b&gt;<br/>&quot;{{user.name}}&quot;</p><hr>"
    assert [attachment.media_url for attachment in body.attachments] == [
        "https://files.example/download/a%20b.pdf",
        "https://files.example/download/c.png",
    ]


def test_sms_and_voice_are_not_escaped_and_what_is_missing_stays_empty() -> None:
    assert render("sms").body == TextBody(text="Ada & ")
    assert render("voice").body == TextBody(text="Hello Ada")


def test_push_data_is_json_after_values_took_their_places() -> None:
    made = render("push")

    assert made.data == {"android": {"notification": {"body": DATA["data"]["note"]}}}


def test_html_wins_over_text_and_push_data_over_the_simple_fields() -> None:
    document = DOCUMENT | {"emailMessage": "plain", "pushTitle": "t", "pushMessage": "m"}

    assert version_of(document) == version_of(DOCUMENT)


def test_names_of_files_and_ids_in_extended_json_are_understood() -> None:
    document = {"_id": {"$oid": "abc"}, "emailMessage": "x", "emailAttachments": ["a.pdf"]}

    project = from_mia(document, UUID(int=1), files=FILES)

    assert (project.id, project.name) == ("abc", "abc")
    [content] = project.versions[0].platform_content
    assert [attachment.filename for attachment in content.attachments] == ["a.pdf"]


def test_a_helper_is_found_when_the_template_is_checked() -> None:
    version = version_of({"_id": "1", "smsMessage": "{{dateFormat data.day format='D'}}"})

    assert [violation.code for violation in check_version(version)] == ["template.syntax"]


def test_a_template_with_helpers_moves_unchanged_to_the_engine_that_knows_them() -> None:
    document = {
        "_id": "1",
        "name": "parcel",
        "emailHtmlMessage": "<ul>{{#each data.items}}<li>{{name}}</li>{{else}}none{{/each}}</ul>",
        "smsMessage": "{{dateFormat data.day format='D/M' tz='Europe/Rome'}}"
        "{{#if (eq user.kind 'vip')}} {{toLocale data.total locale='it-IT'}}{{/if}}{{data.x}}",
    }
    project = from_mia(document, UUID(int=1), engine="handlebars")
    (version,) = project.versions
    data = {
        "user": {"kind": "vip"},
        "data": {"items": [{"name": "a<b"}], "day": "2025-01-31T23:30:00Z", "total": 12345.6},
    }

    mail = render_template(version, "email", None, data, engines=ENGINES)
    sms = render_template(version, "sms", None, data, engines=ENGINES)

    assert check_version(version, engines=ENGINES) == []
    assert to_mia(project, version) == document
    assert isinstance(mail, RenderedTemplate)
    assert isinstance(sms, RenderedTemplate)
    assert mail.body == HtmlBody(html="<ul><li>a&lt;b</li></ul>")
    assert sms.body == TextBody(text="1/2 12.345,6")


@pytest.mark.parametrize(
    "document",
    [
        {"emailTitle": "t", "emailMessage": "m"},
        {"emailHtmlMessage": "<p>"},
        {"pushTitle": "t", "pushSubtitle": "s", "pushMessage": "m"},
        {"pushData": "{}"},
        {"emailMessage": "m", "emailAttachments": [{"file": "a.png"}]},
        {},
    ],
    ids=" ".join,
)
def test_a_template_of_some_fields_has_those_fields_on_the_way_back(
    document: dict[str, Any],
) -> None:
    document = {"_id": "1", "name": "n", **document}
    project = from_mia(document, UUID(int=1), files=FILES)

    assert to_mia(project, project.versions[0], files=FILES) == document


@pytest.mark.parametrize(
    ("identifier", "project_id"),
    [("$oid-1", "$oid-1"), (5, "5"), ({"$oid": "a"}, "a"), ({"other": 1}, "{'other': 1}")],
)
def test_an_id_is_text(identifier: Any, project_id: str) -> None:
    assert from_mia({"_id": identifier}, UUID(int=1)).id == project_id


def test_values_may_be_missing_altogether() -> None:
    version = version_of(DOCUMENT)

    assert [(variable.key, variable.required) for variable in version.variables] == [
        ("user", False),
        ("data", False),
    ]


def test_what_that_service_has_no_field_for_is_left_out() -> None:
    file = Attachment(filename="a.pdf", media_url=f"{FILES}a.pdf")
    contents = (
        PlatformContent(platform="sms", locale="EN", text="m", data="{}", attachments=(file,)),
        PlatformContent(platform="email", locale="en", text="m", data="{}"),
        PlatformContent(platform="push", locale="en", text="m", attachments=(file,)),
        PlatformContent(platform="chat", locale="en", text="m"),
        PlatformContent(platform="voice", locale="nl", text="m"),
    )
    version = TemplateVersion(
        id=UUID(int=1), project_id="1", default_locale="en", platform_content=contents
    )
    project = TemplateProject(id="1", name="n", versions=(version,))

    assert to_mia(project, version) == {
        "_id": "1",
        "name": "n",
        "smsMessage": "m",
        "emailMessage": "m",
        "pushMessage": "m",
    }
    assert to_mia(project, version, locale="NL") == {"_id": "1", "name": "n", "voiceMessage": "m"}
