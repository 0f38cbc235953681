"""One request on its way into a storage, and what comes of it."""

from collections.abc import Mapping
from typing import Any

from messaging_core.decisions.acceptance.admission import Admission
from messaging_core.errors import InvalidRequestError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.delivery import IdempotencyKey
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.messages.request import SendMessage

Request = SendMessage | bytes | str | Mapping[str, Any]
"""A request as a caller may give it: built in code, or JSON in the shape of the Bird API."""


BATCH = "batch"
"""The type of the `origin` of a message that came in a batch."""


@frozen(kw_only=True)
class Submission:
    """One request on its way in."""

    channel: Channel
    request: Request
    idempotency_key: str | None = None


@frozen(kw_only=True)
class PreparedRequest:
    """A request that was read and decided on, before anything is written.

    Attributes:
        violations: Why it is refused; empty when it is admitted.
        origin: What made the request, where it was not the host.
        has_links: Whether something may be done to its links.
        fallback: The request that takes over if its message is not delivered in time.
    """

    channel: Channel
    request: SendMessage | None
    admission: Admission | None
    violations: tuple[Violation, ...] = ()
    idempotency: IdempotencyKey | None = None
    origin: Origin | None = None
    has_links: bool = False
    fallback: "PreparedRequest | None" = None


AcceptResult = Message | InvalidRequestError
"""What becomes of one submission."""
