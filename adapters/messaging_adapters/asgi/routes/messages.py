"""Send, list, change and cancel messages."""

from datetime import UTC, datetime
from typing import Final

import orjson
from attrs import frozen

from messaging_adapters.asgi.call import NO_CONTENT, Call, answer, answer_json
from messaging_adapters.asgi.parameters import query_from
from messaging_core.errors import StateError, UnknownMessageError
from messaging_core.models.common.page import Page
from messaging_core.models.delivery.interaction import Conversion
from messaging_core.models.messages.message import Message
from messaging_core.ports.http import HttpResponse
from messaging_core.wire import dump, dump_message, dump_page, load
from messaging_core.wire.codec.scalars import write_datetime

_ACCEPTED: Final = 202
_CREATED: Final = 201
ONLY_BY_CHANNEL: Final = ("navigatorId",)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen(kw_only=True)
class Reschedule:
    """The body of a request that moves a message."""

    scheduled_for: datetime


async def send(call: Call) -> HttpResponse:
    """Accept one message."""
    message = await call.messenger.send(
        call.channel(), call.request.body, idempotency_key=call.idempotency_key
    )
    return answer(dump_message(message), _ACCEPTED)


async def get(call: Call) -> HttpResponse:
    """Return one message of a channel."""
    message_id = call.id("messageId")
    document = await call.messenger.get_json(message_id, workspace=call.workspace)
    if orjson.loads(document)["channelId"] != str(call.channel().id):
        raise UnknownMessageError(message_id)
    return answer_json(document)


async def list_by_channel(call: Call) -> HttpResponse:
    """Return one page of the messages of a channel, and the period that was asked for."""
    channel = call.channel()
    query = query_from(call.query, workspace=call.workspace, channel=channel.id)
    page = await call.messenger.find_json(query)
    period = {
        "startAt": write_datetime(query.start_at or _BEGINNING),
        "endAt": write_datetime(query.end_at or call.messenger.messenger.context.now()),
    }
    return answer_json(orjson.dumps(period)[:-1] + b"," + page[1:])


async def list_by_workspace(call: Call) -> HttpResponse:
    """Return one page of the messages of a workspace."""
    query = query_from(call.query, workspace=call.workspace, without=ONLY_BY_CHANNEL)
    return answer_json(await call.messenger.find_json(query))


async def interactions(call: Call) -> HttpResponse:
    """Return what people did with a message."""
    message = await _message(call)
    acts = await call.messenger.interactions(message.id, workspace=call.workspace)
    return answer(dump_page(Page(results=acts)))


async def report_conversion(call: Call) -> HttpResponse:
    """Record what a message led to."""
    message = await _message(call)
    conversion = load(Conversion, call.request.body)
    act = await call.messenger.report_conversion(message.id, conversion, workspace=call.workspace)
    return answer(dump(act), _CREATED)


async def cancel(call: Call) -> HttpResponse:
    """Withdraw a message that waits; 409 when it is too late."""
    message = await _message(call)
    if not await call.messenger.cancel(message.id, workspace=call.workspace):
        raise StateError("it is too late: the message is being handed over, or is finished")
    return NO_CONTENT


async def reschedule(call: Call) -> HttpResponse:
    """Move a message that waits."""
    message = await _message(call)
    change = load(Reschedule, call.request.body)
    moved = await call.messenger.reschedule(
        message.id, change.scheduled_for, workspace=call.workspace
    )
    return answer(dump_message(moved))


async def _message(call: Call) -> Message:
    """Return the message that the path names, of the channel that it names."""
    message_id = call.id("messageId")
    message = await call.messenger.get(message_id, workspace=call.workspace)
    if message.channel_id != call.channel().id:
        raise UnknownMessageError(message_id)
    return message
