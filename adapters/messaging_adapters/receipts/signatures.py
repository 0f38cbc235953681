"""Check what providers sign requests with."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from messaging_core.arguments import a_text, refuse
from messaging_core.errors import ForgedRequestError

_JWT_PARTS: Final = 3
_MOST_DIGITS: Final = 12
_CLOCK_SKEW: Final = 300.0  # seconds by which two clocks may differ


def secrets_of(value: Any, name: str) -> Any:
    """Allow a secret, or several of them while one is replaced by another."""
    secrets = (value,) if isinstance(value, str) else value
    remedy = f"write {name}=os.environ[…], or {name}=(new, old) during a rotation"
    if not isinstance(secrets, Iterable) or isinstance(secrets, bytes):
        raise refuse(name, "a secret or several", value, remedy)
    texts = tuple(a_text(secret, name) for secret in secrets)
    if not texts or not all(text.strip() for text in texts):
        raise refuse(name, "a secret or several", "", remedy)
    if any(text != text.strip() for text in texts):  # the end of the line of a file
        raise refuse(name, "a secret without blanks around it", texts[0], "write ….strip()")
    return texts


def check_age(signed_at: float, now: datetime, max_age: timedelta) -> None:
    """Refuse what was signed too long ago, or after the present.

    Raises:
        ForgedRequestError: It is too old, or lies in the future by more than five minutes.
    """
    age = now.timestamp() - signed_at
    if not -_CLOCK_SKEW <= age <= max_age.total_seconds():
        raise ForgedRequestError("it was signed too long ago, or in the future")


def is_timestamp(text: str) -> bool:
    """Tell whether a header is a whole number of seconds, of a length that `int` reads."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def is_signed(given: str, expected: Iterable[str]) -> bool:
    """Tell whether a signature is one of those expected; the time does not depend on which."""
    return _is_one_of(given.encode("utf-8", "replace"), map(str.encode, expected))


def hmac_base64(secret: str, signed: bytes, algorithm: str = "sha256") -> str:
    """Return the HMAC of what is signed, as base64 with padding."""
    return base64.b64encode(hmac.digest(secret.encode(), signed, algorithm)).decode()


def claims_of(token: str, secrets: Iterable[str]) -> dict[str, Any]:
    """Return the claims of a JSON Web Token that one of the secrets signed with HS256 (RFC 7515).

    Raises:
        ForgedRequestError: It is no such token, or another algorithm or secret signed it.
    """
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        raise ForgedRequestError("the token has no three parts")
    header, claims, signature = (_decoded(part) for part in parts)
    signed = ".".join(parts[:2]).encode()
    expected = [hmac.digest(secret.encode(), signed, "sha256") for secret in secrets]
    if not _is_one_of(signature, expected):
        raise ForgedRequestError("the signature of the token is wrong")
    names = _object(header)
    # `crit` names extensions that a reader must understand; we understand none (RFC 7515 §4.1.11).
    if names.get("alg") != "HS256" or "crit" in names:
        raise ForgedRequestError("the token is signed in another way than HS256")
    return _object(claims)


def _is_one_of(given: bytes, expected: Iterable[bytes]) -> bool:
    # All are compared, so that the time does not tell which secret is in use.
    return sum(hmac.compare_digest(given, signature) for signature in expected) > 0


def _decoded(part: str) -> bytes:
    """Decode base64url without padding, and only as one text that it can be (RFC 4648 §3.5)."""
    try:
        raw = part.encode("ascii")
        decoded = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ForgedRequestError("a part of the token is not base64url") from None
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != raw:
        raise ForgedRequestError("a part of the token is not base64url")
    return decoded


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ForgedRequestError("a part of the token is no JSON object")
    return value
