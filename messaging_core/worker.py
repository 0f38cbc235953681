"""What delivers: claim, hand over, settle, and nothing hidden."""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from messaging_core.bookkeeping import Books
from messaging_core.crew import Crew
from messaging_core.decisions.dispatch import Finish, Send, dispatch
from messaging_core.decisions.settlement import Attempted, expire, give_back, postpone, settle
from messaging_core.errands import Errands
from messaging_core.errors import StorageError, Withdrawn
from messaging_core.handover import Marks, PointOfNoReturn, ask
from messaging_core.messenger import Messenger
from messaging_core.models.delivery import Claim, Lane, Settlement
from messaging_core.models.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.message import Status
from messaging_core.ports.transport import Transport

_log = logging.getLogger(__name__)

_PUT_OFF = timedelta(minutes=1)
_WITHDRAWN_WAIT = timedelta(seconds=1)
_IDLE = 1.0  # seconds between looks at a storage that other processes write to as well


@frozen(kw_only=True)
class Report:
    """Count what a worker did.

    Attributes:
        sent: Messages that the provider took.
        failed: Messages that will never be sent.
        waiting: Messages that will be tried again.
        stale: Messages that another worker had taken over by the time they were settled.
    """

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    stale: int = 0

    @property
    def total(self) -> int:
        """Return how many messages were worked on."""
        return self.sent + self.failed + self.waiting + self.stale

    def __add__(self, other: "Report") -> "Report":
        """Join two counts."""
        return Report(
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            waiting=self.waiting + other.waiting,
            stale=self.stale + other.stale,
        )


class Worker:
    """Deliver what a messenger accepted, on a few threads of this process.

    Any number of workers, in any number of processes, may serve one storage: each message is
    leased to one of them at a time, and a worker that dies gives its messages back by dying.

    Args:
        messenger: Whose messages, channels and clock to work with.
        threads: How many messages are handed over at the same time.
        batch: How many messages are claimed, and settled, in one transaction.
        lease: How long a worker may take for a message before others may have it; longer than
            the longest time-out of a transport.
        mark: Write down durably, right before the point of no return, that a message is being
            handed over. Only then is it known after a crash which messages may have gone, and can
            a message be cancelled until that moment. Without it a worker that dies sends again
            what it was sending: for transports whose effect may be repeated.
        chance: Uniform in [0, 1), for the jitter of retries.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of its own
        self,
        messenger: Messenger,
        *,
        threads: int = 8,
        batch: int = 100,
        lease: timedelta = timedelta(minutes=15),
        mark: bool = True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._messenger = messenger
        self._clock = messenger.clock
        self._threads = threads
        self._batch = batch
        self._lease = lease
        self._chance = chance
        self._marks = Marks(messenger.storage, messenger.clock) if mark else None

    def run_once(self) -> Report:
        """Deliver at most one batch of what is due now, and return when it is settled."""
        _, claims = self._exchange([], self._batch)
        settlements: list[Settlement] = []
        with Crew(self._threads, self._work) as crew:
            try:
                for claim in claims:
                    crew.hand(claim)
                while crew.busy:
                    settlements.append(crew.take())
            except BaseException:
                self._wind_up(crew, settlements)
                raise
        report, _ = self._exchange(settlements, 0)
        self._errands().do()
        return report

    def drain(self) -> Report:
        """Deliver until nothing is due any more; what is due later stays."""
        report = self._pump(lambda: True)
        self._errands().do()
        return report

    def run(self, stop: threading.Event) -> Report:
        """Deliver whatever becomes due until `stop` is set.

        Then nothing more is claimed, what is being handed over is finished, and what was claimed
        but not begun is given back without counting an attempt. A failing storage is tried again
        every second.

        Raises:
            StorageError: The storage still failed when it was time to stop; what was not recorded
                comes back when its lease ends.
        """
        with self._errands():
            return self._pump(stop.is_set, stop)

    def _errands(self) -> Errands:
        return Errands(self._messenger.inbox, self._messenger.subscriptions)

    def _pump(self, is_over: Callable[[], bool], stop: threading.Event | None = None) -> Report:
        """Keep a crew busy until it is over, and leave nothing unsettled behind."""
        finished: list[Settlement] = []
        with Crew(self._threads, self._work) as crew:
            try:
                return self._keep_busy(crew, finished, is_over, stop)
            except BaseException:
                self._wind_up(crew, finished)
                raise

    def _keep_busy(
        self,
        crew: Crew,
        finished: list[Settlement],
        is_over: Callable[[], bool],
        stop: threading.Event | None,
    ) -> Report:
        """Settle what is done and claim anew in one transaction, again and again."""
        report = Report()
        while True:
            stopping = stop is not None and is_over()
            if stopping:
                finished += map(self._give_back, crew.recall())
            try:
                done, claims = self._exchange(finished, 0 if stopping else self._room(crew))
                report += done
                finished.clear()
                for claim in claims:
                    crew.hand(claim)
                if not crew.busy and is_over():
                    return report
                if not crew.busy:
                    self._rest(stop)
            except StorageError:
                if stop is None or (stopping and not crew.busy):
                    raise
                _log.exception("the storage failed; trying again")
                stop.wait(_IDLE)
            if crew.busy:
                crew.gather(finished, self._batch // 2)

    def _room(self, crew: Crew) -> int:
        """Return how many messages to claim: of very few, all would be of the urgent lanes."""
        free = self._batch - crew.busy
        return free if free >= min(len(Lane), self._batch) else 0

    def _wind_up(self, crew: Crew, finished: list[Settlement]) -> None:
        """Interrupted: finish what was begun, give the rest back, and record both if possible."""
        finished += map(self._give_back, crew.recall())
        while crew.busy:
            finished.append(crew.take())
        try:
            self._exchange(finished, 0)
        except StorageError:
            _log.exception("the storage failed; %d messages stay leased", len(finished))

    def _rest(self, stop: threading.Event | None) -> None:
        """Sleep until something may be due."""
        if stop is not None:
            with self._messenger.storage.begin(read_only=True) as tx:
                due_at = tx.outbox.next_due()
            wait = (due_at - self._clock.now()).total_seconds() if due_at else _IDLE
            stop.wait(min(max(wait, 0.0), _IDLE))

    def _exchange(
        self, settlements: Sequence[Settlement], limit: int
    ) -> tuple[Report, list[Claim]]:
        """Record what was done and lease what comes next, in one transaction."""
        if not settlements and limit <= 0:
            return Report(), []
        with self._messenger.storage.begin() as tx:
            books = Books(tx, self._messenger.acceptance.ids)
            valid = books.settle(settlements) if settlements else []
            claims = (
                books.claim(now=self._clock.now(), lease=self._lease, limit=limit)
                if limit > 0
                else []
            )
        return _report(settlements, valid), claims

    def _not_begun(self, claim: Claim, error: Withdrawn | StorageError) -> Settlement:
        """Put back what did not reach the point of no return; what has expired ends here."""
        now = self._clock.now()
        if isinstance(error, StorageError):
            _log.error(
                "message %s could not be marked; trying again", claim.message.id, exc_info=error
            )
        elif error.reason == "expired":
            return expire(claim, now)
        # Not at once, or a drain would never end.
        return postpone(claim, now, now + _WITHDRAWN_WAIT, claim.message.failure)

    def _give_back(self, claim: Claim) -> Settlement:
        return give_back(claim, self._clock.now())

    def _work(self, claim: Claim) -> Settlement:
        """Deliver one message; whatever goes wrong with it is its own trouble, nobody else's."""
        try:
            return self._deliver(claim)
        except Exception as error:  # noqa: BLE001 - one bad message must not stop the others
            # Never the traceback: an error's text may quote what the message says.
            what = type(error).__name__
            _log.error("message %s could not be delivered: %s", claim.message.id, what)
            return self._put_off(claim, what)

    def _put_off(self, claim: Claim, what: str) -> Settlement:
        now = self._clock.now()
        failure = Failure(
            code=FailureCode.DEPENDENCY_ERROR,
            description=f"the message could not be prepared: {what}",
            source=FailureSource(name="pre-processing", code=what),
            retry=Retry.TRANSIENT,
        )
        return postpone(claim, now, min(now + _PUT_OFF, claim.delivery.expires_at), failure)

    def _deliver(self, claim: Claim) -> Settlement:
        """Do with one message what is to be done now."""
        now = self._clock.now()
        route = self._messenger.route(claim.message.channel_id)
        channel, transport = route or (None, None)
        deduplicates = transport is not None and _deduplicates(transport, claim, now)
        decision = dispatch(claim, channel, now, deduplicates=deduplicates)
        if isinstance(decision, Finish) or transport is None:
            return decision.settlement if isinstance(decision, Finish) else self._give_back(claim)
        return self._attempt(claim, decision, transport)

    def _attempt(self, claim: Claim, send: Send, transport: Transport) -> Settlement:
        envelope, handoff = send.envelope, PointOfNoReturn(claim, self._clock, self._marks)
        try:
            outcome = ask(transport, envelope, handoff)
        except (Withdrawn, StorageError) as error:
            return self._not_begun(claim, error)
        now = self._clock.now()
        return settle(
            Attempted(
                claim=claim,
                platform=envelope.channel.platform,
                addresses=tuple(one.value for one in envelope.receivers),
                outcome=outcome,
                now=now,
                chance=self._chance(),
                deduplicates=_deduplicates(transport, claim, now),
            )
        )


def _deduplicates(transport: Transport, claim: Claim, now: datetime) -> bool:
    """Tell whether the provider still knows the message from its first attempt.

    The window is counted from acceptance, or from the scheduled time: no attempt was earlier.
    """
    window = transport.capabilities.deduplicates_for
    message = claim.message
    first = max(message.created_at, message.scheduled_for or message.created_at)
    return window is not None and now < first + window


def _report(settlements: Sequence[Settlement], valid: Sequence[bool]) -> Report:
    kept = [one for one, is_valid in zip(settlements, valid, strict=True) if is_valid]
    waiting = sum(one.next_due_at is not None for one in kept)
    sent = sum(one.status is Status.SENT for one in kept)
    return Report(
        sent=sent,
        waiting=waiting,
        failed=len(kept) - waiting - sent,
        stale=len(settlements) - len(kept),
    )
