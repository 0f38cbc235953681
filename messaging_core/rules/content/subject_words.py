"""Words of a subject as a search compares them: without case and accents."""

import re
import unicodedata
from collections.abc import Sequence


def folded_words(text: str) -> list[str]:
    """Return the words of a text, in order, as every storage but SQLite compares them."""
    plain = "".join(
        character
        for character in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(character)
    )
    return re.findall(r"[^\W_]+", plain.casefold())


def phrases(search: str) -> list[Sequence[str]]:
    """Return what must stand in a subject: one or more adjoining words for each that is given."""
    return [words for word in search.split() if (words := folded_words(word))]
