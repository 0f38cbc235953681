"""What a transport and its provider can do."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import tuple_of
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.envelope import Content

ContentCheck = Callable[[Content], Iterable[Violation]]
"""Return what a transport cannot carry of a content; the engine fills in the path."""


@frozen(kw_only=True)
class Capabilities:
    """What the engine may expect of a transport; an absent field promises nothing.

    `send` refuses a request that goes beyond these limits, before anything is stored.

    Attributes:
        platforms: The platforms that it serves, such as `sms`. A channel of another platform is
            refused when the messenger is made. Absent: any.
        media: Whether it sends pictures and files. A channel with `mms` whose transport does not
            is refused when the messenger is made. Absent: unknown.
        max_media: The most pictures and files of one message.
        max_text: The most characters of one SMS or of the text beside media.
        max_parts: The most parts of one SMS.
        max_recipients: The most receivers of one message.
        lacks: Names of fields of the content, such as `subject` or `alt_text`, that the provider
            cannot express. A message that has one of them is refused, and never sent without it.
        checks: Limits that depend on how the transport writes a message, such as its size in
            bytes. They are pure and quick, and hold no time or address.
        receipts: The provider sends receipts.
        known_references: The transport knows the provider's id of a message before it sends it,
            and passes it on at the hand-off.
        looks_up: The provider can be asked about a message in doubt; the transport has `look_up`.
        deduplicates_for: How long the provider recognises `Envelope.message_id` when it is
            handed over twice; absent if it does not.
    """

    platforms: frozenset[str] | None = None
    media: bool | None = None
    max_media: int | None = None
    max_text: int | None = None
    max_parts: int | None = None
    max_recipients: int | None = None
    lacks: frozenset[str] = frozenset()
    checks: tuple[ContentCheck, ...] = field(
        default=(), converter=tuple_of[ContentCheck], repr=False
    )
    receipts: bool = False
    known_references: bool = False
    looks_up: bool = False
    deduplicates_for: timedelta | None = None
