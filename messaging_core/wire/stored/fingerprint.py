"""Hashes of requests, to compare two requests when neither is available any more."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from messaging_core.wire.parsing.faults import pointer

_SHORT = 12  # hexadecimal digits: by chance two differing fields agree once in 2^48


def hash_of(*pieces: bytes) -> str:
    """Return the SHA-256 of bytes one after another, in hexadecimal."""
    import hashlib  # noqa: PLC0415 - slow to load, and only idempotency keys need it

    return hashlib.sha256(b"".join(pieces)).hexdigest()


def fingerprint(document: Mapping[str, Any]) -> dict[str, str]:
    """Return a short hash for each field by its JSON pointer; for objects, for what they hold."""
    return {place: short_hash(orjson.dumps(value)) for place, value in _fields(document)}


def short_hash(piece: bytes) -> str:
    """Return enough of a hash to tell two values of one field apart."""
    return hash_of(piece)[:_SHORT]


def _fields(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        place = pointer("", key)
        if isinstance(value, dict) and value:
            yield from ((pointer(place, inner), item) for inner, item in value.items())
        else:
            yield place, value


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[str, ...]:
    """Return the places at which two fingerprints differ, in the order of the first, then rest."""
    return tuple(
        place for place in dict.fromkeys((*first, *second)) if first.get(place) != second.get(place)
    )
