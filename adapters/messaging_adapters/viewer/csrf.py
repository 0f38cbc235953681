"""Tell forms that a page of this viewer sent from forms that another site made a browser send."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

FIELD: Final = "csrf"
AGAIN: Final = "csrf-again"
"""The field of a form that came back filled in."""

NOT_SHARED: Final = (
    "Its token is not from here, for the second time. All processes that serve these pages must"
    " use the same storage, which keeps the secret that signs forms; a storage in memory is that of"
    " one process only."
)
"""Why a form is refused that was sent a second time."""

_OWN: Final = "same-origin"


def token_of(secret: bytes, visitor: str, workspace: UUID) -> str:
    """Return the token that forms of a visitor carry in a workspace.

    Args:
        secret: Shared by all processes, so that each accepts the forms of the others.
        visitor: The session, or the name under which the host knows the visitor.
        workspace: What the form changes.
    """
    message = f"{workspace}\n{visitor}".encode(errors="surrogatepass")
    return hmac.new(secret, message, sha256).hexdigest()


def fits(token: str, expected: str) -> bool:
    """Return whether a form carries the token of this visitor and workspace."""
    return hmac.compare_digest(token.encode(errors="replace"), expected.encode())


def refusal_of(headers: Mapping[str, str], *, origin: str) -> str | None:
    """Return why a form may come from another site, naming the header, or nothing.

    Pages are served with `Referrer-Policy: no-referrer`, with which browsers send `Origin: null`
    from these pages too. Then `Sec-Fetch-Site` decides, which scripts cannot set.

    Args:
        headers: Of the request, by lower-case name.
        origin: By which browsers call this viewer, such as `https://shop.example`.
    """
    site, sent_from = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != _OWN:
        return f"The header Sec-Fetch-Site is {_named(site)}, not {_OWN}."
    if site is None and sent_from is None:
        return "The headers Sec-Fetch-Site and Origin are missing: use a newer browser."
    if sent_from not in {None, "null", origin} or (site is None and sent_from != origin):
        return f"The header Origin is {_named(sent_from or '')}, not {origin}."
    return None


def origin_of(url: str) -> str:
    """Return the origin of a URL, as browsers write it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _named(value: str) -> str:
    """Return a header for an error text: it came from outside."""
    return value[:100] if value.isascii() and value.isprintable() else "not readable"
