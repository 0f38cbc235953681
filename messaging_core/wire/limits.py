"""How much of a document is read before it is refused."""

from attrs import field, frozen
from attrs.validators import and_, ge, le

# The JSON writer itself gives up at 254 levels; we stay well clear of it.
_DEEPEST = 200


@frozen(kw_only=True)
class WireLimits:
    """Bound what a caller can make us read and answer.

    Attributes:
        max_bytes: Size of the document in UTF-8, or `None` for any; the default is the 200 KB of
            the Bird Channels API. A mapping counts as the JSON it stands for.
        max_depth: How deep objects and arrays may nest; the document itself is the first level.
            At most 200.
        max_violations: How many violations are reported; the last one says that there are more.
    """

    max_bytes: int | None = field(default=204_800)
    max_depth: int = field(default=32, validator=and_(ge(1), le(_DEEPEST)))
    max_violations: int = field(default=100, validator=ge(1))


REQUEST_LIMITS = WireLimits()
"""What a request may measure."""

DOCUMENT_LIMITS = WireLimits(max_bytes=None, max_depth=64)
"""What one of our own documents may measure: a page holds many messages of any size."""
