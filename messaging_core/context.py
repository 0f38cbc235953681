"""What books are kept with."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from attrs import field, frozen

from messaging_core.channels import Sources
from messaging_core.models.common.channel import Channel
from messaging_core.models.people.suppression import SuppressionCause
from messaging_core.policy.policies import SendPolicies
from messaging_core.ports.clock import Ids

SUPPRESS_ON: Final = frozenset(
    {SuppressionCause.HARD_BOUNCE, SuppressionCause.COMPLAINT, SuppressionCause.UNSUBSCRIBE}
)
"""Which reports suppress an address by themselves, unless the host says otherwise."""


@frozen(kw_only=True)
class EngineContext:
    """Everything that books are kept with.

    Attributes:
        ids: Makes ids of interactions and messages.
        channels: The channels of the host by their ids.
        sources: Who reports on the messages of each of them.
        policies: The send rules.
        suppress_on: Which reports suppress an address by themselves.
    """

    ids: Ids
    channels: Mapping[UUID, Channel] = field(factory=dict, repr=False)
    sources: Sources = field(factory=Sources)
    policies: SendPolicies = field(factory=SendPolicies)
    suppress_on: frozenset[SuppressionCause] = SUPPRESS_ON
