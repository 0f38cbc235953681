"""Which headers and subject a caller may put on an email."""

from collections.abc import Container, Mapping
from functools import lru_cache
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.rules.content.mail_fields import FieldError, field_tokens, is_structured
from messaging_core.rules.formats.text import check_line, is_line

MAX_LINE_LENGTH: Final = 998
"""Longest line of a mail without its line break (RFC 5322 §2.1.1)."""

MAX_NAME_LENGTH: Final = 76
"""Longest header name; ours, so that a name fits on the first line of a folded header."""

RESERVED_HEADERS: Final = frozenset(
    {
        # RFC 5322 §3.6: whom, from whom, when and about what is decided by the request's fields.
        *("from", "sender", "to", "cc", "bcc", "subject", "date", "message-id"),
        *("return-path", "received", "mime-version"),
        # Mail servers on the way write them; in a request they would be a forgery.
        *("dkim-signature", "domainkey-signature", "authentication-results", "received-spf"),
        *("delivered-to", "x-original-to", "envelope-to", "apparently-to"),
    }
)
"""Headers that a caller may not set, in lower case."""

RESERVED_PREFIXES: Final = ("content-", "resent-", "arc-")
"""Beginnings of further such headers: MIME (RFC 2045 §9), resent fields (RFC 5322 §3.6.6), ARC."""

_FEW: Final = 8
_FREE: Final = "free"
_STRUCTURED: Final = "structured"
_MAX_PAIR_LENGTH: Final = MAX_LINE_LENGTH - len(": ")
_SURELY_FITS: Final = _MAX_PAIR_LENGTH - MAX_NAME_LENGTH
_FTEXT: Final = pattern(r"[!-9;-~]+")


def check_headers(headers: Mapping[str, str], path: str) -> list[Violation]:
    """Refuse headers that are malformed, reserved or given twice.

    A name is ftext (RFC 5322 §3.6.8), a value one line without control characters, and both
    together are short enough to be a line. The Bird Channels API publishes no list of allowed
    headers; ours refuses those that the engine or a server on the way writes
    (`RESERVED_HEADERS`). Names are compared without regard to case. A header that programs read,
    such as `Reply-To` or `List-Help`, holds what its standard allows (`rules.mail_fields`).
    """
    if _are_ordinary(headers):
        return []
    violations: list[Violation] = []
    seen: set[str] = set()
    for place, (name, value) in enumerate(headers.items(), 1):
        faults = (_name_fault(name, place, seen), _value_fault(name, value))
        seen.add(name.lower())
        if faults != (None, None):
            here = _pointer(name, path)
            violations += [Violation(here, *fault) for fault in faults if fault is not None]
    return violations


def _are_ordinary(headers: Mapping[str, str]) -> bool:
    """Recognise quickly what nearly all headers are: few, well formed, short and printable."""
    if len(headers) > _FEW:
        return False
    for name, value in headers.items():
        if not (
            # A longer name is refused before it fills the cache of `_kind`.
            len(name) <= MAX_NAME_LENGTH
            and (kind := _kind(name))
            and value.isprintable()
            and len(value) <= _SURELY_FITS
            and (kind is _FREE or _field_fault(name, value) is None)
        ):
            return False
    return len(headers) == 1 or len(set(map(str.lower, headers))) == len(headers)


@lru_cache(maxsize=1024)
def _kind(name: str) -> str:
    """Return whether the value of a header is free in form; an empty text for no such name."""
    if _name_fault(name, 1, ()) is not None:
        return ""
    return _STRUCTURED if is_structured(name) else _FREE


def is_reserved(name: str) -> bool:
    """Return whether a header belongs to the engine or to a server on the way."""
    lowered = name.lower()
    return lowered in RESERVED_HEADERS or lowered.startswith(RESERVED_PREFIXES)


def check_subject(value: str, path: str) -> list[Violation]:
    """Refuse a subject that is not one line of at most 998 characters (RFC 5322 §2.1.1)."""
    return check_line(value, path, longest=MAX_LINE_LENGTH)


def _name_fault(name: str, place: int, seen: Container[str]) -> tuple[str, str] | None:
    if not _is_name(name):
        message = (
            f"the name of header {place} is not 1 to {MAX_NAME_LENGTH} printable ASCII "
            "characters without spaces and colons"
        )
        return "header.bad_name", message
    if is_reserved(name):
        return "header.reserved", "written by the engine or on the way: leave it out"
    if name.lower() in seen:
        return "header.duplicate", "there already, in another case: give it once"
    return None


def _value_fault(name: str, value: str) -> tuple[str, str] | None:
    if not is_line(value):
        message = "one line: no line breaks, control characters or lone surrogates"
        return "header.control_character", message
    if len(name) + len(value) > _MAX_PAIR_LENGTH:
        message = f"name and value have at most {_MAX_PAIR_LENGTH} characters together"
        return "header.too_long", message
    return _field_fault(name, value) if is_structured(name) else None


def _field_fault(name: str, value: str) -> tuple[str, str] | None:
    try:
        field_tokens(name, value)
    except FieldError as error:
        return "header.malformed", f"not a value of this header: give {error}, or leave it out"
    return None


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME_LENGTH and _FTEXT.fullmatch(name) is not None


def _pointer(name: str, path: str) -> str:
    """Return where a header is (RFC 6901 §3), or where they all are if its name is none."""
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}" if _is_name(name) else path
