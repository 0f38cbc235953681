"""Handing the parts of one message over, and what they come to together."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Final
from uuid import UUID

from attrs import define, field, frozen

from messaging_adapters.providers.error_table import ErrorTable
from messaging_adapters.smpp.failures import refusal
from messaging_adapters.smpp.message_ids import IdNotation
from messaging_adapters.smpp.pdu import MessageAnswer, Pdu, Status
from messaging_adapters.smpp.provider_words import failure_of
from messaging_adapters.smpp.requests import Part
from messaging_adapters.smpp.session import Exchange, Session
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Accepted, SingleOutcome, Unknown
from messaging_core.ports.transport import Handoff

_REMEMBERED: Final = 10_000
_SHOWN: Final = 500


class Progress(ForkAware):
    """Remember which parts of a message were taken, so that only the others are sent again.

    It lasts as long as the process, for the latest messages. After that all parts are sent again,
    and phones recognise those that they have.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[UUID, tuple[int, dict[int, str]]] = {}
        watch_forks(self)

    def after_fork_in_child(self) -> None:
        """Replace the lock: a thread of the parent may have held it."""
        self._lock = threading.Lock()

    def take(self, message_id: UUID, fingerprint: int) -> dict[int, str]:
        """Return the references of parts that were taken, and forget them.

        Args:
            message_id: Of the message.
            fingerprint: Of its parts: other parts are another message.
        """
        with self._lock:
            stored, taken = self._taken.pop(message_id, (fingerprint, {}))
            return taken if stored == fingerprint else {}

    def keep(self, message_id: UUID, fingerprint: int, taken: Mapping[int, str]) -> None:
        """Remember the references of parts that were taken, by their places."""
        with self._lock:
            self._taken[message_id] = fingerprint, dict(taken)
            while len(self._taken) > _REMEMBERED:
                del self._taken[next(iter(self._taken))]


@frozen(kw_only=True)
class Centre:
    """What is known about the message centre.

    Attributes:
        name: Of the transport.
        statuses: What its statuses mean.
        ids: How it writes ids.
        timeout: Seconds to wait for a place in the window.
        response_timeout: Seconds to wait for the answer to a part.
        on_late_answer: Called with the references of a message whose last answer came too late.
    """

    name: str
    statuses: ErrorTable
    ids: IdNotation
    timeout: float
    response_timeout: float
    on_late_answer: Callable[[UUID, Sequence[str]], None]


@define(eq=False)
class Submission:
    """One attempt to hand over the parts of a message.

    Attributes:
        taken: The references of parts that the centre has, by their places.
        refused: The failures of parts that it refused.
        unsent: Parts that certainly did not leave.
        in_doubt: Why it is not known what became of a part.
    """

    centre: Centre
    message_id: UUID
    address: str
    parts: Sequence[Part]
    taken: dict[int, str]
    refused: dict[int, Failure] = field(factory=dict, init=False)
    unsent: dict[int, Failure] = field(factory=dict, init=False)
    in_doubt: dict[int, str] = field(factory=dict, init=False)
    _open: dict[int, Exchange] = field(factory=dict, init=False)
    _spelled: list[str] = field(factory=list, init=False)

    def run(self, session: Session, handoff: Handoff) -> SingleOutcome:
        """Send what was not taken yet, on a session with one reserved place.

        Raises:
            Withdrawn: Passed on from `handoff`; nothing was sent.
        """
        places = [place for place in range(len(self.parts)) if place not in self.taken]
        try:
            # A receipt that names one part proves nothing about the others.
            handoff(references=[part.own_reference for part in self.parts if len(self.parts) == 1])
        except BaseException:
            session.unreserve()
            raise
        for place in places:
            if not self._send(session, place, first=place == places[0]):
                self._leave_out(places[places.index(place) :])
                break
        self._collect(session)
        return self._outcome()

    def _is_hopeless(self) -> bool:
        """Say whether a part was refused already: then the others need not go."""
        answers = (exchange.answer for exchange in self._open.values())
        return any(answer is not None and answer.status != Status.OK for answer in answers)

    def _send(self, session: Session, place: int, *, first: bool) -> bool:
        """Send one part, unless another one was refused while it waited for its turn."""
        try:
            if not first:
                session.reserve(self.centre.timeout)
                if self._is_hopeless():
                    session.unreserve()
                    return False
            self._open[place] = session.submit(self.parts[place].pdu)
        except OSError:
            return False
        return True

    def _leave_out(self, places: Sequence[int]) -> None:
        failure = Failure(
            code=FailureCode.UNREACHABLE,
            description="the connection was lost before the message left",
            source=FailureSource(name=self.centre.name),
            retry=Retry.TRANSIENT,
        )
        self.unsent = dict.fromkeys(places, failure)

    def _collect(self, session: Session) -> None:
        deadline = monotonic() + self.centre.response_timeout
        for place, exchange in self._open.items():
            wait = max(deadline - monotonic(), 0)
            try:
                answer = session.wait(exchange, wait, late=partial(self._take_late, place))
            except OSError as error:
                self.in_doubt[place] = type(error).__name__
            else:
                self._count(place, answer)

    def _count(self, place: int, answer: Pdu) -> None:
        if answer.status == Status.OK:
            self.taken[place] = self._reference(answer)
        else:
            self.refused[place] = failure_of(
                answer.status, self.centre.statuses, self.centre.name, self._named(place)
            )

    def _reference(self, answer: Pdu) -> str:
        given = answer.body.message_id if isinstance(answer.body, MessageAnswer) else b""
        text = given.decode("latin-1").strip()
        self._spelled.append(text)
        return self.centre.ids.note(text, self.address) if text else ""

    def _take_late(self, place: int, answer: Pdu) -> None:
        """Report that the message was taken, as soon as all its parts are."""
        if answer.status == Status.OK:
            self.taken[place] = self._reference(answer)
        if len(self.taken) == len(self.parts):
            self.centre.on_late_answer(self.message_id, self._references())

    def _named(self, place: int) -> str:
        total = len(self.parts)
        return f"part {place + 1} of {total}: " if total > 1 else ""

    def _outcome(self) -> SingleOutcome:
        """Return what the parts come to: a message was taken when all its parts were.

        Where one part was certainly not taken, neither was the message, whatever is in doubt about
        the others: those are sent again, and a phone recognises them.
        """
        failures = [*self.refused.values(), *self.unsent.values()]
        if failures:
            return refusal(min(failures, key=_finality))
        # An answer may have come late, while that to another part was waited for.
        causes = [cause for place, cause in self.in_doubt.items() if place not in self.taken]
        if causes:
            return Unknown(
                failure=Failure(
                    code=FailureCode.IN_DOUBT,
                    description="the message centre did not say whether it took the message",
                    source=FailureSource(code=causes[0], name=self.centre.name),
                    retry=Retry.AMBIGUOUS,
                )
            )
        return Accepted(
            references=self._references(),
            # The references are changed for receipts; the centre's support asks for its own ids.
            raw=f"message_id {', '.join(self._spelled)}"[:_SHOWN],
        )

    def _references(self) -> tuple[str, ...]:
        references = [self.taken[place] for place in sorted(self.taken)]
        return tuple([reference for reference in references if reference])


def _finality(failure: Failure) -> int:
    """Order failures: one that is final decides for the message, then one that asks for a pause."""
    order = (Retry.CONFIGURATION, Retry.THROTTLED, Retry.TRANSIENT)
    return order.index(failure.retry) + 1 if failure.retry in order else 0
