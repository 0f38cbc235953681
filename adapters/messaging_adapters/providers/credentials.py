"""How transports show who they are, and to whom."""

import base64
import re
from urllib.parse import urlsplit

from messaging_core.errors import ConfigurationError

READ_THE_FILE = 'read the file first (in a shell: "$(cat FILE)")'
"""The remedy where a path was given instead of the text of a key."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_PRINTABLE = re.compile(r"[!-~]+")


def basic_auth(user: str, password: str) -> str:
    """Return the value of the header `Authorization` for HTTP Basic (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def check_key(name: str, value: str) -> None:
    """Refuse a key or token that no header can carry as it is.

    Args:
        name: Of the argument.
        value: The key.

    Raises:
        ConfigurationError: It holds a blank, or a character beyond printable ASCII.
    """
    if _PRINTABLE.fullmatch(value) is None:
        raise ConfigurationError(f"{name} must be printable ASCII without blanks")


def api_root(base_url: str) -> str:
    """Return the URL of a provider without a slash at its end.

    Raises:
        ConfigurationError: It is no URL with TLS; this machine may do without.
    """
    parts = urlsplit(base_url)
    is_local = parts.scheme == "http" and parts.hostname in _LOCAL
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if not ((parts.scheme == "https" or is_local) and parts.hostname and is_plain):
        raise ConfigurationError(
            "base_url must be https://, a host and perhaps a path: credentials go nowhere else"
        )
    return base_url.rstrip("/")
