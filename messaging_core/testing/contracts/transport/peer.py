"""The promises of a transport whose peer refuses, is away, falls silent or hangs up."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

from typing import Final
from unittest import SkipTest

from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.ports.transport import SupportsCheck, SupportsLookUp, Transport
from messaging_core.testing.contracts.bounds import nothing_left_open, nothing_said, within
from messaging_core.testing.contracts.transport.contract import TransportContract, close
from messaging_core.testing.contracts.transport.envelopes import private_words
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.outcomes import check_failure, check_outcome

_SEVERAL: Final = 3


class PeerContract(TransportContract):
    """Inherit this where there is a peer that can refuse, be away, fall silent or hang up.

    Give the transports time-outs well below `patience`. Let a peer that refuses repeat the address
    and the text of the message in its answer, as providers do: no failure may show them.

    - `hands_off_first`: True for a transport around a call that cannot be split: it calls
      `handoff()` before it connects, so a peer that is away may leave doubt.
    - `splits_receivers`: False where the provider takes an email for all receivers or for none.
    """

    hands_off_first: bool = False
    splits_receivers: bool = True

    def make_rejected(self) -> Transport:
        """Return a transport whose peer refuses every message for good."""
        raise NotImplementedError

    def make_unreachable(self) -> Transport:
        """Return a transport whose peer is not there."""
        raise NotImplementedError

    def make_silent(self) -> Transport:
        """Return a transport whose peer takes a message and never answers."""
        raise NotImplementedError

    def make_reset(self) -> Transport:
        """Return a transport whose peer takes a message, and hangs up instead of answering."""
        raise SkipTest("define make_reset(): its peer takes a message and hangs up")

    def make_busy(self) -> Transport:
        """Return a transport whose peer refuses every message, and says to try again later."""
        raise SkipTest("define make_busy(): its peer refuses every message for now")

    def make_partly_rejected(self, address: str) -> Transport:  # noqa: ARG002 - for those that do
        """Return a transport whose peer refuses one receiver of an email and takes the others."""
        raise SkipTest("define make_partly_rejected(): its peer refuses one of several receivers")

    def attempts(self) -> int:
        """Return how often the peer was asked to take a message, whatever it answered."""
        return self.delivered()

    def test_a_refusal_is_an_outcome_and_final(self) -> None:
        outcome = self.answered(self.make_rejected(), Leave())

        assert isinstance(_only(outcome), Rejected)
        assert self.delivered() == 0
        assert self.attempts() <= 1, "the engine retries, not the transport"

    def test_a_peer_that_is_away_leaves_no_doubt(self) -> None:
        leave = Leave()

        outcome = _only(self.answered(self.make_unreachable(), leave))

        if self.hands_off_first and leave.calls == 1:
            assert isinstance(outcome, Deferred | Unknown)
        else:
            assert isinstance(outcome, Deferred), "nothing was sent: that is Deferred"

    def test_silence_after_the_point_of_no_return_is_doubt(self) -> None:
        leave = Leave()

        outcome = self.answered(self.make_silent(), leave)

        assert isinstance(_only(outcome), Unknown)
        assert leave.calls == 1
        assert self.attempts() <= 1, "the engine retries, not the transport"

    def test_a_peer_that_hangs_up_instead_of_answering_leaves_doubt(self) -> None:
        leave = Leave()

        outcome = self.answered(self.make_reset(), leave)

        assert isinstance(_only(outcome), Unknown), "the peer may have taken the message"
        assert leave.calls == 1
        assert self.attempts() <= 1, "the engine retries, not the transport"

    def test_a_peer_that_is_busy_defers_the_message(self) -> None:
        leave = Leave()

        outcome = self.answered(self.make_busy(), leave)

        assert isinstance(_only(outcome), Deferred)
        assert leave.calls <= 1
        assert self.delivered() == 0
        assert self.attempts() <= 1, "the engine retries, not the transport"

    def test_a_refused_receiver_is_the_only_one_refused(self) -> None:
        envelope, leave = self._to_several(), Leave()
        if not self.splits_receivers or not isinstance(envelope.content, EmailContent):
            return
        refused, *others = [receiver.value for receiver in envelope.receivers]
        transport = self.make_partly_rejected(refused)

        outcome = self.send(transport, envelope, leave)

        check_outcome(outcome, marked=True, envelope=envelope, secrets=self.secrets)
        assert isinstance(outcome, PerRecipient), "receivers that fare differently: PerRecipient"
        assert isinstance(outcome.outcomes[refused], Rejected)
        assert {type(outcome.outcomes[address]) for address in others} == {Accepted}

    def test_it_prints_and_logs_nothing_of_a_message_that_fails(self) -> None:
        envelope = self.make_numbered(1)
        words = private_words(envelope) | set(self.secrets)
        for make in (self.make_rejected, self.make_unreachable, self.make_silent):
            transport = make()
            with nothing_said(words, self.ignored_loggers):
                self.send(transport, envelope, Leave())

    def test_failures_leave_nothing_open(self) -> None:
        transport = self.make_rejected()
        self.send(transport, self.make_envelope(), Leave())
        with nothing_left_open():
            for _ in range(_SEVERAL):
                self.send(transport, self.make_envelope(), Leave())
            close(transport)

    def test_a_check_of_a_peer_that_is_away_says_so(self) -> None:
        transport = self.make_unreachable()
        if not isinstance(transport, SupportsCheck):
            return  # a transport need not have it

        check = within(self.patience, transport.check)

        assert isinstance(check, TransportCheck), "a fault of the network is a value"
        # A transport may have nothing to ask its provider, and say so.
        assert check.status in (CheckStatus.UNREACHABLE, CheckStatus.UNKNOWN)
        if check.failure is not None:
            check_failure(check.failure, self.secrets)

    def test_a_look_up_at_a_peer_that_is_away_knows_nothing(self) -> None:
        transport, envelope = self.make_unreachable(), self.make_numbered(1)
        if not (transport.capabilities.looks_up and isinstance(transport, SupportsLookUp)):
            return  # a transport need not have it
        look_up = transport.look_up

        outcome = within(self.patience, lambda: look_up(envelope))

        assert outcome is None or isinstance(outcome, Unknown), (
            "the message may be there: any other answer loses it, or sends it twice"
        )

    def answered(self, transport: Transport, leave: Leave) -> Outcome:
        """Return an answer that came in time and keeps the rules."""
        envelope: Envelope = self.make_numbered(1)
        outcome = self.send(transport, envelope, leave)
        assert leave.calls <= 1, "`handoff` is called once"
        check_outcome(outcome, marked=leave.calls == 1, envelope=envelope, secrets=self.secrets)
        return outcome


def _only(outcome: Outcome) -> SingleOutcome:
    """Return the outcome for the only receiver of a message."""
    if isinstance(outcome, PerRecipient):
        (single,) = outcome.outcomes.values()
        return single
    return outcome
