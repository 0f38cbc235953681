"""From a list of requests to a batch, and from its id back to its messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import evolve, frozen

from messaging_core.acceptance import (
    Acceptance,
    Prepared,
    Request,
    Submission,
    Writing,
    check_key,
    gone,
    hash_of,
)
from messaging_core.decisions.rejection import curtailed
from messaging_core.errors import IdempotencyConflictError, InvalidMessageError
from messaging_core.models.batch import Batch
from messaging_core.models.channel import Channel
from messaging_core.models.delivery import IdempotencyKey
from messaging_core.models.message import Message
from messaging_core.models.query import MessageQuery
from messaging_core.ports.storage import Transaction
from messaging_core.rules.message import MAX_BATCH, check_batch
from messaging_core.wire import canonical_bytes


@frozen(kw_only=True)
class Batching:
    """Keep whole batches: a request that breaks rules is kept too, as a rejected message."""

    acceptance: Acceptance

    def accept(
        self,
        channel: Channel,
        requests: Sequence[Request],
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
    ) -> Batch:
        """Keep a batch in one transaction, or return the one that its key stands for.

        Raises:
            InvalidMessageError: Its number of requests, or its key, is not allowed.
            IdempotencyConflictError: The key stands for something else.
        """
        violations = check_batch(requests, "")
        if idempotency_key is not None:
            violations += check_key(idempotency_key)
        if violations:
            raise InvalidMessageError(violations)
        now = self.acceptance.now()
        prepared = [self._prepare(channel, one, idempotency_key, now) for one in requests]
        key = None if idempotency_key is None else _key(idempotency_key, prepared)
        with self.acceptance.storage.begin(connection) as tx:
            known = _known(tx, channel.workspace, key) if key else None
            return known or self._keep(tx, prepared, key, now)

    def _prepare(
        self, channel: Channel, request: Request, key: str | None, now: datetime
    ) -> Prepared:
        submission = Submission(channel=channel, request=request, idempotency_key=key)
        prepared = self.acceptance.prepare(submission, now)
        if prepared.admission:
            return prepared
        kept = prepared.request or self.acceptance.salvage(request)
        return evolve(prepared, request=curtailed(kept))

    def _keep(
        self,
        tx: Transaction,
        prepared: Sequence[Prepared],
        key: IdempotencyKey | None,
        now: datetime,
    ) -> Batch:
        ids = self.acceptance.ids
        batch_id = ids.new(now)
        # A key stands for one message: here for the first, whose origin is the batch.
        keys = [key, *[None] * (len(prepared) - 1)]
        keyed = [evolve(one, idempotency=its) for one, its in zip(prepared, keys, strict=True)]
        messages = Writing(tx, ids, now, batch_id=batch_id).keep_all(keyed)
        return Batch(id=batch_id, messages=tuple(messages))


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


def _known(tx: Transaction, workspace: UUID, key: IdempotencyKey) -> Batch | None:
    """Return the batch that a key stands for already, as it is now."""
    found = tx.messages.by_keys(workspace, [key.key]).get(key.key)
    if found is None:
        return None
    first_id, earlier = found
    if earlier != key:
        raise IdempotencyConflictError(key.key, first_id)
    first = tx.messages.get(workspace, first_id)
    if first is None or first.origin is None:
        raise gone(first_id)
    batch_id = UUID(first.origin.id)
    return Batch(id=batch_id, messages=messages_of(tx, workspace, batch_id))


def _key(key: str, prepared: Sequence[Prepared]) -> IdempotencyKey:
    hashes = [
        one.idempotency.request_hash if one.idempotency else _hash_of_unreadable(one)
        for one in prepared
    ]
    return IdempotencyKey(key=key, request_hash=hash_of(b"batch", "".join(hashes).encode()))


def _hash_of_unreadable(one: Prepared) -> str:
    """Take two requests for the same when the same is left of them and the same is wrong."""
    rest = canonical_bytes(one.request) if one.request else b""
    faults = "\n".join(str(violation) for violation in one.violations)
    return hash_of(one.channel.id.bytes, rest, faults.encode(errors="backslashreplace"))
