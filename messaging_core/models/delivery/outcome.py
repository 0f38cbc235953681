"""The outcomes of handing a message over to a provider."""

from collections.abc import Mapping
from datetime import timedelta

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure
from messaging_core.models.common.fields import tuple_of


@frozen(kw_only=True)
class Accepted:
    """The provider took the message.

    Attributes:
        references: The provider's own ids, one for each of its messages.
        raw: The provider's answer, shortened, for investigations.
    """

    references: tuple[str, ...] = field(default=(), converter=tuple_of[str])
    raw: str = field(default="", repr=False)


@frozen(kw_only=True)
class Deferred:
    """The provider certainly did not take the message; trying again may work."""

    failure: Failure
    retry_after: timedelta | None = None


@frozen(kw_only=True)
class Rejected:
    """The provider certainly did not take the message and never will.

    Attributes:
        failure: Why.
        references: The provider's own ids, where it had the message and gave it up.
    """

    failure: Failure
    references: tuple[str, ...] = field(default=(), converter=tuple_of[str])


@frozen(kw_only=True)
class Unknown:
    """The provider may have taken the message or not: its answer did not come."""

    failure: Failure


SingleOutcome = Accepted | Deferred | Rejected | Unknown


@frozen(kw_only=True)
class PerRecipient:
    """The provider answered differently for different recipients of one message.

    Attributes:
        outcomes: The outcome of each receiver, by its address in the envelope.
    """

    outcomes: Mapping[str, SingleOutcome] = field(repr=False)


Outcome = Accepted | Deferred | Rejected | Unknown | PerRecipient
