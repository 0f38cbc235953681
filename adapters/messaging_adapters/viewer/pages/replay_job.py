"""Send many dead letters once more: the ids are frozen, a few go at a time, and it can be stopped.

No thread runs behind the pages. Each step is a form that the page of the job sends by itself, or
the visitor without a script, so that a job goes on in any process and ends with its page.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import evolve, field, frozen

from messaging_adapters.viewer.pages.operations_failures import advice_of
from messaging_core.errors import MessagingError, NotFoundError, StorageError
from messaging_core.messenger import Messenger
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.expiring_record import RecordKind
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.status import Status

MOST: Final = 100
A_STEP: Final = 5
PAUSE: Final = timedelta(seconds=1)

_DAY: Final = timedelta(days=1)
_STOP: Final = ".stop"


@frozen(kw_only=True)
class ReplayJob:
    """Messages that are sent once more, and how far that is.

    Attributes:
        key: Of its record and its page.
        ids: The messages, in the order in which they go.
        results: For each that was done: the id of the new message, or why there is none.
        stepped_at: When the last step was.
        is_stopped: Whether a visitor stopped it.
    """

    key: str
    workspace: UUID
    ids: tuple[UUID, ...]
    reason: str = field(repr=False)
    results: tuple[str, ...] = ()
    stepped_at: datetime | None = None
    is_stopped: bool = False

    @property
    def is_done(self) -> bool:
        """Return whether every message had its turn."""
        return len(self.results) >= len(self.ids)


def save(messenger: Messenger, job: ReplayJob) -> None:
    """Store how far a job is."""
    value = {
        "workspace": str(job.workspace),
        "ids": [str(message_id) for message_id in job.ids],
        "reason": job.reason,
        "results": list(job.results),
        "steppedAt": job.stepped_at and job.stepped_at.isoformat(),
    }
    text = orjson.dumps(value).decode()
    messenger.page_records.put(
        RecordKind.REPLAY, job.key, text, lifetime=_DAY, workspace=job.workspace
    )


def stop(messenger: Messenger, job: ReplayJob) -> None:
    """Stop a job; a step that is under way does not undo this."""
    messenger.page_records.put(
        RecordKind.REPLAY, job.key + _STOP, "stopped", lifetime=_DAY, workspace=job.workspace
    )


def load(messenger: Messenger, key: str, workspace: UUID) -> ReplayJob:
    """Return a job of a workspace.

    Raises:
        NotFoundError: There is none, or none any more.
    """
    text = messenger.page_records.get(RecordKind.REPLAY, key, workspace=workspace)
    value: dict[str, Any] = orjson.loads(text) if text and not key.endswith(_STOP) else {}
    if value.get("workspace") != str(workspace):
        raise NotFoundError("this replay does not exist, or is older than a day")
    at = value["steppedAt"]
    return ReplayJob(
        key=key,
        workspace=workspace,
        ids=tuple(map(UUID, value["ids"])),
        reason=value["reason"],
        results=tuple(value["results"]),
        stepped_at=datetime.fromisoformat(at) if at else None,
        is_stopped=_is_stopped(messenger, key, workspace),
    )


def _is_stopped(messenger: Messenger, key: str, workspace: UUID) -> bool:
    get = messenger.page_records.get
    return get(RecordKind.REPLAY, key + _STOP, workspace=workspace) is not None


def step(messenger: Messenger, job: ReplayJob, *, actor: str) -> ReplayJob:
    """Send the next few messages once more, unless the last step was just now.

    A message that was replayed before is not sent again, so that two pages of one job do no harm.
    """
    now = messenger.clock.now()
    if job.is_stopped or job.is_done:
        return job
    if job.stepped_at is not None and timedelta(0) <= now - job.stepped_at < PAUSE:
        return job
    first = len(job.results)
    results = [
        _replayed(messenger, job, message_id, actor)
        for message_id in job.ids[first : first + A_STEP]
    ]
    job = evolve(job, results=(*job.results, *results), stepped_at=now)
    save(messenger, job)
    return job


def _replayed(messenger: Messenger, job: ReplayJob, message_id: UUID, actor: str) -> str:
    """Return the id of the new message, or why there is none."""
    try:
        message = messenger.get(message_id, workspace=job.workspace)
        if refusal := refusal_of(message):
            return refusal
        entry = messenger.audit.entry(
            AuditAction.REPLAYED,
            actor=actor,
            workspace=job.workspace,
            message_id=message_id,
            reason=job.reason,
        )
        return str(messenger.replay(message_id, workspace=job.workspace, audit=entry).id)
    except StorageError:
        raise
    except MessagingError as error:
        return str(error)


def refusal_of(message: Message) -> str | None:
    """Return why a message is not sent once more together with others, or nothing."""
    if message.status is not Status.SENDING_FAILED:
        return f"left out: it is {message.status.replace('_', ' ')} now"
    advice = advice_of(str(message.failure.code)) if message.failure else None
    return f"left out: {advice}" if advice else None


def new_ids(results: Sequence[str]) -> tuple[UUID | None, ...]:
    """Return the id of the new message for each result, or nothing where there is none."""
    return tuple(map(_id, results))


def _id(result: str) -> UUID | None:
    try:
        return UUID(result)
    except ValueError:
        return None
