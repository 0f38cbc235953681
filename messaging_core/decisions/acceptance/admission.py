"""Whether a request is taken in, when it goes, and until when it may."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.policy.plan import Reason, Verdict
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.rules.policy.schedule import due_time, is_later
from messaging_core.rules.policy.validity import expires_at, validity_of
from messaging_core.rules.requests.message import check_message


@frozen(kw_only=True)
class Admission:
    """The decision on one request.

    Attributes:
        due_at: When it goes; absent when it is invalid.
        expires_at: Until when it may go.
    """

    verdict: Verdict
    violations: tuple[Violation, ...] = ()
    reasons: tuple[Reason, ...] = field(default=())
    due_at: datetime | None = None
    expires_at: datetime | None = None


def admit(  # noqa: PLR0913 - a decision, and all it depends on
    request: SendMessage,
    channel: Channel,
    now: datetime,
    *,
    faults: Sequence[Violation] = (),
    is_rendered: bool = False,
    mail_domains: Collection[str] = (),
) -> Admission:
    """Decide on a request: the one function behind both `plan` and `send`.

    Args:
        request: What a caller wants to send.
        channel: The channel it is to go out on.
        now: The present.
        faults: What was found wrong with its content and links before.
        is_rendered: Whether its body is what its template became.
        mail_domains: Of the email channels of the workspace, which a sender may be of.
    """
    wrong = check_message(request, channel, now, is_rendered=is_rendered, mail_domains=mail_domains)
    violations = [*wrong, *faults]
    if not violations and request.body is None:
        message = "the template was not rendered"
        violations.append(Violation("/template", "template.unknown", message))
    if violations:
        return Admission(verdict=Verdict.INVALID, violations=tuple(violations))
    scheduled_for = request.scheduled_for
    later = scheduled_for is not None and is_later(scheduled_for, now)
    return Admission(
        verdict=Verdict.SCHEDULED if later else Verdict.ACCEPTED,
        reasons=_reasons(scheduled_for, now, later=later) if scheduled_for is not None else (),
        due_at=due_time(scheduled_for, now),
        expires_at=expires_at(
            now, scheduled_for, validity_of(request.validity, channel.message_type)
        ),
    )


def _reasons(scheduled_for: datetime, now: datetime, *, later: bool) -> tuple[Reason, ...]:
    facts = {"scheduledFor": _text(scheduled_for), "now": _text(now)}
    return (because(ReasonCode.SCHEDULE_LATER if later else ReasonCode.SCHEDULE_NOW, **facts),)


def _text(instant: datetime) -> str:
    return _utc_text(instant) if instant.tzinfo is UTC else instant.isoformat()


# The present is the same for all that are accepted together. Equal instants of other zones differ
# in their text, so that only those in UTC are remembered.
_utc_text: Final = lru_cache(maxsize=64)(datetime.isoformat)
