"""Which short links a request leads to."""

from typing import Any

import pytest

from messaging_core.decisions.content.link_planning import (
    Linking,
    checked_domain,
    counts_parts,
    wants_links,
)
from messaging_core.errors import ConfigurationError
from messaging_core.models import (
    ImageBody,
    LinkAction,
    LinkSettings,
    MediaMetadata,
    SendMessage,
    ShortLinks,
    TemplateReference,
    TemplateShortLinks,
    TextBody,
    UtmParameter,
)
from messaging_core.models.content.body import Image
from messaging_core.models.delivery.delivery import Controls
from messaging_core.testing import a_channel, a_delivery, a_message, a_request

SMS, MAIL = a_channel(), a_channel("mail", "email")
CODE = "0" * 11
LONG = "https://a.example/" + "x" * 150
BUTTON = LinkAction(text="Open", url="https://a.example")
SHORT = ShortLinks(domain="go.example")


def a_template(**fields: Any) -> TemplateReference:
    return TemplateReference(project_id="p", **fields)


def a_linking(code: str = CODE, default_domain: str | None = "go.example") -> Linking:
    return Linking(default_domain=default_domain, new_code=lambda: code)


def faults(request: SendMessage, **channel: Any) -> list[tuple[str, str]]:
    violations = a_linking().check(request, a_channel(**channel))
    return [(violation.path, violation.code) for violation in violations]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"template": a_template(), "body": None}, False),
        ({"short_links": SHORT}, True),
        ({"enable_link_tracking": True}, True),
        ({"template": a_template(short_links=TemplateShortLinks()), "body": None}, True),
    ],
)
def test_links_are_wanted_by_any_of_three_fields(fields: dict[str, Any], *, expected: bool) -> None:
    assert wants_links(a_request(**fields)) is expected


def test_parts_are_counted_with_buttons_or_a_limit_of_the_channel() -> None:
    with_button = a_request(TextBody(text="hi", actions=(BUTTON,)))

    assert not counts_parts(a_request(), SMS)
    assert counts_parts(with_button, SMS)
    assert counts_parts(a_request(), a_channel(max_parts=2))
    assert not counts_parts(with_button, MAIL)


@pytest.mark.parametrize("domain", [None, "go.example"])
def test_a_domain_of_the_host_is_a_host_name(domain: str | None) -> None:
    assert checked_domain(domain) == domain


@pytest.mark.parametrize("domain", ["default", "no domain", ""])
def test_any_other_domain_is_refused(domain: str) -> None:
    with pytest.raises(ConfigurationError, match="host name"):
        checked_domain(domain)


def test_a_default_domain_must_be_known() -> None:
    request = a_request(short_links=ShortLinks(domain="default"))

    (violation,) = a_linking(default_domain=None).check(request, SMS)

    assert violation.code == "links.no_default_domain"
    assert a_linking().check(request, SMS) == []


def test_a_bad_domain_is_left_to_its_own_rule() -> None:
    request = a_request("x" * 161, short_links=ShortLinks(domain="no domain"))

    assert a_linking().check(request, a_channel(max_parts=1)) == []


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("x" * 160, 1, []),
        ("x" * 161, 1, [("/body/text/text", "text.too_many_parts")]),
        ("x" * 306, 2, []),
        ("x" * 307, 2, [("/body/text/text", "text.too_many_parts")]),
        ("x" * 307, None, []),
        ("x" * (255 * 153), 254, [("/body/text/text", "text.too_many_parts")]),
        ("x" * (255 * 153 + 1), 254, []),  # a rule of its own refuses that
    ],
)
def test_a_text_takes_no_more_parts_than_its_channel_allows(
    text: str, most: int | None, expected: list[tuple[str, str]]
) -> None:
    assert faults(a_request(text), max_parts=most) == expected


def test_parts_are_counted_with_the_links_as_they_are_sent() -> None:
    long = a_request(f"See {LONG}")
    short = a_request(f"See {LONG}", short_links=SHORT)

    assert faults(long, max_parts=1) == [("/body/text/text", "text.too_many_parts")]
    assert faults(short, max_parts=1) == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"short_links": SHORT}, "/shortLinks"),
        ({"template": a_template()}, "/template"),
        ({}, "/body/text/text"),
        (
            {
                "body": ImageBody(
                    images=(Image(media_url="https://a.example/a.png"),),
                    metadata=MediaMetadata(fallback_text="x" * 161),
                )
            },
            "/body",
        ),
    ],
)
def test_a_text_that_is_too_long_is_named_by_what_made_it(
    fields: dict[str, Any], path: str
) -> None:
    request = a_request(**{"body": "x" * 161, **fields})

    assert faults(request, max_parts=1) == [(path, "text.too_many_parts")]


def test_only_an_sms_has_parts() -> None:
    request = a_request("x" * 500, short_links=SHORT)

    assert a_linking().check(request, MAIL) == []


def test_a_template_that_is_not_rendered_yet_is_not_counted() -> None:
    request = a_request(body=None, template=a_template())

    assert faults(request, max_parts=1) == []


def test_links_are_drawn_once_and_kept_with_the_delivery() -> None:
    message = a_message(f"See {LONG}", short_links=SHORT)

    delivery, links = a_linking().draw(message, a_delivery(), SMS)

    assert [(link.url, link.code) for link in links] == [(LONG, CODE)]
    assert delivery.controls.links == LinkSettings(domain="go.example", codes={LONG: CODE})


def test_a_message_without_settings_or_body_has_no_links() -> None:
    delivery = a_delivery()
    utm = (UtmParameter(key="utm_source", value="shop"),)
    bodiless = a_message(short_links=SHORT, body=None)
    tracked = a_delivery(controls=Controls(enable_link_tracking=True))

    assert a_linking().draw(a_message(f"See {LONG}"), delivery, SMS) == (delivery, ())
    assert a_linking().draw(bodiless, delivery, SMS) == (delivery, ())
    template = a_template(utm_parameters=utm)
    message, links = a_linking().draw(a_message(template=template), tracked, MAIL)
    assert links == ()
    assert message.controls.links is not None


def test_a_code_of_another_form_is_refused() -> None:
    message = a_message(f"See {LONG}", short_links=SHORT)

    with pytest.raises(ConfigurationError, match="letters and digits"):
        a_linking(code="short").draw(message, a_delivery(), SMS)
