"""Queries from the parameters of a URL."""

from contextlib import suppress
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.asgi.parameters import query_from
from messaging_core import MessageQuery
from messaging_core.errors import InvalidQueryError
from messaging_core.models import Direction, Status
from messaging_core.wire import dump

WORKSPACE = UUID(int=5)
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=9)
queries = st.builds(
    MessageQuery,
    limit=st.integers(-5, 2000),
    page_token=st.none() | words,
    reverse=st.booleans(),
    direction=st.none() | st.sampled_from(Direction),
    id=st.lists(st.uuids(), max_size=3),
    channel_id=st.lists(st.uuids(), max_size=3),
    sender=st.lists(words, max_size=3),
    receiver=st.lists(words, max_size=3),
    failure_code=st.lists(st.integers(-9, 99_999), max_size=3),
    tag=st.lists(words, max_size=3),
    status=st.lists(st.sampled_from(Status), max_size=3),
    start_at=st.none() | st.datetimes(timezones=st.timezones()),
)


@given(queries)
def test_every_query_can_be_asked_by_a_url(query: MessageQuery) -> None:
    text = urlencode({key: _texts(value) for key, value in dump(query).items()}, doseq=True)
    assert query_from(parse_qsl(text, keep_blank_values=True)) == query


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]


@given(st.lists(st.tuples(st.sampled_from(["limit", "reverse", "id", "to", "x", ""]), st.text())))
def test_whatever_is_asked_gives_a_query_or_violations(pairs: list[tuple[str, str]]) -> None:
    with suppress(InvalidQueryError):
        assert query_from(pairs, workspace=WORKSPACE).workspace == WORKSPACE


def test_a_workspace_is_no_parameter() -> None:
    with pytest.raises(InvalidQueryError, match="/workspace"):
        query_from([("workspace", str(UUID(int=1)))])


def test_a_huge_number_is_refused_at_once() -> None:
    with pytest.raises(InvalidQueryError, match="/limit"):
        query_from([("limit", "9" * 1_000_000)])
