"""Whatever a server answers, a codec returns an outcome that keeps the rules."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_providers import PROVIDERS, SECRET, Provider
from messaging_core.models import Accepted, Deferred, Rejected, Unknown
from messaging_core.ports.http import HttpResponse
from messaging_core.testing.contracts.transport.outcomes import check_outcome

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CODECS: dict[str, Any] = {name: provider.make() for name, provider in PROVIDERS.items()}
ENVELOPES = {name: provider.envelope() for name, provider in PROVIDERS.items()}


def bodies(provider: Provider) -> st.SearchStrategy[bytes]:
    """Return bodies of keys and words that this provider uses, where others belong."""
    words = st.sampled_from([SECRET, "kerfuffle", provider.envelope().to, *provider.words])
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60)
    documents = st.recursive(
        scalars | words,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(provider.keys), inner, max_size=6)
        ),
        max_leaves=20,
    )
    return st.binary(max_size=200) | documents.map(lambda value: json.dumps(value).encode())


BODIES = {name: bodies(provider) for name, provider in PROVIDERS.items()}
RETRY_AFTER = st.text(alphabet="0123456789 -:,.MonGT", max_size=40) | st.none()


@pytest.mark.parametrize("name", PROVIDERS)
@given(data=st.data(), status=st.integers(100, 999), retry_after=RETRY_AFTER)
def test_any_answer_is_an_outcome(
    name: str, data: st.DataObject, status: int, retry_after: str | None
) -> None:
    body = data.draw(BODIES[name])
    headers = {"retry-after": retry_after} if retry_after else {}
    response = HttpResponse(status=status, headers=headers, body=body)

    outcome = CODECS[name].outcome(response, ENVELOPES[name], now=NOW)

    check_outcome(outcome, marked=True, envelope=ENVELOPES[name], secrets=[SECRET])
    if status not in range(200, 500):
        assert isinstance(outcome, Unknown) or status in PROVIDERS[name].untaken
    if not 200 <= status < 300:
        assert not isinstance(outcome, Accepted)
    if 200 <= status < 300:
        # Postmark says within an acceptance whom it leaves out.
        assert isinstance(outcome, Accepted | Unknown) or b"inactive addresses: " in body
    if 300 <= status < 400:
        assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("name", PROVIDERS)
@given(data=st.data())
def test_any_list_of_messages_is_read(name: str, data: st.DataObject) -> None:
    body = data.draw(BODIES[name])
    outcome = CODECS[name].looked_up(HttpResponse(status=200, body=body), ENVELOPES[name])

    if outcome is not None:
        assert isinstance(outcome, Accepted | Rejected | Deferred)
        check_outcome(outcome, marked=True, envelope=ENVELOPES[name], secrets=[SECRET])
