"""Send webhooks: each receiver has its turns, so that a slow one holds up no other."""

import threading
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Final, TypeVar
from uuid import UUID

from attrs import evolve

from messaging_core.arguments import checked, part, whole
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.webhook_threads import may_start
from messaging_core.decisions.delivery.webhooks import GONE, LONGEST_PAUSE, after_attempt
from messaging_core.errors import HttpError, StorageError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.messages.webhook_finder import WebhookFinder
from messaging_core.messages.webhook_jobs import WebhookJob, job_of
from messaging_core.models.delivery.event import WEBHOOKS
from messaging_core.models.delivery.webhook import WebhookReceiver, WebhookStatus
from messaging_core.ports.components import AN_EVENT
from messaging_core.ports.http import HttpClient, HttpRequest
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Transaction

_log = logger(__name__)

_PAUSE: Final = 0.5  # seconds between looks
_PAGE: Final = 100  # events that one transaction reads
_PAGES: Final = 20  # of events, between two looks at the receivers
_RECEIVERS: Final = 500  # that one look reads
_MOST_REMEMBERED: Final = 10_000  # hosts and receivers; others count as new
_LEASE: Final = timedelta(minutes=5)
_TURN: Final = 10.0  # seconds after which a receiver makes room for others
_MAX_WAIT: Final = 5.0  # seconds that the end waits for requests that are being sent
_MAX_ANSWER: Final = 65_536
_KEEP_DEAD: Final = timedelta(days=7)

K = TypeVar("K")
V = TypeVar("V")

A_CLIENT: Final = part(
    "an HTTP client", "send", remedy="pass a client, such as Urllib3Client(allows=is_public)"
)


class _Recent(dict[K, V]):
    """Remembers the last ten thousand values."""

    def note(self, key: K, value: V) -> None:
        """Remember a value as the newest one."""
        self.pop(key, None)
        self[key] = value
        if len(self) > _MOST_REMEMBERED:
            del self[next(iter(self))]


class WebhookSender:
    """Find the events that go out as webhooks, and send them; `Messenger.webhook_sender` makes one.

    Any number of senders, in any number of processes, may serve one storage. A webhook is sent at
    least once: if a process ends between an attempt and its record, the webhook is sent again
    under the same id. An answer of 2xx ends it, 410 disables its subscription, and anything else
    is retried for eight hours. The webhooks of one message reach a receiver in the order of the
    events; those of different messages may change places after a failure.

    Memory and threads are bounded, however many receivers there are. A host has at most a quarter
    of the threads, and all hosts that failed last have a quarter together.

    Attributes:
        lease: After what time another sender takes the webhook of one that died while it sent it;
            longer than a client takes for a request.
    """

    lease: timedelta = _LEASE

    @checked(client=A_CLIENT, threads=whole())
    def __init__(self, context: EngineContext, client: HttpClient, *, threads: int = 32) -> None:
        self._context = context
        self._client = client
        self._threads = threads
        self._busy: dict[UUID, tuple[threading.Thread, str]] = {}
        self._served = _Recent[UUID, float]()
        self._answers = _Recent[str, bool]()
        self._failed = _Recent[UUID, float]()
        self._noting = threading.Lock()
        self._freed = threading.Event()
        self._waiting: list[WebhookReceiver] = []
        self._read_at = 0.0
        self._after: UUID | None = None
        self._over = threading.Event()
        self._errors: list[StorageError] = []

    @checked(stop=AN_EVENT)
    def run(self, stop: threading.Event) -> None:
        """Send webhooks until `stop` is set, then wait a few seconds for those being sent."""
        self._over.clear()
        try:
            while not stop.is_set():
                self._freed.wait(_PAUSE)
                self._freed.clear()
                try:
                    self._look(rest=_PAUSE, is_over=stop.is_set)
                except StorageError:
                    _log.exception("the storage failed; trying again")
                except Exception as error:  # noqa: BLE001 - the next look may do better
                    _log.error("looking for webhooks failed: %s", fault_of(error))
        finally:
            self._over.set()
            self._join(_MAX_WAIT)

    def run_once(self) -> None:
        """Send the webhooks that are due now, each once, and wait for their receivers.

        Raises:
            StorageError: The storage failed.
        """
        self._over.clear()
        self._errors = []
        while self._look(rest=0.0):
            self._join(None)
            if self._errors:
                raise self._errors[0]

    def _look(self, *, rest: float, is_over: Callable[[], bool] = lambda: False) -> bool:
        """Find new webhooks, start threads for receivers, and return if there was any work.

        Args:
            rest: Seconds that a receiver is left alone after a failure.
            is_over: Asked before each page of events; when it returns True, the rest is left.
        """
        collected = 0
        for _ in range(_PAGES):  # then receivers come first, however many events there are
            if is_over():
                return False
            collected = self._collect()
            if not collected:
                break
        self._busy = {key: turn for key, turn in self._busy.items() if turn[0].is_alive()}
        if len(self._busy) < self._threads:
            if not self._waiting or monotonic() > self._read_at + _PAUSE:
                self._waiting, self._read_at = self._due(), monotonic()
            rested = monotonic() - rest
            self._waiting = [
                receiver
                for receiver in self._waiting
                if self._failed.get(receiver.id, rested) > rested or not self._starts(receiver)
            ]
        return bool(collected or self._busy)

    @property
    def _longest(self) -> timedelta:
        """The longest that a webhook may wait: one that waits longer, waits by a clock set back."""
        return max(LONGEST_PAUSE, self.lease)

    def _due(self) -> list[WebhookReceiver]:
        """Return some receivers that are due, those that waited longest first."""
        now, after, longest = self._context.now(), self._after, self._longest
        with self._context.storage.begin(read_only=True) as tx:
            due = tx.webhooks.due(now, longest=longest, after=after, limit=_RECEIVERS)
            self._after = due[-1].id if len(due) == _RECEIVERS else None
            if after is not None and self._after is None:
                due += tx.webhooks.due(now, longest=longest, after=None, limit=_RECEIVERS)
        return sorted(due, key=lambda receiver: self._served.get(receiver.id, 0.0))

    def _starts(self, receiver: WebhookReceiver) -> bool:
        """Start a thread for a receiver, if it may have one."""
        busy = {key: host for key, (_, host) in self._busy.items()}
        if not may_start(receiver, busy, self._answers, threads=self._threads):
            return False
        self._served.note(receiver.id, monotonic())
        thread = threading.Thread(
            target=self._serve, args=(receiver,), name="messaging-webhooks", daemon=True
        )
        self._busy[receiver.id] = (thread, receiver.host)
        thread.start()
        return True

    def _join(self, wait: float | None) -> None:
        until = None if wait is None else monotonic() + wait
        for thread, _ in list(self._busy.values()):
            thread.join(None if until is None else max(until - monotonic(), 0.0))

    @repeated
    def _collect(self) -> int:
        """Turn a page of new events into deliveries, in one transaction; return its length."""
        storage, now = self._context.storage, self._context.now()
        with storage.begin(read_only=True) as tx:
            if not tx.timeline.is_behind(WEBHOOKS):
                return 0
        with storage.begin() as tx:
            cursor = tx.timeline.lease_cursor(WEBHOOKS, now=now, lease=_LEASE, longest=_LEASE)
            if cursor is None:
                return 0
            events = tx.timeline.after(cursor.position, limit=_PAGE)
            finder = WebhookFinder(tx, self._context)
            tx.webhooks.add_deliveries([made for event in events for made in finder.find(event)])
            tx.webhooks.forget_dead(before=now - _KEEP_DEAD, limit=_PAGE)
            reached = events[-1].position if events else cursor.position
            tx.timeline.advance_cursor(evolve(cursor, position=reached))
        return len(events)

    def _serve(self, receiver: WebhookReceiver) -> None:
        """Send the webhooks of one receiver until one fails, none is due, or its turn is over."""
        try:
            if self._take_turn(receiver):
                self._freed.set()  # so that the next receiver need not wait for the next look
        except StorageError as error:
            self._errors = [*self._errors[-9:], error]  # the last ten; `run` only logs them
            _log.exception("the storage failed; trying again")
        except BaseException as error:  # noqa: BLE001 - it ends no more than this turn
            _log.error("sending webhooks failed: %s", fault_of(error))

    def _take_turn(self, receiver: WebhookReceiver) -> bool:
        """Return whether no attempt failed."""
        until, has_failed = monotonic() + _TURN, False
        job = self._settle_and_claim(receiver)
        while job is not None:
            failure = job.refused
            if job.request is not None:
                failure = self._attempt(job.request)
                self._note_answer(receiver, is_success=failure is None)
                has_failed = failure is not None
            is_last = has_failed or self._over.is_set() or monotonic() > until
            job = self._settle_and_claim(receiver, job, failure, is_last=is_last)
        return not has_failed

    @repeated
    def _settle_and_claim(
        self,
        receiver: WebhookReceiver,
        job: WebhookJob | None = None,
        failure: str | None = None,
        *,
        is_last: bool = False,
    ) -> WebhookJob | None:
        """Record how an attempt ended, and return what comes next unless it was the last one."""
        with self._context.storage.begin() as tx:
            if job is not None:
                self._settle(tx, job, failure)
            return None if is_last else self._next_job(tx, receiver)

    def _next_job(self, tx: Transaction, receiver: WebhookReceiver) -> WebhookJob | None:
        now, whose = self._context.now(), (receiver.workspace_id, receiver.id)
        claim = tx.webhooks.claim(*whose, now=now, lease=self.lease, longest=self._longest)
        return None if claim is None else job_of(tx, claim, now)

    def _note_answer(self, receiver: WebhookReceiver, *, is_success: bool) -> None:
        with self._noting:
            self._answers.note(receiver.host, is_success)
            if not is_success:
                self._failed.note(receiver.id, monotonic())

    def _attempt(self, request: HttpRequest) -> str | None:
        """Send one webhook; return why it failed, or nothing."""
        try:
            answer = self._client.send(request, max_answer=_MAX_ANSWER)
        except HttpError as error:
            # A receiver that answered 2xx has the webhook, however its body went.
            status = error.status or 0
            return None if 200 <= status < 300 else str(error.fault)  # noqa: PLR2004 - RFC 9110
        except Exception as error:  # noqa: BLE001 - the webhook is tried again
            _log.error("the HTTP client failed: %s", fault_of(error))
            return "client"
        return None if answer.is_ok else str(answer.status)

    def _settle(self, tx: Transaction, job: WebhookJob, failure: str | None) -> None:
        now = self._context.now()
        after = after_attempt(job.claim.delivery, failure, now)
        if not tx.webhooks.settle(job.claim, after):
            return
        if after is not None and after.is_dead:
            _log.warning("webhook %s is given up: %s", after.id, failure)
        if failure == GONE and job.subscription is not None:
            gone = evolve(job.subscription, status=WebhookStatus.DISABLED, updated_at=now)
            tx.webhooks.update(gone)
