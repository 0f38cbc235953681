"""What the engine promises, each a function of a story that yields what broke it.

A host adds its own beside them: `simulate(7, storage=MemoryStorage, promises=(*PROMISES, mine))`.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging_core.decisions.status.evidence import NO_EVIDENCE, evidence_from_receipt, merge
from messaging_core.decisions.status.resolution import platform_of, resolve_status
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.evidence import Evidence, Reported
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.message import Direction, Message, Status
from messaging_core.rules.policy.lifecycle import TRANSITIONS, is_final, may_begin
from messaging_core.rules.policy.validity import validity_of
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.escalation_promises import ESCALATION_PROMISES
from messaging_core.testing.simulation.pool_promises import POOL_PROMISES
from messaging_core.testing.simulation.rollup_promises import ROLLUP_PROMISES
from messaging_core.testing.simulation.rule_promises import RULE_PROMISES
from messaging_core.testing.simulation.scenario import Line
from messaging_core.testing.simulation.story import Asked, Story, is_doubt
from messaging_core.testing.simulation.webhook_promises import WEBHOOK_PROMISES


def what_was_accepted_is_there(story: Story) -> Iterator[Breach]:
    """Every answer names a message that is kept, and one key belongs to one message."""
    kept = Counter(message.reference for _, message in story.asked_as())
    for asked in story.asked:
        for message_id in asked.answers:
            if message_id not in story.messages:
                yield Breach(what=f"{asked.reference} was accepted, and is gone")
        if len(set(asked.answers)) > 1:
            yield Breach(what=f"{asked.reference}: one key, several messages {asked.answers}")
        if kept[asked.reference] > 1 or (asked.answers and not kept[asked.reference]):
            yield Breach(what=f"{asked.reference} was kept {kept[asked.reference]} times")


def none_is_lost(story: Story) -> Iterator[Breach]:
    """Every message has a next time until it is over, and in the end all are over."""
    for message_id in story.stranded:
        yield Breach(what="it was not over, and had no next time", message_id=message_id)
    for message_id, message in story.messages.items():
        if message_id in story.unfinished:
            yield Breach(what="it is still waiting", message_id=message_id)
        elif not is_final(message.status) and message.status is not Status.SENT:
            yield Breach(what=f"it ended as {message.status}", message_id=message_id)


def what_counts_as_sent_was_taken(story: Story) -> Iterator[Breach]:
    """A message is sent, delivered or undelivered only if a provider took it, as it says."""
    taken: dict[UUID, set[str]] = {}
    for reception in story.receptions:
        taken.setdefault(reception.message_id, set()).update(reception.references)
    for message_id, message in story.messages.items():
        if message.direction is Direction.INCOMING or message_id in story.premature:
            continue
        if message.status in _HANDED_OVER and message_id not in taken:
            yield Breach(what=f"{message.status}, but no provider took it", message_id=message_id)
        named = {part.platform_reference for part in message.parts}
        if not named <= taken.get(message_id, set()):
            yield Breach(what="it has parts that are not its own", message_id=message_id)


_HANDED_OVER: Final = {Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED}


def receipts_wait_for_the_hand_off(story: Story) -> Iterator[Breach]:
    """A receipt about a message that was never handed over changes nothing."""
    for message_id in story.premature:
        kinds = {event.kind for event in story.events_of(message_id)}
        message = story.messages.get(message_id)
        if message is None or kinds & _TRIED:
            continue
        if message.status in _HANDED_OVER:
            yield Breach(what=f"{message.status}, never handed over", message_id=message_id)


_TRIED: Final = {EventKind.ATTEMPTED, EventKind.LAPSED, EventKind.LATE}


def only_doubt_repeats(story: Story) -> Iterator[Breach]:
    """A receiver gets a message once, and once more for each doubt that was counted."""
    times = Counter((one.message_id, one.recipient) for one in story.receptions)
    doubts = Counter(event.message_id for event in story.events if is_doubt(event))
    for (message_id, _), count in times.items():
        if count - 1 > doubts[message_id]:
            what = f"taken {count} times with {doubts[message_id]} doubts"
            yield Breach(what=what, message_id=message_id)


def deduplication_is_used(story: Story) -> Iterator[Breach]:
    """Where a provider deduplicates for longer than messages are valid, nothing comes twice."""
    windows = {line.channel.id: _window(line) for line in story.scenario.lines}
    asked_as = {message.id: asked for asked, message in story.asked_as()}
    times = Counter((one.message_id, one.recipient, one.channel.id) for one in story.receptions)
    for (message_id, _, channel_id), count in times.items():
        window, asked = windows[channel_id], asked_as.get(message_id)
        if not window or not asked or not asked.expires:
            continue
        begins = _earliest(asked) or story.messages[message_id].created_at
        long_enough = max(asked.expires) - begins < window
        if count > 1 and long_enough:
            yield Breach(what=f"taken {count} times", message_id=message_id)


def _window(line: Line) -> timedelta | None:
    """Return for how long every provider of a channel deduplicates, if all of them do."""
    windows = [provider.deduplicates_for for provider in line.providers]
    known = [window for window in windows if window is not None]
    return min(known) if len(known) == len(windows) else None


def nothing_goes_late(story: Story) -> Iterator[Breach]:
    """Leave to hand over is never given after the expiry, by the worker's own clock."""
    for asked, message in story.asked_as():
        for reception in story.receptions_of(message.id):
            if asked.expires and reception.left_at >= max(asked.expires):
                yield Breach(what=f"expired at {max(asked.expires)}", message_id=message.id)


def nothing_goes_early(story: Story) -> Iterator[Breach]:
    """Nothing is handed over before its scheduled time, by the worker's own clock."""
    for asked, message in story.asked_as():
        due = _earliest(asked)
        # A message that was due when it was claimed may go after the clock was set back.
        step = 2 * story.scenario.skew if story.scenario.set_clock else timedelta(0)
        for reception in story.receptions_of(message.id):
            if due and reception.left_at + step < due:
                yield Breach(what=f"it was due at {due}", message_id=message.id)


def _earliest(asked: Asked) -> datetime | None:
    times = [at for at in asked.due if at is not None]
    return min(times) if times and len(times) == len(asked.due) else None


def what_was_cancelled_never_goes(story: Story) -> Iterator[Breach]:
    """No provider took a message that was deleted, or that a cancel returned true for."""
    for asked, message in story.asked_as():
        if asked.cancelled and message.status is not Status.DELETED:
            yield Breach(what=f"cancelled, and now {message.status}", message_id=message.id)
        if message.status is Status.DELETED and story.receptions_of(message.id):
            yield Breach(what="cancelled, and yet taken", message_id=message.id)


def no_receipt_is_lost(story: Story) -> Iterator[Breach]:
    """What is known of a message is what all receipts said, and its status follows from that."""
    expected = _all_evidence(story)
    for message_id, message in story.messages.items():
        if message_id in story.premature:
            continue  # whether a stranger is believed depends on when it was handed over
        known = story.evidence.get(message_id, NO_EVIDENCE)
        reported = expected.get(message_id, NO_EVIDENCE).reported
        if _telling(known) != _telling(Evidence(reported=reported)):
            what = f"known: {known.reported}, reported: {reported}"
            yield Breach(what=what, message_id=message_id)
        platform = _platform_of(message, story)
        evidence = merge(known, expected.get(message_id, NO_EVIDENCE))
        status, _ = resolve_status(message, evidence, platform)
        if status is not message.status:
            what = f"it is {message.status}, and should be {status}"
            yield Breach(what=what, message_id=message_id)


def _telling(evidence: Evidence) -> list[Reported]:
    """Leave out reports that say only that it was handed over: late answers say so, too."""
    return [one for one in evidence.reported if one.reference or one.delivered_at or one.failed_at]


def _all_evidence(story: Story) -> dict[UUID, Evidence]:
    """Join all that was reported, of whatever message it speaks."""
    known: dict[str, UUID] = {}
    for event in story.events:
        if event.kind in {EventKind.ATTEMPTED, EventKind.LATE}:
            known.update(dict.fromkeys(event.references, event.message_id))
    joined: dict[UUID, Evidence] = {}
    for receipt in story.reported:
        message_id = receipt.message_id or known.get(receipt.reference or "")
        message = story.messages.get(message_id) if message_id else None
        if message:
            evidence = evidence_from_receipt(receipt, recipient=_recipient(receipt, message))
            joined[message.id] = merge(joined.get(message.id, NO_EVIDENCE), evidence)
    return joined


def _recipient(receipt: StatusReceipt, message: Message) -> str:
    return receipt.recipient or "" if len(_addresses(message)) > 1 else ""


def _addresses(message: Message) -> list[str]:
    return [contact.identifier_value or "" for contact in message.receiver.contacts]


def _platform_of(message: Message, story: Story) -> str:
    channels = {line.channel.id: line.channel for line in story.scenario.lines}
    return platform_of(message, channels.get(message.channel_id))


def deliveries_are_shown(story: Story) -> Iterator[Breach]:
    """Whatever else a provider says: a text that it reported as delivered is delivered."""
    in_parts = {one.message_id for one in story.receptions if len(one.references) > 1}
    for receipt in story.reported:
        message = story.messages.get(receipt.message_id) if receipt.message_id else None
        is_delivered = receipt.status is ReceiptStatus.DELIVERED
        is_whole = receipt.message_id not in in_parts
        if not message or not is_delivered or not is_whole or _platform_of(message, story) == EMAIL:
            continue
        if message.id in story.premature:
            continue
        if message.status is not Status.DELIVERED:
            yield Breach(what=f"delivered, but {message.status}", message_id=message.id)


def statuses_follow_the_lifecycle(story: Story) -> Iterator[Breach]:
    """The log moves every message along the table of transitions, never back."""
    last: dict[UUID, Status] = {}
    for event in story.events:
        before = last.get(event.message_id)
        if before is None and not may_begin(
            event.status, story.messages[event.message_id].direction
        ):
            yield Breach(what=f"it began as {event.status}", message_id=event.message_id)
        if before is not None and event.status not in _REACHABLE[before]:
            yield Breach(what=f"from {before} to {event.status}", message_id=event.message_id)
        last[event.message_id] = event.status
    for message_id, status in last.items():
        now = story.messages[message_id].status
        if now not in _REACHABLE[status]:
            yield Breach(what=f"the log ends as {status}, it is {now}", message_id=message_id)


def _reachable() -> dict[Status, set[Status]]:
    """Close the table: the log shows committed states, which may be several moves apart."""
    reachable = {status: {status, *moves} for status, moves in TRANSITIONS.items()}
    for _ in Status:
        for following in reachable.values():
            following.update(*(reachable[status] for status in tuple(following)))
    return reachable


_REACHABLE: Final = _reachable()


def everything_is_told_in_order(story: Story) -> Iterator[Breach]:
    """The subscriber hears of every event at least once, and of none before an earlier one."""
    first_heard = list(dict.fromkeys(story.heard))
    positions = [event.position for event in story.events]
    if missing := sorted(set(positions) - set(first_heard)):
        yield Breach(what=f"never told: events {missing}")
    if first_heard != sorted(first_heard):
        yield Breach(what=f"told out of order: {first_heard}")


def no_message_fails_for_another(story: Story) -> Iterator[Breach]:
    """A message fails for a reason of its own: provider, doubt, time, a send rule or itself."""
    for asked, message in story.asked_as():
        if message.status is not Status.SENDING_FAILED or asked.is_poisonous:
            continue
        told = story.events_of(message.id)
        own = [event for event in told if event.kind in _OWN or event.reasons]
        excused = 4 * (story.scenario.stalled + story.scenario.downtime + story.scenario.skew)
        validity = validity_of(asked.validity, asked.channel.message_type)
        if not own and validity > excused:
            yield Breach(what="it failed, and nothing was tried", message_id=message.id)


_OWN: Final = {EventKind.ATTEMPTED, EventKind.LAPSED}

PROMISES: Final[tuple[Promise, ...]] = (
    what_was_accepted_is_there,
    none_is_lost,
    what_counts_as_sent_was_taken,
    receipts_wait_for_the_hand_off,
    only_doubt_repeats,
    deduplication_is_used,
    nothing_goes_late,
    nothing_goes_early,
    what_was_cancelled_never_goes,
    no_receipt_is_lost,
    deliveries_are_shown,
    statuses_follow_the_lifecycle,
    everything_is_told_in_order,
    no_message_fails_for_another,
    *RULE_PROMISES,
    *ESCALATION_PROMISES,
    *POOL_PROMISES,
    *ROLLUP_PROMISES,
    *WEBHOOK_PROMISES,
)
"""All that is checked by default."""
