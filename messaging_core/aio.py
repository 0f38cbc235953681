"""The façade for hosts that run an event loop."""

import asyncio
import threading
from collections.abc import (
    AsyncIterator,
    Iterable,
    Sequence,
)
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Unpack

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.bulk import CHUNK
from messaging_core.acceptance.group_commit import MOST_TOGETHER, accept_each
from messaging_core.acceptance.submission import AcceptResult, Request, Submission, request_of
from messaging_core.acceptance.telemetry import accepted, send_operation
from messaging_core.arguments import checked
from messaging_core.channels import ChannelReference
from messaging_core.fork import ForkAware, watch_forks
from messaging_core.messenger import Messenger
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.request_fields import RequestFields
from messaging_core.models.policy.plan import Rejection
from messaging_core.ports.components import A_MESSENGER
from messaging_core.threaded import call_as_host, each_in_thread, in_thread, threaded

if TYPE_CHECKING:  # loaded on first use, as in Messenger
    from messaging_core.aio_parts import (
        AsyncContactDirectory,
        AsyncSuppressionList,
        AsyncTemplateStore,
        AsyncWebhookSubscriptions,
    )

_Waiting = tuple[Submission, "asyncio.Future[Message]"]


class AsyncMessenger(ForkAware):
    """The calls of a `Messenger` as coroutines, which never block the event loop.

    Group commit: concurrent `send` calls share transactions. The first call commits at once;
    calls that arrive during a commit are batched into the next one, so a hundred callers are
    served many times faster than one. One object serves any number of event loops, one after
    another or at the same time; only calls of the same loop share commits.

    Args:
        messenger: Does the work, on threads.
    """

    @checked(messenger=A_MESSENGER)
    def __init__(self, messenger: Messenger) -> None:
        self.messenger = messenger
        self._local = threading.local()  # a thread runs one loop at a time
        watch_forks(self)

    @property
    def blocking(self) -> Messenger:
        """The messenger that does the work."""
        return self.messenger

    @cached_property
    def contacts(self) -> "AsyncContactDirectory":
        """The contacts, and their lists; see `Messenger.contacts`."""
        from messaging_core.aio_parts import AsyncContactDirectory  # noqa: PLC0415 - on first use

        return AsyncContactDirectory(self.messenger.contacts)

    @cached_property
    def suppressions(self) -> "AsyncSuppressionList":
        """The addresses that must not be written to; see `Messenger.suppressions`."""
        from messaging_core.aio_parts import AsyncSuppressionList  # noqa: PLC0415 - on first use

        return AsyncSuppressionList(self.messenger.suppressions)

    @cached_property
    def templates(self) -> "AsyncTemplateStore":
        """The stored templates; see `Messenger.templates`."""
        from messaging_core.aio_parts import AsyncTemplateStore  # noqa: PLC0415 - on first use

        return AsyncTemplateStore(self.messenger.templates)

    @cached_property
    def webhooks(self) -> "AsyncWebhookSubscriptions":
        """Who is told about events over HTTP; see `Messenger.webhooks`."""
        from messaging_core.aio_parts import AsyncWebhookSubscriptions  # noqa: PLC0415 - the same

        return AsyncWebhookSubscriptions(self.messenger.webhooks)

    def after_fork_in_child(self) -> None:
        """Forget the waiting calls: the parent writes them, on its own event loop."""
        self._local = threading.local()

    async def send(
        self,
        channel: ChannelReference,
        request: Request | None = None,
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
        **fields: Unpack[RequestFields],
    ) -> Message:
        """Accept one message; see `Messenger.send`.

        Cancelling the call withdraws the message only before its commit begins. Errors and
        cancellations of other callers do not affect this call. A call with a connection of the
        host shares no commit, and uses the connection on another thread.
        """
        if connection is not None:
            send = partial(
                self.messenger.send,
                channel,
                request,
                idempotency_key=idempotency_key,
                connection=connection,
                **fields,
            )
            return await in_thread(send)
        own_channel, own_request = self.messenger.channel(channel), request_of(request, fields)
        context = self.messenger.context
        with send_operation(context, own_channel) as done:
            submission = Submission(
                channel=own_channel,
                request=own_request,
                idempotency_key=idempotency_key,
                trace=context.telemetry.trace(),
            )
            message = await self._queue().add(submission)
            done(accepted(message))
        return message

    def _queue(self) -> "_SendQueue":
        """Return the queue of the running event loop."""
        loop = asyncio.get_running_loop()
        queue: _SendQueue | None = getattr(self._local, "queue", None)
        if queue is None or queue.loop is not loop:
            queue = self._local.queue = _SendQueue(self.messenger, loop)
        return queue

    async def send_each(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_keys: Iterable[str | None] | None = None,
    ) -> AsyncIterator[Message | Rejection]:
        """Accept many messages and yield the answers; see `Messenger.send_each`."""
        answers = self.messenger.send_each(channel, requests, idempotency_keys=idempotency_keys)
        async for answer in each_in_thread(answers, CHUNK):
            yield answer

    close = threaded(Messenger.close)
    send_many = threaded(Messenger.send_many)
    send_batch = threaded(Messenger.send_batch)
    notify = threaded(Messenger.notify)
    plan = threaded(Messenger.plan)
    next_allowed = threaded(Messenger.next_allowed)
    render = threaded(Messenger.render)
    get = threaded(Messenger.get)
    get_json = threaded(Messenger.get_json)
    find = threaded(Messenger.find)
    find_json = threaded(Messenger.find_json)
    counts = threaded(Messenger.counts)
    rollups = threaded(Messenger.rollups)
    campaign = threaded(Messenger.campaign)
    tags = threaded(Messenger.tags)
    tag = threaded(Messenger.tag)
    workers = threaded(Messenger.workers)
    health = threaded(Messenger.health)
    timeline = threaded(Messenger.timeline)
    attempts = threaded(Messenger.attempts)
    inspect = threaded(Messenger.inspect)
    inspect_contact = threaded(Messenger.inspect_contact)
    changes = threaded(Messenger.changes)
    upcoming = threaded(Messenger.upcoming)
    interactions = threaded(Messenger.interactions)
    media = threaded(Messenger.media)
    received_files = threaded(Messenger.received_files)
    retry_media = threaded(Messenger.retry_media)
    cancel = threaded(Messenger.cancel)
    cancel_batch = threaded(Messenger.cancel_batch)
    reschedule = threaded(Messenger.reschedule)
    replay = threaded(Messenger.replay)
    dead_letters = threaded(Messenger.dead_letters)
    doubts = threaded(Messenger.doubts)
    receive = threaded(Messenger.receive)
    receive_webhook = threaded(Messenger.receive_webhook)
    failed_receipts = threaded(Messenger.failed_receipts)
    retry_receipts = threaded(Messenger.retry_receipts)
    # A thread of a worker calls the handler, never the event loop: it is no coroutine function.
    subscribe = threaded(Messenger.subscribe)
    resolve_short_link = threaded(Messenger.resolve_short_link)
    record_open = threaded(Messenger.record_open)
    report_conversion = threaded(Messenger.report_conversion)
    purge = threaded(Messenger.purge)
    damaged_rows = threaded(Messenger.damaged_rows)


class _SendQueue:
    """Collects the messages of one event loop, and writes waiting messages together.

    Each loop has its own queue, so that a loop that is closed in the middle delays no other.
    """

    def __init__(self, messenger: Messenger, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._messenger = messenger
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    def add(self, submission: Submission) -> "asyncio.Future[Message]":
        """Return a future for the message or its error."""
        future: asyncio.Future[Message] = self.loop.create_future()
        self._waiting.append((submission, future))
        if self._writer is None or self._writer.done():
            self._writer = self.loop.create_task(self._write())
        return future

    async def _write(self) -> None:
        """Write the waiting messages, one transaction after the other, until none waits."""
        try:
            while True:
                # A caller that was cancelled before its transaction began sends nothing.
                waiting = [pair for pair in self._waiting if not pair[1].done()]
                batch, self._waiting = waiting[:MOST_TOGETHER], waiting[MOST_TOGETHER:]
                if not batch:
                    return
                await self._answer(batch)
        finally:
            self._abandon(self._waiting)

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        """Write a batch in one transaction, and give each caller its message or its error."""
        submissions = [submission for submission, _ in batch]
        try:
            results = await in_thread(partial(_accepted, self._messenger.acceptor, submissions))
        except Exception as error:  # noqa: BLE001 - no thread could be started: the callers get it
            results = [error] * len(batch)
        except BaseException:
            self._abandon(batch)
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _abandon(self, waiting: Sequence[_Waiting]) -> None:
        """Cancel the calls that still wait: the event loop ends, so no answer will come."""
        if not self.loop.is_closed():
            for _, future in waiting:
                future.cancel()


def _accepted(
    acceptor: MessageAcceptor, submissions: Sequence[Submission]
) -> list[Message | Exception]:
    def accept(batch: Sequence[Submission]) -> list[AcceptResult]:
        return call_as_host(partial(acceptor.accept, batch))

    return list(accept_each(accept, submissions))
