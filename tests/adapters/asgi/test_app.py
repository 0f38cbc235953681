"""The application between a server and the routes."""

import asyncio
import logging
import socket
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from messaging_adapters.asgi.access import Access, AccessKeyTable, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.errors import ConfigurationError
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import RecordingTransport
from tests import plain_http
from tests.adapters.asgi.conftest import ORDERS, Service, path_of, serving, sms


def test_a_wrong_method_names_those_that_there_are(client: httpx.Client) -> None:
    answer = client.put(path_of(ORDERS, "/messages"), json=sms())
    assert (answer.status_code, answer.json()["code"]) == (405, "MethodNotAllowed")
    assert answer.headers["allow"] == "GET, POST"


def test_a_body_that_is_no_json_by_its_type_is_415(client: httpx.Client) -> None:
    path = path_of(ORDERS, "/messages")
    answer = client.post(path, content="a=b", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "UnsupportedMediaType")
    fine = client.post(
        path, json=sms(), headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert fine.status_code == 202


def test_a_body_that_is_too_large_is_413(client: httpx.Client) -> None:
    answer = client.post(path_of(ORDERS, "/messages"), content=b" " * 300_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "PayloadTooLarge")
    assert client.post(path_of(ORDERS, "/messages"), json=sms()).status_code == 202


@pytest.mark.parametrize(
    ("path", "key"), [(path_of(ORDERS, "/messages"), ""), ("/send", ""), ("/send", "nothing")]
)
def test_the_body_of_a_caller_without_access_is_not_read(path: str, key: str) -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    keys = AccessKeyTable({hash_of_key("nothing"): Access(name="nothing", policies=())})
    app = make_app(messenger, access=keys)
    answers: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"authorization", f"AccessKey {key}".encode())] if key else []
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
    }
    asyncio.run(app(scope, receive, send))

    assert answers[0]["status"] == (403 if key else 401)


def test_no_cache_keeps_what_needs_an_access_key(client: httpx.Client) -> None:
    channel, missing = client.get(path_of(ORDERS)), client.get(path_of(ORDERS, "/messages/none"))
    assert (channel.status_code, missing.status_code) == (200, 404)
    assert channel.headers["cache-control"] == missing.headers["cache-control"] == "no-store"


def test_a_line_break_in_a_path_is_no_other_path_for_a_policy(client: httpx.Client) -> None:
    answer = client.get(f"/workspaces/{ORDERS.workspace}/tags/a%0Ab")
    assert answer.status_code == 404


def test_a_login_of_the_host_sees_the_body() -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    bodies: list[bytes] = []

    def login(request: HttpRequest) -> Access:
        bodies.append(request.body)
        return Access(name="host")

    with serving(make_app(messenger, access=login)) as url:
        answer = plain_http.post(url + path_of(ORDERS, "/messages"), json=sms())
    assert answer.status_code == 202
    assert bodies == [answer.request.content]


def test_a_broken_body_harms_nobody_else(service: Service, client: httpx.Client) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    head = (
        f"POST {path_of(ORDERS, '/messages')} HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{{"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode())
    assert client.post(path_of(ORDERS, "/messages"), json=sms()).status_code == 202


def test_a_fault_is_500_and_logged_without_content(
    service: Service,
    client: httpx.Client,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("+31612345678 hi")

    monkeypatch.setattr(service.messenger, "get_json", break_down)
    with caplog.at_level(logging.ERROR):
        answer = client.get(path_of(ORDERS, f"/messages/{ORDERS.id}"))
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert "+31612345678" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


def make(**options: object) -> Starlette:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    options.setdefault("access", lambda request: Access(name=request.headers["x-user"]))
    return make_app(messenger, **options)  # type: ignore[arg-type]


def test_it_mounts_below_a_path_with_the_login_of_the_host() -> None:
    app = Starlette(routes=[Mount("/messaging", make())])
    with serving(app) as url, plain_http.Client(headers={"X-User": "ada"}) as client:
        answer = client.post(url + "/messaging" + path_of(ORDERS, "/messages"), json=sms())
        assert answer.status_code == 202
        assert client.get(url + "/messaging/nowhere").json()["code"] == "NotFound"


def test_without_a_public_url_there_are_no_webhooks() -> None:
    with serving(make()) as url:
        assert plain_http.post(url + "/webhooks/twilio/orders").status_code == 404


@pytest.mark.parametrize("url", ["shop.example", "ftp://x", "https://", "https://x/?q", ""])
def test_a_wrong_public_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="public_url"):
        make(public_url=url)


def test_the_description_tells_where_the_application_is_mounted() -> None:
    with serving(Starlette(routes=[Mount("/messaging", make())])) as url:
        document = plain_http.get(f"{url}/messaging/openapi.json").json()
    assert document["servers"] == [{"url": "/messaging"}]
    with serving(make(public_url="https://shop.example/messaging/")) as url:
        document = plain_http.get(f"{url}/openapi.json").json()
    assert document["servers"] == [{"url": "https://shop.example/messaging"}]
