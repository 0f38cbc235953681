"""What Resend signs and reports."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from attrs import evolve

from messaging_adapters.receipts.resend import WORDS, ResendReceipts
from messaging_core.errors import ArgumentError, ForgedRequestError, UnreadableRequestError
from messaging_core.models.delivery.receipt import StatusReceipt
from messaging_core.ports.http import HttpRequest

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
NOW = datetime.fromtimestamp(1_700_000_000, UTC)
SIGNED = HttpRequest(
    method="POST",
    url="https://example.test/hooks/resend",
    headers={
        "svix-id": "msg_1",
        "svix-timestamp": "1700000000",
        "svix-signature": "v1,gMbBfbNA4pB/uQBqWYrnf5ySBrgzqbJfgo5ttzUXH14=",
    },
    body=b'{"type":"email.sent"}',
)


def parsed(event: str, **data: Any) -> Any:
    body = orjson.dumps({"type": event, "data": {"email_id": "e-1", **data}})
    return ResendReceipts(secret=SECRET).parse(evolve(SIGNED, body=body), now=NOW)


def test_a_known_signature_is_verified() -> None:
    ResendReceipts(secret=SECRET).verify(SIGNED, now=NOW)


@pytest.mark.parametrize("prefix", ["v0,", "v1a,", "v2,", ""])
def test_another_version_of_the_signature_does_not_count(prefix: str) -> None:
    signature = SIGNED.headers["svix-signature"].replace("v1,", prefix)
    headers = {**SIGNED.headers, "svix-signature": signature}

    with pytest.raises(ForgedRequestError):
        ResendReceipts(secret=SECRET).verify(evolve(SIGNED, headers=headers), now=NOW)


def test_the_headers_are_those_of_svix() -> None:
    renamed = {name.replace("svix", "webhook"): text for name, text in SIGNED.headers.items()}

    with pytest.raises(ForgedRequestError):
        ResendReceipts(secret=SECRET).verify(evolve(SIGNED, headers=renamed), now=NOW)


@pytest.mark.parametrize(
    ("event", "data", "retry"),
    [
        (
            "email.bounced",
            {"bounce": {"type": "Permanent", "subType": "NoEmail"}},
            "recipient_gone",
        ),
        ("email.bounced", {"bounce": {"type": "Permanent"}}, "recipient_gone"),
        ("email.bounced", {"bounce": {"type": "Transient", "subType": "General"}}, "transient"),
        (
            "email.bounced",
            {"bounce": {"type": "Transient", "subType": "ContentRejected"}},
            "permanent",
        ),
        ("email.bounced", {"bounce": {"type": "Undetermined"}}, "transient"),
        ("email.bounced", {"bounce": {"type": "Odd"}}, "transient"),
        ("email.bounced", {"bounce": []}, "transient"),
        ("email.bounced", {}, "transient"),
        ("email.failed", {"failed": {"reason": "reached_daily_quota"}}, "configuration"),
        ("email.failed", {"failed": {"reason": "odd"}}, "configuration"),
        ("email.suppressed", {"suppressed": {"type": "previous_bounce"}}, "recipient_gone"),
    ],
)
def test_a_failure_says_what_it_calls_for(event: str, data: Any, retry: str) -> None:
    (receipt,) = parsed(event, **data)

    assert receipt.failure.retry == retry


@pytest.mark.parametrize("event", WORDS)
def test_a_webhook_is_recognised_by_its_id(event: str) -> None:
    first, *rest = parsed(event)

    assert isinstance(first, StatusReceipt)
    assert first.key == "msg_1"
    assert [receipt.key for receipt in rest] == [f"msg_1:{receipt.type}" for receipt in rest]


@pytest.mark.parametrize("event", ["contact.created", "domain.updated", "suppression.added"])
def test_an_event_about_something_else_reports_nothing(event: str) -> None:
    assert parsed(event) == []


def test_tags_of_the_host_name_no_message_of_ours() -> None:
    (receipt,) = parsed("email.sent", tags={"message_id": "order-7"})

    assert (receipt.reference, receipt.message_id) == ("e-1", None)


@pytest.mark.parametrize("body", [b'{"type": "email.sent"}', b'{"data": {}}', b"[]"])
def test_a_webhook_without_a_type_or_an_id_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableRequestError):
        ResendReceipts(secret=SECRET).parse(evolve(SIGNED, body=body), now=NOW)


@pytest.mark.parametrize("secret", ["", [], None, "whsec_", "no base64!"])
def test_no_parser_is_made_without_a_secret(secret: Any) -> None:
    with pytest.raises(ArgumentError, match="secret must be"):
        ResendReceipts(secret=secret)
