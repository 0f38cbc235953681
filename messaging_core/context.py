"""What books are kept with."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from attrs import Factory, field, frozen

from messaging_core.models.common.channel import Channel
from messaging_core.models.policy.send_rules import SuppressionCause
from messaging_core.policy.evaluator import SendPolicies
from messaging_core.ports.clock import Ids

SUPPRESS_ON: Final = frozenset(
    {SuppressionCause.HARD_BOUNCE, SuppressionCause.COMPLAINT, SuppressionCause.UNSUBSCRIBE}
)
"""Which reports suppress an address by themselves, unless the host says otherwise."""


@frozen(kw_only=True)
class Sources:
    """Know who reports on the messages of each channel.

    Attributes:
        by_channel: The names of each channel's transports.
    """

    by_channel: Mapping[UUID, frozenset[str]] = field(factory=dict)
    _known: frozenset[str] = field(
        init=False,
        default=Factory(lambda self: frozenset().union(*self.by_channel.values()), takes_self=True),
    )

    def fits(self, source: str, channel_id: UUID) -> bool:
        """Tell whether a source may speak of a channel's messages: not where it serves others only.

        A name that no transport has says nothing: it may be that of a webhook.
        """
        own = self.by_channel.get(channel_id)
        return own is None or source in own or source not in self._known


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
