"""What a run keeps about roll-ups: they say what the events say, whatever crashed meanwhile."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.rollups import RollupOutcome
from messaging_core.models.messages.message import Status
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.story import Story

_SENT: Final = frozenset({Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED})


def roll_ups_are_what_happened(story: Story) -> Iterator[Breach]:
    """Each message counts once for each outcome that its events show."""
    if story.rolled_up is None:
        return
    expected = Counter[RollupOutcome]()
    statuses: dict[object, set[Status]] = {}
    incoming = {event.message_id for event in story.events if event.kind is EventKind.RECEIVED}
    for event in story.events:
        expected[RollupOutcome.ADMITTED] += event.kind is EventKind.ADMITTED
        if event.message_id not in incoming and event.kind is not EventKind.INTERACTED:
            statuses.setdefault(event.message_id, set()).add(event.status)
    expected[RollupOutcome.SENT] = sum(bool(its & _SENT) for its in statuses.values())
    expected[RollupOutcome.DELIVERED] = sum(Status.DELIVERED in its for its in statuses.values())
    for outcome, number in expected.items():
        counted = story.rolled_up.get(outcome, 0)
        if counted != number:
            yield Breach(what=f"{number} messages were {outcome}, and {counted} counted")


ROLLUP_PROMISES: Final[tuple[Promise, ...]] = (roll_ups_are_what_happened,)
"""Those about roll-ups."""
