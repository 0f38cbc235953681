"""Send webhooks: each receiver has its turns, so that a slow one holds up no other."""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID

import orjson
from attrs import evolve

from messaging_core.arguments import checked, part, whole
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.webhook_signature import webhook_headers
from messaging_core.decisions.delivery.webhooks import (
    DISABLED,
    GONE,
    RETRY_FOR,
    after_attempt,
    event_name,
    interested,
    message_at,
)
from messaging_core.errors import HttpError, StorageError
from messaging_core.host_code import fault_of
from messaging_core.lazy import frozen, logger
from messaging_core.messages.webhooks import CURSOR
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.webhook import (
    WebhookClaim,
    WebhookDelivery,
    WebhookStatus,
    WebhookSubscription,
)
from messaging_core.ports.components import AN_EVENT
from messaging_core.ports.http import HttpClient, HttpRequest
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.wire import dump_interaction, dump_message

_log = logger(__name__)

_PAUSE: Final = 0.5  # seconds between looks
_PAGE: Final = 100  # events that one transaction reads
_LEASE: Final = timedelta(minutes=5)  # longer than a client takes for one request
_TURN: Final = 10.0  # seconds after which a receiver makes room for others
_MAX_WAIT: Final = 5.0  # seconds that the end waits for requests that are being sent
_UNREADABLE: Final = "unreadable"
_MAX_ANSWER: Final = 65_536
_KEEP_DEAD: Final = timedelta(days=7)

A_CLIENT: Final = part(
    "an HTTP client", "send", remedy="pass a client, such as Urllib3Client(allows=is_public)"
)


@frozen(kw_only=True)
class _Job:
    """What one attempt needs, read in one transaction.

    Attributes:
        request: What to send; nothing if its message is gone.
        refused: Why it is not sent, if it is not to be.
    """

    claim: WebhookClaim
    subscription: WebhookSubscription
    request: HttpRequest | None
    refused: str | None = None


class WebhookSender:
    """Find the events that go out as webhooks, and send them; `Messenger.webhook_sender` makes one.

    Any number of senders, in any number of processes, may serve one storage. A webhook is sent at
    least once: if a process ends between an attempt and its record, the webhook is sent again
    under the same id. An answer of 2xx ends it, 410 disables its subscription, and anything else
    is retried for eight hours. Webhooks of one receiver may arrive out of order after a failure.
    """

    @checked(client=A_CLIENT, threads=whole())
    def __init__(self, context: EngineContext, client: HttpClient, *, threads: int = 32) -> None:
        self._context = context
        self._client = client
        self._threads = threads
        self._busy: dict[UUID, threading.Thread] = {}
        self._served: dict[UUID, float] = {}
        self._over = threading.Event()
        self._errors: list[StorageError] = []

    @checked(stop=AN_EVENT)
    def run(self, stop: threading.Event) -> None:
        """Send webhooks until `stop` is set, then wait a few seconds for those being sent."""
        self._over.clear()
        try:
            while not stop.wait(_PAUSE):
                try:
                    self._look()
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
        while self._look():
            self._join(None)
            if self._errors:
                raise self._errors[0]

    def _look(self) -> int:
        """Find new webhooks, start threads for receivers, and return how many are being served."""
        while self._collect():
            pass
        now = self._context.now()
        with self._context.storage.begin(read_only=True) as tx:
            due = [subscription_id for _, subscription_id in tx.webhooks.due(now)]
        self._busy = {key: thread for key, thread in self._busy.items() if thread.is_alive()}
        # Receivers that waited longest come first, so that many slow ones cannot keep the threads.
        self._served = {key: self._served.get(key, 0.0) for key in {*due, *self._busy}}
        for subscription_id in sorted(due, key=self._served.__getitem__):
            if len(self._busy) >= self._threads:
                break
            if subscription_id not in self._busy:
                self._start(subscription_id)
        return len(self._busy)

    def _start(self, subscription_id: UUID) -> None:
        self._served[subscription_id] = monotonic()
        thread = threading.Thread(
            target=self._serve, args=(subscription_id,), name="messaging-webhooks", daemon=True
        )
        self._busy[subscription_id] = thread
        thread.start()

    def _join(self, wait: float | None) -> None:
        until = None if wait is None else monotonic() + wait
        for thread in list(self._busy.values()):
            thread.join(None if until is None else max(until - monotonic(), 0.0))

    def _collect(self) -> int:
        """Turn a page of new events into deliveries, in one transaction; return its length."""
        storage, now = self._context.storage, self._context.now()
        with storage.begin(read_only=True) as tx:
            if not tx.timeline.is_behind(CURSOR):
                return 0
        with storage.begin() as tx:
            cursor = tx.timeline.lease_cursor(CURSOR, now=now, lease=_LEASE, longest=_LEASE)
            if cursor is None:
                return 0
            events = tx.timeline.after(cursor.position, limit=_PAGE)
            finder = _Finder(tx, self._context)
            tx.webhooks.add_deliveries([made for event in events for made in finder.find(event)])
            tx.webhooks.forget_dead(before=now - _KEEP_DEAD, limit=_PAGE)
            reached = events[-1].position if events else cursor.position
            tx.timeline.advance_cursor(evolve(cursor, position=reached))
        return len(events)

    def _serve(self, subscription_id: UUID) -> None:
        """Send the webhooks of one receiver until one fails, none is due, or its turn is over."""
        try:
            self._take_turn(subscription_id)
        except StorageError as error:
            self._errors = [*self._errors[-9:], error]  # the last ten; `run` only logs them
            _log.exception("the storage failed; trying again")
        except BaseException as error:  # noqa: BLE001 - it ends no more than this turn
            _log.error("sending webhooks failed: %s", fault_of(error))

    def _take_turn(self, subscription_id: UUID) -> None:
        job, failure, until = None, None, monotonic() + _TURN
        while True:
            with self._context.storage.begin() as tx:
                if job is not None:
                    self._settle(tx, job, failure)
                    if failure is not None or self._over.is_set() or monotonic() > until:
                        return
                job = self._next_job(tx, subscription_id)
            if job is None:
                return
            failure = job.refused or self._attempt(job)

    def _next_job(self, tx: Transaction, subscription_id: UUID) -> _Job | None:
        now = self._context.now()
        claim = tx.webhooks.claim(subscription_id, now=now, lease=_LEASE)
        if claim is None:
            return None
        workspace = claim.delivery.workspace_id
        subscription = tx.webhooks.get(workspace, subscription_id)
        if subscription is None:
            return None
        if subscription.status is not WebhookStatus.ACTIVE:
            return _Job(claim=claim, subscription=subscription, request=None, refused=DISABLED)
        try:
            payload = _payload(tx, claim.delivery)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - its message is damaged, others are not
            _log.error("webhook %s cannot be made: %s", claim.delivery.id, type(error).__name__)
            return _Job(claim=claim, subscription=subscription, request=None, refused=_UNREADABLE)
        if payload is None:
            return _Job(claim=claim, subscription=subscription, request=None)
        key = tx.webhooks.signing_key(workspace, subscription_id)
        request = _request(subscription, claim.delivery, payload, key, now)
        return _Job(claim=claim, subscription=subscription, request=request)

    def _attempt(self, job: _Job) -> str | None:
        """Send one webhook; return why it failed, or nothing."""
        if job.request is None:
            return None
        try:
            answer = self._client.send(job.request, max_answer=_MAX_ANSWER)
        except HttpError as error:
            # A receiver that answered 2xx has the webhook, however its body went.
            status = error.status or 0
            return None if 200 <= status < 300 else str(error.fault)  # noqa: PLR2004 - RFC 9110
        except Exception as error:  # noqa: BLE001 - the webhook is tried again
            _log.error("the HTTP client failed: %s", fault_of(error))
            return "client"
        return None if answer.is_ok else str(answer.status)

    def _settle(self, tx: Transaction, job: _Job, failure: str | None) -> None:
        now = self._context.now()
        after = after_attempt(job.claim.delivery, failure, now)
        if not tx.webhooks.settle(job.claim, after):
            return
        if after is not None and after.is_dead:
            _log.warning("webhook %s is given up: %s", after.id, failure)
        if failure == GONE:
            gone = evolve(job.subscription, status=WebhookStatus.DISABLED, updated_at=now)
            tx.webhooks.update(gone)


def _request(
    subscription: WebhookSubscription,
    delivery: WebhookDelivery,
    payload: dict[str, object],
    key: str | None,
    now: datetime,
) -> HttpRequest:
    """Return the request of a webhook, signed for its URL and its body."""
    event = {"service": subscription.service, "event": subscription.event, "payload": payload}
    body = orjson.dumps(event)
    headers = webhook_headers(
        subscription.scheme,
        key,
        url=subscription.url,
        body=body,
        delivery_id=delivery.id,
        created_at=delivery.created_at,
        now=now,
    )
    return HttpRequest(
        method="POST",
        url=subscription.url,
        headers={"content-type": "application/json", **headers},
        body=body,
    )


def _payload(tx: Transaction, delivery: WebhookDelivery) -> dict[str, object] | None:
    """Return what a webhook is about; nothing if it was deleted since."""
    workspace = delivery.workspace_id
    if delivery.interaction_id is not None:
        interactions = tx.receipts.interactions(workspace, delivery.message_id)
        for interaction in interactions:
            if interaction.id == delivery.interaction_id:
                return dump_interaction(interaction)
        return None
    message = tx.messages.get(workspace, delivery.message_id)
    if message is None:
        return None
    return dump_message(message_at(message, delivery.status, delivery.created_at))


class _Finder:
    """Find the subscriptions that want events, inside one transaction."""

    def __init__(self, tx: Transaction, context: EngineContext) -> None:
        self._tx = tx
        self._context = context
        self._now = context.now()
        self._subscriptions: dict[UUID, list[WebhookSubscription]] = {}

    def find(self, event: Event) -> list[WebhookDelivery]:
        """Return a delivery for each subscription that an event matches."""
        try:
            return list(self._find(event))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - its message is damaged, others are not
            _log.error("event %d makes no webhook: %s", event.position, type(error).__name__)
            return []

    def _find(self, event: Event) -> Iterator[WebhookDelivery]:
        subscriptions = self._of_workspace(event.workspace)
        if not subscriptions:
            return
        message = self._tx.messages.get(event.workspace, event.message_id)
        channel = message and self._context.channels.get(message.channel_id)
        if message is None or not channel:
            return
        history = self._tx.timeline.of_message(event.workspace, event.message_id)
        before = [earlier for earlier in history if earlier.position < event.position]
        name = event_name(channel.platform, event, before)
        if name is None:
            return
        interaction = self._interaction(event, before)
        for subscription in interested(
            subscriptions, name=name, event=event, message=message, platform=channel.platform
        ):
            yield WebhookDelivery(
                id=self._context.ids.new(self._now),
                subscription_id=subscription.id,
                workspace_id=event.workspace,
                message_id=event.message_id,
                status=event.status,
                interaction_id=interaction.id if interaction else None,
                created_at=self._now,
                due_at=self._now,
                expires_at=self._now + RETRY_FOR,
            )

    def _of_workspace(self, workspace: UUID) -> list[WebhookSubscription]:
        if workspace not in self._subscriptions:
            self._subscriptions[workspace] = self._tx.webhooks.of_workspace(workspace)
        return self._subscriptions[workspace]

    def _interaction(self, event: Event, before: Sequence[Event]) -> Interaction | None:
        """Return the interaction of an event: both are stored in the same order."""
        if event.kind is not EventKind.INTERACTED:
            return None
        interactions = self._tx.receipts.interactions(event.workspace, event.message_id)
        index = sum(earlier.kind is EventKind.INTERACTED for earlier in before)
        return interactions[index] if index < len(interactions) else None
