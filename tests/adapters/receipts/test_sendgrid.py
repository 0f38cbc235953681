"""What SendGrid signs and reports; events as its documentation shows them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging_adapters.providers.own_id import OWN_ID
from messaging_adapters.receipts.sendgrid import WORDS, SendGridReceipts
from messaging_core.errors import ConfigurationError, ForgedRequestError, UnreadableRequestError
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.receipt import InteractionReceipt, StatusReceipt
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import MONDAY_MORNING as NOW
from peers.webhooks import SendGrid, public_key_of

SECRET = "the seed of a key pair"
UUID_TEXT = "01890a5d-ac96-774b-bcce-b302099a8057"


def an_event(word: str, **fields: Any) -> dict[str, Any]:
    return {
        "email": "ada@mail.example",
        "timestamp": 1772366400,
        "event": word,
        "sg_event_id": "ZGVsaXZlcmVkLTAt",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        OWN_ID: UUID_TEXT,
        **fields,
    }


def signed(value: Any) -> HttpRequest:
    body = value if isinstance(value, bytes) else json.dumps(value).encode() + b"\r\n"
    request = HttpRequest(method="POST", url="https://example.test/hook", headers={}, body=body)
    return SendGrid().sign(request, SECRET, NOW)


def a_parser(**options: Any) -> SendGridReceipts:
    return SendGridReceipts(**{"public_key": public_key_of(SECRET), **options})


def read(value: Any, **options: Any) -> list[Any]:
    parser, request = a_parser(**options), signed(value)
    parser.verify(request, now=NOW)
    return list(parser.parse(request, now=NOW))


@pytest.mark.parametrize("word", [*WORDS, "teleported"])
def test_an_event_is_a_status_or_an_interaction(word: str) -> None:
    (receipt,) = read([an_event(word)])

    meaning = WORDS.get(word)
    if meaning is not None and meaning.interaction is not None:
        assert isinstance(receipt, InteractionReceipt)
        assert receipt.type is meaning.interaction
    else:
        assert isinstance(receipt, StatusReceipt)
        assert (receipt.provider_status, receipt.status) == (
            word,
            meaning.status if meaning else None,
        )
    assert (receipt.reference, str(receipt.message_id)) == ("14c5d75ce93", UUID_TEXT)
    assert (receipt.recipient, receipt.at) == (
        "ada@mail.example",
        datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    assert json.loads(receipt.raw)["event"] == word


@pytest.mark.parametrize(
    ("fields", "retry", "code"),
    [
        ({"status": "5.1.1"}, Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ({"status": "5.1.10"}, Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ({"status": "5.1.8"}, Retry.PERMANENT, FailureCode.INVALID_SENDER),
        ({"status": "5.2.2"}, Retry.TRANSIENT, FailureCode.UNREACHABLE),
        ({"status": "5.7.26"}, Retry.PERMANENT, FailureCode.REFUSED),
        ({"status": "5.5.0"}, Retry.PERMANENT, FailureCode.REFUSED),
        ({"status": "4.4.7"}, Retry.TRANSIENT, FailureCode.UNREACHABLE),
        ({"status": "5.1.1", "type": "blocked"}, Retry.TRANSIENT, FailureCode.TRANSIENT),
        ({"status": "x"}, Retry.TRANSIENT, FailureCode.UNREACHABLE),
    ],
)
def test_a_bounce_is_read_by_its_status(
    fields: dict[str, str], retry: Retry, code: FailureCode
) -> None:
    (receipt,) = read([an_event("bounce", **fields)])

    assert (receipt.failure.retry, receipt.failure.code) == (retry, code)


@pytest.mark.parametrize(
    ("reason", "retry", "code"),
    [
        ("Bounced Address", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("Unsubscribed Address", Retry.RECIPIENT_GONE, FailureCode.SUPPRESSED),
        ("Something new", Retry.PERMANENT, FailureCode.REFUSED),
    ],
)
def test_a_dropped_mail_is_read_by_its_reason(reason: str, retry: Retry, code: FailureCode) -> None:
    (receipt,) = read([an_event("dropped", reason=reason, status="5.1.1")])

    assert (receipt.failure.retry, receipt.failure.code) == (retry, code)


def test_a_host_corrects_what_a_code_means() -> None:
    (receipt,) = read(
        [an_event("bounce", status="5.1.1")], errors={"5.1.1": {"retry": "transient"}}
    )

    assert receipt.failure.retry is Retry.TRANSIENT


def test_an_interaction_tells_the_link_and_whether_a_machine_did_it() -> None:
    clicked, opened = read(
        [
            an_event("click", url="https://shop.example/sale"),
            an_event("open", sg_machine_open=True),
        ]
    )

    assert clicked.metadata.link.url == "https://shop.example/sale"
    assert opened.metadata.prefetched is True


def test_an_event_without_an_id_or_a_time_is_kept_once() -> None:
    bare = {"event": "delivered", "email": "ada@mail.example", "timestamp": "soon"}

    (first,), (again,) = read([bare]), read([bare])

    assert first.key == again.key != read([{**bare, "email": "bob@mail.example"}])[0].key
    assert first.at == NOW


def test_what_is_no_event_loses_none_of_the_others() -> None:
    assert len(read([7, an_event("delivered"), None])) == 1
    assert read([]) == []
    with pytest.raises(UnreadableRequestError, match="no JSON list"):
        read({"event": "delivered"})


def test_the_line_break_at_the_end_is_signed() -> None:
    request = signed([an_event("delivered")])
    stripped = HttpRequest(
        method="POST", url=request.url, headers=request.headers, body=request.body.rstrip()
    )

    a_parser().verify(request, now=NOW)
    with pytest.raises(ForgedRequestError, match="wrong"):
        a_parser().verify(stripped, now=NOW)


@pytest.mark.parametrize("key", ["x", "é", "AAAA", "-----BEGIN PUBLIC KEY-----"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="a public key of P-256"):
        a_parser(public_key=key)
