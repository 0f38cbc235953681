"""What a visitor may do with a message: send it again, withdraw it, move it, show an address."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_receivers import Person
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import Reads
from messaging_adapters.viewer.reasons import is_in_doubt
from messaging_core.decisions.delivery.settlement import may_have_gone
from messaging_core.decisions.status.redaction import is_redacted
from messaging_core.errors import StateError
from messaging_core.messages.inspection import Inspection
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.failure import Retry
from messaging_core.models.messages.message import Direction
from messaging_core.models.messages.status import Status
from messaging_core.rules.policy.lifecycle import can_cancel, can_reschedule

MOST_REASON: Final = 200

T = TypeVar("T")


@frozen(kw_only=True)
class Act:
    """Something that can be done with a message.

    Attributes:
        name: Of its form.
        button: What opens the form.
        title: The question of the form.
        to: To whom it goes, masked.
        what: What happens to this message and to a new one.
        warning: What may go wrong.
        submit: What the button of the form says.
        url: Where the form goes.
        asks_time: Whether the form asks for a time.
    """

    name: str
    button: str
    title: str
    to: str
    what: str
    warning: str | None
    submit: str
    url: str
    asks_time: bool = False


def acts_of(
    inspection: Inspection, people: tuple[Person, ...], request: PageRequest
) -> tuple[Act, ...]:
    """Return what this visitor may do with a message in its state."""
    if not request.may(Right.ACT) or inspection.message.direction is Direction.INCOMING:
        return ()
    acts = (_replay(inspection), _reschedule(inspection), _cancel(inspection))
    return tuple(
        Act(
            name=name,
            button=button,
            title=title,
            to=_receivers(people),
            what=what,
            warning=warning,
            submit=submit,
            url=request.urls.to("messages", str(inspection.message.id), name),
            asks_time=name == "reschedule",
        )
        for name, button, title, what, warning, submit in filter(None, acts)
    )


_Texts = tuple[str, str, str, str, str | None, str] | None


def _replay(inspection: Inspection) -> _Texts:
    message = inspection.message
    if is_in_doubt(message):
        what = "This message itself is sent now to"
        warning = "The provider may have it already: then it arrives twice."
        return "replay", "Send now…", "Send this now?", what, warning, "Send now"
    if message.status is not Status.SENDING_FAILED or is_redacted(message):
        return None
    what = "This one stays as it is. A new message with the same content goes to"
    return (
        "replay",
        "Send once more…",
        "Send this once more?",
        what,
        _warning(inspection),
        ("Send once more"),
    )


def _warning(inspection: Inspection) -> str | None:
    failure = inspection.message.failure
    if may_have_gone(inspection.message, inspection.delivery):
        return "The provider may have the first one: then it arrives twice."
    if failure and failure.retry is Retry.RECIPIENT_GONE:
        return "The address is gone. Unless it came back, the new message fails too."
    if failure and failure.retry is Retry.CONFIGURATION:
        return "It failed because of a setting. Unless that was corrected, the new one fails too."
    return None


def _reschedule(inspection: Inspection) -> _Texts:
    if inspection.delivery is None or not can_reschedule(inspection.message.status):
        return None
    what = "It goes at the new time, and its validity begins again then. It goes to"
    return "reschedule", "Move…", "Move this to another time?", what, None, "Move"


def _cancel(inspection: Inspection) -> _Texts:
    message = inspection.message
    if not can_cancel(message.status) or may_have_gone(message, inspection.delivery):
        return None
    warning = "This cannot be undone."
    return "cancel", "Withdraw…", "Withdraw this?", "It will never be sent to", warning, "Withdraw"


def _receivers(people: tuple[Person, ...]) -> str:
    if len(people) > 1:
        return f"{len(people)} receivers"
    return ", ".join(filter(None, (people[0].name, people[0].address))) if people else ""


def reason_in(request: PageRequest) -> str:
    """Return the reason that a form gives.

    Raises:
        FilterError: There is none, or it is too long.
    """
    reason = (request.form.get("reason") or "").strip()
    if not 1 <= len(reason) <= MOST_REASON:
        raise FilterError("reason", f"1 to {MOST_REASON} characters: why you do this")
    return reason


async def replay(request: PageRequest, message_id: UUID, reads: Reads) -> UUID:
    """Send a message once more, and return the id of what is sent."""
    message = await _act(AuditAction.REPLAYED, reads.messenger.replay, request, message_id, reads)
    return message.id


async def cancel(request: PageRequest, message_id: UUID, reads: Reads) -> None:
    """Withdraw a message.

    Raises:
        StateError: It is too late.
    """
    if not await _act(AuditAction.CANCELLED, reads.messenger.cancel, request, message_id, reads):
        raise StateError("it is too late: the provider may have it, or it is finished")


async def reschedule(request: PageRequest, message_id: UUID, reads: Reads) -> None:
    """Move a message to another time.

    Raises:
        FilterError: The time is none.
    """
    call = partial(reads.messenger.reschedule, at=_time_in(request))
    await _act(AuditAction.RESCHEDULED, call, request, message_id, reads)


async def _act(
    action: AuditAction,
    call: Callable[..., T],
    request: PageRequest,
    message_id: UUID,
    reads: Reads,
) -> T:
    """Change a message, and note who did it in the same transaction."""
    entry = reads.messenger.audit.entry(
        action,
        actor=request.visitor.name,
        workspace=request.workspace,
        message_id=message_id,
        reason=reason_in(request),
    )
    return await reads.act(call, message_id, workspace=request.workspace, audit=entry)


def _time_in(request: PageRequest) -> datetime:
    """Return the time that a form gives, in the zone in which the page shows times."""
    try:
        at = datetime.fromisoformat(request.form.get("at") or "")
    except ValueError:
        raise FilterError("at", "a time such as 2026-11-28T14:30") from None
    return at if at.utcoffset() is not None else at.replace(tzinfo=request.times.zone or UTC)
