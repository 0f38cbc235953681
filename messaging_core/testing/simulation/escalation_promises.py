"""What escalation promises: one fallback, one at a time, and none without need.

Leave to hand over is compared by commits: no clock of a worker has a say in it.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from typing import Final
from uuid import UUID

from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.rules.policy.lifecycle import has_failed, is_delivered, never_went
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.story import Logged, Story, is_fallback

_SETTLED: Final = {EventKind.ATTEMPTED, EventKind.LAPSED, EventKind.ENDED}


def one_fallback_at_most(story: Story) -> Iterator[Breach]:
    """A message has one fallback if its acceptance says so, and else none."""
    counts = Counter(first.id for first, _ in story.fallbacks())
    channels = {line.channel.id: line.channel for line in story.scenario.lines}
    for message_id, message in story.messages.items():
        reasons = [reason for event in story.events_of(message_id) for reason in event.reasons]
        planned = [
            reason.facts["messageId"]
            for reason in reasons
            if reason.code == ReasonCode.ESCALATION_PLANNED
        ]
        is_told = any(reason.code == ReasonCode.ESCALATION_IMPOSSIBLE for reason in reasons)
        if counts[message_id] > 1 or (planned and counts[message_id] != 1):
            yield Breach(what=f"{counts[message_id]} fallbacks", message_id=message_id)
        escalates = channels[message.channel_id].escalation is not None
        is_open = message.status is not Status.REJECTED and message.status is not Status.SKIPPED
        is_own = message.origin is None or is_fallback(message) or message.origin.type == "batch"
        if escalates and is_own and is_open and not planned and not is_told:
            yield Breach(what="no fallback, and no reason why", message_id=message_id)


def never_both_at_once(story: Story) -> Iterator[Breach]:
    """A message gets no leave after its fallback, and its fallback none while it is unsettled."""
    for first, fallback in story.fallbacks():
        leaves = [reception.commit for reception in story.receptions_of(fallback.id)]
        for reception in story.receptions_of(first.id) if leaves else ():
            left = reception.commit
            if left > min(leaves):
                yield Breach(what="handed over after its fallback", message_id=first.id)
            settled = [
                logged.commit
                for logged in _logged(story, first.id)
                if logged.event.kind in _SETTLED and logged.commit > left
            ]
            until = min(settled, default=0)
            if any(left < leave < until for leave in leaves):
                yield Breach(what="its fallback did not wait for it", message_id=first.id)


def what_is_delivered_has_no_fallback(story: Story) -> Iterator[Breach]:
    """From the commit on that shows a message as delivered, no fallback of it gets leave."""
    for _, fallback in story.fallbacks():
        delivered = [
            logged.commit
            for first in _befores(story, fallback)
            for logged in _logged(story, first.id)
            if is_delivered(logged.event.status)
        ]
        for reception in story.receptions_of(fallback.id) if delivered else ():
            if reception.commit > min(delivered):
                yield Breach(what="sent, though delivered before", message_id=fallback.id)


def what_is_withdrawn_has_no_fallback(story: Story) -> Iterator[Breach]:
    """No fallback goes of a message that was withdrawn or forbidden before."""
    for first, fallback in story.fallbacks():
        if never_went(first.status) and story.receptions_of(fallback.id):
            yield Breach(what=f"sent, and the first is {first.status}", message_id=fallback.id)


def a_fallback_goes_in_its_time(story: Story) -> Iterator[Breach]:
    """A fallback goes no earlier than its channel says, unless its message failed before."""
    escalations = {line.channel.id: line.channel.escalation for line in story.scenario.lines}
    asked_as = {message.id: asked for asked, message in story.asked_as()}
    for first, fallback in story.fallbacks():
        escalation, asked = escalations[first.channel_id], asked_as.get(first.id)
        if escalation is None or asked is None or _failed_before(story, first):
            continue
        # In UTC: a span is added to the time that really passes, not to the clock on a wall.
        times = [(at or first.created_at).astimezone(UTC) for at in asked.due]
        times = times or [first.created_at]
        earliest = min(times) + escalation.after - 2 * story.scenario.skew
        for reception in story.receptions_of(fallback.id):
            if reception.left_at < earliest:
                yield Breach(what=f"it was due at {earliest}", message_id=fallback.id)


def no_fallback_is_forgotten(story: Story) -> Iterator[Breach]:
    """A fallback that did not go was stopped for a reason, or failed by itself."""
    for first, fallback in story.fallbacks():
        if fallback.details == ReasonCode.ESCALATION_DELIVERED:
            befores = _befores(story, fallback)
            statuses = {event.status for own in befores for event in story.events_of(own.id)}
            if not any(map(is_delivered, statuses)):
                yield Breach(what="stopped, and not delivered", message_id=fallback.id)
        if fallback.details == ReasonCode.ESCALATION_STOPPED and not _is_stopped(story, first):
            yield Breach(what=f"stopped, and the first is {first.status}", message_id=fallback.id)


def _befores(story: Story, fallback: Message) -> Iterator[Message]:
    """Yield the message before a fallback, and those before that one."""
    current = fallback
    while is_fallback(current) and current.origin is not None:
        current = story.messages[UUID(current.origin.id)]
        yield current


def _is_stopped(story: Story, first: Message) -> bool:
    """Return whether a message was withdrawn, forbidden, or should have been withdrawn."""
    cancelled = {message.id for asked, message in story.asked_as() if asked.cancel_tried}
    if never_went(first.status) or first.id in cancelled:
        return True
    if is_fallback(first) and first.origin is not None:
        return _is_stopped(story, story.messages[UUID(first.origin.id)])
    return first.failure is not None and first.failure.source is not None


def _failed_before(story: Story, first: Message) -> bool:
    """Return whether a message failed before its fallback took over, which may end it too."""
    told = _logged(story, first.id)
    escalated = [logged.commit for logged in told if logged.event.kind is EventKind.ESCALATED]
    until = min(escalated, default=0)
    return any(_is_failure(logged.event) and logged.commit < until for logged in told)


def _is_failure(event: Event) -> bool:
    return has_failed(event.status)


def _logged(story: Story, message_id: UUID) -> list[Logged]:
    return [logged for logged in story.logged if logged.event.message_id == message_id]


ESCALATION_PROMISES: Final[tuple[Promise, ...]] = (
    one_fallback_at_most,
    never_both_at_once,
    what_is_delivered_has_no_fallback,
    what_is_withdrawn_has_no_fallback,
    a_fallback_goes_in_its_time,
    no_fallback_is_forgotten,
)
"""Those that are about fallbacks; each holds where there are none."""
