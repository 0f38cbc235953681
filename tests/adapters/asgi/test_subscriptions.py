"""Subscriptions for webhooks over HTTP, as a client of Bird makes them."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from messaging_core import Worker
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from tests.adapters.asgi.conftest import FOREIGN, ORDERS, Service, path_of, sms

ORGANIZATION = "22222222-2222-4222-8222-222222222222"
PATH = f"/organizations/{ORGANIZATION}/workspaces/{ORDERS.workspace}/webhook-subscriptions"
KEY = "a signing key"
BODY = {
    "service": "channels",
    "event": "sms.outbound",
    "url": "https://crm.example/hooks?from=shop",
    "signingKey": KEY,
    "eventFilters": [{"key": "messageStatus", "value": "sent"}],
}


def created(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=BODY | fields)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_subscription_is_created_shown_and_deleted(client: httpx.Client) -> None:
    document = created(client)

    assert document == {
        "id": document["id"],
        "organizationId": ORGANIZATION,
        "workspaceId": str(ORDERS.workspace),
        "service": "channels",
        "event": "sms.outbound",
        "url": "https://crm.example/hooks?from=shop",
        "eventFilters": [{"key": "messageStatus", "value": "sent"}],
        "scheme": "bird",
        "status": "active",
        "createdAt": document["createdAt"],
        "updatedAt": document["createdAt"],
    }
    assert client.get(f"{PATH}/{document['id']}").json() == document
    assert client.get(PATH).json() == {"results": [document]}
    deleted = client.delete(f"{PATH}/{document['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert client.get(PATH).json() == {"results": []}
    for method in ("GET", "DELETE"):
        assert client.request(method, f"{PATH}/{document['id']}").status_code == 404


def test_the_signing_key_is_in_no_answer(client: httpx.Client) -> None:
    document = created(client, eventFilters=None)

    for path in (PATH, f"{PATH}/{document['id']}"):
        assert KEY not in client.get(path).text
    assert document["eventFilters"] == []


def test_subscriptions_are_listed_page_by_page(client: httpx.Client) -> None:
    ids = [created(client, event=f"sms{n}.outbound")["id"] for n in range(5)]

    for reverse, expected in ((False, ids), (True, ids[::-1])):
        listed, token = list[str](), {}
        while True:
            page = client.get(PATH, params={"limit": 2, "reverse": reverse, **token}).json()
            listed += [document["id"] for document in page["results"]]
            if "nextPageToken" not in page:
                break
            token = {"pageToken": page["nextPageToken"]}
        assert listed == expected
    assert client.get(PATH, params={"limit": 0}).status_code == 422
    assert client.get(PATH, params={"pageToken": str(uuid4())}).status_code == 422


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"service": "payments"}, "service"),
        ({"event": "outbound"}, "event"),
        ({"url": "https://crm.example:8443/hooks"}, "url"),
        ({"eventFilters": [{"key": "color", "value": "red"}]}, "eventFilters.0.key"),
        ({"template": "twilio"}, "template"),
    ],
)
def test_what_is_wrong_is_named(client: httpx.Client, fields: dict[str, Any], field: str) -> None:
    answer = client.post(PATH, json=BODY | fields)

    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]


def test_the_sixth_equal_one_is_refused(client: httpx.Client) -> None:
    for number in range(5):
        created(client, url=f"https://crm{number}.example")

    answer = client.post(PATH, json=BODY)

    assert answer.status_code == 422
    assert "at most 5" in answer.json()["details"]["request"][0]


def test_another_tenant_sees_nothing_of_it(client: httpx.Client, service: Service) -> None:
    document = created(client)
    foreign = PATH.replace(str(ORDERS.workspace), str(FOREIGN.workspace))

    with service.client("foreign") as other:
        assert other.get(foreign).json() == {"results": []}
        assert other.get(f"{foreign}/{document['id']}").status_code == 404
        assert other.delete(f"{foreign}/{document['id']}").status_code == 404
    assert client.get(PATH.replace(ORGANIZATION, "mine")).status_code == 404
    assert len(client.get(PATH).json()["results"]) == 1


class Receiver(HttpClient):
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest, **_: object) -> HttpResponse:  # type: ignore[override]
        self.requests.append(request)
        return HttpResponse(status=200)


def test_what_is_sent_over_http_reaches_the_subscriber(
    client: httpx.Client, service: Service
) -> None:
    created(client)
    message = client.post(path_of(ORDERS, "/messages"), json=sms()).json()
    Worker(service.messenger).drain()
    receiver = Receiver()

    service.messenger.webhook_sender(receiver).run_once()

    (request,) = receiver.requests
    assert request.url == BODY["url"]
    assert message["id"] in request.body.decode()
    assert UUID(request.headers["messagebird-request-id"])


def test_the_url_of_a_request_gets_the_events_of_its_message(
    client: httpx.Client, service: Service
) -> None:
    urls = [f"https://crm.example/orders/{number}" for number in range(3)]
    requests = [{**sms(), "notification": {"url": url}} for url in urls]
    sent = client.post(path_of(ORDERS, "/messages"), json=requests[0])
    batch = client.post(path_of(ORDERS, "/batch/messages"), json={"messageRequests": requests[1:]})
    wrong = {**sms(), "notification": {"url": "https://127.0.0.1/"}}
    refused = client.post(path_of(ORDERS, "/messages"), json=wrong)
    Worker(service.messenger).drain()
    receiver = Receiver()

    service.messenger.webhook_sender(receiver).run_once()

    assert (sent.status_code, batch.status_code, refused.status_code) == (202, 202, 422)
    assert list(refused.json()["details"]) == ["notification.url"]
    assert "notification" not in sent.json()
    ids = [sent.json()["id"], *batch.json()["messageIds"]]
    told = {
        (request.url, json.loads(request.body)["payload"]["id"]) for request in receiver.requests
    }
    assert told == set(zip(urls, ids, strict=True))
    assert len(receiver.requests) == 2 * len(urls)


def test_the_description_tells_of_the_url_of_a_request(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]

    assert "NotificationHook" in str(schemas["SendMessage"]["properties"]["notification"])
    assert schemas["NotificationHook"]["properties"]["url"]["type"] == "string"
