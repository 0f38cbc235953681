"""Codes of short links, and where they lead."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.models import ShortLink
from messaging_core.ports.codes import RandomCodes
from messaging_core.rules.links.short_links import code_of, is_code, location_of
from messaging_core.wire import dump, load

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EIGHT_BYTES = st.binary(min_size=8, max_size=8)


def a_link(url: str = "https://a.example/x", expires_at: datetime | None = None) -> ShortLink:
    return ShortLink(
        code="0123456789A",
        workspace=UUID(int=1),
        message_id=UUID(int=2),
        channel_id=UUID(int=3),
        domain="go.example",
        url=url,
        created_at=NOW,
        expires_at=expires_at,
    )


@given(EIGHT_BYTES, EIGHT_BYTES)
def test_different_bytes_make_different_codes(first: bytes, other: bytes) -> None:
    assert is_code(code_of(first))
    assert (code_of(first) == code_of(other)) == (first == other)


def test_the_smallest_and_the_largest_code_have_11_characters() -> None:
    assert code_of(b"\0" * 8) == "00000000000"
    assert code_of(b"\xff" * 8) == "LygHa16AHYF"


@pytest.mark.parametrize("random", [b"", b"1234567", b"123456789"])
def test_a_code_is_never_made_of_less_randomness(random: bytes) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        code_of(random)


@pytest.mark.parametrize(
    "value",
    ["", "short", "0123456789AB", "0123456789-", "0123456789é", "x" * 10_000_000],
    ids=lambda value: ascii(value)[:20],
)
def test_anything_else_is_no_code(value: str) -> None:
    assert not is_code(value)


def test_random_codes_do_not_repeat() -> None:
    codes = RandomCodes()

    made = {codes.new() for _ in range(1000)}

    assert len(made) == 1000
    assert all(map(is_code, made))


def test_a_link_leads_where_it_was_stored_to_lead() -> None:
    assert location_of(a_link(), NOW) == "https://a.example/x"
    assert location_of(a_link("https://café.fr/é"), NOW) == "https://xn--caf-dma.fr/%C3%A9"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/relative",
        "https://a.example@evil.example/",
        "https://a.example/\r\nX: y",
        "",
    ],
)
def test_a_link_leads_only_to_the_web(url: str) -> None:
    assert location_of(a_link(url), NOW) is None


def test_an_expired_link_has_no_location() -> None:
    link = a_link(expires_at=NOW)

    assert location_of(link, NOW - timedelta(microseconds=1)) is not None
    assert location_of(link, NOW) is None


@pytest.mark.parametrize("expires_at", [None, NOW])
def test_a_link_is_read_back_as_it_was_written(expires_at: datetime | None) -> None:
    link = a_link("https://café.fr/é", expires_at)

    assert load(ShortLink, dump(link)) == link
    assert dump(link)["workspaceId"] == str(UUID(int=1))


def test_a_link_shows_neither_code_nor_address_in_logs() -> None:
    assert "0123456789A" not in repr(a_link())
    assert "a.example/x" not in repr(a_link())
