"""UTM parameters on web addresses."""

from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import CampaignMeta, Channel, Meta, UtmParameter
from messaging_core.rules.links.tracking import track_text, utm_parameters, with_utm

CHANNEL = Channel(name="orders", platform="sms")
CAMPAIGN = UUID(int=1)
UTM = {"utm_source": "a b&c"}
VISIBLE = st.text(st.characters(codec="utf-8"), min_size=1)
PARAMETERS = st.dictionaries(VISIBLE.map("utm_".__add__), VISIBLE, max_size=3)
ADDRESSES = st.builds(
    "https://a.example{}{}{}".format,
    st.sampled_from(["", "/", "/a%20b", "/;x=1"]),
    st.sampled_from(["", "?", "?a", "?a=%2f&b=+", "?a=1&", "?a=1;b=2", "?utm_x=1", "?=&&;;"]),
    st.sampled_from(["", "#", "#x?y", "#/a?utm_source=1"]),
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "https://a.example?utm_source=a%20b%26c"),
        ("https://a.example/?", "https://a.example/?utm_source=a%20b%26c"),
        ("https://a.example/?a=%2f&b=+#c", "https://a.example/?a=%2f&b=+&utm_source=a%20b%26c#c"),
        ("https://a.example/?a&", "https://a.example/?a&utm_source=a%20b%26c"),
        ("https://a.example/?a=1;b=2", "https://a.example/?a=1;b=2;utm_source=a%20b%26c"),
        ("https://a.example/?a=1;b", "https://a.example/?a=1;b&utm_source=a%20b%26c"),
        ("https://a.example/#/b?c", "https://a.example/?utm_source=a%20b%26c#/b?c"),
        ("HTTP://a.example/é", "HTTP://a.example/é?utm_source=a%20b%26c"),
    ],
)
def test_parameters_join_the_query_in_its_own_manner(url: str, expected: str) -> None:
    assert with_utm(url, UTM) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mailto:a@a.example",
        "tel:+31612345678",
        "/relative?x",
        "{{link}}",
        "https://",
        "https://a.example/?utm_source=mine",
        "https://a.example/?a=1;utm%5Fsource=mine",
        "https://s3.example/x?X-Amz-Signature=1&X-Amz-Expires=9",
        "https://cdn.example/x?Expires=1&Signature=2",
        "https://blob.example/x?se=1&sig=2",
        "https://a.example/" + "x" * 8160,
    ],
    ids=lambda url: url[:40],
)
def test_an_address_that_a_parameter_would_break_is_left_as_it_is(url: str) -> None:
    assert with_utm(url, UTM) == url


@given(ADDRESSES, PARAMETERS)
def test_an_address_keeps_all_it_has_and_gets_what_it_lacks(
    url: str, parameters: dict[str, str]
) -> None:
    tracked = with_utm(url, parameters)

    before, after = urlsplit(url), urlsplit(tracked)
    assert (after.netloc, after.path, after.fragment) == (
        before.netloc,
        before.path,
        before.fragment,
    )
    assert after.query.startswith(before.query)
    separator = ";" if "a=1;b=2" in url else "&"
    pairs = dict(parse_qsl(after.query, keep_blank_values=True, separator=separator))
    assert {key: pairs[key] for key in parameters} == {**parameters, **kept(url, parameters)}
    assert tracked.partition("#")[2] == url.partition("#")[2]


def kept(url: str, parameters: dict[str, str]) -> dict[str, str]:
    return {"utm_x": "1"} if "?utm_x=1" in url and "utm_x" in parameters else {}


@given(ADDRESSES, PARAMETERS)
def test_adding_parameters_twice_changes_nothing(url: str, parameters: dict[str, str]) -> None:
    once = with_utm(url, parameters)

    assert with_utm(once, parameters) == once


def test_the_parameters_come_of_channel_and_campaign() -> None:
    meta = Meta(campaign=CampaignMeta(id=CAMPAIGN, name="Spring"))

    assert utm_parameters((), meta, CHANNEL) == {
        "utm_source": "orders",
        "utm_medium": "sms",
        "utm_campaign": "Spring",
        "utm_id": str(CAMPAIGN),
    }
    assert utm_parameters((), Meta(campaign=CampaignMeta(id=CAMPAIGN)), CHANNEL)[
        "utm_campaign"
    ] == str(CAMPAIGN)
    assert "utm_campaign" not in utm_parameters((), None, CHANNEL)


def test_the_parameters_of_a_template_win() -> None:
    template = (
        UtmParameter(key="utm_source", value="shop"),
        UtmParameter(key="utm_medium", reference="channel_name"),
        UtmParameter(key="via", reference="platform_name"),
        UtmParameter(key="empty"),
    )

    assert utm_parameters(template, None, CHANNEL) == {
        "utm_source": "shop",
        "utm_medium": "orders",
        "via": "sms",
    }


def test_only_the_addresses_of_a_text_are_tracked() -> None:
    text = "a.example (https://a.example/x), https://user@b.example"

    assert track_text(text, {"a": "1"}) == (
        "a.example (https://a.example/x?a=1), https://user@b.example"
    )


def test_an_address_that_pretends_to_be_another_is_not_touched() -> None:
    text = "https://\u0430pple.com/x"

    assert track_text(text, UTM) == text
