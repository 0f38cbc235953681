"""What is called without an access key: webhooks of providers, and short links."""

import re
from typing import Final

from messaging_adapters.asgi.call import Call
from messaging_core.ports.http import HttpRequest, HttpResponse

_FOUND: Final = 302
_MACHINE: Final = re.compile(
    "bot|crawl|spider|preview|slurp|facebookexternalhit|whatsapp|embedly|scan|python-|curl|wget",
    re.IGNORECASE,
)
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
