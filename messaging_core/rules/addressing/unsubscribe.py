"""How a mail offers to unsubscribe: `List-Unsubscribe` (RFC 2369) with one click (RFC 8058)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.rules.addressing.addresses import check_email_address
from messaging_core.rules.formats.uris import check_web_url

LIST_UNSUBSCRIBE: Final = "List-Unsubscribe"
LIST_UNSUBSCRIBE_POST: Final = "List-Unsubscribe-Post"

MAX_UNSUBSCRIBE_URL: Final = 500
"""Longest URL, so that it fits on a line of a mail beside an address (RFC 5322 §2.1.1)."""

_MESSAGE_ID: Final = "{messageId}"
_ONE_CLICK: Final = "List-Unsubscribe=One-Click"
_A_UUID: Final = "00000000-0000-0000-0000-000000000000"
_HTTPS: Final = pattern("https://", re.IGNORECASE)


def check_unsubscribe_url(value: str, path: str) -> list[Violation]:
    """Refuse an address that a mail program could not post to (RFC 8058 §3.1).

    It is an https URL. `{messageId}` in it is replaced by the id of the message. Nothing else is
    filled in, so that nothing of a request or a contact gets into a header.
    """
    filled = _fill(value, _A_UUID)
    if not _HTTPS.match(filled):
        message = "one click needs an https URL (RFC 8058)"
        return [Violation(path, "unsubscribe.not_https", message)]
    if len(filled) > MAX_UNSUBSCRIBE_URL:
        message = f"at most {MAX_UNSUBSCRIBE_URL} characters, not {len(filled)}"
        return [Violation(path, "unsubscribe.too_long", message)]
    return check_web_url(filled, path)


def check_unsubscribe_mailto(value: str, path: str) -> list[Violation]:
    """Refuse what is not one bare email address; the subject is written by the engine."""
    violation = check_email_address(value, path)
    return [] if violation is None else [violation]


def unsubscribe_headers(url: str | None, mailto: str | None, message_id: str) -> dict[str, str]:
    """Return the headers that let a mail program offer to unsubscribe; none without an address.

    The URL comes first, which is the one to prefer (RFC 2369 §2). Only with a URL is there a
    `List-Unsubscribe-Post`, which promises that a POST to it needs no further question. RFC 8058
    §4 asks for a DKIM signature over both; the mail server that signs adds it.

    Args:
        url: As `check_unsubscribe_url` accepts it; `{messageId}` is filled in.
        mailto: As `check_unsubscribe_mailto` accepts it; the subject of the mail will be
            `unsubscribe` and the id of the message.
        message_id: Of the message.
    """
    places = [f"<{_fill(url, message_id)}>"] if url else []
    if mailto:
        places.append(f"<mailto:{quote(mailto, safe='@')}?subject=unsubscribe%20{message_id}>")
    headers = {LIST_UNSUBSCRIBE: ", ".join(places)} if places else {}
    return headers | ({LIST_UNSUBSCRIBE_POST: _ONE_CLICK} if url else {})


def offers_unsubscribe(headers: Mapping[str, str]) -> bool:
    """Return whether a mail has such a header already."""
    ours = {LIST_UNSUBSCRIBE.lower(), LIST_UNSUBSCRIBE_POST.lower()}
    return any(name.lower() in ours for name in headers)


def _fill(url: str, message_id: str) -> str:
    return url.replace(_MESSAGE_ID, message_id)
