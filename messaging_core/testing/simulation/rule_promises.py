"""What send rules promise, judged by what providers took and by what people and host did.

Nothing here asks the engine: the clock on the wall is read as people do, receptions are counted,
and the list of suppressions is computed again from what was done about them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel, MessageType
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Direction, Message, Status
from messaging_core.models.people.suppression import SuppressionCause, SuppressionScope
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.models.policy.send_rules import FrequencyCap, QuietHours, QuietWindow, SendRules
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.scenario import Person
from messaging_core.testing.simulation.story import CAPPED, Asked, Block, Reception, Story

_ANSWER: Final = "keyword"
_NO_RULES: Final = SendRules()


@frozen(kw_only=True)
class _Delivered:
    """One reception that send rules have a say in, and what is known about it."""

    reception: Reception
    asked: Asked
    person: Person

    @property
    def channel(self) -> Channel:
        return self.reception.channel

    @property
    def is_marketing(self) -> bool:
        is_promotional = self.channel.message_type is MessageType.PROMOTIONAL
        return is_promotional or CAPPED in self.asked.wishes

    def breach(self, what: str) -> Breach:
        return Breach(what=what, message_id=self.reception.message_id)


def _delivered(story: Story) -> Iterator[_Delivered]:
    """Yield what the host asked for and people got; answers to keywords are not bound."""
    people = {one: person for person in story.scenario.people for one in person.addresses.values()}
    asked = {message.id: one for one, message in story.asked_as()}
    by_reference = {request.reference: request for request in story.asked}
    for _, fallback in story.fallbacks():
        asked[fallback.id] = by_reference[fallback.reference or ""]  # it holds for both
    for reception in story.receptions:
        if reception.message_id in asked and reception.recipient in people:
            yield _Delivered(
                reception=reception,
                asked=asked[reception.message_id],
                person=people[reception.recipient],
            )


def nothing_comes_by_night(story: Story) -> Iterator[Breach]:
    """Nothing is handed over in quiet hours of its receiver, by the worker's own clock."""
    for one in _delivered(story):
        hours, at = _quiet_hours(story, one.channel), one.reception.left_at
        is_passed_over = "ignore_quiet_hours" in one.asked.wishes
        if hours is None or one.channel.message_type not in hours.message_types or is_passed_over:
            continue
        wall = at.astimezone(ZoneInfo(one.person.zone))
        if any(_is_within(window, wall) for window in hours.windows):
            yield one.breach(f"{wall:%A %H:%M:%S} in {one.person.zone}, for {one.person}")


def _quiet_hours(story: Story, channel: Channel) -> QuietHours | None:
    rules = story.scenario.send_rules
    own = rules.get(channel.id, _NO_RULES).quiet_hours
    return own or rules.get(channel.workspace, _NO_RULES).quiet_hours


def _is_within(window: QuietWindow, wall: datetime) -> bool:
    shown, today = wall.time().replace(tzinfo=None), wall.weekday()
    if window.start < window.end:
        return today in window.days and window.start <= shown < window.end
    begins_today = today in window.days and shown >= window.start
    began_yesterday = (today - 1) % 7 in window.days and shown < window.end
    return begins_today or began_yesterday


def no_person_gets_too_many(story: Story) -> Iterator[Breach]:
    """No person gets more messages on a platform within a window than a cap allows.

    A message that came twice, over a doubt, is one message.
    """
    received: dict[tuple[str, FrequencyCap], list[_Delivered]] = {}
    for one in _delivered(story):
        for cap in _caps(story, one):
            received.setdefault((one.reception.recipient, cap), []).append(one)
    for (_, cap), several in received.items():
        for last in several:
            end = last.reception.left_at
            within = {
                one.reception.message_id
                for one in several
                if end - cap.window < one.reception.left_at <= end
            }
            if len(within) > cap.limit:
                yield last.breach(f"{len(within)} within {cap.window}, limit {cap.limit}: {within}")


def _caps(story: Story, one: _Delivered) -> list[FrequencyCap]:
    rules, channel = story.scenario.send_rules, one.channel
    both = (rules.get(channel.workspace, _NO_RULES), rules.get(channel.id, _NO_RULES))
    return [
        cap
        for each in both
        for cap in each.frequency_caps
        if (not cap.platforms or channel.platform in cap.platforms)
        and (not cap.message_types or channel.message_type in cap.message_types)
        and (not cap.only_if_asked or CAPPED in one.asked.wishes)
    ]


def no_person_gets_what_they_refused(story: Story) -> Iterator[Breach]:
    """No leave to hand over is given once the receiver is suppressed for it, or held out."""
    for one in _delivered(story):
        channel, person, left = one.channel, one.person, one.reception.commit
        scope = SuppressionScope.MARKETING if one.is_marketing else SuppressionScope.TRANSACTIONAL
        before = [block for block in story.blocks if block.commit < left]
        for standing in _standing(before):
            if standing[:3] in {
                (one.reception.recipient, scope, None),
                (one.reception.recipient, SuppressionScope.SENDER, channel.sender),
            }:
                yield one.breach(f"suppressed: {standing}")
        subscriptions, is_held_out = _consent(story, person, one.reception)
        if is_held_out and "ignore_global_holdout" not in one.asked.wishes:
            holdouts = [story.scenario.send_rules.get(channel.workspace, _NO_RULES).holdout]
            if any(holdouts):
                yield one.breach("held out")
        if one.is_marketing and subscriptions.get(channel.platform) is False:
            yield one.breach("not subscribed")


def _consent(story: Story, person: Person, reception: Reception) -> tuple[Mapping[str, bool], bool]:
    """Return subscriptions and holdout as they were when leave was given."""
    changes = [
        consent
        for consent in story.consents
        if reception.recipient in consent.addresses and consent.commit < reception.commit
    ]
    if changes:
        return changes[-1].subscriptions, changes[-1].is_held_out
    return person.subscriptions, person.is_held_out


_Standing = tuple[str, SuppressionScope, str | None, SuppressionCause]


def _standing(blocks: Sequence[Block]) -> set[_Standing]:
    """Return what is blocked after all that was done."""
    standing: set[_Standing] = set()
    for one in blocks:
        standing = _after(standing, one)
    return standing


def _after(standing: set[_Standing], one: Block) -> set[_Standing]:
    about = (one.address, one.scope, one.sender)
    if one.stands:
        return standing | {(*about, cause) for cause in one.causes}
    return {
        each for each in standing if each[:3] != about or (one.causes and each[3] not in one.causes)
    }


def what_was_foreseen_happens(story: Story) -> Iterator[Breach]:
    """A plan tells status, time and every reason of the message that is then accepted."""
    for asked, message in story.asked_as():
        if not asked.plans:
            continue
        plans = [plan for at, plan in asked.plans if at == message.created_at]
        (admitted,) = (one for one in story.events_of(message.id) if one.kind is EventKind.ADMITTED)
        happened = (admitted.status.value, admitted.due_at, _without_ids(admitted.reasons))
        if not plans:
            yield Breach(what="it was never foreseen", message_id=message.id)
        for plan in plans:
            foreseen = (plan.verdict.value, plan.due_at, _without_ids(plan.reasons))
            if foreseen != happened:
                what = f"foreseen: {foreseen}, happened: {happened}"
                yield Breach(what=what, message_id=message.id)


def _without_ids(reasons: Sequence[Reason]) -> list[tuple[str, dict[str, str]]]:
    """Return reasons without the id of the fallback: in a plan it is one that is never used."""
    return [
        (reason.code, {name: fact for name, fact in reason.facts.items() if name != "messageId"})
        for reason in reasons
    ]


def what_is_held_back_has_a_reason(story: Story) -> Iterator[Breach]:
    """A message that was held goes in the end, or ends, like all others, with a reason."""
    for message in story.messages.values():
        is_given_up = message.status in {Status.SKIPPED, Status.REJECTED, Status.SENDING_FAILED}
        if is_given_up and not message.reason:
            yield Breach(what=f"{message.status} without a reason", message_id=message.id)
        held = [one for one in story.events_of(message.id) if _is_held(one.reasons)]
        if held and message.status in {Status.SCHEDULED, Status.ACCEPTED, Status.PROCESSING}:
            yield Breach(what="held, and forgotten", message_id=message.id)


def _is_held(reasons: Sequence[object]) -> bool:
    return any(getattr(one, "code", None) == ReasonCode.QUIET_HOURS_HOLD for one in reasons)


def keywords_are_answered_once(story: Story) -> Iterator[Breach]:
    """HELP is always answered; STOP and START where they change something, and then once."""
    origins = [one.origin for one in story.messages.values() if one.origin]
    answers = Counter(one.id for one in origins if one.type == _ANSWER)
    said: Counter[tuple[str, str, str]] = Counter()
    for message in story.messages.values():
        word = _word(message)
        if word is None:
            continue
        count = answers[str(message.id)]
        if count > 1 or (word == "HELP" and not count):
            yield Breach(what=f"{word} was answered {count} times", message_id=message.id)
        said[word, *_pair(story, message)] += count
    changes = _changes(story)
    for key in ("STOP", "START"):
        for pair in {one[1:] for one in (*said, *changes)}:
            if said[key, *pair] != changes[key, *pair]:
                what = f"{key} of {pair} changed something {changes[key, *pair]} times"
                yield Breach(what=f"{what}, and was answered {said[key, *pair]} times")


def _word(message: Message) -> str | None:
    if message.direction is not Direction.INCOMING or not isinstance(message.body, TextBody):
        return None
    word = message.body.text.strip("!").upper()
    return word if word in {"STOP", "START", "HELP"} else None


def _pair(story: Story, message: Message) -> tuple[str, str]:
    """Return who wrote, and to which number."""
    senders = {line.channel.id: line.channel.sender for line in story.scenario.lines}
    contact = message.sender.contact
    person = contact.identifier_value if contact else None
    return person or "", senders[message.channel_id] or ""


def _changes(story: Story) -> Counter[tuple[str, str, str]]:
    """Count how often people opted out or in, of which number, where they were not already."""
    changes: Counter[tuple[str, str, str]] = Counter()
    standing: set[_Standing] = set()
    for one in story.blocks:
        after = _after(standing, one)
        if one.causes == (SuppressionCause.STOP_WORD,) and after != standing:
            changes["STOP" if one.stands else "START", one.address, one.sender or ""] += 1
        standing = after
    return changes


RULE_PROMISES: Final[tuple[Promise, ...]] = (
    nothing_comes_by_night,
    no_person_gets_too_many,
    no_person_gets_what_they_refused,
    what_was_foreseen_happens,
    what_is_held_back_has_a_reason,
    keywords_are_answered_once,
)
"""Those that are about send rules; each holds where there are none."""
