"""What books are kept with."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from attrs import field, frozen

from messaging_core.judging import Policies
from messaging_core.models.channel import Channel
from messaging_core.models.send_rules import SuppressionCause
from messaging_core.ports.clock import Ids

SUPPRESS_ON: Final = frozenset(
    {SuppressionCause.HARD_BOUNCE, SuppressionCause.COMPLAINT, SuppressionCause.UNSUBSCRIBE}
)
"""Which reports suppress an address by themselves, unless the host says otherwise."""


@frozen(kw_only=True)
class Desk:
    """Everything that books are kept with.

    Attributes:
        ids: Makes ids of interactions and messages.
        channels: The channels of the host by their ids.
        policies: The send rules.
        suppress_on: Which reports suppress an address by themselves.
    """

    ids: Ids
    channels: Mapping[UUID, Channel] = field(factory=dict, repr=False)
    policies: Policies = field(factory=Policies)
    suppress_on: frozenset[SuppressionCause] = SUPPRESS_ON
