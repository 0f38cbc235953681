"""Tell machines that load links and pictures from people who do."""

import re
from typing import Final

from messaging_core.ports.http import HttpRequest

_MACHINE: Final = re.compile(
    "bot|crawl|spider|preview|slurp|facebookexternalhit|whatsapp|embedly|scan|python-|curl|wget"
    # Filters of companies, which follow every link of a mail before they let it in.
    "|barracuda|mimecast|proofpoint|forcepoint|symantec|mcafee|fortimail|safelinks|headless"
    "|go-http-client|okhttp|libwww|java/"
    # With exactly this, Gmail loads pictures before a person has opened the mail.
    r"|edge/12\.246 mozilla/5\.0$",
    re.IGNORECASE,
)
# Apple Mail loads every picture in advance, and says no more than this.
_APPLE_MAIL: Final = "Mozilla/5.0"
_PURPOSES: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_PROXIES: Final = {"googleimageproxy": "google", "yahoomailproxy": "yahoo"}


def is_by_machine(request: HttpRequest) -> bool:
    """Return whether a link or a picture was loaded by a machine, such as the preview of a chat.

    It is if the request is a HEAD, says that it prefetches, has the name of a crawler or none, or
    comes from Apple's Mail Privacy Protection, which loads every picture of every mail. Some
    machines say that they are browsers; they count as people.
    """
    agent = request.headers.get("user-agent", "").strip()
    purposes = [request.headers.get(name, "").lower() for name in _PURPOSES]
    return (
        request.method == "HEAD"
        or any(word in purpose for purpose in purposes for word in ("prefetch", "preview"))
        or agent in {"", _APPLE_MAIL}
        or _MACHINE.search(agent) is not None
    )


def proxy_of(request: HttpRequest) -> str | None:
    """Return the webmail whose proxy loads a picture because a person opened the mail."""
    agent = request.headers.get("user-agent", "").lower()
    return next((name for word, name in _PROXIES.items() if word in agent), None)
