"""Whatever a request holds, parsers raise declared errors only, and believe nothing unsigned."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from messaging_core.errors import ConfigurationError, ForgedRequestError, UnreadableRequestError
from messaging_core.ports.http import HttpRequest
from messaging_core.receipts.inbox import key_of
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ReceiptParserContract
from messaging_core.testing.contracts.receipt_parser import SECRETS
from messaging_core.testing.contracts.webhook_requests import read_fixture
from messaging_core.wire.receipts import as_receipts
from peers.webhooks import (
    Bird,
    Mailgun,
    MailServer,
    Postmark,
    Resend,
    SendGrid,
    Ses,
    Twilio,
    TwilioBySharedKey,
    Vonage,
)

PROVIDERS = [
    *(Twilio, TwilioBySharedKey, Vonage, Bird, Postmark, SendGrid, Resend, Mailgun),
    *(MailServer, Ses),
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), TEXTS),
    lambda values: st.one_of(
        st.lists(values, max_size=3), st.dictionaries(TEXTS, values, max_size=3)
    ),
    max_leaves=6,
)


def fixtures_of(provider: type[ReceiptParserContract]) -> list[HttpRequest]:
    return [read_fixture(path) for path in sorted(provider.fixtures.glob("*.http"))]


def read(provider: type[ReceiptParserContract], request: HttpRequest) -> None:
    """Let a parser read what its provider signed; what it returns can be kept."""
    contract = provider()
    parser = contract.make_parser(SECRETS)
    signed = contract.sign(request, SECRETS[1], NOW)
    try:
        parser.verify(signed, now=NOW)
        receipts = as_receipts(parser.parse(signed, now=NOW))
    except (ForgedRequestError, UnreadableRequestError, ConfigurationError):
        return
    assert all(key_of(receipt) for receipt in receipts)


def changed(data: st.DataObject, value: Any) -> Any:
    """Return JSON in which something is replaced, added or left out."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 9)):
        key = data.draw(st.sampled_from(sorted(value)))
        rest = {name: item for name, item in value.items() if name != key}
        return data.draw(
            st.sampled_from([rest, {**value, key: changed(data, value[key])}]), label="object"
        )
    if isinstance(value, list) and value:
        return [changed(data, item) for item in value] + value
    return data.draw(VALUES)


@pytest.mark.parametrize("provider", PROVIDERS)
@given(data=st.data())
def test_bytes_in_the_body(provider: type[ReceiptParserContract], data: st.DataObject) -> None:
    request = data.draw(st.sampled_from(fixtures_of(provider)))
    body = bytearray(request.body)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=6))

    read(provider, evolve(request, body=bytes(body)))


@pytest.mark.parametrize("provider", [Vonage, Bird, Postmark, SendGrid, Resend, Mailgun, Ses])
@given(data=st.data())
def test_values_in_the_json(provider: type[ReceiptParserContract], data: st.DataObject) -> None:
    request = data.draw(st.sampled_from(fixtures_of(provider)))
    try:
        document = json.loads(request.body)
    except ValueError:
        assume(False)  # noqa: FBT003 - a form
    for _ in range(data.draw(st.integers(1, 3))):
        document = changed(data, document)

    read(provider, evolve(request, body=json.dumps(document).encode()))


@pytest.mark.parametrize("provider", [Twilio, TwilioBySharedKey])
@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from(
                [
                    *(
                        "MessageSid",
                        "MessageStatus",
                        "SmsStatus",
                        "From",
                        "To",
                        "Body",
                        "ErrorCode",
                    ),
                    *("NumMedia", "MediaUrl0", "MediaContentType0", "MessagingServiceSid"),
                ]
            ),
            TEXTS,
        ),
        st.one_of(st.sampled_from(["+31600000009", "delivered", "failed", "read", "1"]), TEXTS),
        max_size=8,
    ),
    st.sampled_from(["POST", "GET", "PUT"]),
)
def test_parameters_of_the_form(
    provider: type[ReceiptParserContract], fields: dict[str, str], method: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url, body = "https://example.test/hooks?m=x", urlencode(fields).encode()

    read(provider, HttpRequest(method=method, url=url, headers=headers, body=body))
    read(provider, HttpRequest(method=method, url=f"{url}&{urlencode(fields)}", headers=headers))


@pytest.mark.parametrize("provider", PROVIDERS)
@given(data=st.data())
def test_anything_unsigned(provider: type[ReceiptParserContract], data: st.DataObject) -> None:
    contract = provider()
    parser = contract.make_parser(SECRETS)
    signed = contract.sign(data.draw(st.sampled_from(fixtures_of(provider))), SECRETS[0], NOW)
    genuine = dict(signed.headers)
    headers = {
        name: data.draw(st.one_of(st.just(value), st.text(max_size=40), st.just(value + "=")))
        for name, value in genuine.items()
        if data.draw(st.integers(0, 9))
    }
    url = data.draw(st.one_of(st.just(signed.url), st.text(max_size=40)))
    body = data.draw(st.one_of(st.just(signed.body), st.binary(max_size=80)))
    altered = evolve(signed, url=url, headers=headers, body=body)

    try:
        parser.verify(altered, now=NOW)
    except ForgedRequestError:
        return

    added = set(genuine) - {"content-type"}
    assert body == signed.body or not provider.signs_body
    assert url == signed.url or not contract.signs_url
    assert {name: headers.get(name) for name in added} == {name: genuine[name] for name in added}
