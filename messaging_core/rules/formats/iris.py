"""URLs as people write them, and as machines need them."""

import re
from typing import Final
from urllib.parse import quote

from messaging_core.lazy import pattern
from messaging_core.rules.formats.hosts import ascii_host
from messaging_core.rules.formats.uris import MAX_URI_LENGTH, check_web_url

_WEB: Final = pattern(
    r"(https?://)(\[[^\]/?#]*\]|[^\[\]:/?#]*)((?::([0-9]{1,5}))?)((?:[/?#].*)?)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_OUTSIDE_ASCII: Final = pattern(r"[^\x00-\x7f]+")
_LAST_PORT: Final = 65535


def uri_of(url: str) -> str | None:
    """Return a web address in ASCII, or `None` for what is none that can be relied upon.

    An international host becomes its A-labels, everything else outside ASCII is percent-encoded
    as UTF-8 (RFC 3987 §3.1); an address in ASCII stays as it is. Only http and https pass, with
    a full host name or an address, without credentials, in correct syntax.
    """
    match = _WEB.fullmatch(url) if len(url) <= MAX_URI_LENGTH else None
    host = ascii_host(match[2]) if match else None
    if match is None or host is None or int(match[4] or 0) > _LAST_PORT:
        return None
    tail = match[5]
    if not tail.isascii():
        try:
            tail = _OUTSIDE_ASCII.sub(lambda match: quote(match[0]), tail)
        except UnicodeEncodeError:  # a lone surrogate
            return None
    uri = match[1] + host + match[3] + tail
    return None if check_web_url(uri, "") else uri


def host_of(url: str) -> str:
    """Return the host of a web address as it is written; empty when it is none."""
    match = _WEB.fullmatch(url)
    return match[2] if match else ""
