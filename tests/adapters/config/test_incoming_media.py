"""Media of incoming messages from a configuration: store, limit, and the accounts to fetch with."""

import socket
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from messaging_adapters.config import load_config
from messaging_adapters.config.media_accounts import AccountsMediaSource
from messaging_adapters.media.http import HttpMediaSource
from messaging_adapters.providers.credentials import basic_auth
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.errors import ConfigurationError, MediaError

HOST: Final = "api.twilio.com"
SIDS: Final = ["AC" + digit * 32 for digit in "01"]
FIRST, SECOND = ({HOST: basic_auth(sid, "token")} for sid in SIDS)
ENVIRONMENT: Final = {"MEDIA_SECRET": "a secret for the tests only"}


def shop(folder: Path, **media: Any) -> dict[str, Any]:
    """Return a configuration with two accounts at Twilio, and a channel without credentials."""
    numbers = {"mms": SIDS[0], "more": SIDS[0], "other": SIDS[1]}
    channels = {
        name: {
            "platform": "sms",
            "sender": f"+3160000000{index}",
            "mms": True,
            "transport": f"twilio://{sid}:token@",
        }
        for index, (name, sid) in enumerate(numbers.items())
    }
    table = {
        "store": f"folder:{folder}",
        "secret_env": "MEDIA_SECRET",
        "base_url": "https://shop.example/messaging",
    }
    paper = {"platform": "sms", "sender": "+31600000009", "transport": "console:"}
    return {
        "media": table | media,
        "channels": {**channels, "paper": paper},
    }


def test_incoming_media_are_kept_in_the_store_of_uploads(tmp_path: Path) -> None:
    table = shop(tmp_path, incoming=True, incoming_max_bytes=1000)

    with Messenger.from_config(
        table, storage=MemoryStorage(), environment=ENVIRONMENT
    ) as messenger:
        media = messenger.inbox.media

    assert media is not None
    assert (media.max_bytes, media.base_url) == (1000, "https://shop.example/messaging")
    assert isinstance(media.source, AccountsMediaSource)
    assert media.source.hosts == [HOST]


@pytest.mark.parametrize("said", [{}, {"incoming": False}])
def test_nothing_is_kept_unless_it_is_said(tmp_path: Path, said: dict[str, bool]) -> None:
    with Messenger.from_config(
        shop(tmp_path, **said), storage=MemoryStorage(), environment=ENVIRONMENT
    ) as messenger:
        assert messenger.inbox.media is None


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"incoming": "yes"}, "[media] incoming: must be true or false"),
        ({"incoming": True, "incoming_max_bytes": 0}, "[media] incoming_max_bytes: "),
        ({"incoming_max_bytes": 5}, "write incoming = true, too"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, said: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(shop(tmp_path, **said))

    assert fault in str(caught.value)


class TwoAccounts(BaseHTTPRequestHandler):
    """Knows the second account only, and is out of order below `/busy`."""

    shown: list[str]

    def do_GET(self) -> None:
        credentials = self.headers.get("authorization", "")
        self.shown.append(credentials)
        status = 200 if credentials == SECOND[HOST] else 401
        self.send_response(503 if self.path == "/busy" else status)
        self.send_header("content-length", "1")
        self.end_headers()
        self.wfile.write(b"x")

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def source() -> Iterator[AccountsMediaSource]:
    authority, client = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(client)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "open.example").configure_cert(context)
    TwoAccounts.shown = []
    with ThreadingHTTPServer(("127.0.0.1", 0), TwoAccounts) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        make = partial(
            HttpMediaSource,
            ssl_context=client,
            resolve=lambda _host, _port: ["93.184.215.14"],
            connect=lambda _address, timeout: socket.create_connection(
                ("127.0.0.1", server.server_port), timeout
            ),
        )
        yield AccountsMediaSource([FIRST, SECOND, FIRST], make=make)
        server.shutdown()
        thread.join()


def test_accounts_at_one_host_are_tried_in_turn(source: AccountsMediaSource) -> None:
    assert source.read(f"https://{HOST}/a", 10).content == b"x"

    assert TwoAccounts.shown == [FIRST[HOST], SECOND[HOST]]


def test_a_passing_fault_is_not_taken_for_a_refusal(source: AccountsMediaSource) -> None:
    with pytest.raises(MediaError) as caught:
        source.read(f"https://{HOST}/busy", 10)

    assert not caught.value.permanent
    assert TwoAccounts.shown == [FIRST[HOST]], "the second account would have been refused, too"


@pytest.mark.parametrize("url", ["https://open.example/a", "https://[bad/a"])
def test_another_host_gets_no_credentials(source: AccountsMediaSource, url: str) -> None:
    with pytest.raises(MediaError):
        source.read(url, 10)

    assert not any(TwoAccounts.shown)
