"""References to templates."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import (
    Attachment,
    BooleanParameter,
    CatalogProduct,
    NumberParameter,
    ObjectParameter,
    Parameter,
    ProductSection,
    ProductSections,
    ProductSectionsParameter,
    StringParameter,
    TemplateReference,
    TemplateShortLinks,
    UtmParameter,
    WhatsAppProductItem,
    WhatsAppProductSection,
    WhatsAppProductSections,
    WhatsAppProductSectionsParameter,
)
from messaging_core.rules.content.template import check_locale, check_template

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"


def a_template(**fields: Any) -> TemplateReference:
    return TemplateReference(**{"project_id": "p", **fields})


def product_sections(*titles: str) -> Parameter:
    products = (CatalogProduct(external_product_id="1"),)
    sections = tuple(ProductSection(title=title, products=products) for title in titles)
    return ProductSectionsParameter(key="k", value=ProductSections(product_sections=sections))


def whatsapp_sections(*titles: str) -> Parameter:
    products = (WhatsAppProductItem(external_product_id="1"),)
    sections = tuple(WhatsAppProductSection(title=title, products=products) for title in titles)
    return WhatsAppProductSectionsParameter(
        key="k", value=WhatsAppProductSections(sections=sections)
    )


def a_utm(key: str = "utm_source", **fields: Any) -> TemplateReference:
    return a_template(utm_parameters=(UtmParameter(key=key, **fields),))


def check(template: TemplateReference, platform: str = "email") -> list[tuple[str, str]]:
    return [
        (violation.path.removeprefix("/template"), violation.code)
        for violation in check_template(template, platform, "/template")
    ]


@pytest.mark.parametrize(
    "template",
    [
        TemplateReference(project_id=UUID, version="latest", locale="en"),
        TemplateReference(project_id="my own id", version=UUID.upper()),
        TemplateReference(name="order_update"),
    ],
)
def test_rule_31_a_template_is_named_by_project_or_name(template: TemplateReference) -> None:
    assert check(template) == []


@pytest.mark.parametrize(
    ("template", "path", "code"),
    [
        (TemplateReference(), "", "template.not_named"),
        (TemplateReference(project_id=""), "/projectId", "text.empty"),
        (TemplateReference(name="a\nb"), "/name", "text.control_character"),
        (a_template(version=""), "/version", "template.bad_version"),
        (a_template(version="Latest"), "/version", "template.bad_version"),
        (a_template(version=UUID + "\n"), "/version", "template.bad_version"),
        (a_template(version=UUID.replace("-", "")), "/version", "template.bad_version"),
        (a_template(version="\u0661" + UUID[1:]), "/version", "template.bad_version"),
        (a_template(locale="en_US"), "/locale", "template.bad_locale"),
    ],
)
def test_rule_31_any_other_template_is_refused(
    template: TemplateReference, path: str, code: str
) -> None:
    assert check(template) == [(path, code)]


@pytest.mark.parametrize(
    "locale",
    [
        "en",
        "EN",
        "pt-BR",
        "es-419",
        "zh-Hant-TW",
        "zh-yue-HK",
        "de-1996",
        "sl-rozaj-biske",
        "de-DE-u-co-phonebk",
        "en-US-x-twain",
        "x-whatever",
        "qaa-Qaaa-QM-x-south",
        "ast",
    ],
)
def test_rule_31_a_locale_is_bcp_47(locale: str) -> None:
    assert check_locale(locale, "/x") == []


@pytest.mark.parametrize(
    "locale",
    [
        "",
        "e",
        "en_US",
        "en-",
        "-en",
        "en--US",
        "en-USA1234567890",
        "en-US-US",
        "1en",
        "en\n",
        "ён",
        "en-\u0661\u0662\u0663",
        "x",
        "en-x",
        "en-u",
        "a" * 9,
        "en" + "-abcde" * 2_000_000,
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_rule_31_anything_else_is_no_locale(locale: str) -> None:
    assert [v.code for v in check_locale(locale, "/x")] == ["template.bad_locale"]


@given(st.text("aZ0-_\n\u0661", max_size=40))
def test_rule_31_an_accepted_locale_has_subtags_of_1_to_8_letters_and_digits(locale: str) -> None:
    if not check_locale(locale, "/x"):
        assert all(
            part.isascii() and part.isalnum() and len(part) <= 8 for part in locale.split("-")
        )


@pytest.mark.parametrize(
    "template",
    [
        a_utm(value="spring"),
        a_utm("x" * 20, value="x" * 100),
        a_utm(reference="platform_name"),
        a_utm(reference="channel_name"),
        a_template(utm_parameters=(UtmParameter(key="a", value="b"),) * 8),
    ],
)
def test_rule_32_links_get_utm_parameters(template: TemplateReference) -> None:
    assert check(template) == []


@pytest.mark.parametrize(
    ("template", "path", "code"),
    [
        (a_template(utm_parameters=(UtmParameter(key="a", value="b"),) * 9), "", "utm.too_many"),
        (a_utm("", value="a"), "/0/key", "text.empty"),
        (a_utm("x" * 21, value="a"), "/0/key", "text.too_long"),
        (a_utm(), "/0", "utm.value_or_reference"),
        (a_utm(value="a", reference="channel_name"), "/0", "utm.value_or_reference"),
        (a_utm(value=""), "/0/value", "text.empty"),
        (a_utm(value="x" * 101), "/0/value", "text.too_long"),
        (a_utm(reference="sender_name"), "/0/reference", "utm.bad_reference"),
    ],
)
def test_rule_32_any_other_utm_parameter_is_refused(
    template: TemplateReference, path: str, code: str
) -> None:
    assert check(template) == [(f"/utmParameters{path}", code)]


@pytest.mark.parametrize(
    "parameter",
    [
        StringParameter(key="k", value=""),
        StringParameter(key="k"),
        NumberParameter(key="k", value=1.5),
        NumberParameter(key="k", value=10**400),
        NumberParameter(key="k"),
        BooleanParameter(key="k", value=False),
        ObjectParameter(key="k", value={"a": [1]}),
        ProductSectionsParameter(key="k"),
        product_sections("a", "x" * 24),
        whatsapp_sections("a", "x" * 24),
    ],
    ids=lambda parameter: type(parameter).__name__,
)
def test_rule_33_a_parameter_is_accepted(parameter: Parameter) -> None:
    assert check(a_template(parameters=(parameter,))) == []


@pytest.mark.parametrize(
    ("parameter", "path", "code"),
    [
        (StringParameter(key=""), "key", "text.empty"),
        (NumberParameter(key="k", value=float("nan")), "value", "template.not_finite"),
        (NumberParameter(key="k", value=float("inf")), "value", "template.not_finite"),
        (product_sections("a", ""), "value/productSections/1/title", "text.empty"),
        (product_sections("x" * 25), "value/productSections/0/title", "text.too_long"),
        (
            whatsapp_sections("x" * 25),
            "value/sections/0/whatsappProductSection/title",
            "text.too_long",
        ),
    ],
)
def test_rule_33_any_other_parameter_is_refused(parameter: Parameter, path: str, code: str) -> None:
    assert check(a_template(parameters=(parameter,))) == [(f"/parameters/0/{path}", code)]


def test_rule_33_each_parameter_is_given_once() -> None:
    parameters = (StringParameter(key="a"), NumberParameter(key="b"), BooleanParameter(key="a"))

    assert check(a_template(parameters=parameters)) == [
        ("/parameters/2/key", "template.duplicate_key")
    ]


def test_rule_34_variables_are_texts() -> None:
    assert check(a_template(variables={"default": "x", "name": ""})) == []
    assert check(a_template(variables={"a": "x", "n": 3})) == [
        ("/variables", "template.variable_not_text")
    ]


def test_rule_20_a_template_names_its_files_by_url() -> None:
    by_url = Attachment(filename="a.pdf", media_url="https://example.com/a.pdf")
    along = Attachment(filename="a.pdf", content="AAAA", content_type="application/pdf")

    assert check(a_template(attachments=(by_url,))) == []
    assert check(a_template(attachments=(by_url, along))) == [
        ("/attachments/1/content", "attachment.content_not_allowed"),
        ("/attachments/1", "attachment.no_media_url"),
    ]
    assert check(a_template(attachments=(by_url,)), "sms") == [
        ("/attachments", "attachment.unsupported_on_platform")
    ]


def test_rule_23_short_links_of_a_template_name_a_host() -> None:
    good, bad = TemplateShortLinks(domain="default"), TemplateShortLinks(domain="a" * 129)

    assert check(a_template(short_links=good)) == []
    assert check(a_template(short_links=TemplateShortLinks(enabled=True))) == []
    assert check(a_template(short_links=bad)) == [("/shortLinks/domain", "links.bad_domain")]
