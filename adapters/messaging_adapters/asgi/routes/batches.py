"""Send and cancel messages in batches."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.asgi.call import Call, answer
from messaging_core.errors import UnknownBatchError
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.http import HttpResponse
from messaging_core.wire import dump, load

_ACCEPTED: Final = 202


@frozen(kw_only=True)
class BatchRequest:
    """The body of a request that sends a batch."""

    message_requests: tuple[Mapping[str, Any], ...]


@frozen(kw_only=True)
class AcceptedBatch:
    """The answer to a batch; the ids are in the order of its requests."""

    batch_id: UUID
    message_ids: tuple[UUID, ...]


@frozen(kw_only=True)
class CancelledBatch:
    """The answer to a withdrawal: how many messages were certainly not sent."""

    cancelled: int


async def send_batch(call: Call) -> HttpResponse:
    """Accept 1 to 100 messages; those that break rules become rejected messages (rule 36)."""
    channel = call.channel()
    requests = load(BatchRequest, call.request.body).message_requests
    batch = await call.messenger.send_batch(channel, requests, idempotency_key=call.idempotency_key)
    accepted = AcceptedBatch(
        batch_id=batch.id, message_ids=tuple(message.id for message in batch.messages)
    )
    return answer(dump(accepted), _ACCEPTED)


async def cancel_batch(call: Call) -> HttpResponse:
    """Withdraw the messages of a batch that wait, and tell how many they were."""
    channel, batch_id = call.channel(), call.id("batchId")
    of_batch = MessageQuery(
        workspace=call.workspace, channel_id=channel, batch_id=batch_id, limit=1
    )
    if not (await call.messenger.find(of_batch)).results:
        raise UnknownBatchError(batch_id)
    withdrawn = await call.messenger.cancel_batch(batch_id, workspace=call.workspace)
    return answer(dump(CancelledBatch(cancelled=withdrawn)))
