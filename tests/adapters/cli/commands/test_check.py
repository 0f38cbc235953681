"""`messaging check` asks the transport of every channel, and sends nothing."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any
from urllib.parse import quote
from uuid import UUID

from attrs import evolve

from google_peer import GooglePeer
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.testing.builders import a_new_message, an_event
from messaging_core.testing.clock import MONDAY_MORNING
from messaging_core.testing.contracts.bounds import nothing_left_open
from peers.s3 import KEY_ID, REGION, SECRET, keys_of, make_bucket, s3_server

CHANNEL = """
[channels.{name}]
platform = "email"
sender = "{name}@shop.example"
transport = "{dsn}"
"""


class _Mail(StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 peer.example ESMTP\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper().decode()
            self.server.verbs.append(verb)  # type: ignore[attr-defined]
            answer = {
                "EHLO": b"250-peer.example\r\n250 AUTH PLAIN LOGIN\r\n",
                "AUTH": b"535 5.7.8 hunter2 is wrong\r\n",
                "QUIT": b"221 Bye\r\n",
            }.get(verb, b"250 Ok\r\n")
            self.wfile.write(answer)
            if verb == "QUIT":
                return


@contextmanager
def mail_server() -> Iterator[Any]:
    with ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.daemon_threads = True
        server.verbs = []  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_every_channel_is_checked_and_nothing_is_sent(run, shop, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    with mail_server() as server:
        port = server.server_address[1]
        dsns = {
            "good": f"smtp+none://127.0.0.1:{port}",
            "same": f"smtp+none://127.0.0.1:{port}",
            "login": f"smtp+none://user:${{SMTP_PASSWORD}}@127.0.0.1:{port}",
            "away": f"smtp+none://127.0.0.1:{closed_port()}",
            "paper": "file:outbox",
        }
        text = "".join(CHANNEL.format(name=name, dsn=dsn) for name, dsn in dsns.items())
        (shop / "messaging.toml").write_text(text)

        with nothing_left_open():
            ran = run("check")

    rows = {line.split()[0]: line for line in ran.out.splitlines() if line.split()}
    assert ran.status == 1
    assert "ok" in rows["good"]
    assert "ok" in rows["same"]
    assert "bad credentials" in rows["login"]
    assert "unreachable" in rows["away"]
    assert "cannot be checked" in rows["paper"]
    assert "hunter2" not in ran.out + ran.err
    assert not {"MAIL", "RCPT", "DATA"} & set(server.verbs)
    assert server.verbs.count("EHLO") == 2


def test_all_is_well_when_no_channel_fails(run, shop):
    with mail_server() as server:
        dsn = f"smtp+none://127.0.0.1:{server.server_address[1]}"
        (shop / "messaging.toml").write_text(CHANNEL.format(name="good", dsn=dsn))

        ran = run("check")

    assert ran.status == 0


def test_rows_of_the_database_that_cannot_be_read_are_named(run, shop):
    (shop / "messaging.toml").write_text(CHANNEL.format(name="paper", dsn="file:outbox"))
    with SqliteStorage(shop / "messages.db") as storage, storage.begin() as tx:
        tx.timeline.append([an_event("torn")])
        tx.timeline.after(0, limit=1)
        torn = a_new_message()
        tx.messages.add([evolve(torn, message=evolve(torn.message, reason=5))])
        tx.outbox.claim(now=MONDAY_MORNING, lease=timedelta(minutes=1), limit=1)

    ran = run("check")

    assert ran.status == 1
    assert "event 1 of the log cannot be read" in ran.out
    assert f"message {torn.message.id} cannot be read, and was put aside" in ran.out


def test_every_variable_that_is_missing_is_named_at_once(run, shop):
    first = CHANNEL.format(name="a", dsn="smtp://${USER_A}:${PASS_A}@mail.example")
    second = CHANNEL.format(name="b", dsn="postmark://:${TOKEN_B}@")
    webhook = '[webhooks.resend]\ntype = "resend"\nsecret_env = "SECRET_C"\n'
    (shop / "messaging.toml").write_text(first + second + webhook)

    ran = run("check")

    assert ran.status == 2
    places = [line.partition("] ")[0].rpartition("[")[2] for line in ran.err.splitlines()]
    assert places == ["channels.a.transport", "channels.b.transport", "webhooks.resend"]
    for name in ("USER_A", "PASS_A", "TOKEN_B", "SECRET_C"):
        assert f"set it: export {name}=…" in ran.err


def test_a_missing_variable_is_wrong_usage(run, shop):
    dsn = "smtp://user:${NO_SUCH_VARIABLE}@mail.example"
    (shop / "messaging.toml").write_text(CHANNEL.format(name="a", dsn=dsn))

    ran = run("check")

    assert ran.status == 2
    assert "NO_SUCH_VARIABLE" in ran.err


PUSH = """
[channels.{name}]
platform = "push"

[channels.{name}.transport]
{options}
"""


def test_push_channels_are_checked_without_a_device(run, shop, monkeypatch):
    google = GooglePeer()
    monkeypatch.setenv("FIREBASE_SERVICE_ACCOUNT", google.account())
    monkeypatch.setenv("VAPID_PRIVATE_KEY", "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    fcm = 'type = "fcm"\nservice_account_env = "FIREBASE_SERVICE_ACCOUNT"\n'
    web = 'type = "webpush"\nprivate_key_env = "VAPID_PRIVATE_KEY"\nsubject = "mailto:a@b.example"'
    text = PUSH.format(name="app", options=f'{fcm}base_url = "{google.peer.url}"')
    (shop / "messaging.toml").write_text(text + PUSH.format(name="site", options=web))

    ran = run("check")
    google.close()

    rows = {line.split()[0]: line for line in ran.out.splitlines() if line.split()}
    assert ran.status == 0, ran.err
    assert "ok" in rows["app"]
    assert "cannot be checked" in rows["site"]
    assert [document["validateOnly"] for document in google.messages] == [True]


MEDIA = """
[media]
store = "{store}"
secret_env = "MEDIA_SECRET"
base_url = "https://shop.example"
"""


def test_the_store_of_media_is_tried_out(run, shop, monkeypatch):
    monkeypatch.setenv("MEDIA_SECRET", "a secret for the tests only")
    channel = CHANNEL.format(name="a", dsn="file:outbox")
    with s3_server() as url:
        make_bucket("checked")
        s3 = f"s3://{KEY_ID}:{quote(SECRET)}@{{}}?region={REGION}&endpoint_url={url}"
        stores = ["folder:media", s3.format("checked"), s3.format("missing")]

        rows = []
        for store in stores:
            (shop / "messaging.toml").write_text(channel + MEDIA.format(store=store))
            ran = run("check")
            rows += [(ran.status, line) for line in ran.out.splitlines() if "[media]" in line]

    assert [status for status, _ in rows] == [0, 0, 1]
    assert all(" ok" in line for _, line in rows[:2])
    assert "bad setup" in rows[2][1]
    assert "the bucket of media is not available: NoSuchBucket" in rows[2][1]
    assert list((shop / "media" / "files").iterdir()) == []
    assert keys_of("checked") == []
    assert not (shop / "outbox").exists(), "nothing is sent"


def test_incoming_media_are_shown_with_the_hosts_that_get_credentials(run, shop, monkeypatch):
    monkeypatch.setenv("MEDIA_SECRET", "a secret for the tests only")
    channel = CHANNEL.format(name="a", dsn="file:outbox")
    media = MEDIA.format(store="folder:media") + "incoming = true\n"
    (shop / "messaging.toml").write_text(channel + media)

    ran = run("check")

    assert ran.status == 0
    assert re.search(r"\[media\] +incoming +cannot be checked .* no host", ran.out)


def test_a_message_with_an_upload_is_sent_from_the_command_line(run, shop, monkeypatch):
    monkeypatch.setenv("MEDIA_SECRET", "a secret for the tests only")
    channel = CHANNEL.format(name="a", dsn="file:outbox")
    (shop / "messaging.toml").write_text(channel + MEDIA.format(store="folder:media"))
    url = f"https://shop.example/media/{UUID(int=1)}"
    text = {"text": "hi", "attachments": [{"mediaUrl": url, "filename": "a.txt"}]}
    request = {
        "receiver": {"contacts": [{"identifierValue": "ada@shop.example"}]},
        "body": {"type": "text", "text": text},
    }
    (shop / "request.jsonl").write_text(json.dumps(request))

    ran = run("send", "--channel", "a", "request.jsonl")

    assert ran.status != 0
    assert "nothing was uploaded there: upload the file first" in ran.out + ran.err
