"""The fallback of a message: accepted with it, it waits for what becomes of it."""

from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.acceptance.decision import Decision
from messaging_core.acceptance.submission import PreparedRequest
from messaging_core.decisions.acceptance.fallback import ESCALATION
from messaging_core.decisions.delivery.escalation import waits_until
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Origin
from messaging_core.models.policy.plan import Reason, Verdict
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.policy.escalation import key_of_fallback

_NEVER: Final = Violation(
    "/validity",
    "escalation.outlasts_validity",
    "the validity ends before the other channel takes over: leave the validity out, or lengthen it",
)


def chain(prepared: PreparedRequest) -> list[PreparedRequest]:
    """Return a request, the one that takes over from it, and so on."""
    requests = [prepared]
    while (fallback := requests[-1].fallback) is not None:
        requests.append(fallback)
    return requests


def waiting_fallback(
    prepared: PreparedRequest, first: Decision, first_id: UUID
) -> PreparedRequest | None:
    """Return the fallback of a request as it waits for its message.

    Args:
        prepared: The request.
        first: What became of it.
        first_id: The id of its message.

    Returns:
        A request with violations where there can be no fallback. Nothing where none is wanted: the
        channel has no escalation, or the message is not sent, or answers a keyword.
    """
    fallback, escalation = prepared.fallback, prepared.channel.escalation
    is_own = prepared.origin is None or prepared.origin.type == ESCALATION
    if fallback is None or escalation is None or first.delivery is None or not is_own:
        return None
    request, admission = fallback.request, fallback.admission
    if request is None or admission is None or admission.expires_at is None:
        return fallback
    due_at = first.delivery.due_at + escalation.after
    if due_at >= admission.expires_at:
        return evolve(fallback, admission=None, violations=(_NEVER,))
    waits = waits_until(first_id, due_at)
    return evolve(
        fallback,
        request=evolve(request, scheduled_for=due_at),
        admission=evolve(admission, verdict=Verdict.SCHEDULED, due_at=due_at, reasons=(waits,)),
        origin=Origin(type=ESCALATION, id=str(first_id)),
        idempotency=key_of_fallback(first_id),
    )


def with_fallback(first: Decision, fallback: Decision, channel: str) -> Decision:
    """Return a decision whose message is valid until its fallback takes over, and says so.

    So at no time may both of them be handed over.
    """
    if first.delivery is None or fallback.delivery is None:
        reasons = (*first.reasons, _impossible(channel, fallback.message.details or ""))
        return evolve(first, reasons=reasons)
    due_at = fallback.delivery.due_at
    planned = because(
        ReasonCode.ESCALATION_PLANNED,
        channel=channel,
        messageId=str(fallback.message.id),
        at=due_at.isoformat(),
    )
    expires_at = min(first.delivery.expires_at, due_at)
    return evolve(
        first,
        delivery=evolve(first.delivery, expires_at=expires_at),
        reasons=(*first.reasons, planned),
    )


def without_fallback(first: Decision, fallback: PreparedRequest) -> Decision:
    """Return a decision that says why its message has no fallback."""
    codes = ", ".join(dict.fromkeys(violation.code for violation in fallback.violations))
    return evolve(first, reasons=(*first.reasons, _impossible(fallback.channel.name, codes)))


def _impossible(channel: str, why: str) -> Reason:
    return because(ReasonCode.ESCALATION_IMPOSSIBLE, channel=channel, because=why)
