"""Whatever a server answers, a codec returns an outcome that keeps the rules."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.transports.sms.bird import BirdTransport
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_adapters.transports.sms.vonage import VonageTransport
from messaging_core.models import Accepted, Deferred, Rejected, SmsContent, Unknown
from messaging_core.ports.http import HttpResponse
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.outcomes import check_outcome

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET = "s3cret-of-theirs"
CODECS: dict[str, Any] = {
    "twilio": TwilioTransport("AC" + "1" * 32, auth_token=SECRET),
    "vonage": VonageTransport(api_key="abcd", api_secret=SECRET),
    "bird": BirdTransport(workspace_id=UUID(int=1), channel_id=UUID(int=2), access_key=SECRET),
}
ENVELOPE = an_envelope("sms", SmsContent(sms=split_sms("Your code is kerfuffle 4711")))
WORDS = st.sampled_from(
    [
        SECRET,
        "kerfuffle",
        ENVELOPE.to,
        "SM" + "a" * 32,
        "21211",
        "20500",
        "30007",
        "#1120",
        "failed",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60) | WORDS
KEYS = st.sampled_from(
    [
        *("sid", "code", "message", "status", "message_uuid", "type", "title", "detail", "id"),
        *("messages", "results", "reference", "to", "body", "direction", "date_created", "failure"),
        *("error_code", "next_page_uri", "nextPageToken"),
    ]
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)
BODIES = st.binary(max_size=200) | DOCUMENTS.map(lambda value: json.dumps(value).encode())
RETRY_AFTER = st.text(alphabet="0123456789 -:,.MonGT", max_size=40) | st.none()


@pytest.mark.parametrize("name", CODECS)
@given(status=st.integers(100, 999), body=BODIES, retry_after=RETRY_AFTER)
def test_any_answer_is_an_outcome(
    name: str, status: int, body: bytes, retry_after: str | None
) -> None:
    headers = {"retry-after": retry_after} if retry_after else {}
    response = HttpResponse(status=status, headers=headers, body=body)

    outcome = CODECS[name].outcome(response, ENVELOPE, now=NOW)

    check_outcome(outcome, marked=True, envelope=ENVELOPE, secrets=[SECRET])
    if status >= 500 and isinstance(outcome, Deferred):
        assert (name, status) == ("vonage", 503)
    if not 200 <= status < 300:
        assert not isinstance(outcome, Accepted)
    if 200 <= status < 300:
        assert isinstance(outcome, Accepted | Unknown)
    if 300 <= status < 400:
        assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("name", CODECS)
@given(body=BODIES)
def test_any_list_of_messages_is_read(name: str, body: bytes) -> None:
    looked_up: Callable[..., Any] = CODECS[name].looked_up

    outcome = looked_up(HttpResponse(status=200, body=body), ENVELOPE)

    if outcome is not None:
        assert isinstance(outcome, Accepted | Rejected | Deferred)
        check_outcome(outcome, marked=True, envelope=ENVELOPE, secrets=[SECRET])
