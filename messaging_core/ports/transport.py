"""What delivers a message to a provider."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from attrs import frozen

from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope


@frozen(kw_only=True)
class Capabilities:
    """Say what the engine may expect of a transport.

    Attributes:
        receipts: The provider reports later what became of a message.
        deduplicates_for: How long the provider recognises `Envelope.message_id` when it is
            handed over twice; absent where it does not.
    """

    receipts: bool = False
    deduplicates_for: timedelta | None = None


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

    `send` must end by itself: it bounds every wait on the network.

    A transport that passes messages on to others may have them as `transports`; receipts from each
    of them are then taken for its own.
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
