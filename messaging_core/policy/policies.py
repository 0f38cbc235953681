"""The send rules of a workspace and its channels."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from attrs import field

from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.policy.send_rules import (
    SendRules,
)
from messaging_core.rules.policy.send_rules import check_send_rules, combined

_NO_RULES: Final = SendRules()


@frozen(kw_only=True)
class SendPolicies:
    """Know which send rules hold for a channel.

    Attributes:
        default: For every workspace that has none of its own.
        by_id: By the id of a workspace or of a channel; a channel's are combined with those of
            its workspace.
    """

    default: SendRules = _NO_RULES
    by_id: Mapping[UUID, SendRules] = MappingProxyType({})
    _known: dict[UUID, SendRules] = field(factory=dict, init=False, repr=False, eq=False)

    @property
    def has_caps(self) -> bool:
        """Return whether there is any frequency cap."""
        return self.longest_window is not None

    @property
    def longest_window(self) -> timedelta | None:
        """Return how long a message counts under any cap of any channel, if there is one."""
        every = (self.default, *self.by_id.values())
        return max((cap.window for rules in every for cap in rules.frequency_caps), default=None)

    def of(self, channel: Channel) -> SendRules:
        """Return the rules of a channel."""
        rules = self._known.get(channel.id)
        if rules is None:
            workspace = self.by_id.get(channel.workspace, self.default)
            rules = self._known[channel.id] = combined(workspace, self.by_id.get(channel.id))
        return rules


def policies_of(send_rules: SendRules | Mapping[UUID, SendRules] | None) -> SendPolicies:
    """Return the policies that a host has set up.

    Raises:
        ConfigurationError: Some rule cannot mean what it says.
    """
    by_id = send_rules if isinstance(send_rules, Mapping) else {}
    default = send_rules if isinstance(send_rules, SendRules) else _NO_RULES
    for rules in (default, *by_id.values()):
        if violations := check_send_rules(rules):
            raise ConfigurationError("; ".join(str(violation) for violation in violations))
    return SendPolicies(default=default, by_id=dict(by_id))
