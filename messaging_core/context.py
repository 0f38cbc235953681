"""What every part of the engine works with."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from attrs import field

from messaging_core.channels import ChannelRegistry
from messaging_core.lazy import frozen
from messaging_core.models.people.suppression import SuppressionCause
from messaging_core.policy.policies import SendPolicies
from messaging_core.ports.clock import Clock, Ids
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.telemetry import NO_TELEMETRY, Telemetry
from messaging_core.wakeup import WakeUp
from messaging_core.wire import WireLimits

SUPPRESS_ON: Final = frozenset(
    {SuppressionCause.HARD_BOUNCE, SuppressionCause.COMPLAINT, SuppressionCause.UNSUBSCRIBE}
)
"""Which reports suppress an address by themselves, unless the host says otherwise."""


@frozen(kw_only=True)
class EngineContext:
    """The parts and settings of one messenger, shared by everything that is composed of them.

    Attributes:
        ids: Makes the ids of messages, contacts and interactions.
        channels: The channels of the host, and the transport of each.
        policies: The send rules.
        limits: How large and deep a JSON request may be.
        suppress_on: Which reports suppress an address by themselves.
        random: Returns numbers uniform in [0, 1), for the jitter of retries.
        wake_up: Wakes the workers of this messenger in this process.
        telemetry: Told of operations and statuses, for traces and metrics.
    """

    storage: Storage
    clock: Clock
    ids: Ids
    channels: ChannelRegistry = field(factory=ChannelRegistry, repr=False)
    policies: SendPolicies = field(factory=SendPolicies)
    limits: WireLimits = field(factory=WireLimits)
    suppress_on: frozenset[SuppressionCause] = SUPPRESS_ON
    random: Callable[[], float] = field(default=random.random, repr=False)
    wake_up: WakeUp = field(factory=WakeUp, repr=False)
    telemetry: Telemetry = field(default=NO_TELEMETRY, repr=False)

    def now(self) -> datetime:
        """Return the present, in whole milliseconds as the wire shows it."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    @contextmanager
    def begin_due(self, connection: Any = None) -> Iterator[Transaction]:
        """Open a transaction that may make messages due; its commit wakes the workers.

        The commit of a host's own transaction is not visible here. Workers find its messages
        when they look at the storage again.
        """
        with self.storage.begin(connection) as tx:
            yield tx
        if connection is None:
            self.wake_up()
