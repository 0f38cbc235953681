"""What is called without an access key: webhooks, short links, pixels of mails, opt-outs."""

import base64
from typing import Final

from messaging_adapters.asgi.call import Call
from messaging_adapters.asgi.machines import is_by_machine, proxy_of
from messaging_core.errors import UnknownMessageError
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import InteractionReceipt
from messaging_core.ports.http import HttpResponse

_FOUND: Final = 302
_UNSUBSCRIBE: Final = "one-click"
_HTML: Final = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; form-action 'self'",
    "referrer-policy": "no-referrer",
}
_PAGE: Final = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Unsubscribe</title>{}'
_BUTTON: Final = _PAGE.format('<form method="post"><button>Unsubscribe</button></form>').encode()
_DONE: Final = _PAGE.format("<p>You are unsubscribed.</p>").encode()
# A transparent picture of 1 x 1 pixel: 43 bytes.
_GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
_PIXEL: Final = HttpResponse(
    status=200, headers={"content-type": "image/gif", "cache-control": "no-store"}, body=_GIF
)


async def receive_webhook(call: Call) -> HttpResponse:
    """Keep what a provider reports about the messages of a channel's workspace."""
    channel = call.messenger.messenger.channel(call.path["channel"])
    return await call.messenger.receive_webhook(
        call.path["provider"], call.request, workspace=channel.workspace
    )


async def follow_link(call: Call) -> HttpResponse:
    """Count a click on a short link, and send the reader to its target."""
    target = await call.messenger.resolve_short_link(
        call.path["code"], prefetched=is_by_machine(call.request)
    )
    return HttpResponse(status=_FOUND, headers={"location": target, "cache-control": "no-store"})


async def load_pixel(call: Call) -> HttpResponse:
    """Count that a mail was opened. The answer is the same whether the code exists or not."""
    if call.request.method != "HEAD":
        await call.messenger.record_open(
            call.path["code"],
            prefetched=is_by_machine(call.request),
            proxy=proxy_of(call.request),
        )
    return _PIXEL


async def ask_to_unsubscribe(call: Call) -> HttpResponse:
    """Show a button: a mail scanner that opens the link must not unsubscribe its reader."""
    call.id("messageId")  # a malformed one is 404, as everywhere
    return HttpResponse(status=200, headers=_HTML, body=_BUTTON)


async def unsubscribe(call: Call) -> HttpResponse:
    """Record that the receiver of a message wants no more of its kind (RFC 8058)."""
    channel = call.messenger.messenger.channel(call.path["channel"])
    message = await call.messenger.get(call.id("messageId"), workspace=channel.workspace)
    if message.channel_id != channel.id:
        raise UnknownMessageError(message.id)
    await call.messenger.receive(
        InteractionReceipt(
            source=_UNSUBSCRIBE,
            key=f"{_UNSUBSCRIBE}:{message.id}",
            at=call.messenger.messenger.context.now(),
            type=InteractionType.UNSUBSCRIBE_REQUEST,
            message_id=message.id,
            channel_id=channel.id,
            details="list_unsubscribe",
        ),
        workspace=channel.workspace,
    )
    return HttpResponse(status=200, headers=_HTML, body=_DONE)
