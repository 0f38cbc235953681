"""`messaging serve`: the HTTP surface from the command line."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from messaging_adapters.asgi.stored_keys import StoredAccessKeys
from messaging_adapters.cli.commands.serve import _with_viewer
from messaging_adapters.config import load_config
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from tests import plain_http
from tests.adapters.cli.conftest import CONFIG, Ran

WORKSPACE = "/workspaces/00000000-0000-0000-0000-000000000000"


@contextmanager
def serving(end: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """Run the command, yield its URL, and end it by a signal, as a supervisor does."""
    command = [sys.executable, "-m", "messaging_adapters.cli", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        try:
            assert server.stderr is not None
            yield re.findall("http://[^;]*", server.stderr.readline())[0]
        finally:
            server.send_signal(end)
            status = server.wait(30)
    assert status == 128 + end


def test_a_key_lets_its_owner_in_and_the_worker_delivers(
    run: Callable[..., Ran], shop: Path
) -> None:
    made = run("keys", "hash", "shop").out
    token = re.findall("key: (.*)", made)[0]
    keys = made[made.index("[access_keys") :]
    (shop / "messaging.toml").write_text(f'telemetry = "opentelemetry"\n{CONFIG}{keys}')
    with serving() as url:
        with plain_http.Client(
            base_url=url, headers={"Authorization": f"AccessKey {token}"}
        ) as client:
            channels = client.get(f"{WORKSPACE}/channels").json()["results"]
            (parcels,) = (channel for channel in channels if channel["name"] == "parcels")
            request = {
                "receiver": {"contacts": [{"identifierValue": "+31612345678"}]},
                "body": {"type": "text", "text": {"text": "hi"}},
            }
            # Nothing has this name, so the only trace of a webhook is its failed attempt.
            hooks = f"/organizations/{UUID(int=0)}{WORKSPACE}/webhook-subscriptions"
            subscription = {"service": "channels", "event": "sms.outbound"}
            subscription |= {"url": "https://crm.invalid/hooks"}
            subscribed = client.post(hooks, json=subscription)
            assert subscribed.status_code == 201, subscribed.text
            path = f"{WORKSPACE}/channels/{parcels['id']}/messages"
            document = client.post(path, json=request).json()
            while document["status"] != "sent":
                document = client.get(f"{path}/{document['id']}").json()
            assert plain_http.get(f"{url}{path}").status_code == 401
            assert plain_http.get(f"{url}/health").json() == {"status": "pass"}
        assert failure_of_a_webhook(shop / "shop.db")
    assert list((shop / "sms").iterdir())
    assert token not in (shop / "messaging.toml").read_text()


MEDIA = """
[media]
store = "folder:uploaded"
secret_env = "MEDIA_SECRET"
max_bytes = 1000

[http]
public_url = "https://shop.example/messaging"
"""


def test_uploads_are_served_without_a_line_of_python(
    run: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIA_SECRET", "a secret for the tests only")
    made = run("keys", "hash", "shop").out
    token = re.findall("key: (.*)", made)[0]
    (shop / "messaging.toml").write_text(CONFIG + MEDIA + made[made.index("[access_keys") :])
    with (
        serving(signal.SIGHUP) as url,  # its terminal is closed
        plain_http.Client(base_url=url, headers={"Authorization": f"AccessKey {token}"}) as client,
    ):
        channels = client.get(f"{WORKSPACE}/channels").json()["results"]
        (support,) = (channel for channel in channels if channel["name"] == "support")
        path = f"{WORKSPACE}/channels/{support['id']}"
        form = client.post(f"{path}/presigned-upload", json={"contentType": "text/plain"}).json()
        text = {
            "text": "hi",
            "attachments": [{"mediaUrl": form["mediaUrl"], "filename": "a.txt"}],
        }
        request = {
            "receiver": {"contacts": [{"identifierValue": "ada@shop.example"}]},
            "body": {"type": "text", "text": text},
        }
        assert client.post(f"{path}/messages", json=request).status_code == 422
        target = form["uploadUrl"].replace("https://shop.example/messaging", url)
        data = form["uploadFormData"]
        too_large = plain_http.post(target, data=data, files={"file": bytes(1001)})
        assert too_large.status_code == 413
        assert plain_http.post(target, data=data, files={"file": b"terms"}).status_code == 204
        document = client.post(f"{path}/messages", json=request).json()
        while document["status"] != "sent":
            document = client.get(f"{path}/messages/{document['id']}").json()
        location = client.get(f"{WORKSPACE}/messages/{document['id']}/media/{data['key']}")
        link = location.json()["location"].replace("https://shop.example/messaging", url)
        assert plain_http.get(link).content == b"terms"
    (mail,) = (shop / "mail").iterdir()
    assert "dGVybXM=" in mail.read_text(), "the worker read the file from the store"


def failure_of_a_webhook(database: Path) -> str:
    """Return why the first webhook failed, once it was tried."""
    until = monotonic() + 60  # looking up a name without a network may take long
    while monotonic() < until:
        with closing(sqlite3.connect(database)) as connection:
            rows = connection.execute("SELECT document FROM messaging_webhook_queue")
            for document in (json.loads(row[0]) for row in rows.fetchall()):
                if "failure" in document:
                    return str(document["failure"])
        sleep(0.1)
    raise AssertionError("no webhook was tried")


def test_without_keys_it_does_not_start(run: Callable[..., Ran]) -> None:
    ran = run("serve", "--port", "0")
    assert ran.status == 2
    assert "messaging keys create NAME makes one" in ran.err


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("[access_keys.shop]\nsha256 = 'secret'", "sha256: must be 64 characters"),
        ("[access_keys.shop]\nkey = 'secret'", "key: unknown key"),
        ("[access_keys]\nshop = 'secret'", "must be a table"),
        (
            f"[access_keys.shop]\nsha256 = '{'a' * 64}'\nallow = ['read /**']",
            'allow: "read /\\*\\*" is not an action and a path',
        ),
        (
            f"[access_keys.shop]\nsha256 = '{'a' * 64}'\nworkspace = 'shop'",
            'workspace: "shop" is not a UUID',
        ),
        ("[http]\nurl = 'https://x'", "url: unknown key"),
        ("[http]\nrequests_per_second = 0", "requests_per_second: must be 1 to"),
        ("[http]\nreads_per_second = 1.5", "reads_per_second: must be a whole number"),
        ("[http.workspaces.shop]\nreads_per_second = 5", "workspaces.shop.* is not named by"),
        ("[http.workspaces]\nshop = 5", "must be a table with requests_per_second"),
        (
            f"[access_keys.shop]\nsha256 = '{'a' * 64}'\nallow = ['view']",
            'allow: "view" is not an action and a path',
        ),
    ],
)
def test_a_wrong_table_is_named(
    run: Callable[..., Ran], shop: Path, table: str, fault: str
) -> None:
    (shop / "messaging.toml").write_text(f"{CONFIG}\n{table}\n")
    ran = run("serve", "--port", "0")
    assert ran.status == 2
    assert re.search(fault, ran.err), ran.err
    assert "secret" not in ran.err


def test_the_viewer_answers_below_the_url_of_an_ipv6_host(shop: Path) -> None:
    (shop / "messaging.toml").write_text(CONFIG)
    config = load_config(shop / "messaging.toml")
    storage = MemoryStorage()
    with Messenger(storage=storage, channels={}) as messenger:
        access = StoredAccessKeys(storage)
        app = _with_viewer(Starlette(), messenger, access, config, ("fd00::1", 80))
        client = TestClient(app, base_url="http://[fd00::1]:80")

        shown = client.get("/viewer/", headers={"host": "[fd00::1]:80"})
        refused = client.get("/viewer/", headers={"host": "shop.example:80"})

    assert shown.status_code != 403
    assert refused.status_code == 403
