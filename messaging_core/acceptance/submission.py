"""One request on its way into a storage, and what comes of it."""

from collections.abc import Mapping
from typing import Any

from messaging_core.arguments import refuse
from messaging_core.decisions.acceptance.admission import Admission
from messaging_core.errors import InvalidRequestError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.delivery import IdempotencyKey
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.messages.request_fields import RequestFields

Request = SendMessage | bytes | str | Mapping[str, Any]
"""A request as a caller may give it: built in code, or JSON in the shape of the Bird API."""


def request_of(request: Request | None, fields: RequestFields) -> Request:
    """Return the request that a call got: as a value, or by keywords.

    Raises:
        ArgumentError: There is none, there are both, or the keywords make no request.
    """
    if not fields and request is not None:
        return request_of_row(request)
    if request is not None:
        remedy = "leave one of them out" if "to" in fields else "write to=… for the receiver"
        raise refuse("request", "left out beside keywords such as text=", request, remedy)
    return _composed(fields)


def request_of_row(row: Request) -> Request:
    """Return a request, which may be a dict of the keywords of `send`."""
    # Only a dict: asking a mapping of the host's runs its code, here on an event loop.
    if isinstance(row, dict) and "to" in row and "receiver" not in row:
        return _composed(row)
    return row


def _composed(fields: Mapping[str, Any]) -> SendMessage:
    from messaging_core.models.messages.composition import compose  # noqa: PLC0415 - when used

    return compose(fields)


BATCH = "batch"
"""The type of the `origin` of a message that came in a batch."""


@frozen(kw_only=True)
class Submission:
    """One request on its way in.

    Attributes:
        trace: The W3C `traceparent` of the caller, to be stored with the message.
    """

    channel: Channel
    request: Request
    idempotency_key: str | None = None
    trace: str | None = None


@frozen(kw_only=True)
class PreparedRequest:
    """A request that was read and decided on, before anything is written.

    Attributes:
        violations: Why it is refused; empty when it is admitted.
        origin: What made the request, where it was not the host.
        has_links: Whether something may be done to its links.
        fallback: The request that takes over if its message is not delivered in time.
        trace: The W3C `traceparent` of the caller.
    """

    channel: Channel
    request: SendMessage | None
    admission: Admission | None
    violations: tuple[Violation, ...] = ()
    idempotency: IdempotencyKey | None = None
    origin: Origin | None = None
    has_links: bool = False
    fallback: "PreparedRequest | None" = None
    trace: str | None = None


AcceptResult = Message | InvalidRequestError
"""What becomes of one submission."""
