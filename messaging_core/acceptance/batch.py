"""From a list of requests to a batch, and from its id back to its messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.idempotency import check_key, conflict, gone, key_of_batch
from messaging_core.acceptance.submission import PreparedRequest, Request, Submission
from messaging_core.acceptance.telemetry import ACCEPTED, count_accepted, send_operation
from messaging_core.acceptance.writer import MessageWriter
from messaging_core.decisions.acceptance.rejection import curtailed
from messaging_core.errors import InvalidMessageError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import IdempotencyKey
from messaging_core.models.messages.batch import Batch
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.repetition import repeated, resolved
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.requests.message import MAX_BATCH, check_batch
from messaging_core.wire import canonical_bytes
from messaging_core.wire.stored.fingerprint import hash_of


@frozen(kw_only=True)
class BatchAcceptor:
    """Keep whole batches: a request that breaks rules is kept too, as a rejected message."""

    acceptor: MessageAcceptor

    def accept(
        self,
        channel: Channel,
        requests: Sequence[Request],
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
    ) -> Batch:
        """Keep a batch in one transaction, or return the batch that was kept under its key.

        If the connection is lost during the commit, a batch with a key is accepted again: the key
        tells whether it was written.

        Raises:
            InvalidMessageError: Its number of requests, or its key, is not allowed.
            IdempotencyConflictError: The key was used for something else.
        """
        violations = check_batch(requests, "")
        if idempotency_key is not None:
            violations += check_key(idempotency_key)
        if violations:
            raise InvalidMessageError(violations)
        with send_operation(self.acceptor.context, channel, len(requests)) as done:
            if idempotency_key is None:
                batch = self._accept(channel, requests, None, connection)
            else:
                key = idempotency_key
                batch = resolved(lambda: self._accept(channel, requests, key, connection))
            done(ACCEPTED)
        return batch

    @repeated
    def _accept(
        self,
        channel: Channel,
        requests: Sequence[Request],
        idempotency_key: str | None,
        connection: Any,
    ) -> Batch:
        now = self.acceptor.context.now()
        prepared = [self._prepare(channel, request, idempotency_key, now) for request in requests]
        key = None if idempotency_key is None else _key(idempotency_key, prepared)
        batch_id = self.acceptor.context.ids.new(now)
        with self.acceptor.context.begin_due(connection) as tx:
            writing = self.acceptor.writing(tx, now, batch_id=batch_id)
            earlier = _known(tx, writing, channel.workspace, key) if key else None
            batch = earlier or Batch(id=batch_id, messages=_keep(writing, prepared, key))
        count_accepted(self.acceptor.context, writing.added)
        return batch

    def _prepare(
        self, channel: Channel, request: Request, key: str | None, now: datetime
    ) -> PreparedRequest:
        trace = self.acceptor.context.telemetry.trace()
        submission = Submission(channel=channel, request=request, idempotency_key=key, trace=trace)
        prepared = self.acceptor.prepare(submission, now)
        if prepared.admission:
            return prepared
        readable = prepared.request or self.acceptor.salvage(request)
        return evolve(prepared, request=curtailed(readable))


def _keep(
    writing: MessageWriter, prepared: Sequence[PreparedRequest], key: IdempotencyKey | None
) -> tuple[Message, ...]:
    # A key belongs to one message: here to the first, whose origin is the batch.
    keys = [key, *[None] * (len(prepared) - 1)]
    keyed = [evolve(request, idempotency=its) for request, its in zip(prepared, keys, strict=True)]
    return tuple(writing.keep_all(keyed))


def messages_of(tx: Transaction, workspace: UUID, batch_id: UUID) -> tuple[Message, ...]:
    """Return the messages of a batch in the order of its requests; none where there is no such."""
    messages: list[Message] = []
    query = MessageQuery(workspace=workspace, batch_id=batch_id, limit=MAX_BATCH, reverse=True)
    while True:
        page = tx.messages.find(query)
        messages += page.results
        if page.next_page_token is None:
            return tuple(messages)
        query = evolve(query, page_token=page.next_page_token)


def _known(
    tx: Transaction, writing: MessageWriter, workspace: UUID, key: IdempotencyKey
) -> Batch | None:
    """Return the batch that was kept under a key before, as it is now."""
    entry = writing.by_keys(workspace, [key.key]).get(key.key)
    if entry is None:
        return None
    first_id, earlier = entry
    if earlier != key:
        raise conflict(first_id, earlier, key)
    first = tx.messages.get(workspace, first_id)
    if first is None or first.origin is None:
        raise gone(first_id)
    batch_id = UUID(first.origin.id)
    return Batch(id=batch_id, messages=messages_of(tx, workspace, batch_id))


def _key(key: str, prepared: Sequence[PreparedRequest]) -> IdempotencyKey:
    hashes = [
        request.idempotency.request_hash if request.idempotency else _hash_of_unreadable(request)
        for request in prepared
    ]
    return key_of_batch(key, hashes)


def _hash_of_unreadable(prepared: PreparedRequest) -> str:
    """Take two requests for the same when the same is left of them and the same is wrong."""
    rest = canonical_bytes(prepared.request) if prepared.request else b""
    faults = "\n".join(str(violation) for violation in prepared.violations)
    return hash_of(prepared.channel.id.bytes, rest, faults.encode(errors="backslashreplace"))
