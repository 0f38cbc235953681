"""An MMS to a number of Twilio's: its picture is fetched with credentials, kept and served."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import trustme
from attrs import frozen
from twilio.request_validator import RequestValidator

from messaging_adapters.asgi.access import Access, AccessKeyTable, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.media.http import HttpMediaSource
from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_adapters.uploads.presigned import Uploads
from messaging_core import Channel, Messenger, Worker
from messaging_core.errors import ConfigurationError, MediaError
from messaging_core.ports.media import Media, MediaSource
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.testing import ManualClock
from tests import plain_http
from tests.adapters.asgi.conftest import OTHER, PUBLIC, SECRET, serving

NUMBER: Final = "+31600000009"
MMS: Final = Channel(name="mms", platform="sms", sender=NUMBER, mms=True)
TOKEN: Final = "secret"
OWN_KEY: Final = "own"
PICTURE: Final = b"\xff\xd8\xff" + bytes(1000)
TWILIO: Final = TwilioTransport("AC" + "0" * 32, auth_token=TOKEN)
PATH: Final = f"/2010-04-01/Accounts/AC{'0' * 32}/Messages/MM1/Media/ME1"
MEDIA_URL: Final = f"https://api.twilio.com{PATH}"
WORKSPACE: Final = f"/workspaces/{MMS.workspace}"


class TwilioMedia(BaseHTTPRequestHandler):
    """Answers as api.twilio.com and mms.twiliocdn.com do when media are protected."""

    asked: list[tuple[str, int]]

    def do_GET(self) -> None:
        host, shown = self.headers["host"], self.headers.get("authorization")
        if host == "api.twilio.com":
            is_ours = shown == TWILIO.media_credentials["api.twilio.com"] and self.path == PATH
            self._answer(307 if is_ours else 401, {"location": "https://mms.twiliocdn.com/x?sig=1"})
        else:  # S3 refuses a request with two kinds of credentials
            status = 200 if shown is None and self.path == "/x?sig=1" else 400
            self._answer(status, {"content-type": "image/jpeg"}, PICTURE)

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.asked.append((self.headers["host"], status))
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def twilio_media() -> Iterator[HttpMediaSource]:
    """Yield a source that reaches a server with the names of Twilio's."""
    authority, client = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(client)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.twilio.com", "mms.twiliocdn.com").configure_cert(context)
    TwilioMedia.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), TwilioMedia) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield HttpMediaSource(
            ssl_context=client,
            max_redirects=3,
            credentials=TWILIO.media_credentials,
            resolve=lambda _host, _port: ["93.184.215.14"],
            connect=lambda _address, timeout: socket.create_connection(
                ("127.0.0.1", server.server_port), timeout
            ),
        )
        server.shutdown()
        thread.join()


@frozen(kw_only=True)
class Shop:
    """A running application, and what it serves."""

    messenger: Messenger
    clock: ManualClock
    uploads: Uploads
    url: str

    def client(self, key: str = OWN_KEY) -> httpx.Client:
        headers = {"Authorization": f"AccessKey {key}"}
        return plain_http.Client(base_url=self.url, headers=headers, timeout=30)

    def receive_mms(self) -> dict[str, Any]:
        """Call the webhook as Twilio does, and return the message as it is listed."""
        fields = {
            "MessageSid": "MM1",
            "From": "+31612345678",
            "To": NUMBER,
            "Body": "look",
            "NumMedia": "1",
            "MediaUrl0": MEDIA_URL,
            "MediaContentType0": "image/jpeg",
        }
        path = "/webhooks/twilio/mms"
        signature = RequestValidator(TOKEN).compute_signature(PUBLIC + path, fields)
        answer = plain_http.post(
            self.url + path, data=fields, headers={"X-Twilio-Signature": signature}
        )
        assert answer.status_code == 200
        self.messenger.inbox.process_pending()
        with self.client() as client:
            listed = client.get(f"{WORKSPACE}/channels/{MMS.id}/messages").json()["results"]
        message: dict[str, Any] = listed[0]
        return message


def running(source: MediaSource) -> Iterator[Shop]:
    clock = ManualClock()
    uploads = Uploads(store=MemoryMediaStore(), secret=SECRET, base_url=PUBLIC, clock=clock)
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={MMS: TWILIO},
        clock=clock,
        receipt_parsers=[TwilioReceipts(auth_token=TOKEN, channels={NUMBER: MMS})],
        incoming_media=IncomingMedia(store=uploads.store, source=source, base_url=uploads.base_url),
        media_check=uploads,
    )
    accesses = {OWN_KEY: Access(name="own"), "foreign": Access(name="foreign", workspace=OTHER)}
    keys = AccessKeyTable({hash_of_key(token): access for token, access in accesses.items()})
    app = make_app(messenger, access=keys, public_url=PUBLIC, uploads=uploads)
    with serving(app) as url:
        yield Shop(messenger=messenger, clock=clock, uploads=uploads, url=url)


@pytest.fixture
def shop(twilio_media: HttpMediaSource) -> Iterator[Shop]:
    yield from running(twilio_media)


def image_url(message: dict[str, Any]) -> str:
    (image,) = message["body"]["image"]["images"]
    url: str = image["mediaUrl"]
    return url


def test_the_picture_of_an_mms_is_fetched_by_a_worker_and_served_by_its_media_url(
    shop: Shop,
) -> None:
    message = shop.receive_mms()
    url = image_url(message)
    path = url.removeprefix(PUBLIC)
    assert path.startswith(f"{WORKSPACE}/messages/{message['id']}/media/")
    with shop.client() as client:
        early = client.get(path)
        assert (early.status_code, early.json()["code"]) == (409, "Conflict")
        assert TwilioMedia.asked == []

        Worker(shop.messenger).drain()

        answer = client.get(path)
        redirect = client.get(path, params={"redirect": "true"})
        other = client.get(f"{path.rpartition('/')[0]}/{uuid4()}")
    assert TwilioMedia.asked == [("api.twilio.com", 307), ("mms.twiliocdn.com", 200)]
    location = answer.json()["location"]
    assert (answer.status_code, other.status_code) == (200, 404)
    assert (redirect.status_code, redirect.headers["location"]) == (302, location)
    file = plain_http.get(location.replace(PUBLIC, shop.url))
    assert (file.content, file.headers["content-type"]) == (PICTURE, "image/jpeg")
    with shop.client("foreign") as foreign:
        assert foreign.get(path).status_code == 404
        elsewhere = path.replace(str(MMS.workspace), str(OTHER))
        assert foreign.get(elsewhere).status_code == 404


def test_a_link_to_the_picture_expires_and_a_purge_removes_it(shop: Shop) -> None:
    message = shop.receive_mms()
    Worker(shop.messenger).drain()
    path = image_url(message).removeprefix(PUBLIC)
    with shop.client() as client:
        link = client.get(path).json()["location"].replace(PUBLIC, shop.url)
        shop.clock.advance(shop.uploads.link_lifetime)
        assert plain_http.get(link).status_code == 403
        link = client.get(path).json()["location"].replace(PUBLIC, shop.url)
        assert plain_http.get(link).status_code == 200

        shop.messenger.purge(before=shop.clock.now())

        assert plain_http.get(link).status_code == 404
        assert client.get(path).status_code == 404


def test_an_incoming_picture_can_be_sent_on(shop: Shop) -> None:
    message = shop.receive_mms()
    Worker(shop.messenger).drain()
    request = {
        "receiver": {"contacts": [{"identifierValue": "+31612345679"}]},
        "body": message["body"],
    }
    with shop.client() as client:
        path = f"{WORKSPACE}/channels/{MMS.id}/messages"
        assert client.post(path, json=request).status_code == 202
    file_id = shop.uploads.file_id_of(image_url(message))
    assert file_id is not None
    assert b"".join(shop.uploads.store.read(file_id)) == PICTURE


def test_a_picture_that_was_given_up_is_not_found() -> None:
    class Gone(MediaSource):
        """Has nothing any more."""

        def read(self, url: str, limit: int) -> Media:  # noqa: ARG002 - the port's
            raise MediaError("the server answered 404", permanent=True)

    for shop in running(Gone()):
        message = shop.receive_mms()
        Worker(shop.messenger).drain()
        with shop.client() as client:
            answer = client.get(image_url(message).removeprefix(PUBLIC))
        assert (answer.status_code, answer.json()) == (
            404,
            {"code": "NotFound", "message": "the file could not be fetched from its provider"},
        )


def test_an_application_with_another_store_than_the_messenger_is_refused() -> None:
    uploads = Uploads(store=MemoryMediaStore(), secret=SECRET, base_url=PUBLIC)
    for store, base_url in ((MemoryMediaStore(), PUBLIC), (uploads.store, f"{PUBLIC}/other")):
        messenger = Messenger(
            storage=MemoryStorage(),
            channels={MMS: TWILIO},
            incoming_media=IncomingMedia(
                store=store, source=HttpMediaSource(timeout=timedelta(1)), base_url=base_url
            ),
        )
        with pytest.raises(ConfigurationError, match=r"store=uploads\.store"):
            make_app(messenger, access=lambda _: None, uploads=uploads)
