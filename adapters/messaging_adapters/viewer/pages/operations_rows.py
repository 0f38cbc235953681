"""Messages in doubt and workers, as the operations page lists them."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_rows import person_of, receiver_of
from messaging_adapters.viewer.times import Moment, span
from messaging_core.models.common.channel import Channel, WhenInDoubt
from messaging_core.models.delivery.health import Health
from messaging_core.models.messages.message import Message

_MOST_WORKERS: Final = 50
_THEN: Final = {WhenInDoubt.RESEND: "sent again", WhenInDoubt.FAIL: "fails"}


@frozen(kw_only=True)
class Doubt:
    """A message in doubt, and what becomes of it."""

    id: str
    who: str
    url: str
    channel: str
    tried: Moment
    next: str


@frozen(kw_only=True)
class WorkerRow:
    """A worker as the page shows it."""

    name: str
    version: str
    started: Moment
    heard: Moment
    in_flight: int
    is_silent: bool


def doubt_of(request: PageRequest, message: Message) -> Doubt:
    """Return a message in doubt as a row."""
    channel = request.channels.get(message.channel_id)
    return Doubt(
        id=str(message.id),
        who=person_of(message) or receiver_of(message),
        url=request.urls.to("messages", str(message.id)),
        channel=text.line(channel.name, 60) if channel else "A former channel",
        tried=request.times.clock(message.updated_at),
        next=_next(request, message, channel),
    )


def _next(request: PageRequest, message: Message, channel: Channel | None) -> str:
    """Return what becomes of a doubt by itself, and when."""
    if channel is None or channel.when_in_doubt is WhenInDoubt.PARK:
        return "waits for you"
    then = _THEN[channel.when_in_doubt]
    left = message.updated_at + channel.in_doubt_timeout - request.times.now
    return f"{then} in {span(left)}" if left > timedelta(0) else f"{then} any moment"


def worker_rows(request: PageRequest, health: Health) -> tuple[WorkerRow, ...]:
    """Return the workers as rows, the one that was heard last first."""
    silent = {worker.id for worker in health.silent}
    return tuple(
        WorkerRow(
            name=f"{text.line(worker.host, 60)}, {worker.process}",
            version=text.line(worker.version, 20),
            started=request.times.ago(worker.started_at),
            heard=request.times.ago(worker.seen_at),
            in_flight=worker.in_flight,
            is_silent=worker.id in silent,
        )
        for worker in health.workers[:_MOST_WORKERS]
    )
