"""What is called without an access key: webhooks and short links."""

from typing import Any

import httpx
import pytest
from twilio.request_validator import RequestValidator

from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.machines import is_by_machine
from messaging_adapters.receipts.postmark import PostmarkReceipts
from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, Messenger
from messaging_core.models import Identifier, InteractionType
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import RecordingTransport
from tests import plain_http
from tests.adapters.asgi.conftest import NEWS, ORDERS, PUBLIC, Service, path_of, serving, sms

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"


def test_a_webhook_is_verified_with_the_public_url() -> None:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: RecordingTransport(name="twilio")},
        receipt_parsers=[TwilioReceipts(auth_token="secret")],
    )
    fields = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered"}
    path = f"/webhooks/twilio/{ORDERS.name}"
    signature = RequestValidator("secret").compute_signature(f"{PUBLIC}{path}?a=b", fields)
    app = make_app(messenger, access=lambda _: None, public_url=PUBLIC + "/")
    with serving(app) as url:
        headers = {"X-Twilio-Signature": signature}
        accepted = plain_http.post(f"{url}{path}?a=b", data=fields, headers=headers)
        forged = plain_http.post(f"{url}{path}?a=c", data=fields, headers=headers)
        unknown = plain_http.post(f"{url}/webhooks/unknown/orders", data=fields, headers=headers)
        nowhere = plain_http.post(f"{url}/webhooks/twilio/nowhere", data=fields, headers=headers)
    assert [accepted.status_code, forged.status_code] == [200, 401]
    assert unknown.status_code == nowhere.status_code == 404


@pytest.mark.parametrize("raw_path", [{}, {"raw_path": None}])
def test_a_server_need_not_tell_the_path_as_it_came(raw_path: dict[str, None]) -> None:
    channel = Channel(name="orders & more", platform="sms", sender="Shop")
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={channel: RecordingTransport(name="twilio")},
        receipt_parsers=[TwilioReceipts(auth_token="secret")],
    )
    fields = {"MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered"}
    path = "/webhooks/twilio/orders%20&%20more"
    signature = RequestValidator("secret").compute_signature(PUBLIC + path, fields)
    app = make_app(messenger, access=lambda _: None, public_url=PUBLIC)

    async def without_raw_path(scope: Any, receive: Any, send: Any) -> None:
        others = {name: value for name, value in scope.items() if name != "raw_path"}
        await app({**others, **raw_path}, receive, send)

    with serving(without_raw_path) as url:
        headers = {"X-Twilio-Signature": signature}
        answer = plain_http.post(url + path, data=fields, headers=headers)
    assert answer.status_code == 200


def test_a_webhook_may_be_as_large_as_its_parser_takes_it() -> None:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={ORDERS: RecordingTransport(name="twilio")},
        receipt_parsers=[
            TwilioReceipts(auth_token="secret"),
            PostmarkReceipts(secret="secret", max_size=2_000_000),
        ],
    )
    asked = []
    for most in (None, 1_000):
        app = make_app(messenger, access=lambda _: None, public_url=PUBLIC, max_webhook_bytes=most)
        with serving(app) as url:
            asked += [
                plain_http.post(f"{url}/webhooks/{name}/orders", content=b"x" * size).status_code
                for name, size in (("twilio", 1_100_000), ("postmark", 1_100_000), ("postmark", 9))
            ]
    # What is not too large is not verified.
    assert asked == [413, 401, 401, 413, 413, 401]


def test_a_short_link_redirects_and_counts(service: Service, client: httpx.Client) -> None:
    request = {**sms("Go: https://shop.example/4711"), "shortLinks": {"domain": "default"}}
    message_id = client.post(path_of(ORDERS, "/messages"), json=request).json()["id"]
    service.deliver()
    code = service.transport.sent[0].content.text.rpartition("/")[2]  # type: ignore[union-attr]
    person, preview = {"User-Agent": BROWSER}, {"User-Agent": "WhatsApp/2.23"}
    # The first is the path in the message, for a domain that points at the application.
    for path, headers in ((f"/{code}", person), (f"/l/{code}", preview)):
        answer = plain_http.get(service.url + path, headers=headers)
        assert answer.status_code == 302
        assert answer.headers["location"] == "https://shop.example/4711"
    acts = client.get(path_of(ORDERS, f"/messages/{message_id}/interactions")).json()["results"]
    assert [act["type"] for act in acts] == [InteractionType.CLICKED] * 2
    assert sorted(act["metadata"].get("prefetched", False) for act in acts) == [False, True]
    assert plain_http.get(f"{service.url}/l/nothing").status_code == 404
    assert plain_http.get(f"{service.url}/nothing").status_code == 404


@pytest.mark.parametrize(
    ("headers", "method", "is_machine"),
    [
        ({"User-Agent": BROWSER}, "GET", False),
        ({"User-Agent": BROWSER}, "HEAD", True),
        ({"User-Agent": BROWSER, "Sec-Purpose": "prefetch;prerender"}, "GET", True),
        ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "GET", True),
        ({"User-Agent": "facebookexternalhit/1.1"}, "GET", True),
        ({}, "GET", True),
    ],
)
def test_machines_are_told_from_people(
    headers: dict[str, str], method: str, *, is_machine: bool
) -> None:
    request = HttpRequest(method=method, url="/l/code", headers=headers)
    assert is_by_machine(request) is is_machine


def test_one_click_unsubscribes_and_opening_the_link_does_not(
    service: Service, client: httpx.Client
) -> None:
    marketing = {"extraInformation": {"useCase": "marketing"}}
    request = {**sms(to="ada@b.example"), "meta": marketing}
    sent = client.post(path_of(NEWS, "/messages"), json=request).json()
    service.deliver()
    headers = dict(service.transport.sent[0].content.headers)  # type: ignore[union-attr]
    target = headers["List-Unsubscribe"].strip("<>").replace(PUBLIC, service.url)
    ada = Identifier(identifier_key="emailaddress", identifier_value="ada@b.example")

    def causes() -> list[str]:
        service.deliver()
        return [suppression.cause.value for suppression in service.messenger.suppressions.of(ada)]

    assert b"<form" in plain_http.get(target).content
    assert causes() == []
    form = {"List-Unsubscribe": "One-Click"}
    assert [plain_http.post(target, data=form).status_code for _ in range(2)] == [200, 200]
    assert causes() == ["unsubscribe"]
    acts = client.get(path_of(NEWS, f"/messages/{sent['id']}/interactions")).json()["results"]
    assert [act["type"] for act in acts] == ["unsubscribe-request"]
    assert plain_http.post(target.replace("/news/", "/mail/")).status_code == 404
    assert plain_http.post(f"{service.url}/unsubscribe/news/nonsense").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/unsubscribe/news/nonsense"), ("GET", "/l/code"), ("GET", "/code"), ("GET", "/o/a")],
)
def test_a_caller_without_a_key_fills_no_memory(service: Service, method: str, path: str) -> None:
    answer = plain_http.request(method, service.url + path, content=bytes(20_000))
    assert answer.status_code == 413
