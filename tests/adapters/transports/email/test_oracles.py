"""The clients that mail services publish send the same requests as our transports."""

import asyncio
import json
from typing import Any

import pytest
import resend
from attrs import evolve
from postmark import ServerClient
from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail as sg

from messaging_adapters.providers.own_id import MESSAGE_ID, OWN_ID
from messaging_adapters.transports.email.postmark import PostmarkTransport
from messaging_adapters.transports.email.resend import ResendTransport
from messaging_adapters.transports.email.sendgrid import SendGridTransport
from messaging_core.models import (
    Accepted,
    Address,
    Attachment,
    EmailContent,
    Envelope,
    ReceiverType,
    Recipient,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing.contracts.transport.envelopes import an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.http_peer import HttpPeer

KEY = "k3y-of-the-account"
ID = "0a129aee-e1cd-480d-b08d-4f48548ff48d"
PLAIN = EmailContent(subject="Hello", text="A text")
RICH = EmailContent(
    subject="Käthe & Söhne: 100% 😀",
    text="Grüße\n.\n",
    html='<p>Grüße <img src="cid:logo"></p>',
    headers={"X-Order": "7", "Reply-To": "help@shop.example"},
    attachments=(
        Attachment(filename="a ü.pdf", content="JVBERi0xLjc=", content_type="application/pdf"),
        Attachment(
            filename="l.png",
            content="QUJD",
            content_type="image/png",
            inline=True,
            content_id="logo",
        ),
    ),
)
TRACKED = evolve(PLAIN, html="<p>A</p>", open_tracking=True, click_tracking=True)
RECEIVERS = (
    Recipient(value="ada@mail.example", name="Ada Lovelace"),
    Recipient(value="bob@mail.example", type=ReceiverType.CC),
    Recipient(value="eve@mail.example", type=ReceiverType.BCC),
)


def a_mail(content: EmailContent, *receivers: Recipient) -> Envelope:
    sender = Address(value="shop@shop.example", name="A Shop")
    return evolve(
        an_envelope("email", content), receivers=receivers or RECEIVERS[:1], sender=sender
    )


def compare(peer: HttpPeer, *headers: str, only_theirs: Any = None) -> None:
    """Compare our request, the first one, with theirs; some fields are only in theirs."""
    ours, theirs = (exchange.request for exchange in peer.exchanges)
    assert (ours.method, ours.url) == (theirs.method, theirs.url)
    assert (only_theirs or {}) | json.loads(ours.body) == json.loads(theirs.body)
    for name in ("accept", "content-type", *headers):
        assert ours.headers[name] == theirs.headers[name], name


def postmark_answer(request: HttpRequest) -> HttpResponse:
    del request
    answer = {"To": "x", "SubmittedAt": "2026-03-02T09:00:00Z", "MessageID": ID}
    body = json.dumps(answer | {"ErrorCode": 0, "Message": "OK"}).encode()
    return HttpResponse(status=200, headers={"content-type": "application/json"}, body=body)


@pytest.mark.parametrize(
    ("content", "receivers"), [(PLAIN, RECEIVERS[:1]), (RICH, RECEIVERS), (TRACKED, RECEIVERS)]
)
def test_postmarks_own_client_sends_the_same_request(
    content: EmailContent, receivers: tuple[Recipient, ...]
) -> None:
    envelope = a_mail(content, *receivers)
    mail: dict[str, Any] = {
        "sender": '"A Shop" <shop@shop.example>',
        "to": '"Ada Lovelace" <ada@mail.example>',
        "subject": content.subject,
        "text_body": content.text,
        "html_body": content.html,
        "track_opens": content.open_tracking,
        "track_links": "HtmlAndText" if content.click_tracking else "None",
        "metadata": {MESSAGE_ID: str(envelope.message_id)},
        "message_stream": "outbound",
    }
    if len(receivers) > 1:
        mail |= {"cc": "bob@mail.example", "bcc": "eve@mail.example"}
    if content is RICH:
        mail |= {
            "reply_to": "help@shop.example",
            "headers": [{"name": "X-Order", "value": "7"}],
            "attachments": [
                {
                    "name": file.filename,
                    "content": file.content,
                    "content_type": file.content_type,
                    **({"content_id": f"cid:{file.content_id}"} if file.content_id else {}),
                }
                for file in content.attachments
            ],
        }

    async def send(url: str) -> Any:
        async with ServerClient(KEY, base_url=url) as client:
            return await client.outbound.send(mail)

    with HttpPeer(postmark_answer) as peer:
        with PostmarkTransport(server_token=KEY, base_url=peer.url) as own:
            ours = own.send(envelope, Leave())
        theirs = asyncio.run(send(peer.url))

    assert ours == Accepted(references=(theirs.message_id,))
    # Their client also writes lists that are empty.
    compare(peer, "x-postmark-server-token", only_theirs={"Headers": [], "Attachments": []})


def sendgrid_answer(request: HttpRequest) -> HttpResponse:
    del request
    return HttpResponse(status=202, headers={"x-message-id": "iQ2-x"})


@pytest.mark.parametrize(
    ("content", "receivers"), [(PLAIN, RECEIVERS[:1]), (RICH, RECEIVERS), (TRACKED, RECEIVERS)]
)
def test_sendgrids_own_client_sends_the_same_request(
    content: EmailContent, receivers: tuple[Recipient, ...]
) -> None:
    envelope = a_mail(content, *receivers)
    mail = sg.Mail(
        from_email=sg.From("shop@shop.example", "A Shop"),
        to_emails=sg.To("ada@mail.example", "Ada Lovelace"),
        subject=content.subject,
        plain_text_content=content.text,
        html_content=content.html,
    )
    mail.custom_arg = sg.CustomArg(OWN_ID, str(envelope.message_id))
    tracking = sg.TrackingSettings()
    tracking.click_tracking = sg.ClickTracking(enable=content.click_tracking, enable_text=False)
    tracking.open_tracking = sg.OpenTracking(enable=content.open_tracking)
    mail.tracking_settings = tracking
    if len(receivers) > 1:
        mail.add_cc("bob@mail.example")
        mail.add_bcc("eve@mail.example")
    if content is RICH:
        mail.reply_to_list = [sg.ReplyTo("help@shop.example")]
        mail.header = sg.Header("X-Order", "7")
        for file in reversed(content.attachments):  # their client puts the last one first
            mail.add_attachment(
                sg.Attachment(
                    file.content,
                    file.filename,
                    file.content_type,
                    "inline" if file.inline else "attachment",
                    file.content_id,
                )
            )

    with HttpPeer(sendgrid_answer) as peer:
        with SendGridTransport(KEY, base_url=peer.url) as own:
            ours = own.send(envelope, Leave())
        theirs = SendGridAPIClient(KEY, host=peer.url).send(mail)

    assert isinstance(ours, Accepted)
    assert ours.references == (theirs.headers["x-message-id"],)
    compare(peer, "authorization")


def resend_answer(request: HttpRequest) -> HttpResponse:
    del request
    headers = {"content-type": "application/json"}
    return HttpResponse(status=200, headers=headers, body=json.dumps({"id": ID}).encode())


@pytest.mark.parametrize("content", [PLAIN, RICH])
def test_resends_own_client_sends_the_same_request(
    content: EmailContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelope = a_mail(content)
    mail: Any = {
        "from": "A Shop <shop@shop.example>",
        "to": ["Ada Lovelace <ada@mail.example>"],
        "subject": content.subject,
        "text": content.text,
        "tags": [{"name": MESSAGE_ID, "value": str(envelope.message_id)}],
    }
    if content is RICH:
        mail |= {
            "html": content.html,
            "reply_to": ["help@shop.example"],
            "headers": {"X-Order": "7"},
            "attachments": [
                {
                    "filename": file.filename,
                    "content": file.content,
                    "content_type": file.content_type,
                    **({"content_id": file.content_id} if file.content_id else {}),
                }
                for file in content.attachments
            ],
        }
    monkeypatch.setattr(resend, "api_key", KEY)

    with HttpPeer(resend_answer) as peer:
        monkeypatch.setattr(resend, "api_url", peer.url)
        with ResendTransport(api_key=KEY, base_url=peer.url) as own:
            ours = own.send(envelope, Leave())
        theirs = resend.Emails.send(mail, {"idempotency_key": str(envelope.message_id)})

    assert isinstance(ours, Accepted)
    assert ours.references == (theirs["id"],)
    compare(peer, "authorization", "idempotency-key")
