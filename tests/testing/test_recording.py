import pytest

from messaging_core.errors import Withdrawn
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import Accepted, Deferred, Rejected, Unknown
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing.contracts.transport import (
    CONTENTS,
    Leave,
    PeerContract,
    an_envelope,
)
from messaging_core.testing.recording import BeforeHandoff, RecordingTransport
from testing.recorded import partly_rejected, sent_by

BUSY = Deferred(failure=Failure(code=15001, description="busy", retry=Retry.TRANSIENT))
NO = Rejected(failure=Failure(code=15002, description="no"))
DOUBT = Unknown(failure=Failure(code=12005, description="silence", retry=Retry.AMBIGUOUS))


class TestRecordingTransport(PeerContract):
    def make_transport(self) -> Transport:
        self.transport = RecordingTransport()
        return self.transport

    def make_rejected(self) -> Transport:
        self.transport = RecordingTransport([BeforeHandoff(NO)])
        return self.transport

    def make_unreachable(self) -> Transport:
        self.transport = RecordingTransport([BeforeHandoff(BUSY)])
        return self.transport

    def make_silent(self) -> Transport:
        self.transport = RecordingTransport([DOUBT])
        return self.transport

    def attempts(self) -> int:
        return len(self.transport.attempts)

    def make_reset(self) -> Transport:
        return self.make_silent()

    def make_busy(self) -> Transport:
        self.transport = RecordingTransport([BeforeHandoff(BUSY)])
        return self.transport

    def make_partly_rejected(self, address: str) -> Transport:
        return RecordingTransport(partly_rejected(address))

    def received(self) -> list[str]:
        return sent_by(self.transport)


def an_sms(*parts: str) -> Envelope:
    text = SmsText(text="".join(parts), encoding=SmsEncoding.GSM_7, parts=parts, units=2)
    return an_envelope("sms", SmsContent(sms=text))


def test_each_part_of_an_sms_gets_a_reference() -> None:
    transport = RecordingTransport()

    first = transport.send(an_sms("a"), Leave())
    second = transport.send(an_sms("b", "c"), Leave())
    third = transport.send(an_envelope(*CONTENTS[0]), Leave())

    assert first == Accepted(references=("rec-1",))
    assert second == Accepted(references=("rec-2", "rec-3"))
    assert third == Accepted(references=("rec-4",))


def test_answers_come_in_turn_and_then_all_is_accepted() -> None:
    transport = RecordingTransport([BUSY, NO])
    envelopes = [an_sms("a"), an_sms("b"), an_sms("c")]

    outcomes = [transport.send(envelope, Leave()) for envelope in envelopes]

    assert outcomes == [BUSY, NO, Accepted(references=("rec-1",))]
    assert transport.attempts == transport.sent == envelopes


def test_a_function_may_answer() -> None:
    bad = an_sms("bad")
    transport = RecordingTransport(lambda envelope: NO if envelope is bad else None)

    assert transport.send(bad, Leave()) == NO
    assert transport.send(an_sms("good"), Leave()) == Accepted(references=("rec-1",))


@pytest.mark.parametrize("before", [True, False])
def test_it_raises_before_or_after_the_point_of_no_return(*, before: bool) -> None:
    error = OSError("no route")
    transport = RecordingTransport([BeforeHandoff(error) if before else error])
    leave = Leave()

    with pytest.raises(OSError, match="no route"):
        transport.send(an_sms("a"), leave)

    assert leave.calls == (0 if before else 1)
    assert (len(transport.attempts), len(transport.sent)) == (1, 0 if before else 1)


def test_withdrawn_messages_are_remembered_apart() -> None:
    transport, envelope = RecordingTransport(), an_sms("a")

    with pytest.raises(Withdrawn):
        transport.send(envelope, Leave(Withdrawn("expired")))

    assert transport.withdrawn == transport.attempts == [envelope]
    assert transport.sent == []


def test_it_plays_any_provider() -> None:
    capabilities = Capabilities(receipts=True)

    transport = RecordingTransport(name="pigeon", capabilities=capabilities)

    assert (transport.name, transport.capabilities) == ("pigeon", capabilities)
