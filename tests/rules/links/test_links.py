"""Short links and link tracking."""

import pytest

from messaging_core.models import (
    Channel,
    SendMessage,
    ShortLinks,
    TemplateReference,
    TemplateShortLinks,
    Violation,
    text,
    to,
)
from messaging_core.rules.links.links import (
    check_default_domain,
    check_domain,
    check_link_tracking,
    check_short_links,
    short_domain,
)

SMS_CHANNEL = Channel(name="orders", platform="sms")
EMAIL_CHANNEL = Channel(name="mail", platform="email")


def a_tracked_message(
    short_links: ShortLinks | None = None, template: TemplateReference | None = None
) -> SendMessage:
    return SendMessage(
        receiver=to("+31600000001"),
        body=None if template else text("hi"),
        template=template,
        short_links=short_links,
        enable_link_tracking=True,
    )


def a_template(*, enabled: bool | None = None) -> TemplateReference:
    return TemplateReference(project_id="p", short_links=TemplateShortLinks(enabled=enabled))


def faults(violations: list[Violation]) -> list[tuple[str, str]]:
    return [(violation.path, violation.code) for violation in violations]


@pytest.mark.parametrize("domain", ["default", "go.example", "a-b.c.example", "1.example"])
def test_rule_23_links_are_shortened_under_a_host_name(domain: str) -> None:
    links = ShortLinks(domain=domain)

    assert check_short_links(links, SMS_CHANNEL, "/shortLinks", has_template=False) == []


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "localhost",
        "Default",
        "https://a.example",
        "a.example/x",
        "a..example",
        "-a.example",
        "a.example\n",
        "é.example",
        "\u0661.example",
        f"{'a.' * 61}example",
        "a." * 5_000_000,
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_rule_23_any_other_domain_is_refused(domain: str) -> None:
    assert faults(check_domain(domain, "/shortLinks/domain")) == [
        ("/shortLinks/domain", "links.bad_domain")
    ]


def test_rule_23_only_sms_has_short_links() -> None:
    links = ShortLinks(domain="default")

    violations = check_short_links(links, EMAIL_CHANNEL, "/shortLinks", has_template=False)

    assert faults(violations) == [("/shortLinks", "links.only_on_sms")]


def test_rule_23_a_template_brings_its_own_short_links() -> None:
    links = ShortLinks(domain="default")

    violations = check_short_links(links, SMS_CHANNEL, "/shortLinks", has_template=True)

    assert faults(violations) == [("/shortLinks", "links.in_template")]


@pytest.mark.parametrize(
    "request_",
    [
        a_tracked_message(ShortLinks(domain="default")),
        a_tracked_message(template=a_template()),
        a_tracked_message(template=a_template(enabled=True)),
    ],
)
def test_rule_27_links_are_tracked_where_they_are_shortened(request_: SendMessage) -> None:
    assert check_link_tracking(request_, SMS_CHANNEL, "/enableLinkTracking") == []


@pytest.mark.parametrize(
    "request_",
    [
        a_tracked_message(),
        a_tracked_message(template=TemplateReference(project_id="p")),
        a_tracked_message(template=a_template(enabled=False)),
    ],
)
def test_rule_27_sms_tracks_only_short_links(request_: SendMessage) -> None:
    violations = check_link_tracking(request_, SMS_CHANNEL, "/enableLinkTracking")

    assert faults(violations) == [("/enableLinkTracking", "links.tracking_needs_short_links")]


def test_rule_27_other_platforms_track_links_without_shortening_them() -> None:
    assert check_link_tracking(a_tracked_message(), EMAIL_CHANNEL, "/enableLinkTracking") == []


@pytest.mark.parametrize(
    ("short_links", "template", "path"),
    [
        (ShortLinks(domain="default"), None, "/shortLinks/domain"),
        (None, a_template(enabled=True), "/template/shortLinks/domain"),
    ],
)
def test_the_default_domain_is_refused_where_there_is_none(
    short_links: ShortLinks | None, template: TemplateReference | None, path: str
) -> None:
    assert faults(check_default_domain(short_links, template, None)) == [
        (path, "links.no_default_domain")
    ]
    assert check_default_domain(short_links, template, "go.example") == []


def test_a_domain_of_its_own_needs_no_default() -> None:
    assert check_default_domain(ShortLinks(domain="go.example"), None, None) == []
    assert check_default_domain(None, None, None) == []


@pytest.mark.parametrize(
    ("links", "template", "host"),
    [
        (None, None, None),
        (ShortLinks(domain="own.example"), None, "own.example"),
        (ShortLinks(domain="default"), None, "go.example"),
        (ShortLinks(domain="own.example"), TemplateReference(project_id="p"), None),
        (None, a_template(enabled=False), None),
        (None, a_template(enabled=True), "go.example"),
        (
            None,
            TemplateReference(
                project_id="p", short_links=TemplateShortLinks(enabled=True, domain="t.example")
            ),
            "t.example",
        ),
    ],
)
def test_the_host_of_short_links_is_the_one_that_was_asked_for(
    links: ShortLinks | None, template: TemplateReference | None, host: str | None
) -> None:
    assert short_domain(links, template, "go.example") == host


def test_links_that_ask_for_a_default_domain_stay_long_without_one() -> None:
    assert short_domain(ShortLinks(domain="default"), None, None) is None
