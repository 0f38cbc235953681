"""Which addresses on the web a message may name."""

import re
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.rules.formats.text import is_line

MAX_URI_LENGTH: Final = 8192
"""Longest URI; ours, since RFC 3986 has no limit: signed links take some 2000 characters."""

# What RFC 3986 §2 allows in a path, query or fragment. Square brackets are added: they are
# meant for IPv6 hosts only, but too many query strings hold them to refuse them.
_ANY_CASE: Final = re.ASCII | re.IGNORECASE  # without ASCII, U+017F matches "s"
_TAIL: Final = r"[!#$&-;=?-\[\]_a-z~]*+(?:%[0-9a-f]{2}[!#$&-;=?-\[\]_a-z~]*+)*+"
_HOST: Final = r"(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]{2,45}\])"
_WEB_URL: Final = pattern(rf"https?://{_HOST}(?::[0-9]{{1,5}})?(?:[/?#]{_TAIL})?", _ANY_CASE)
_OTHER_URI: Final = pattern(rf"[a-z][a-z0-9+.-]*+:(?=.){_TAIL}", _ANY_CASE)
_WITH_USER: Final = pattern(r"https?://[^/?#]*@", _ANY_CASE)
_WEB_SCHEME: Final = pattern(r"https?:", _ANY_CASE)
_EXECUTABLE: Final = pattern(r"\s*(?:javascript|vbscript|data|file|blob):", _ANY_CASE)
_VARIABLE: Final = pattern(r"\{\{[^{}]+\}\}")
_CALLBACK: Final = pattern(r"https://(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}(?:/[!-~]*)?")


def check_web_url(value: str, path: str) -> list[Violation]:
    """Refuse what is not an absolute http or https URI (RFC 3986 §4.3).

    Credentials are refused, because the URL is stored and handed on; so is every character
    outside ASCII, which must be percent-encoded. `data:` URIs are refused: content that is sent
    along belongs into an attachment. Whether the host is a private one is not decided here,
    since that takes a name server.
    """
    if len(value) <= MAX_URI_LENGTH and _WEB_URL.fullmatch(value):
        return []
    return [Violation(path, *_web_fault(value))]


def check_link(value: str, path: str) -> list[Violation]:
    """Refuse a link that is neither an absolute URI nor holds a `{{variable}}`.

    The alternative is the Bird Channels API's, for links of actions (rule 19). Any scheme will
    do (`tel:`, `mailto:`, an app's own) but those that run or read something on the reader's
    machine, which are ours to refuse. With a variable the grammar cannot be checked yet, only
    that it is one line, without credentials.
    """
    if len(value) <= MAX_URI_LENGTH and (_WEB_URL.fullmatch(value) or _is_other_link(value)):
        return []
    return [Violation(path, *_link_fault(value))]


def check_callback_url(value: str, path: str) -> list[Violation]:
    r"""Refuse a webhook address that is not https with a host name (Bird Channels API).

    The published pattern allows neither a port nor a query without a path. It is anchored here,
    and `\s` is narrowed to what a URI may hold.
    """
    if len(value) <= MAX_URI_LENGTH and _CALLBACK.fullmatch(value):
        return []
    message = "a webhook is an https URL with a host name, such as https://example.com/hooks"
    return [Violation(path, "uri.not_a_callback", message)]


def _is_other_link(value: str) -> bool:
    if _EXECUTABLE.match(value) or _WITH_USER.match(value):
        return False
    if _VARIABLE.search(value):
        return is_line(value)
    return not _WEB_SCHEME.match(value) and _OTHER_URI.fullmatch(value) is not None


def _link_fault(value: str) -> tuple[str, str]:
    if _WEB_SCHEME.match(value) or len(value) > MAX_URI_LENGTH:
        return _web_fault(value)
    if _EXECUTABLE.match(value):
        return "uri.forbidden_scheme", "a link must not run or read anything: use https"
    return "uri.malformed", "an absolute URI, such as https://example.com, or a {{variable}}"


def _web_fault(value: str) -> tuple[str, str]:
    if len(value) > MAX_URI_LENGTH:
        return "uri.too_long", f"at most {MAX_URI_LENGTH} characters, not {len(value)}"
    if not (value.isascii() and value.isprintable()) or " " in value:
        message = "percent-encode spaces, control characters and everything outside ASCII"
        return "uri.bad_character", message
    if not _WEB_SCHEME.match(value):
        return "uri.not_http", "an absolute URI that begins with https:// or http://"
    if _WITH_USER.match(value):
        return "uri.credentials", "leave user name and password out of the URI"
    return "uri.malformed", "an absolute URI, such as https://example.com/picture.png"
