"""What would become of a request, without sending it."""

from messaging_core.acceptance import Acceptance, Request, Submission, draft_of
from messaging_core.decisions.drafting import delivery_of, identifiers_of
from messaging_core.decisions.rendering import envelope_of
from messaging_core.models.channel import Channel
from messaging_core.models.envelope import SmsContent
from messaging_core.models.plan import Plan, Verdict


def planned(acceptance: Acceptance, channel: Channel, request: Request) -> Plan:
    """Return what accepting a request would come to now; nothing is written."""
    now = acceptance.now()
    prepared = acceptance.prepare(Submission(channel=channel, request=request), now)
    admission = prepared.admission
    if prepared.request is None or admission is None:
        return Plan(verdict=Verdict.INVALID, violations=prepared.violations)
    people = [(one, None) for one in identifiers_of(prepared.request, prepared.channel)]
    message = draft_of(prepared, message_id=acceptance.ids.new(now), people=people, now=now)
    delivery = delivery_of(prepared.request, prepared.channel, admission)
    if prepared.has_links and delivery:
        delivery, _ = acceptance.linking.draw(message, delivery, prepared.channel)
    envelope = envelope_of(message, delivery, prepared.channel) if delivery else None
    content = envelope.content if envelope else None
    return Plan(
        verdict=admission.verdict,
        reasons=admission.reasons,
        due_at=admission.due_at,
        expires_at=admission.expires_at,
        sms=content.sms if isinstance(content, SmsContent) else None,
        envelope=envelope,
    )
