"""Where the codes of short links come from."""

import os
from abc import abstractmethod
from typing import Protocol

from messaging_core.rules.links.short_links import CODE_BYTES, code_of


class Codes(Protocol):
    """Make the codes of short links."""

    @abstractmethod
    def new(self) -> str:
        """Return a code that cannot be guessed; safe to call from many threads.

        11 letters and digits, as `rules.short_links.code_of` writes 8 random bytes.
        """


class RandomCodes(Codes):
    """Make codes of 64 bits that the operating system made up."""

    def new(self) -> str:  # noqa: D102 - the port's
        return code_of(os.urandom(CODE_BYTES))
