"""What a short link looks like, and where it may lead."""

from datetime import datetime
from typing import Final

from messaging_core.models.content.short_link import ShortLink
from messaging_core.rules.formats.iris import uri_of

CODE_BYTES: Final = 8
"""How many random bytes make a code: 64 bits, too many to guess."""

CODE_LENGTH: Final = 11
"""How many characters write them."""

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def code_of(random: bytes) -> str:
    """Write 8 random bytes as a code of 11 letters and digits.

    Who can guess codes can read other people's links, so the bytes must come from a source made
    for secrets.

    Raises:
        ValueError: They are not 8 bytes.
    """
    if len(random) != CODE_BYTES:
        raise ValueError(f"a code is made of {CODE_BYTES} bytes, not {len(random)}")
    number, code = int.from_bytes(random), ""
    for _ in range(CODE_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        code = _DIGITS[digit] + code
    return code


def is_code(value: str) -> bool:
    """Return whether a text may be a code, so that anything else need not be looked up."""
    return len(value) == CODE_LENGTH and all(character in _DIGITS for character in value)


def location_of(link: ShortLink, now: datetime) -> str | None:
    """Return where to send a reader who follows a short link, or `None` for nowhere.

    Only what was stored decides, nothing of the reader's request, so there is no open redirect.
    The answer is a web address in ASCII without credentials or line breaks, fit for a `Location`
    header; for any other stored address, and for an expired link, the answer is `None`.
    """
    if link.expires_at is not None and link.expires_at <= now:
        return None
    return uri_of(link.url)
