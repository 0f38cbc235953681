"""The promises of every transport, tested with a peer that takes every message."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from time import sleep
from typing import Final
from unittest import SkipTest

from attrs import evolve

from messaging_core.errors import Withdrawn
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.delivery.outcome import Accepted, Outcome, PerRecipient
from messaging_core.models.messages.envelope import Content, EmailContent, Envelope, Recipient
from messaging_core.ports.transport import Capabilities, Transport
from messaging_core.testing.contracts.bounds import (
    no_thread_that_holds_the_process,
    nothing_left_open,
    nothing_said,
    within,
)
from messaging_core.testing.contracts.transport.envelopes import (
    CONTENTS,
    MARK,
    address_of,
    an_envelope,
    content_with,
    private_words,
    text_in,
    text_of,
)
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.outcomes import check_outcome

_MANY: Final = 20  # messages after which a leak of one each shows
_ON_ITS_WAY: Final = 0.05  # seconds in which a peer on this machine has read what was sent
_PAUSE: Final = 1.0  # seconds that a message waits for the one that comes between
_NO_SENDER: Final = "a channel may have no sender: send without one, or refuse the message"


class TransportContract:
    """Inherit this in a test class, and say how your transport is made.

    ```python
    class TestCarrierPigeon(TransportContract):
        def make_transport(self) -> Transport:
            return CarrierPigeon(loft=self.loft)

        def received(self) -> list[str]:
            return [f"{pigeon.loft} {pigeon.note}" for pigeon in self.loft.arrivals]
    ```

    `make_transport` is called in each test; the peer behind it takes every message. Attributes:

    - `platform`, `content`: what the transport carries; by default an email.
    - `secrets`: tokens and passwords of the transport, which it may show nowhere.
    - `threads`, `messages_per_thread`: how hard it is driven.
    - `patience`: seconds in which every call must end; a test fails then, and goes on.
    - `ignored_loggers`: loggers of a peer in this process, which may log what it gets.
    - `references_are_unique`: False for a transport around several providers.
    """

    platform: str = EMAIL
    content: Content = CONTENTS[0][1]
    secrets: Sequence[str] = ()
    threads: int = 8
    messages_per_thread: int = 5
    patience: float = 30.0
    ignored_loggers: Sequence[str] = ()
    references_are_unique: bool = True

    def make_transport(self) -> Transport:
        """Return a transport whose peer takes every message."""
        raise NotImplementedError

    def received(self) -> Sequence[str | bytes]:
        """Return what the peer has taken since the test began, one item for each message.

        Each item has the address of the receiver and the text of the message in it, decoded so
        far that their letters and digits can be found.
        """
        raise SkipTest("define received(): what the peer took, one text for each message")

    def delivered(self) -> int:
        """Return how many messages the peer has taken since the test began."""
        return len(self.received())

    def make_envelope(self) -> Envelope:
        """Return a message that the transport can carry, with a new id."""
        return an_envelope(self.platform, self.content)

    def make_numbered(self, number: int) -> Envelope:
        """Return a message with a receiver and a text of its own."""
        envelope = self.make_envelope()
        receiver = Recipient(value=address_of(self.platform, number))
        content = content_with(envelope.content, text_of(number))
        return evolve(envelope, receivers=(receiver,), content=content)

    def send(self, transport: Transport, envelope: Envelope, handoff: Leave) -> Outcome:
        """Hand one message over; fails if that does not end within `patience`."""
        return within(self.patience, lambda: transport.send(envelope, handoff))

    def test_it_has_a_name_and_capabilities(self) -> None:
        transport = self.make_transport()

        assert isinstance(transport.name, str)
        assert transport.name
        assert isinstance(transport.capabilities, Capabilities)

    def test_its_repr_shows_no_address(self) -> None:
        transport = self.make_transport()

        self.send(transport, self.make_envelope(), Leave())

        shown = repr(transport)
        assert MARK not in shown
        assert not any(secret in shown for secret in self.secrets)

    def test_an_accepted_message_arrives_once(self) -> None:
        outcome = self.send(self.make_transport(), self.make_envelope(), Leave())

        assert isinstance(outcome, Accepted)
        assert self.delivered() == 1

    def test_an_acceptance_carries_references_that_are_text(self) -> None:
        transport, envelope, leave = self.make_transport(), self.make_envelope(), Leave()

        outcome = self.send(transport, envelope, leave)

        check_outcome(outcome, marked=True, envelope=envelope, secrets=self.secrets)
        assert isinstance(outcome, Accepted)
        if transport.capabilities.receipts:
            references = outcome.references + leave.references
            assert references, (
                "a receipt finds its message by a reference: name those of the provider"
            )

    def test_leave_is_asked_once_before_the_message_goes(self) -> None:
        leave = Leave(look=self._delivered_by_now)

        self.send(self.make_transport(), self.make_envelope(), leave)

        assert leave.calls == 1
        assert leave.seen == [0], "the message went before leave was given"

    def test_a_withdrawn_message_does_not_go(self) -> None:
        withdrawn = Withdrawn("cancelled")

        raised = self._raised(self.make_transport(), Leave(withdrawn))

        assert raised is withdrawn
        assert self._delivered_by_now() == 0

    def test_a_message_whose_mark_failed_does_not_go(self) -> None:
        # Not even an error that a transport would otherwise translate, such as an OSError.
        failed = OSError("the mark was not written")

        raised = self._raised(self.make_transport(), Leave(failed))

        assert raised is failed
        assert self._delivered_by_now() == 0

    def test_it_goes_on_after_a_withdrawn_message(self) -> None:
        transport = self.make_transport()
        self._raised(transport, Leave(Withdrawn("expired")))

        outcome = self.send(transport, self.make_envelope(), Leave())

        assert isinstance(outcome, Accepted)
        assert self.delivered() == 1

    def test_every_kind_of_content_gets_an_answer(self) -> None:
        transport = self.make_transport()
        for platform, content in CONTENTS:
            leave, before = Leave(), self.delivered()
            envelope = an_envelope(platform, content)

            outcome = self.send(transport, envelope, leave)

            arrived = self.delivered() - before
            marked = leave.calls == 1
            check_outcome(outcome, marked=marked, envelope=envelope, secrets=self.secrets)
            assert leave.calls <= 1
            assert arrived == (1 if isinstance(outcome, Accepted) else 0)

    def test_a_message_without_a_sender_gets_an_answer(self) -> None:
        transport, leave = self.make_transport(), Leave()
        envelope = evolve(self.make_envelope(), sender=None)
        if envelope.channel.platform == EMAIL:  # its channels have a sender
            return

        try:
            outcome = self.send(transport, envelope, leave)
        except AttributeError as error:
            raise AssertionError(_NO_SENDER) from error

        check_outcome(outcome, marked=leave.calls == 1, envelope=envelope, secrets=self.secrets)
        assert self.delivered() == (1 if isinstance(outcome, Accepted) else 0)

    def test_it_changes_nothing_in_the_envelope(self) -> None:
        envelope = self.make_numbered(1)
        before = deepcopy(envelope)

        self.send(self.make_transport(), envelope, Leave())

        assert envelope == before, "a retry gets the same envelope: change a copy"

    def test_each_message_goes_to_its_own_receiver(self) -> None:
        transport = self.make_transport()
        envelopes = [self.make_numbered(number) for number in range(3)]

        for envelope in envelopes:
            self.send(transport, envelope, Leave())

        self._check_received(envelopes)

    def test_a_message_that_comes_between_changes_nothing(self) -> None:
        transport = self.make_transport()
        first, second = self.make_numbered(1), self.make_numbered(2)
        between = threading.Thread(
            target=lambda: transport.send(second, Leave()), name="between", daemon=True
        )

        def send_second() -> int:
            between.start()
            between.join(_PAUSE)  # a transport may serve them one after the other
            return 0

        self.send(transport, first, Leave(look=send_second))
        between.join(self.patience)

        self._check_received([first, second])

    def test_threads_do_not_mix_messages_up(self) -> None:
        transport = self.make_transport()
        count = self.threads * self.messages_per_thread
        envelopes = [self.make_numbered(number) for number in range(count)]

        with _frequent_switches(), ThreadPoolExecutor(self.threads) as pool:
            outcomes = list(
                pool.map(lambda envelope: self.send(transport, envelope, Leave()), envelopes)
            )

        self._check_received(envelopes)
        self.check_answers(list(zip(envelopes, outcomes, strict=True)))

    def test_many_threads_may_use_it_at_once(self) -> None:
        transport, leave = self.make_transport(), Leave()
        envelopes = [self.make_envelope() for _ in range(self.threads * self.messages_per_thread)]

        with ThreadPoolExecutor(self.threads) as pool:
            outcomes = list(
                pool.map(lambda envelope: self.send(transport, envelope, leave), envelopes)
            )

        assert {type(outcome) for outcome in outcomes} == {Accepted}
        assert leave.calls == len(envelopes)
        assert self.delivered() == len(envelopes)

    def test_it_prints_and_logs_nothing_of_a_message(self) -> None:
        transport, envelope = self.make_transport(), self.make_numbered(1)
        words = private_words(envelope) | set(self.secrets)

        with nothing_said(words, self.ignored_loggers):
            self.send(transport, envelope, Leave())

    def test_many_messages_leave_nothing_open(self) -> None:
        transport = self.make_transport()
        with no_thread_that_holds_the_process():
            self.send(transport, self.make_envelope(), Leave())  # opens what is kept
            with nothing_left_open():
                for _ in range(_MANY):
                    self.send(transport, self.make_envelope(), Leave())
                close(transport)

    def test_an_email_to_several_receivers_answers_for_each(self) -> None:
        envelope, leave = self._to_several(), Leave()

        outcome = self.send(self.make_transport(), envelope, leave)

        marked = leave.calls == 1
        check_outcome(outcome, marked=marked, envelope=envelope, secrets=self.secrets)
        singles = outcome.outcomes.values() if isinstance(outcome, PerRecipient) else [outcome]
        assert {type(single) for single in singles} == {Accepted}

    def check_answers(self, answers: Sequence[tuple[Envelope, Outcome]]) -> None:
        """Check that each message got the answer that was for it; override it to check more."""
        references: list[tuple[str, ...]] = []
        for envelope, outcome in answers:
            check_outcome(outcome, marked=True, envelope=envelope, secrets=self.secrets)
            assert isinstance(outcome, Accepted)
            references.append(outcome.references)
        # A simple peer answers all alike; any other names each message by references of its own.
        if len(set(references)) > 1 and self.references_are_unique:
            assert len(set(references)) == len(references), "two messages have one reference"

    def _to_several(self) -> Envelope:
        envelope = self.make_numbered(1)
        if not isinstance(envelope.content, EmailContent):
            return envelope  # one receiver on every other platform
        receivers = tuple(Recipient(value=address_of(self.platform, at)) for at in range(1, 4))
        return evolve(envelope, receivers=receivers, copies=receivers)

    def _check_received(self, envelopes: Sequence[Envelope]) -> None:
        """Check that each message arrived once: its text together with its receiver."""
        arrived = [
            item if isinstance(item, str) else item.decode("latin-1") for item in self.received()
        ]
        assert len(arrived) == len(envelopes), "each message arrives once"
        for envelope in envelopes:
            address, text = envelope.to.lstrip("+"), text_in(envelope.content)
            items = [item for item in arrived if address in item]
            assert len(items) == 1, f"{len(items)} messages went to the receiver of one"
            assert text in items[0], "a receiver got the text of another"

    def _delivered_by_now(self) -> int:
        sleep(_ON_ITS_WAY)
        return self.delivered()

    def _raised(self, transport: Transport, leave: Leave) -> Exception | None:
        try:
            self.send(transport, self.make_envelope(), leave)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test compares it
            return error
        return None


def close(peer: object) -> None:
    """Close a transport or a storage that can be closed; it may have been closed before."""
    closing = getattr(peer, "close", None)
    if closing is not None:
        closing()


@contextmanager
def _frequent_switches() -> Iterator[None]:
    """Let threads take turns so often that what they share by mistake shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
