"""How much of a document is read before it is refused."""

from messaging_core.arguments import checked_init, optional, whole
from messaging_core.lazy import frozen

# The JSON writer itself gives up at 254 levels; we stay well clear of it.
_DEEPEST = 200


@checked_init(max_bytes=optional(whole(0)), max_depth=whole(1, _DEEPEST), max_violations=whole())
@frozen(kw_only=True)
class WireLimits:
    """Bound what a caller can make us read and answer.

    Attributes:
        max_bytes: Size of the document in UTF-8, or `None` for any; the default is the 200 KB of
            the Bird Channels API. A mapping counts as the JSON it represents.
        max_depth: How deep objects and arrays may nest; the document itself is the first level.
            At most 200.
        max_violations: How many violations are reported; the last one says that there are more.
    """

    max_bytes: int | None = 204_800
    max_depth: int = 32
    max_violations: int = 100


REQUEST_LIMITS = WireLimits()
"""What a request may measure."""

DOCUMENT_LIMITS = WireLimits(max_bytes=None, max_depth=64)
"""What one of our own documents may measure: a page holds many messages of any size."""
