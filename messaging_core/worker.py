"""What delivers: claim, hand over, settle, and nothing hidden."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from messaging_core.crew import Crew
from messaging_core.decisions.dispatch import Finish, Send, dispatch
from messaging_core.decisions.settlement import Attempted, expire, give_back, postpone, settle
from messaging_core.errors import StorageError, Withdrawn
from messaging_core.handover import PointOfNoReturn, ask
from messaging_core.ledger import Ledger, Report
from messaging_core.messenger import Messenger
from messaging_core.models.delivery import Claim, Lane, Settlement
from messaging_core.models.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.ports.transport import Transport

_log = logging.getLogger(__name__)

_PUT_OFF = timedelta(minutes=1)
_WITHDRAWN_WAIT = timedelta(seconds=1)
_IDLE = 1.0  # seconds between looks at a storage that other processes write to as well


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
        self._mark = mark

    def run_once(self) -> Report:
        """Deliver at most one batch of what is due now, and return when it is settled."""
        with self._shift() as (crew, ledger):
            for claim in ledger.claim(lease=self._lease, limit=self._batch):
                crew.hand(claim)
            while crew.busy:
                crew.gather(self._batch)
            ledger.claim(lease=self._lease, limit=0)
        return ledger.report

    def drain(self) -> Report:
        """Deliver until nothing is due any more; what is due later stays."""
        return self._pump(lambda: True)

    def run(self, stop: threading.Event) -> Report:
        """Deliver whatever becomes due until `stop` is set.

        Then nothing more is claimed, what is being handed over is finished, and what was claimed
        but not begun is given back without counting an attempt. A failing storage is tried again
        every second.

        Raises:
            StorageError: The storage still failed when it was time to stop; what was not recorded
                comes back when its lease ends.
        """
        return self._pump(stop.is_set, stop)

    def _pump(self, is_over: Callable[[], bool], stop: threading.Event | None = None) -> Report:
        """Keep a crew busy until it is over, and leave nothing unsettled behind."""
        with self._shift() as (crew, ledger):
            self._keep_busy(crew, ledger, is_over, stop)
        return ledger.report

    @contextmanager
    def _shift(self) -> Iterator[tuple[Crew, Ledger]]:
        """Lend a crew and a ledger; when the block is interrupted, both are wound up."""
        ledger = Ledger(self._messenger.storage, self._clock, gathers=not self._mark)
        with Crew(self._threads, lambda claim: ledger.record(self._work(claim, ledger))) as crew:
            try:
                yield crew, ledger
            except BaseException:
                self._wind_up(crew, ledger)
                raise

    def _keep_busy(
        self,
        crew: Crew,
        ledger: Ledger,
        is_over: Callable[[], bool],
        stop: threading.Event | None,
    ) -> None:
        """Settle what is done and claim anew in one transaction, again and again."""
        while True:
            stopping = stop is not None and is_over()
            if stopping:
                self._give_back_all(crew, ledger)
            try:
                room = 0 if stopping else self._room(crew)
                for claim in ledger.claim(lease=self._lease, limit=room):
                    crew.hand(claim)
                if not crew.busy and is_over():
                    return
                if not crew.busy:
                    self._rest(stop)
            except StorageError:
                if stop is None or (stopping and not crew.busy):
                    raise
                _log.exception("the storage failed; trying again")
                stop.wait(_IDLE)
            if crew.busy:
                crew.gather(self._batch // 2)

    def _room(self, crew: Crew) -> int:
        """Return how many messages to claim: of very few, all would be of the urgent lanes."""
        free = self._batch - crew.busy
        return free if free >= min(len(Lane), self._batch) else 0

    def _give_back_all(self, crew: Crew, ledger: Ledger) -> None:
        for claim in crew.recall():
            ledger.record(self._give_back(claim))

    def _wind_up(self, crew: Crew, ledger: Ledger) -> None:
        """Interrupted: finish what was begun, give the rest back, and record both if possible."""
        self._give_back_all(crew, ledger)
        while crew.busy:
            crew.gather(self._batch)
        try:
            ledger.claim(lease=self._lease, limit=0)
        except StorageError:
            _log.exception("the storage failed; %d messages stay leased", ledger.unwritten)

    def _rest(self, stop: threading.Event | None) -> None:
        """Sleep until something may be due."""
        if stop is not None:
            with self._messenger.storage.begin(read_only=True) as tx:
                due_at = tx.outbox.next_due()
            wait = (due_at - self._clock.now()).total_seconds() if due_at else _IDLE
            stop.wait(min(max(wait, 0.0), _IDLE))

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

    def _work(self, claim: Claim, ledger: Ledger) -> Settlement:
        """Deliver one message; whatever goes wrong with it is its own trouble, nobody else's."""
        try:
            return self._deliver(claim, ledger)
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

    def _deliver(self, claim: Claim, ledger: Ledger) -> Settlement:
        """Do with one message what is to be done now."""
        now = self._clock.now()
        route = self._messenger.route(claim.message.channel_id)
        channel, transport = route or (None, None)
        deduplicates = transport is not None and _deduplicates(transport, claim, now)
        decision = dispatch(claim, channel, now, deduplicates=deduplicates)
        if isinstance(decision, Finish) or transport is None:
            return decision.settlement if isinstance(decision, Finish) else self._give_back(claim)
        return self._attempt(claim, decision, transport, ledger)

    def _attempt(
        self, claim: Claim, send: Send, transport: Transport, ledger: Ledger
    ) -> Settlement:
        envelope = send.envelope
        handoff = PointOfNoReturn(claim, self._clock, ledger if self._mark else None)
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
