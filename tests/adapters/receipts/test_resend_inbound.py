"""Mail that people send to Resend: announced by a webhook, and fetched by a worker."""

import base64
import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.config import load_config
from messaging_adapters.receipts.resend import ResendReceipts
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.errors import ConfigurationError, HttpError, MediaError
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.media import Media
from messaging_core.ports.receipts import SupportsFetch
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import HttpPeer, ManualClock, RecordingTransport
from peers.webhooks import Resend

SECRET = "kerfuffle-of-the-secret-0001"
WHSEC = "whsec_" + base64.b64encode(SECRET.encode()).decode()
ID = "56761188-7520-42d8-8898-ff6fc54ce618"
KEY = "re_full-access"
SUPPORT = Channel(name="support", platform="email", sender="support@in.example")
FILE = {
    "id": "2a0c9ce0-3112-4728-976e-47ddcd16a318",
    "filename": "a.png",
    "content_type": "image/png",
    "content_disposition": "inline",
    "content_id": "img001",
}
DATA: dict[str, Any] = {
    "email_id": ID,
    "created_at": "2025-12-01T08:59:00.126Z",
    "from": "Ada <ada@mail.example>",
    "to": ["Support <Support@in.example>"],
    "cc": [],
    "bcc": [],
    "message_id": "<m-1@mail.example>",
    "subject": "A question",
    "attachments": [FILE],
}


class FakeResend:
    """Answers for one mail with one file."""

    def __init__(self) -> None:
        self.answers: list[HttpResponse] = []
        self.url = "https://files.example/a.png"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        assert request.method == "GET"
        assert request.headers["authorization"] == f"Bearer {KEY}"
        if self.answers:
            return self.answers.pop(0)
        if request.url.endswith(f"/emails/receiving/{ID}"):
            return an_answer({**DATA, "object": "email", "html": "<p>Hi</p>", "text": "Hi"})
        assert f"/emails/receiving/{ID}/attachments" in request.url
        return an_answer({"data": [{**FILE, "size": 3, "download_url": self.url}]})


class Shelf:
    """A source of media that has one file, or fails."""

    def __init__(self, content: bytes | MediaError = b"PNG") -> None:
        self.content = content

    def read(self, url: str, limit: int) -> Media:
        assert url == "https://files.example/a.png"
        assert limit > 0
        if isinstance(self.content, MediaError):
            raise self.content
        return Media(content=self.content, content_type="image/png")


def an_answer(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, body=json.dumps(value).encode())


def a_webhook(**changes: Any) -> HttpRequest:
    event = {"type": "email.received", "created_at": DATA["created_at"], "data": DATA | changes}
    request = HttpRequest(
        method="POST", url="https://example.test/r", headers={}, body=json.dumps(event).encode()
    )
    return Resend().sign(request, SECRET, NOW)


def a_parser(**options: Any) -> ResendReceipts:
    channels = {"support@in.example": SUPPORT}
    return ResendReceipts(**{"secret": WHSEC, "channels": channels, "api_key": KEY} | options)


def announced(**changes: Any) -> IncomingMessage:
    (receipt,) = a_parser().parse(a_webhook(**changes), now=NOW)
    assert isinstance(receipt, IncomingMessage)
    return receipt


def test_a_mail_is_announced_without_its_text() -> None:
    receipt = announced()

    assert (receipt.sender, receipt.sender_name) == ("ada@mail.example", "Ada")
    assert (receipt.channel_id, receipt.reference) == (SUPPORT.id, ID)
    assert receipt.is_announced
    with pytest.raises(ConfigurationError, match="name the channel in `channels`"):
        announced(to=["x@in.example"])
    assert announced(to=["x@in.example"], received_for=["support@in.example"]).is_announced


def test_without_a_key_an_incoming_mail_changes_nothing() -> None:
    parser = a_parser(api_key=None)

    (receipt,) = parser.parse(a_webhook(), now=NOW)

    assert not isinstance(receipt, IncomingMessage)
    assert isinstance(parser, SupportsFetch)
    with pytest.raises(ConfigurationError, match="no api_key"):
        parser.fetch(announced())


@pytest.mark.parametrize(
    ("media", "content", "url"),
    [
        (Shelf(), "UE5H", None),
        (None, None, "https://files.example/a.png"),
        (Shelf(MediaError("large", permanent=True)), None, "https://files.example/a.png"),
    ],
)
def test_a_mail_is_fetched_with_its_files(
    media: Shelf | None, content: str | None, url: str | None
) -> None:
    with HttpPeer(FakeResend()) as peer:
        whole = a_parser(base_url=peer.url, media=media).fetch(announced())

    body: Any = whole.body
    (file,) = body.attachments
    assert (body.html, body.text, body.metadata.subject) == ("<p>Hi</p>", "Hi", "A question")
    assert (file.content, file.media_url) == (content, url)
    assert (file.filename, file.content_type, file.content_id) == ("a.png", "image/png", "img001")
    assert file.inline


@pytest.mark.parametrize("status", [401, 429, 500, 200])
def test_what_cannot_be_fetched_now_is_an_error(status: int) -> None:
    resend = FakeResend()
    resend.answers = [HttpResponse(status=status, body=b"<html>")]
    with HttpPeer(resend) as peer, pytest.raises(HttpError) as error:
        a_parser(base_url=peer.url).fetch(announced())

    assert KEY not in str(error.value)
    busy = Shelf(MediaError("busy", permanent=False))
    with HttpPeer(FakeResend()) as peer, pytest.raises(MediaError):
        a_parser(base_url=peer.url, media=busy).fetch(announced())


def test_a_mail_that_resend_has_no_more_comes_in_as_announced() -> None:
    resend = FakeResend()
    resend.answers = [an_answer({"name": "not_found"}, 404)]
    with HttpPeer(resend) as peer:
        parser = a_parser(base_url=peer.url)

        assert parser.fetch(announced()) == announced()
        hostile = evolve(announced(), reference="../../keys")
        assert parser.fetch(hostile) == hostile


VALUES = st.none() | st.integers() | st.text(max_size=9) | st.just([{}]) | st.just({})


@given(st.dictionaries(st.sampled_from([*DATA, "html", "text"]), VALUES))
def test_any_answer_is_read_or_refused(changes: dict[str, Any]) -> None:
    class Client:
        def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
            del request
            return an_answer({**DATA, "data": [FILE], **changes})

    whole = a_parser(client=Client()).fetch(announced())

    assert whole.sender == "ada@mail.example"


def test_a_worker_fetches_what_a_webhook_announced_and_tries_again() -> None:
    clock, resend = ManualClock(), FakeResend()
    resend.answers = [an_answer({}, 500)]
    with HttpPeer(resend) as peer:
        parser = a_parser(base_url=peer.url, media=Shelf())
        messenger = Messenger(
            storage=MemoryStorage(),
            channels={SUPPORT: RecordingTransport()},
            clock=clock,
            receipt_parsers=[parser],
        )
        worker, query = Worker(messenger), MessageQuery(direction="incoming")
        statuses = [messenger.receive_webhook("resend", a_webhook()).status for _ in range(2)]
        worker.run_once()
        before = messenger.find(query).results
        asked = len(peer.exchanges)
        worker.run_once()
        clock.advance(seconds=5)
        worker.run_once()

    (message,) = messenger.find(query).results
    body: Any = message.body
    assert (statuses, before) == ([204, 204], ())
    assert asked == 1
    assert len(peer.exchanges) == 3
    assert (body.text, body.attachments[0].content) == ("Hi", "UE5H")


def test_a_messenger_without_the_parser_keeps_the_mail() -> None:
    messenger = Messenger(
        storage=MemoryStorage(), channels={SUPPORT: RecordingTransport()}, clock=ManualClock()
    )

    reception = messenger.receive(announced())
    Worker(messenger).run_once()

    assert reception.incoming == ()
    assert messenger.find().results == ()
    with messenger.storage.begin(read_only=True) as tx:
        (entry,) = tx.receipts.pending(limit=9)
    assert entry.failures == 1


def test_a_configuration_names_the_key() -> None:
    webhook = {"type": "resend", "secret": WHSEC, "api_key": "${KEY}", "fetch_media": True}
    channel = {"platform": "email", "sender": "support@in.example", "transport": "console:"}
    config = {"channels": {"support": channel}, "webhooks": {"resend": webhook}}

    (parser,) = load_config(config).make_webhooks({"KEY": KEY})

    assert isinstance(parser, ResendReceipts)
    assert (parser.api_key, parser.media is not None) == (KEY, True)
    assert KEY not in repr(parser)
