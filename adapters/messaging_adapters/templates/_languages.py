"""Find what Babel knows of the language of a content."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError


@lru_cache(maxsize=64)
def locale_of(tag: str) -> Locale:
    """Return the language of a tag, or the nearest that is known; at last English."""
    while tag:
        try:
            return Locale.parse(tag, sep="-")
        except (ValueError, UnknownLocaleError):
            tag = tag.rpartition("-")[0]
    return Locale("en")
