"""A transport that sends nothing, records every envelope and returns the given answers."""

import threading
from collections.abc import Callable, Iterable, Iterator

from messaging_core.errors import Withdrawn
from messaging_core.lazy import frozen
from messaging_core.models.delivery.outcome import Accepted, Outcome
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.ports.transport import Capabilities, Handoff, Transport


@frozen
class BeforeHandoff:
    """Answer without having asked for leave: as a provider does that was never reached.

    Attributes:
        answer: The outcome to return, or the exception to raise.
    """

    answer: Outcome | Exception


Answer = Outcome | Exception | BeforeHandoff
"""An outcome to return or an exception to raise: after `handoff()` unless it says otherwise."""


class RecordingTransport(Transport):
    """Stand in for a provider in tests; one object serves many threads.

    ```python
    transport = RecordingTransport([Deferred(failure=busy), BeforeHandoff(OSError("no route"))])
    ```

    answers the first message with `Deferred`, is not reachable for the second, and accepts all
    further ones, with references `rec-1`, `rec-2` … - one for each part of an SMS.

    Args:
        answers: One for each message in turn, or a function that answers each envelope and may
            take its time; `None` from it means the default answer.
        name: As in `Failure.source` and timelines.
        capabilities: What the engine may expect.

    Attributes:
        attempts: Every envelope that came, in order.
        sent: Those that went out: `handoff()` gave leave, whatever the answer was then.
        withdrawn: Those that `handoff()` called back.
    """

    def __init__(
        self,
        answers: Iterable[Answer] | Callable[[Envelope], Answer | None] = (),
        *,
        name: str = "recording",
        capabilities: Capabilities | None = None,
    ) -> None:
        self.name = name
        self.capabilities = capabilities or Capabilities()
        self.attempts: list[Envelope] = []
        self.sent: list[Envelope] = []
        self.withdrawn: list[Envelope] = []
        self._answer = answers if callable(answers) else _in_turn(iter(answers))
        self._references = 0
        self._lock = threading.Lock()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:  # noqa: D102 - the port's
        self.attempts.append(envelope)
        answer = self._answer(envelope)
        if isinstance(answer, BeforeHandoff):
            return _given(answer.answer)
        self._hand_over(envelope, handoff)
        return self._accepted(envelope) if answer is None else _given(answer)

    def _hand_over(self, envelope: Envelope, handoff: Handoff) -> None:
        try:
            handoff()
        except Withdrawn:
            self.withdrawn.append(envelope)
            raise
        self.sent.append(envelope)

    def _accepted(self, envelope: Envelope) -> Accepted:
        content = envelope.content
        parts = content.sms.count if isinstance(content, SmsContent) else 1
        with self._lock:
            first = self._references + 1
            self._references += parts
        return Accepted(references=tuple(f"rec-{first + part}" for part in range(parts)))


def _in_turn(answers: Iterator[Answer]) -> Callable[[Envelope], Answer | None]:
    lock = threading.Lock()

    def answer(_: Envelope) -> Answer | None:
        with lock:
            return next(answers, None)

    return answer


def _given(answer: Outcome | Exception) -> Outcome:
    if isinstance(answer, Exception):
        raise answer
    return answer
