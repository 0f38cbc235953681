"""The calls of a messenger about what comes back: receipts, clicks, events, and its health."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from messaging_core.arguments import (
    a,
    a_text,
    checked,
    flag,
    function,
    members,
    optional,
    span,
    uuid,
    whole,
)
from messaging_core.messages.events import Handler
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.page import DEFAULT_LIMIT, MAX_LIMIT
from messaging_core.models.delivery.damage import DamagedRows
from messaging_core.models.delivery.doubts import Doubts
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.receipt import KeptReceipt, Receipt, Reception
from messaging_core.ports.components import (
    RECEIPTS,
    a_webhook_request,
)
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.receipts.clicks import record_open, resolve_short_link
from messaging_core.wire.receipts import as_receipts

if TYPE_CHECKING:  # loaded on first use: most programs only send
    from messaging_core.models.delivery.health import Health
    from messaging_core.models.delivery.worker_state import WorkerState
from messaging_core.facade.parts import MessengerParts


class Receiving(MessengerParts):
    """Take what providers and people send back, and tell how the engine is."""

    @checked(receipts=RECEIPTS, workspace=uuid)
    def receive(
        self,
        receipts: Iterable[Receipt] | Receipt,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Reception:
        """Store and apply the receipts of providers, and the messages that people send.

        Everything is durable before it is applied. Receipts may come early, late, twice and in
        any order: the message ends with the same status. A receipt whose message is unknown waits
        for it. Subscribers get the events.

        Args:
            receipts: Status reports, interactions and incoming messages, in any order.
            workspace: Their tenant.
            connection: As for `send`.

        Raises:
            StorageError: The storage failed; nothing was written, and the provider should report
                again.
            ArgumentError: One of them is not a receipt; nothing was written.
            InvalidRequestError: A value of a receipt has the wrong type, or its instant has no
                offset; nothing was written.
        """
        return self.inbox.receive(as_receipts(receipts), workspace=workspace, connection=connection)

    @checked(name=a_text)
    def max_webhook_size(self, name: str) -> int:
        """Return how many bytes a request to `receive_webhook` may have, to read no more of it.

        That is the `max_size` of the parser; where no parser has this name, a mebibyte.
        """
        return self._webhooks.max_size(name)

    @checked(name=a_text, request=a_webhook_request, workspace=uuid)
    def receive_webhook(
        self, name: str, request: HttpRequest, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> HttpResponse:
        """Verify a provider's webhook request, keep what it reports, and return what to answer.

        Keeping is one transaction. A worker applies what is kept, so that nothing else delays the
        answer. A request that comes twice is answered alike and counts once. The answer is:

        - the parser's own, with a status of 2xx, when everything is kept;
        - 401 for a request that is not verified, or when the verification raises anything;
        - 413 for a body that is larger than the parser's `max_size`;
        - 400 for a verified request that does not have the provider's form;
        - 500 when the parser raises anything else: the host has to correct its set-up or the
          parser, and the provider repeats the request meanwhile;
        - 503 when the storage fails: the provider repeats the request.

        A log record names the reason of a refusal; the answer does not.

        Args:
            name: Which parser reads it.
            request: The request as it came. Its `url` is the public one, as the provider calls it:
                build it from your configuration, not from the `Host` header.
            workspace: The tenant of what is reported.

        Raises:
            UnknownWebhookError: No parser has this name; where the name is part of a path, answer
                with 404.
        """
        return self._webhooks.receive(name, request, workspace=workspace)

    @checked(handler=function, name=a_text, kinds=members(EventKind), from_start=flag)
    def subscribe(
        self,
        handler: Handler,
        *,
        name: str = "host",
        kinds: Collection[EventKind] = (),
        from_start: bool = False,
    ) -> None:
        """Call a function of the host with every event from now on.

        A thread of a worker calls it at least once with each event, in the order of the events,
        also after a restart: its position is stored under its name. If it raises, it is called
        with the event again, at most ten times, with growing pauses; messages are delivered
        meanwhile.

        Args:
            handler: Called with each event.
            name: Identifies the subscriber; the same name continues at its stored position.
            kinds: Which events it gets; by default all.
            from_start: Start a new name at the oldest stored event.

        Raises:
            ArgumentError: This messenger has a handler of that name already.
        """
        self.subscriptions.add(handler, name=name, kinds=kinds, from_start=from_start)

    @checked(code=a(str, "text", "pass the last part of the path"), prefetched=flag)
    def resolve_short_link(self, code: str, *, prefetched: bool = False) -> str:
        """Return the target of a short link, for a redirect, and record the click.

        Only stored targets are returned, so there is no open redirect. If the click cannot be
        written, the log says so, and the target is returned.

        Args:
            code: The last part of the short link's path.
            prefetched: A machine opened the link, not a person.

        Returns:
            An http or https address in ASCII.

        Raises:
            UnknownShortLinkError: The short link does not exist or has expired.
            StorageError: The code could not be looked up.
        """
        return resolve_short_link(self.inbox, code, prefetched=prefetched)

    @checked(
        code=a(str, "text", "pass the last part of the path"),
        prefetched=flag,
        proxy=optional(a_text),
    )
    def record_open(self, code: str, *, prefetched: bool = False, proxy: str | None = None) -> None:
        """Record that the pixel of an email was loaded.

        An unknown code changes nothing. If the open cannot be written, the log says so. Always
        answer with the same picture, so that the answer does not tell which codes exist.

        Args:
            code: The last part of the pixel's path.
            prefetched: A machine loaded the pixel, not a person.
            proxy: The service that loaded the pixel for a person, such as `google`.
        """
        record_open(self.inbox, code, prefetched=prefetched, proxy=proxy)

    def doubts(self) -> Doubts:
        """Count the attempts that a provider may have accepted, and how each of them ended."""
        return self._lookup.doubts()

    def workers(self) -> "list[WorkerState]":
        """Return the workers of this storage that have said something within a day.

        A worker says every five seconds that it is alive, what it has taken, and whether it asks
        the providers of its channels. One that stopped as it was told to is not among them. The
        latest comes first.
        """
        from messaging_core.messages.health import HealthLookup  # noqa: PLC0415 - the same

        return HealthLookup(context=self.context).workers()

    @checked(workspace=optional(uuid), overdue_limit=span())
    def health(
        self, *, workspace: UUID | None = None, overdue_limit: timedelta = timedelta(minutes=1)
    ) -> "Health":
        """Return whether messages are delivered in time, and the figures that say so.

        The cost is bounded: of each channel and lane 10,000 messages are counted, and
        `Health.is_exact` says whether there are more.

        Args:
            workspace: Whose doubts and dead letters are counted; by default those of every
                workspace that has a channel here. Workers and backlog are always of all.
            overdue_limit: How long a message may wait after it was due.

        Raises:
            StorageError: The storage failed: nothing is delivered.
        """
        from messaging_core.messages.health import HealthLookup  # noqa: PLC0415 - the same

        lookup = HealthLookup(context=self.context, subscribers=self.subscriptions.names)
        return lookup.get(workspace, overdue_limit)

    @checked(limit=whole())
    def damaged_rows(self, *, limit: int = 100) -> DamagedRows:
        """Return stored events, webhooks and messages that could not be read and were put aside.

        Args:
            limit: How many of each at most.
        """
        return self._lookup.damaged_rows(limit)

    @checked(workspace=uuid, limit=whole(1, MAX_LIMIT), after=whole(0))
    def failed_receipts(
        self, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = DEFAULT_LIMIT, after: int = 0
    ) -> list[KeptReceipt]:
        """Return receipts that could not be applied, the oldest first.

        A worker tries a receipt again after pauses that grow from a second to an hour. After 32
        failures, in the course of about a day, it puts the receipt aside. The log has the kind of
        error.

        Args:
            workspace: The tenant.
            limit: The most receipts, 1 to 1000.
            after: The `position` of the last receipt of the page before.
        """
        return self.inbox.failed(workspace, limit=limit, after=after)

    @checked(workspace=uuid)
    def retry_receipts(self, *, workspace: UUID = DEFAULT_WORKSPACE) -> int:
        """Let a worker apply all receipts of `failed_receipts` again, and return their number.

        Call it when you have corrected what made them fail.
        """
        return self.inbox.retry(workspace)
