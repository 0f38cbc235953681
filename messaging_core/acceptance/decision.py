"""What a request becomes: one decision, for `plan` and `send` alike."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from messaging_core.acceptance.submission import PreparedRequest
from messaging_core.contacts.receivers import Person
from messaging_core.decisions.acceptance.admission import Admission
from messaging_core.decisions.acceptance.drafting import delivery_of, draft
from messaging_core.decisions.acceptance.rejection import rejected
from messaging_core.decisions.content.link_planning import Linking
from messaging_core.decisions.content.mail_tracking import tracking_reasons
from messaging_core.decisions.delivery.policy_outcomes import withheld
from messaging_core.errors import InvalidMessageError
from messaging_core.lazy import frozen
from messaging_core.models.content.short_link import ShortLink
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.policy.plan import Reason, Verdict
from messaging_core.models.policy.send_rules import Ruling
from messaging_core.policy.evaluator import PolicyEvaluator

_NOT_ADMITTED = Admission(verdict=Verdict.REJECTED)


@frozen(kw_only=True)
class Decision:
    """What a request becomes.

    Attributes:
        delivery: Absent where the message is never sent.
        links: The short links of the message, to be stored with it.
    """

    message: Message
    delivery: Delivery | None
    reasons: tuple[Reason, ...] = ()
    links: tuple[ShortLink, ...] = ()


def decided(  # noqa: PLR0913 - a decision, and all it depends on
    prepared: PreparedRequest,
    *,
    message_id: UUID,
    people: Sequence[Person],
    evaluator: PolicyEvaluator,
    linking: Linking,
    now: datetime,
    origin: Origin | None = None,
) -> Decision:
    """Return what a request becomes by the facts that the storage holds now.

    Raises:
        InvalidMessageError: The request cannot be read.
    """
    message, delivery = drafted(
        prepared, message_id=message_id, people=people, now=now, origin=origin
    )
    channel = prepared.channel
    ruling = evaluator.at_acceptance(message, delivery, channel, now) if delivery else None
    return decide(prepared, message, delivery, ruling, linking)


def drafted(
    prepared: PreparedRequest,
    *,
    message_id: UUID,
    people: Sequence[Person],
    now: datetime,
    origin: Origin | None = None,
) -> tuple[Message, Delivery | None]:
    """Return the message and the delivery of a request; a request that breaks rules has none."""
    if prepared.request is None:
        raise InvalidMessageError(prepared.violations)
    message = draft(
        prepared.request,
        prepared.channel,
        prepared.admission or _NOT_ADMITTED,
        message_id=message_id,
        people=people,
        now=now,
        origin=origin,
    )
    if prepared.admission is None:
        return rejected(message, prepared.violations), None
    return message, delivery_of(prepared.request, prepared.channel, prepared.admission)


def decide(
    prepared: PreparedRequest,
    message: Message,
    delivery: Delivery | None,
    ruling: Ruling | None,
    linking: Linking,
) -> Decision:
    """Decide what a drafted request becomes; only the codes of its links are random.

    Args:
        prepared: The request, with what its admission decided.
        message: As it was drafted.
        delivery: As it was drafted, for all receivers.
        ruling: What the send rules say, or nothing where no rule binds the message.
        linking: Draws the short links.
    """
    reasons = prepared.admission.reasons if prepared.admission else ()
    links: tuple[ShortLink, ...] = ()
    if delivery and ruling:
        message, delivery = withheld(message, delivery, ruling)
        reasons = (*reasons, *ruling.reasons)
    if delivery and prepared.has_links:
        delivery, links = linking.draw(message, delivery, prepared.channel)
        reasons = (*reasons, *tracking_reasons(delivery.controls.links))
    return Decision(message=message, delivery=delivery, reasons=reasons, links=links)
