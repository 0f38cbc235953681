"""What if a contact got a text on a channel: the plan of a message that is not sent."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import without
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.contact_outlook import sentence
from messaging_adapters.viewer.pages.message_sms import summary_of
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.statuses import MARKS, Mark
from messaging_adapters.viewer.times import Times
from messaging_core.models.common.channel import EMAIL, Channel
from messaging_core.models.messages.status import Status
from messaging_core.models.policy.plan import Plan, Verdict

MOST_TEXT: Final = 10_000
_SUBJECT: Final = "What if"
_INVALID: Final = Mark("rejected", "Refused")
_MARKS: Final = {
    Verdict.ACCEPTED: Mark("accepted", "It would go now"),
    Verdict.SCHEDULED: Mark("scheduled", "It would go later"),
    Verdict.SKIPPED: Mark("skipped", "It would be left out"),
    Verdict.REJECTED: MARKS[Status.REJECTED],
    Verdict.INVALID: _INVALID,
}


@frozen(kw_only=True)
class Question:
    """What a visitor asked: a channel and a text."""

    channel: Channel
    words: str


@frozen(kw_only=True)
class PlanView:
    """What would become of the message.

    Attributes:
        reasons: Of the verdict and of the time; or what is wrong with the message.
        times: When it would go, and until when it could.
        parts: How many parts it would have as SMS.
    """

    mark: Mark
    reasons: tuple[str, ...]
    times: str | None
    parts: str | None


@frozen(kw_only=True)
class WhatIf:
    """The form, and its answer if it was sent.

    Attributes:
        channels: The names of the channels to choose from.
        chosen: The channel that was asked about.
        words: The text that was typed.
    """

    channels: tuple[tuple[str, str], ...]
    chosen: str
    words: str
    answer: PlanView | None = None
    took_too_long: bool = False


def question_in(request: PageRequest) -> Question:
    """Return what a form asks.

    Raises:
        FilterError: There is no such channel, or the text is too long.
    """
    channels = {str(channel_id): channel for channel_id, channel in request.channels.items()}
    channel = channels.get(request.form.get("channel") or "")
    words = (request.form.get("text") or "").replace("\r\n", "\n")
    if channel is None:
        raise FilterError("channel", "a channel of this workspace")
    if len(words) > MOST_TEXT:
        raise FilterError("text", f"at most {MOST_TEXT:,} characters")
    return Question(channel=channel, words=words)


async def plan_of(question: Question, contact_id: str, reads: Reads) -> Plan | TooLong:
    """Return the plan of the message; nothing is sent."""
    request: dict[str, Any] = {
        "receiver": {"contacts": [{"id": contact_id}]},
        "body": {"type": "text", "text": {"text": question.words}},
    }
    if question.channel.platform == EMAIL:
        request["body"]["text"]["metadata"] = {"subject": _SUBJECT}
    return await reads(reads.messenger.plan, question.channel.id, request)


def what_if(
    request: PageRequest,
    question: Question | None,
    plan: Plan | TooLong | None,
    known: Sequence[str],
    reached: Collection[UUID],
) -> WhatIf:
    """Return the form, with the answer to a question; by default about a channel that reaches."""
    ordered = sorted(request.channels.values(), key=lambda channel: channel.name)
    usual = next((str(channel.id) for channel in ordered if channel.id in reached), "")
    return WhatIf(
        channels=tuple((str(channel.id), text.line(channel.name, 60)) for channel in ordered),
        chosen=str(question.channel.id) if question else usual,
        words=text.lines(question.words) if question else "",
        answer=None if plan is None or plan is TOO_LONG else _view(plan, request.times, known),
        took_too_long=plan is TOO_LONG,
    )


def _view(plan: Plan, times: Times, known: Sequence[str]) -> PlanView:
    reasons = [sentence(reason, times) for reason in plan.reasons]
    reasons += [f"{violation.path}: {violation.message}" for violation in plan.violations]
    return PlanView(
        mark=_MARKS[plan.verdict],
        reasons=tuple(text.line(without(reason, known)) for reason in reasons),
        times=_times(plan, times),
        parts=f"{summary_of(plan.sms)}." if plan.sms else None,
    )


def _times(plan: Plan, times: Times) -> str | None:
    if plan.due_at is None:
        return None
    until = f", and at the latest {times.written(plan.expires_at)}" if plan.expires_at else ""
    return f"It would go at {times.written(plan.due_at)}{until}."
