"""Templates of the Mia-Platform Messaging Service are the same thing seen from the other side."""

from typing import Any
from uuid import UUID

from messaging_core.models import HtmlBody, RenderedTemplate, TemplateVersion, TextBody
from messaging_core.templates import check_version, from_mia, render_template, to_mia

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

    assert [each.code for each in check_version(version)] == ["template.syntax"]
