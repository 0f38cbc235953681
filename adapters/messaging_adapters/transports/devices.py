"""Messages that go to each device of a receiver, with one request for each."""

from collections.abc import Sequence
from typing import Final, cast

from attrs import evolve

from messaging_adapters.mail.failures import outcome_of
from messaging_adapters.transports.http import TIMEOUT, HttpTransport
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Deferred, Outcome, PerRecipient, SingleOutcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.transport import Handoff

_PATIENCE: Final = TIMEOUT / 2
"""How long the devices of a message may take before the rest waits for another attempt.

The last request may take its whole time-out, and the engine gives a call up after 54 seconds.
"""


class DeviceTransport(HttpTransport):
    """Run a codec over an HTTP client, once for each receiver of a message.

    The codec gets envelopes with one receiver. The point of no return is that of the first
    request. A failure that concerns all devices, such as a provider that is away, ends the
    attempt: the devices that are left are tried again. So are those for which no time is left.
    """

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if len(envelope.receivers) == 1:
            return self._send_to_device(envelope, handoff)
        leave = FirstHandoff(handoff)
        until = self._time.now() + _PATIENCE
        outcomes: dict[str, SingleOutcome] = {}
        general: SingleOutcome | None = None
        for receiver in envelope.receivers:
            if general is None and outcomes and self._time.now() >= until:
                general = _no_time_left(self.name)
            own = evolve(envelope, receivers=(receiver,))
            outcome = general or self._send_to_device(own, leave)
            outcomes[receiver.value] = outcome
            if self._is_general(outcome):
                general = outcome
        return PerRecipient(outcomes=outcomes)

    def _send_to_device(self, envelope: Envelope, handoff: Handoff) -> SingleOutcome:
        return cast("SingleOutcome", super().send(envelope, handoff))

    def _is_general(self, outcome: SingleOutcome) -> bool:
        """Return whether a failure with one device will be the same with the next one."""
        return isinstance(outcome, Deferred) and outcome.failure.retry is not Retry.THROTTLED


class FirstHandoff(Handoff):
    """Ask leave before the first of several requests only: there is one point of no return."""

    def __init__(self, handoff: Handoff) -> None:
        self._handoff = handoff
        self._is_given = False

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        """Ask leave, unless it was given."""
        if not self._is_given:
            self._handoff(references=references)
            self._is_given = True


def _no_time_left(name: str) -> SingleOutcome:
    failure = Failure(
        code=FailureCode.TRANSIENT,
        description="other devices of the receiver took all the time",
        source=FailureSource(code="no_time_left", name=name),
        retry=Retry.TRANSIENT,
    )
    return outcome_of(failure)
