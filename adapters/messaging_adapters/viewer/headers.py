"""The headers of every answer: what a browser may load, run, embed and keep."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex, nofollow",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
)
"""On every answer, files too."""

PRIVATE: Final[Mapping[str, str]] = MappingProxyType({**ALWAYS, "cache-control": "no-store"})
"""On every answer that shows anything of a message."""

FOREVER: Final[Mapping[str, str]] = MappingProxyType(
    {**ALWAYS, "cache-control": "public, max-age=31536000, immutable"}
)
"""On files whose name changes with their content."""


def page_headers(nonce: str, *, frames: str = "'none'") -> dict[str, str]:
    """Return the headers of a page.

    Scripts and styles need the nonce of this answer: `'self'` would also allow files that users
    uploaded to the host's origin. There is no `unsafe-inline`, and so no style attribute.

    Args:
        nonce: Random, new for each answer.
        frames: What the page may embed.
    """
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src 'self' data:",
        "connect-src 'self'",
        f"frame-src {frames}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {**PRIVATE, "content-security-policy": "; ".join(policy)}
