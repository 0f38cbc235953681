"""What is known of messages beyond what a worker wrote down, and what it makes of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.delivery.settlement import IN_DOUBT, pending_addresses, proved
from messaging_core.decisions.status import events
from messaging_core.decisions.status.redaction import is_redacted
from messaging_core.decisions.status.status import (
    DOUBT,
    NOTHING,
    join,
    platform_of,
    proven_recipients,
    status_of,
)
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Delivery, Resolution, Settlement
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.lifecycle import cause_of_report, transition


class StatusResolver:
    """Keep evidence, and let it decide on statuses, in one transaction."""

    def __init__(self, tx: Transaction, channels: Mapping[UUID, Channel]) -> None:
        self._tx = tx
        self._channels = channels

    def known(self, workspace: UUID, message_id: UUID) -> Evidence:
        """Return what is known of one message."""
        return self._tx.receipts.evidence(workspace, [message_id]).get(message_id, NOTHING)

    def add(self, workspace: UUID, message_id: UUID, new: Evidence) -> Evidence:
        """Add to what is known of one message, and return all of it."""
        known = self.known(workspace, message_id)
        joined = join(known, new)
        if joined != known:
            self._tx.receipts.save_evidence(workspace, message_id, joined)
        return joined

    def prove(  # noqa: PLR0913 - by keyword beyond the fourth
        self,
        workspace: UUID,
        message: Message,
        delivery: Delivery | None,
        new: Evidence,
        *,
        at: datetime,
        how: Resolution,
    ) -> Message:
        """Add evidence to a message, and end its delivery where nothing is left to deliver.

        About a redacted message nothing is learned any more: too much is gone to judge it by.
        """
        if new == NOTHING or is_redacted(message):
            return message
        if message.details == IN_DOUBT:
            new = join(new, DOUBT)
        evidence = self.add(workspace, message.id, new)
        if delivery is None:
            return self._show(workspace, message, evidence, at)
        left = pending_addresses(message, delivery)
        if not left <= proven_recipients(evidence, left):
            return message
        if not self._tx.outbox.finish(workspace, message.id):
            return message  # whoever holds it settles it, and this evidence is joined to that
        if message.details == IN_DOUBT:
            self._tx.timeline.increment(events.resolved(how))
        handed_over = proved(message, delivery, at)
        self._tx.messages.update(workspace, handed_over)
        return self._show(workspace, handed_over, evidence, at)

    def join_to(self, workspace: UUID, settlements: Sequence[Settlement]) -> None:
        """Let what is known already have its say about messages that are settled for good."""
        over = [one.lease.message_id for one in settlements if one.next_due_at is None]
        for message_id, evidence in self._tx.receipts.evidence(workspace, over).items():
            message = self._tx.messages.get(workspace, message_id)
            if message is None:
                continue
            shown = self._show(workspace, message, evidence, message.updated_at)
            if shown.status is not message.status:
                self._tx.timeline.append([events.joined(workspace, shown)])

    def _show(self, workspace: UUID, message: Message, evidence: Evidence, at: datetime) -> Message:
        """Let a message have the status that all evidence gives it."""
        platform = platform_of(message, self._channels.get(message.channel_id))
        status, failure = status_of(message, evidence, platform)
        if (status, failure) == (message.status, message.failure):
            return message
        reason = failure.description or None if failure else None
        if status is message.status:
            shown = evolve(message, failure=failure, reason=reason, updated_at=at)
        else:
            cause = cause_of_report(message.status, status)
            if cause is None:
                # A late answer names more parts than the one that was delivered. A delivery that
                # was reported stands; what is reported of the other parts decides.
                return message
            shown = transition(message, status, at, cause=cause, failure=failure, reason=reason)
        self._tx.messages.update(workspace, shown)
        return shown
