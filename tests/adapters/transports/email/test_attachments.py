"""Attachments: every transport for email reads them before it hands a mail over."""

import base64
import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from messaging_adapters.mail.attachments import read_files
from messaging_adapters.mail.failures import UnsendableError
from messaging_adapters.transports.email.mailgun import MailgunTransport
from messaging_adapters.transports.email.postmark import PostmarkTransport
from messaging_adapters.transports.email.sendgrid import SendGridTransport
from messaging_adapters.transports.email.ses import SesTransport
from messaging_core.errors import MediaError
from messaging_core.models import Attachment, Deferred, EmailContent, Rejected, Retry
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.media import Media
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave

PDF = b"%PDF-1.7"
BY_URL = Attachment(filename="a.pdf", media_url="https://m.example/a.pdf")
INLINE = Attachment(filename="b.txt", content="QUJD", content_type="text/plain")
TRANSPORTS: dict[str, Callable[..., Any]] = {
    "postmark": lambda **options: PostmarkTransport(server_token="t0ken", **options),
    "sendgrid": lambda **options: SendGridTransport("SG.k3y", **options),
    "mailgun": lambda **options: MailgunTransport(
        api_key="k3y", domain="mg.shop.example", **options
    ),
    "ses": lambda **options: SesTransport(
        region="eu-west-1", access_key_id="AKIA", secret_access_key="k3y", **options
    ),
}


class Shelf:
    """A source of media that gives the same file for every URL, or fails."""

    def __init__(self, content: bytes | MediaError = PDF) -> None:
        self.content = content
        self.limits: list[int] = []

    def read(self, url: str, limit: int) -> Media:
        assert url == BY_URL.media_url
        self.limits.append(limit)
        if isinstance(self.content, MediaError):
            raise self.content
        return Media(content=self.content, content_type="application/pdf")


class Client:
    """An HTTP client that keeps requests; no provider takes them."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest, **_: Any) -> HttpResponse:
        self.requests.append(request)
        return HttpResponse(status=400)


@pytest.fixture(params=TRANSPORTS)
def transport_of(request: Any) -> Callable[..., Any]:
    return TRANSPORTS[request.param]


def a_mail(*attachments: Attachment) -> Any:
    return an_envelope("email", EmailContent(subject="Hi", text="A", attachments=attachments))


def mail_in(request: HttpRequest) -> bytes:
    """Return what a request says, in the words of its mail; SES gets it as base64."""
    whole = re.search(rb'"Data":"([^"]+)"', request.body)
    return base64.b64decode(whole[1]) if whole else request.body


def test_a_file_that_is_named_by_url_goes_along(transport_of: Callable[..., Any]) -> None:
    client = Client()

    transport_of(media=Shelf(), client=client).send(a_mail(BY_URL, INLINE), Leave())

    (request,) = client.requests
    mail = mail_in(request)
    assert base64.b64encode(PDF) in mail
    assert b"application/pdf" in mail
    assert b"QUJD" in mail


@pytest.mark.parametrize(
    ("media", "kind", "retry"),
    [
        (None, Deferred, Retry.CONFIGURATION),
        (Shelf(MediaError("gone", permanent=True)), Rejected, Retry.PERMANENT),
        (Shelf(MediaError("busy", permanent=False)), Deferred, Retry.TRANSIENT),
        (Shelf(b"x" * 30_000_000), Rejected, Retry.PERMANENT),
    ],
)
def test_a_file_that_is_not_to_be_had_stops_the_mail_before_the_hand_over(
    transport_of: Callable[..., Any], media: Shelf | None, kind: type, retry: Retry
) -> None:
    client, leave = Client(), Leave()

    outcome = transport_of(media=media, client=client).send(a_mail(BY_URL), leave)

    assert isinstance(outcome, kind)
    assert isinstance(outcome, Deferred | Rejected)
    assert outcome.failure.retry is retry
    assert not client.requests
    assert leave.calls == 0


def test_a_codec_reads_nothing_and_takes_the_bytes_that_it_is_given(
    transport_of: Callable[..., Any],
) -> None:
    shelf = Shelf(MediaError("a codec must not ask", permanent=True))
    codec = transport_of(media=shelf)
    given = evolve(BY_URL, media_url=None, content="QUJD", content_type="text/plain")

    request = codec.request(a_mail(given), now=a_mail().created_at)

    assert isinstance(request, HttpRequest)
    assert b"QUJD" in mail_in(request)
    assert shelf.limits == []


def test_each_file_may_be_as_large_as_those_before_it_left() -> None:
    shelf = Shelf(b"12345")

    files = read_files([BY_URL, INLINE, BY_URL], shelf, 13)

    assert shelf.limits == [13, 5]
    assert [len(file.content) for file in files] == [5, 3, 5]
    with pytest.raises(UnsendableError):
        read_files([INLINE, BY_URL], shelf, 7)
    with pytest.raises(UnsendableError):
        read_files([INLINE], None, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "no base64"},
        {"content": "ä"},
        {"content": None},
        {"content_type": "text"},
        {"content_type": "a/b\r\nBcc: x"},
        {"filename": "a\r\nBcc: x@y"},
        {"content_id": "a>\r\nBcc: x"},
    ],
)
def test_an_attachment_that_no_mail_can_hold_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsendableError) as error:
        read_files([evolve(INLINE, **changes)], None, 1_000)

    assert isinstance(error.value.outcome, Rejected)


def test_a_type_that_a_stranger_made_up_is_none() -> None:
    class Stranger:
        def read(self, url: str, limit: int) -> Media:
            del url, limit
            return Media(content=PDF, content_type="pdf\r\nX: y")

    (file,) = read_files([BY_URL], Stranger(), 100)

    assert file.content_type == "application/octet-stream"
