"""The contract of transports: tests that the tests of every transport inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final, get_args
from uuid import UUID, uuid4

from messaging_core.errors import Withdrawn
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.common.failure import Failure, Retry
from messaging_core.models.content.body import TextBody
from messaging_core.models.content.sms import SmsEncoding, SmsText
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.models.messages.envelope import (
    Address,
    Content,
    EmailContent,
    Envelope,
    MediaItem,
    MmsContent,
    NativeContent,
    PushContent,
    Recipient,
    SmsContent,
)
from messaging_core.ports.transport import Capabilities, Transport

MARK: Final = "kerfuffle"
"""A piece of every address in these tests, which no failure may repeat."""

_SENDERS: Final = {
    EMAIL: f"{MARK}-shop@sender.example",
    SMS: "+31600000001",
    PUSH: "app",
}
_RECEIVERS: Final = {
    EMAIL: f"{MARK}@receiver.example",
    SMS: "+31600000002",
    PUSH: MARK,
}

CONTENTS: Final[Sequence[tuple[str, Content]]] = (
    (EMAIL, EmailContent(subject="Hello", text="A text\n.\nwith a dot\n", html="<p>A text</p>")),
    (SMS, SmsContent(sms=SmsText(text="hi", encoding=SmsEncoding.GSM_7, parts=("hi",), units=2))),
    (SMS, MmsContent(media=(MediaItem(media_url="https://media.example/a.png"),), text="hi")),
    (PUSH, PushContent(text="A text", title="A title")),
    ("pigeon", NativeContent(body=TextBody(text="hi"))),
)
"""One content of each kind, with the platform it is for."""


def an_envelope(platform: str, content: Content) -> Envelope:
    """Return an envelope with a new message id, accepted just now."""
    now = datetime.now(UTC)  # noqa: TID251 - when it was made is all the same
    sender = _SENDERS.get(platform, "sender")
    return Envelope(
        message_id=uuid4(),
        workspace=UUID(int=0),
        channel=Channel(name="contract", platform=platform, sender=sender),
        sender=Address(value=sender, name="A Shop"),
        receivers=(Recipient(value=_RECEIVERS.get(platform, MARK)),),
        content=content,
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )


class Leave:
    """Stand in for the engine's `handoff`: count the calls, and refuse if told to.

    Args:
        refusal: What to raise when asked.
        look: Called at the moment of asking; what it returns is kept in `seen`.

    Attributes:
        references: Those that the transport named.
    """

    def __init__(
        self, refusal: Exception | None = None, look: Callable[[], int] | None = None
    ) -> None:
        self.calls = 0
        self.seen: list[int] = []
        self.references: tuple[str, ...] = ()
        self._refusal = refusal
        self._look = look
        self._lock = threading.Lock()

    def __call__(self, *, references: Sequence[str] = ()) -> None:
        """Count, look and give leave, or raise the refusal."""
        with self._lock:
            self.calls += 1
            self.references += tuple(references)
        if self._look is not None:
            self.seen.append(self._look())
        if self._refusal is not None:
            raise self._refusal


class TransportContract:
    """Inherit this in a test class, and say how your transport is made.

    ```python
    class TestCarrierPigeon(TransportContract):
        def make_transport(self) -> Transport:
            return CarrierPigeon(loft=self.loft)

        def delivered(self) -> int:
            return len(self.loft.arrivals)
    ```

    `make_transport` is called in each test; the peer behind it takes every message. Attributes:

    - `platform`, `content`: what the transport carries; by default an email.
    - `threads`, `messages_per_thread`: how hard it is driven.
    - `patience`: seconds in which every answer must come.
    """

    platform: str = EMAIL
    content: Content = CONTENTS[0][1]
    threads: int = 8
    messages_per_thread: int = 5
    patience: float = 30.0

    def make_transport(self) -> Transport:
        """Return a transport whose peer takes every message."""
        raise NotImplementedError

    def delivered(self) -> int:
        """Return how many messages the peer has taken since the test began."""
        raise NotImplementedError

    def make_envelope(self) -> Envelope:
        """Return a message that the transport can carry, with a new id."""
        return an_envelope(self.platform, self.content)

    def test_it_has_a_name_and_capabilities(self) -> None:
        transport = self.make_transport()

        assert isinstance(transport.name, str)
        assert transport.name
        assert isinstance(transport.capabilities, Capabilities)

    def test_its_repr_shows_no_address(self) -> None:
        transport = self.make_transport()

        transport.send(self.make_envelope(), Leave())

        assert MARK not in repr(transport)

    def test_an_accepted_message_arrives_once(self) -> None:
        outcome = self.make_transport().send(self.make_envelope(), Leave())

        assert isinstance(outcome, Accepted)
        assert self.delivered() == 1

    def test_an_acceptance_carries_references_that_are_text(self) -> None:
        outcome = self.make_transport().send(self.make_envelope(), Leave())

        assert isinstance(outcome, Accepted)
        assert isinstance(outcome.references, tuple)
        assert all(isinstance(reference, str) and reference for reference in outcome.references)

    def test_leave_is_asked_once_before_the_message_goes(self) -> None:
        leave = Leave(look=self.delivered)

        self.make_transport().send(self.make_envelope(), leave)

        assert leave.calls == 1
        assert leave.seen == [0]

    def test_a_withdrawn_message_does_not_go(self) -> None:
        withdrawn = Withdrawn("cancelled")

        raised = _raised(self.make_transport(), self.make_envelope(), Leave(withdrawn))

        assert raised is withdrawn
        assert self.delivered() == 0

    def test_a_message_whose_mark_failed_does_not_go(self) -> None:
        # Not even an error that a transport would otherwise translate, such as an OSError.
        failed = OSError("the mark was not written")

        raised = _raised(self.make_transport(), self.make_envelope(), Leave(failed))

        assert raised is failed
        assert self.delivered() == 0

    def test_it_goes_on_after_a_withdrawn_message(self) -> None:
        transport = self.make_transport()
        _raised(transport, self.make_envelope(), Leave(Withdrawn("expired")))

        outcome = transport.send(self.make_envelope(), Leave())

        assert isinstance(outcome, Accepted)
        assert self.delivered() == 1

    def test_every_kind_of_content_gets_an_answer(self) -> None:
        transport = self.make_transport()
        for platform, content in CONTENTS:
            leave, before = Leave(), self.delivered()

            outcome = transport.send(an_envelope(platform, content), leave)

            arrived = self.delivered() - before
            check_outcome(outcome, marked=leave.calls == 1)
            assert leave.calls <= 1
            assert arrived == (1 if isinstance(outcome, Accepted) else 0)

    def test_many_threads_may_use_it_at_once(self) -> None:
        transport, leave = self.make_transport(), Leave()
        envelopes = [self.make_envelope() for _ in range(self.threads * self.messages_per_thread)]

        with ThreadPoolExecutor(self.threads) as pool:
            outcomes = list(pool.map(lambda envelope: transport.send(envelope, leave), envelopes))

        assert {type(outcome) for outcome in outcomes} == {Accepted}
        assert leave.calls == len(envelopes)
        assert self.delivered() == len(envelopes)


class PeerContract(TransportContract):
    """Inherit this instead where there is a peer that can refuse, be away or fall silent."""

    def make_rejected(self) -> Transport:
        """Return a transport whose peer refuses every message for good."""
        raise NotImplementedError

    def make_unreachable(self) -> Transport:
        """Return a transport whose peer is not there."""
        raise NotImplementedError

    def make_silent(self) -> Transport:
        """Return a transport whose peer takes a message and never answers.

        Give it time-outs well below `patience`.
        """
        raise NotImplementedError

    def test_a_refusal_is_an_outcome_and_final(self) -> None:
        outcome = self._answered(self.make_rejected(), Leave())

        assert isinstance(outcome, Rejected)
        assert self.delivered() == 0

    def test_a_peer_that_is_away_leaves_no_doubt(self) -> None:
        leave = Leave()

        outcome = self._answered(self.make_unreachable(), leave)

        assert isinstance(outcome, Deferred)
        assert leave.calls == 0

    def test_silence_after_the_point_of_no_return_is_doubt(self) -> None:
        leave = Leave()

        outcome = self._answered(self.make_silent(), leave)

        assert isinstance(outcome, Unknown)
        assert leave.calls == 1

    def _answered(self, transport: Transport, leave: Leave) -> Outcome:
        """Return an answer that came in time and keeps the rules."""
        began = monotonic()
        outcome = transport.send(self.make_envelope(), leave)
        assert monotonic() - began < self.patience
        check_outcome(outcome, marked=leave.calls == 1)
        return outcome


def check_outcome(outcome: Outcome, *, marked: bool) -> None:
    """Assert that an outcome agrees with itself, and tells nothing that it should not.

    Args:
        outcome: What a transport answered.
        marked: Whether it asked for leave before.
    """
    singles = outcome.outcomes.values() if isinstance(outcome, PerRecipient) else [outcome]
    for single in singles:
        assert isinstance(single, get_args(SingleOutcome))
        if isinstance(single, Accepted | Unknown):
            assert marked, "what went out without leave must not be accepted or in doubt"
        if not isinstance(single, Accepted):
            _check_failure(single.failure)
            assert (single.failure.retry is Retry.AMBIGUOUS) == isinstance(single, Unknown)


def _check_failure(failure: Failure) -> None:
    assert failure.description
    assert "\n" not in failure.description
    assert MARK not in failure.description
    assert MARK not in repr(failure)


def _raised(transport: Transport, envelope: Envelope, leave: Leave) -> Exception | None:
    try:
        transport.send(envelope, leave)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test compares it
        return error
    return None
