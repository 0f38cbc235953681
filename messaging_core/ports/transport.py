"""What delivers a message to a provider."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from messaging_core.models.delivery.capabilities import (
    Capabilities as Capabilities,  # noqa: PLC0414 - hosts import it from here
)
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage


class Handoff(Protocol):
    """Mark the point of no return of one attempt."""

    @abstractmethod
    def __call__(self, *, references: Sequence[str] = ()) -> None:
        """Ask leave to send what cannot be taken back.

        Args:
            references: What the provider will call the message, where the transport knows that
                beforehand, such as the `Message-ID` of a mail. They are kept with the mark, so
                that a receipt which names one of them is believed even if no answer comes. Those
                of the first call in an attempt count.

        Raises:
            Withdrawn: The message may no longer go. Send nothing, and let the error pass.
        """


class Transport(Protocol):
    """Hand messages over to one provider; one object serves many threads at once.

    `send` first prepares everything that can still be undone: it connects, authenticates and
    builds the request. Then it calls `handoff()` exactly once, right before the bytes that cannot
    be taken back, and then it sends them. So whatever fails before the call was certainly not
    sent, and only what fails after it is in doubt: an exception before `handoff()` counts as
    `Deferred`, one after it as `Unknown`. A transport around a call that cannot be split calls
    `handoff()` first.

    An answer from the provider is an `Outcome`, never an exception. `Deferred` and `Rejected`
    promise that the provider did not take the message. With several receivers that fared
    differently the outcome is `PerRecipient`.

    `envelope.sender` is `None` where the channel has none, which an email channel always has: the
    message goes without a sender, or the outcome refuses it.

    `send` must end by itself: it bounds every wait on the network.

    A transport that passes messages on to others may have them as `transports`; receipts from each
    of them are then taken for its own.

    Further methods are optional: `check` (`SupportsCheck`), `look_up` (`SupportsLookUp`) and
    `share` (`SupportsSharing`). A transport around others needs none of them for those: each of
    its `transports` is asked. If it changes messages before it passes them on, it has its own
    `look_up`, which is asked instead.
    """

    name: str
    capabilities: Capabilities

    @abstractmethod
    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        """Hand one message over, once.

        Args:
            envelope: What to hand over, complete and final.
            handoff: To be called once, at the point of no return.

        Returns:
            What the provider answered.

        Raises:
            Withdrawn: Passed on from `handoff()`.
        """


@runtime_checkable
class SupportsCheck(Protocol):
    """A transport that can tell whether it could send, without sending."""

    @abstractmethod
    def check(self) -> TransportCheck:
        """Ask the provider whether it answers and knows the credentials.

        It sends no message and costs nothing. It ends by itself, as `send` does, and returns
        every fault of the network or the provider as a value.
        """


@runtime_checkable
class SupportsLookUp(Protocol):
    """A transport that can ask its provider about a message in doubt.

    Its `Capabilities` declare that with `looks_up`.
    """

    @abstractmethod
    def look_up(self, envelope: Envelope) -> Outcome | None:
        """Ask the provider whether it has a message.

        The engine asks before it sends a message in doubt again, and before it gives one up. The
        call sends nothing, changes nothing at the provider, and ends by itself, as `send` does.

        Args:
            envelope: As it was given to `send`.

        Returns:
            `Accepted`: the provider has it. `Rejected`: the provider had it and will not deliver
            it. Each has its references: those of another message prove nothing about this one.
            `Deferred`: the provider certainly does not have it; it may be sent again.
            Nothing, `Unknown` or `PerRecipient`: the provider cannot tell; the message stays in
            doubt.
        """


@runtime_checkable
class SupportsSharing(Protocol):
    """A transport that shares limits or states with other processes, on their storage.

    So it needs no storage of its own: the messenger that it is given to passes its own on.
    """

    @abstractmethod
    def share(self, storage: Storage, clock: Clock) -> None:
        """Share what is to be shared on a storage; called before the first `send`.

        A transport that several messengers have is told of each storage, and uses the last.
        """


def share_transports(transports: Iterable[Transport], storage: Storage, clock: Clock) -> None:
    """Tell transports, and those behind them, of the storage that they share with others."""
    for transport in transports:
        if isinstance(transport, SupportsSharing):
            transport.share(storage, clock)
        share_transports(getattr(transport, "transports", ()), storage, clock)


def leaves(transport: Transport) -> Iterator[Transport]:
    """Yield the transports that talk to providers: itself, or those it passes messages on to."""
    behind = getattr(transport, "transports", ())
    if not behind:
        yield transport
    for inner in behind:
        yield from leaves(inner)


def look_ups(transport: Transport) -> Iterator[Transport]:
    """Yield whom to ask about a message: a transport that has `look_up`, or those behind it."""
    behind = getattr(transport, "transports", ())
    if not behind or isinstance(transport, SupportsLookUp):
        yield transport
        return
    for inner in behind:
        yield from look_ups(inner)


def close_transports(transports: Iterable[Transport]) -> None:
    """Close each transport once that can be closed; of others, those behind them."""
    closable = {
        id(own): own.close
        for transport in transports
        for own in _outermost(transport, lambda own: hasattr(own, "close"))
    }
    for close in closable.values():
        close()


def _outermost(transport: Any, is_able: Callable[[Any], bool]) -> Iterator[Any]:
    """Yield a transport that can do something, or else what is behind it that can."""
    if is_able(transport):
        yield transport
        return
    for inner in getattr(transport, "transports", ()):
        yield from _outermost(inner, is_able)


def check_transport(transport: Transport) -> list[tuple[str, TransportCheck | None]]:
    """Check a transport, or each of those behind it, and return what came of it by name.

    Returns:
        Nothing beside the name of a transport that cannot be checked.
    """
    return [(own.name, _checked(own)) for own in leaves(transport)]


def _checked(transport: Transport) -> TransportCheck | None:
    if not isinstance(transport, SupportsCheck):
        return None
    result = transport.check()
    return None if result.status is CheckStatus.UNKNOWN else result
