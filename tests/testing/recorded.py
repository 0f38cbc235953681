"""What the tests of transports over a `RecordingTransport` share."""

from collections.abc import Callable

from messaging_core.models.common.failure import Failure
from messaging_core.models.delivery.outcome import Accepted, Outcome, PerRecipient, Rejected
from messaging_core.models.messages.envelope import Envelope
from messaging_core.testing.contracts.transport.envelopes import text_in
from messaging_core.testing.recording import Answer, RecordingTransport

AnswerOf = Callable[[Envelope], Answer | None]


def recording(*answers: Answer | AnswerOf, name: str = "recording") -> RecordingTransport:
    """Return a transport that answers in turn, or as the only function given says."""
    match answers:
        case (answer,) if callable(answer):
            return RecordingTransport(answer, name=name)
    return RecordingTransport([answer for answer in answers if not callable(answer)], name=name)


def sent_by(*transports: RecordingTransport) -> list[str]:
    """Return the receiver and the text of every message that went out."""
    return [
        f"{envelope.to} {text_in(envelope.content)}"
        for transport in transports
        for envelope in transport.sent
    ]


def partly_rejected(address: str) -> Callable[[Envelope], Outcome]:
    """Return what refuses one receiver and takes the others."""
    refused = Rejected(failure=Failure(code=15002, description="no such mailbox"))

    def answer(envelope: Envelope) -> Outcome:
        accepted = Accepted(references=(str(envelope.message_id),))
        addresses = [receiver.value for receiver in envelope.receivers]
        outcomes = {value: refused if value == address else accepted for value in addresses}
        return PerRecipient(outcomes=outcomes)

    return answer
