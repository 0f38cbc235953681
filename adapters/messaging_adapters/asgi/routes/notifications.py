"""Notify users as the Mia-Platform Messaging Service does: `/send` and `/saga/send`."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from attrs import frozen

from messaging_adapters.asgi.call import Call, answer
from messaging_adapters.asgi.problems import NOT_FOUND, UNPROCESSABLE, headers_of, problem_of
from messaging_core.models.messages.notification import NotificationReport
from messaging_core.ports.http import HttpResponse
from messaging_core.wire import Json, dump, load

_BAD_REQUEST: Final = 400


@frozen(kw_only=True)
class CommandValue:
    """What a command asks for."""

    message_label: str
    message_payload: Mapping[str, Any]


@frozen(kw_only=True)
class SagaCommand:
    """The body of a request of a Flow Manager."""

    key: str
    value: CommandValue


async def send_notification(call: Call) -> HttpResponse:
    """Send one text or template to many users, and tell whom it certainly does not reach."""
    report = await _notified(call, call.request.body)
    return answer(dump(report))


async def send_by_saga(call: Call) -> HttpResponse:
    """Send the notification that a command of a Flow Manager describes."""
    command = dump(load(SagaCommand, call.request.body))
    saga = call.service.saga
    assert saga is not None  # noqa: S101 - without it there is no such route
    label = None if saga.events is None else saga.events.failure
    try:
        await _notified(call, saga.notification_of(command))
        label = None if saga.events is None else saga.events.success
    finally:
        if saga.events is not None:
            await asyncio.to_thread(saga.events.tell, command["key"], label)
    return HttpResponse(status=200)


def answer_mia_problem(error: Exception) -> HttpResponse:
    """Return the answer for an error in the three fields of that service (rule 58).

    What breaks rules is 400 there, and its message has all of them.
    """
    status, body = problem_of(error)
    status = _BAD_REQUEST if status in {UNPROCESSABLE, NOT_FOUND} else status
    details = body.get("details", {})
    texts = [f"{field}: {text}" for field, texts in details.items() for text in texts]
    document = {
        "statusCode": str(status),
        "error": HTTPStatus(status).phrase,
        "message": "; ".join(texts) or body["message"],
    }
    return HttpResponse(status=status, headers=headers_of(error), body=orjson.dumps(document))


async def _notified(call: Call, notification: Json) -> NotificationReport:
    """Accept a notification; with a worker, wait for the first attempts too."""
    options = {"idempotency_key": call.idempotency_key, "workspace": call.workspace}
    worker, within = call.service.worker, call.service.within
    if worker is None:
        return await call.messenger.notify(notification, **options)  # type: ignore[arg-type]
    return await asyncio.to_thread(worker.notify, notification, within=within, **options)  # type: ignore[arg-type]
