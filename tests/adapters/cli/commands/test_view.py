"""`messaging view` and `messaging serve --viewer`: the pages from the command line."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import plain_http
from tests.adapters.cli.conftest import CONFIG, Ran

REQUEST = (
    '{"channel": "parcels", "request": {"receiver": {"contacts": [{"identifierValue":'
    ' "+31612345678"}]}, "body": {"type": "text", "text": {"text": "Your parcel is here"}}}}\n'
)


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """Run a command until the block ends, and yield the URL that it prints."""
    command = [sys.executable, "-m", "messaging_adapters.cli", *arguments, "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        assert server.stderr is not None
        line = server.stderr.readline()
        yield re.findall("http://[0-9.]+:[0-9]+", line)[0]
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 128 + signal.SIGTERM


def test_view_shows_the_messages_of_this_machine_and_to_no_website(
    run: Callable[..., Ran], shop: Path
) -> None:
    (shop / "requests.jsonl").write_text(REQUEST)
    assert run("send", "--no-deliver", "requests.jsonl").status == 0

    with started("view", "--no-browser") as url:
        page = plain_http.get(f"{url}/messages?since=ever")
        rebound = plain_http.get(f"{url}/messages", headers={"host": "evil.example"})
        website = plain_http.get(f"{url}/messages", headers={"origin": "https://evil.example"})

    assert "Your parcel is here" in page.text
    assert "development" in page.text
    assert "31612345678" not in page.text
    assert (rebound.status_code, website.status_code) == (403, 403)
    assert "header Host" in rebound.text
    assert "header Origin" in website.text


def test_view_needs_no_message_yet(shop: Path) -> None:
    (shop / "messaging.toml").write_text(CONFIG)

    with started("view", "--no-browser") as url:
        assert "messenger.send(" in plain_http.get(f"{url}/messages").text


def test_view_makes_no_database_of_a_name_with_a_typing_error(
    run: Callable[..., Ran], shop: Path
) -> None:
    ran = run("view", "--no-browser", "--database", "mesages.db")

    assert ran.status == 2
    assert "there is no database mesages.db yet" in ran.err
    assert not (shop / "mesages.db").exists()


def test_serve_shows_the_pages_to_those_who_have_a_key(run: Callable[..., Ran], shop: Path) -> None:
    made = run("keys", "hash", "shop").out
    token = re.findall("key: (.*)", made)[0]
    (shop / "messaging.toml").write_text(CONFIG + made[made.index("[access_keys") :])

    with (
        started("serve", "--viewer", "--no-worker") as url,
        plain_http.Client(base_url=url) as client,
    ):
        door = client.get("/viewer/messages", follow_redirects=True)
        signed_in = client.post(
            "/viewer/login",
            data={"key": token, "place": "/messages"},
            headers={"sec-fetch-site": "same-origin", "origin": "null"},
            follow_redirects=True,
        )
        own = client.get("/openapi.json")
        rebound = client.get("/viewer/login", headers={"host": "evil.example"})

    assert "Access key" in door.text
    assert "You are <bdi>shop</bdi>" in signed_in.text
    assert own.status_code == 200
    assert rebound.status_code == 403
