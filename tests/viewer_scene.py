"""Messages of every kind and state for the pages of the viewer, and a server that shows them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import uvicorn
from attrs import frozen
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from messaging_adapters.viewer.access import Visitor
from messaging_core.models import (
    Attachment,
    ContactIdentifier,
    FailureSource,
    HtmlBody,
    HtmlMetadata,
    Message,
    NewContact,
    ReceiptStatus,
    Receiver,
    ReceiverContact,
    Rejected,
    Retry,
    StatusReceipt,
    TextBody,
    TextMetadata,
    Unknown,
)
from messaging_core.models.messages.envelope import Envelope
from messaging_core.testing import a_failure
from messaging_core.testing.recording import Answer
from viewer_site import CODES, EVERY_RIGHT, MAIL, PUSH, Site, make_site

ROOT: Final = Visitor(name="Rina Example", may=EVERY_RIGHT)
PREFIX: Final = "/viewer"

Words = Callable[[str], str]
"""Makes the text for a place, of the text that would usually stand there."""

PLACES: Final = (
    "/messages",
    "/messages?status=sent",
    "/messages?tag=none",
    "/messages?status=nonsense",
    "/messages/{sms}",
    "/messages/{mail}",
    "/messages/{mail}?view=text",
    "/messages/{mail}?view=source",
    "/messages/{mail}?view=checks",
    "/messages/{push}",
    "/messages/{doubt}",
    "/messages/{failed}",
    "/messages/{code}",
    "/messages/{later}",
    "/operations",
    "/operations?range=7d",
    "/operations/replay?failureCode=15002",
    "/campaigns",
    "/campaigns/order",
    "/campaigns/nothing",
    "/contacts",
    "/contacts/ngozi",
    "/templates",
    "/templates/parcels/{template}",
    "/audit",
    "/nowhere",
)
"""Every page to look at; a new page needs one line here."""


@frozen
class Scene:
    """A site, and its messages by the names that `PLACES` use."""

    site: Site
    ids: dict[str, UUID]

    def path(self, place: str) -> str:
        """Return the path of a place, below the viewer."""
        return place.format(**self.ids)


def unchanged(text: str) -> str:
    """Return the text itself: the words of a usual day."""
    return text


def make_scene(words: Words = unchanged, html: str | None = None, **options: Any) -> Scene:
    """Make a site in which each kind of message was sent, and each state is seen.

    Args:
        words: Makes every text that comes from outside.
        html: Of the mail.
        options: Those of `viewer`.
    """

    def answer(envelope: Envelope) -> Answer | None:
        if envelope.message_id == ids.get("failed"):
            return Rejected(
                failure=a_failure(
                    15005,
                    retry=Retry.RECIPIENT_GONE,
                    description=words("the device is not registered any more"),
                    source=FailureSource(code=words("UNREGISTERED"), name="provider"),
                )
            )
        if envelope.message_id == ids.get("doubt"):
            return Unknown(failure=a_failure(12005, description=words("connection reset")))
        return None

    site = make_site(answer, **options)
    site.visitor = ROOT
    ids: dict[str, UUID] = {}

    def one_line(text: str) -> str:
        """Return a text for a place where the engine refuses control characters."""
        return "".join(own for own in words(text) if own.isprintable())

    def send(name: str, *args: Any, **fields: Any) -> Message:
        message = site.send(*args, **fields)
        ids[name] = message.id
        site.clock.advance(minutes=3)
        return message

    tag = "order"
    number = ContactIdentifier(key="phonenumber", value="+447700900142")
    new = NewContact(id="ngozi", display_name=one_line("Ngozi Okafor"), identifiers=(number,))
    site.messenger.contacts.create(new)
    ngozi = Receiver(contacts=(ReceiverContact(id="ngozi"),))
    ids["template"] = _template(site, words)
    parcel = words(
        "Your bakery\u2019s parcel is at Canal Street 12. Please pick it up by Friday 18:00."
    )
    send("sms", parcel, receiver=ngozi, tags=(tag,))
    send("failed", words("Your table is booked for 19:30."), tags=("booking",))
    send("doubt", words("Your tyres are ready."), tags=("garage",))
    send(
        "mail", _mail(words, one_line, html), MAIL, to=["ada@receiver.example", "bob@other.example"]
    )
    push = TextBody(text=words("At 16:00"), metadata=TextMetadata(subject=one_line("Your bread")))
    send("push", push, PUSH, to="fX3k:APA91bExampleToken")
    send("code", "Your code is 884213", CODES)
    site.deliver()
    for reference in site.messenger.get(ids["sms"]).references:
        site.clock.advance(seconds=12)
        receipt = StatusReceipt(
            source="recording",
            at=site.clock.now(),
            status=ReceiptStatus.DELIVERED,
            provider_status=words("DELIVRD"),
            message_id=ids["sms"],
            reference=reference,
        )
        site.messenger.receive(receipt)
    later = site.clock.now() + timedelta(hours=2)
    send("later", words("Reminder: dentist tomorrow at 9:15"), scheduled_for=later)
    return Scene(site, ids)


def _template(site: Site, words: Words) -> UUID:
    """Store a template in two languages; its syntax is no text from outside."""
    version = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    hi = words("Hi").replace("{", "(").replace("}", ")")
    stored = {
        "id": str(version),
        "projectId": "parcels",
        "defaultLocale": "en",
        "genericContent": [
            {"locale": "en", "subject": "Parcel", "text": hi + " {{ name }}, locker {{ locker }}."},
            {"locale": "nl", "subject": "Pakket", "text": "Hoi {{ name }}, kluis {{ locker }}."},
        ],
        "variables": [
            {"key": "name", "default": words("there"), "description": words("The first name")},
            {"key": "locker", "type": "number"},
        ],
    }
    site.messenger.templates.save("parcels", stored)
    site.messenger.templates.activate("parcels", version)
    return version


def _mail(words: Words, one_line: Words, html: str | None) -> HtmlBody:
    plain = (
        '<div style="font-family: sans-serif; padding: 24px"><h1 style="color: #14532d">Thank you'
        '</h1><p>Your order 1042 is on its way.</p><img src="https://shop.example/logo.png" '
        'alt="Northmill"><p><a href="https://shop.example/orders/1042">Follow it</a></p></div>'
    )
    return HtmlBody(
        html=plain if html is None else html,
        text=words("Your order 1042 is on its way."),
        metadata=HtmlMetadata(subject=one_line("Your order 1042 is on its way")),
        attachments=(
            Attachment(
                filename=one_line("receipt-1042.pdf").translate({47: 46, 92: 46}),
                content="aGVsbG8=",
                content_type="application/pdf",
            ),
        ),
    )


@contextmanager
def served(app: ASGIApp, prefix: str = PREFIX, **options: Any) -> Iterator[str]:
    """Serve an application below a path on a free port; return its address."""
    host = Starlette(routes=[Mount(prefix, app)]) if prefix else app
    config = uvicorn.Config(
        host, port=0, log_level="error", access_log=False, lifespan="off", ws="none", **options
    )
    server = uvicorn.Server(config)
    config.load()
    socket = config.bind_socket()
    thread = threading.Thread(target=server.run, args=([socket],), name="viewer")
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}{prefix}"
    finally:
        server.should_exit = True
        thread.join(10)
        socket.close()
