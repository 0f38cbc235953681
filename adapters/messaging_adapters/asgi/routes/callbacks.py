"""What is called without an access key: webhooks of providers, short links, opt-outs."""

import re
from typing import Final

from messaging_adapters.asgi.call import Call
from messaging_core.errors import UnknownMessageError
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import InteractionReceipt
from messaging_core.ports.http import HttpRequest, HttpResponse

_FOUND: Final = 302
_MACHINE: Final = re.compile(
    "bot|crawl|spider|preview|slurp|facebookexternalhit|whatsapp|embedly|scan|python-|curl|wget",
    re.IGNORECASE,
)
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
_PURPOSES: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")


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


async def ask_to_unsubscribe(_: Call) -> HttpResponse:
    """Show a button: a mail scanner that opens the link must not unsubscribe its reader."""
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


def is_by_machine(request: HttpRequest) -> bool:
    """Return whether a link was opened by a machine, such as the preview of a messenger.

    It is if the request is a HEAD, says that it prefetches, or has the name of a crawler or none.
    Some machines say that they are browsers; they count as people.
    """
    agent = request.headers.get("user-agent", "")
    purposes = [request.headers.get(name, "").lower() for name in _PURPOSES]
    return (
        request.method == "HEAD"
        or any(word in purpose for purpose in purposes for word in ("prefetch", "preview"))
        or not agent
        or _MACHINE.search(agent) is not None
    )
