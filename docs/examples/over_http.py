"""A service that is not written in Python sends and looks up messages over HTTP.

Run it: `python docs/examples/over_http.py`. It needs the extra `asgi`. A stand-in for the provider
remembers what it gets.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import uvicorn

from messaging_adapters.asgi.access import Access, AccessKeyTable, Policy, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, Worker
from messaging_core.testing import RecordingTransport

Answer = tuple[int, Any]
"""The status and the document."""

ORDERS = Channel(name="orders", platform="sms", sender="The Shop")
CHANNEL = f"/workspaces/{ORDERS.workspace}/channels/{ORDERS.id}"
SHOP, DASHBOARD, STRANGER = "key-of-the-shop", "key-of-the-dashboard", "a-guess"
KEYS = AccessKeyTable(
    {
        hash_of_key(SHOP): Access(name="shop"),
        hash_of_key(DASHBOARD): Access(
            name="dashboard", policies=(Policy("view", "/workspaces/**"),)
        ),
    }
)


def main() -> None:
    """Serve a messenger, and call it as two services would."""
    with SqliteStorage(":memory:") as storage:
        messenger = Messenger(storage=storage, channels={ORDERS: RecordingTransport()})
        with served(messenger) as url:
            shop, dashboard, stranger = (Caller(url, key) for key in (SHOP, DASHBOARD, STRANGER))
            body = request("+31612345678")
            show("A message", shop.post("/messages", body, idempotency_key="order-1"))
            show("The same again", shop.post("/messages", body, idempotency_key="order-1"))
            show("A wrong number", shop.post("/messages", request("12")))
            batch = {"messageRequests": [request(f"+3161234567{digit}") for digit in range(3)]}
            show("A batch", shop.post("/batch/messages", batch))
            show("The dashboard may look", dashboard.get("/messages"))
            show("and not send", dashboard.post("/messages", body))
            show("A stranger", stranger.get("/messages"))
            Worker(messenger).drain()
            show("After the worker", shop.get("/messages"))


@contextmanager
def served(messenger: Messenger) -> Iterator[str]:
    """Serve a messenger on a free port of this machine."""
    config = uvicorn.Config(make_app(messenger, access=KEYS), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@dataclass
class Caller:
    """A service that has an access key."""

    url: str
    key: str

    def get(self, path: str) -> Answer:
        """Look something up."""
        return self._call("GET", path)

    def post(self, path: str, body: object, *, idempotency_key: str | None = None) -> Answer:
        """Send something; with a key, repeating it does it once."""
        headers = {"Content-Type": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._call("POST", path, headers, json.dumps(body).encode())

    def _call(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        headers = {"Authorization": f"AccessKey {self.key}", **(headers or {})}
        sent = Request(self.url + CHANNEL + path, body or None, headers, method=method)  # noqa: S310 - our own server
        try:
            with urlopen(sent) as answer:  # noqa: S310 - the same
                return answer.status, json.loads(answer.read())
        except HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read())


def request(number: str) -> dict[str, Any]:
    """Return what to send to a person."""
    return {
        "receiver": {"contacts": [{"identifierValue": number}]},
        "body": {"type": "text", "text": {"text": "Your parcel is here"}},
    }


def show(what: str, answer: Answer) -> None:
    """Print what an answer says."""
    status, document = answer
    if "results" in document:
        statuses = [message["status"] for message in document["results"]]
        said = f"{len(statuses)} messages: {', '.join(sorted(set(statuses)))}"
    elif "messageIds" in document:
        said = f"{len(document['messageIds'])} messages"
    elif "code" in document:
        said = ", ".join([document["code"], *document.get("details", ())])
    else:
        said = document["status"]
    print(f"{what:<23}{status}  {said}")


if __name__ == "__main__":
    main()
