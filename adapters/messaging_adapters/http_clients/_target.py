"""Where a URL leads."""

import re
from typing import Final
from urllib.parse import quote, urlsplit

from messaging_core.lazy import frozen

_UNSAFE: Final = re.compile(r"[\s\x00-\x20\x7f-\xa0\\]")
_PORTS: Final = {"http": 80, "https": 443}
_RESERVED: Final = "/%:=&?~!$,;'@()*[]+"  # RFC 3986 §2.2, and what is encoded already


@frozen
class Target:
    """What a URL leads to.

    Attributes:
        path: With the query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Return a URL that leads there, with nothing in it to be read in two ways."""
        return f"{self.scheme}://{self.authority}{self.path}"


def target_of(url: str) -> Target:
    """Return where an HTTP URL leads.

    Raises:
        ValueError: It is no HTTP URL, or it has blanks, a backslash, or a name and password.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    host = _host(parts.hostname or "")
    if _UNSAFE.search(url) or not host or not port or "@" in parts.netloc:
        raise ValueError
    if parts.scheme not in _PORTS:
        raise ValueError
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, host, port, quote(f"{parts.path or '/'}{query}", safe=_RESERVED))


def _host(name: str) -> str:
    if name.isascii():
        return name
    import idna  # noqa: PLC0415 - few names need it

    return idna.encode(name, uts46=True).decode("ascii")  # its errors are ValueErrors
