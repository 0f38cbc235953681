"""What must be true after a soak test: nothing is lost, everything is counted, nothing is left."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from faults.soak_notes import Notes
from faults.soak_repeats import Faults, disordered_events, repeated_sends, wrong_webhooks
from faults.soak_worker import SUBSCRIBER
from messaging_core import Messenger
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.receipt import KeptReceipt
from messaging_core.models.delivery.rollups import RollupOutcome
from messaging_core.models.messages.status import Status
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.receipts.reminders import is_reminder
from messaging_core.rules.policy.lifecycle import is_final

_AGO = timedelta(days=2)
_AT_ONCE = 25  # messages that a call accepts, and those that it is about to note, at most


def broken_promises(notes: Notes, faults: Faults, storage: Storage) -> list[str]:
    """Return what is not as it must be.

    Args:
        notes: What was noted.
        faults: What may have repeated something.
        storage: After everything was seen through and purged.
    """
    return [
        *_lost(notes, faults),
        *_unfinished(notes),
        *repeated_sends(notes, faults),
        *disordered_events(notes, faults),
        *wrong_webhooks(notes, faults),
        *_numbers(notes, storage),
        *_sums(notes, storage),
        *left(storage),
    ]


def _lost(notes: Notes, faults: Faults) -> Iterator[str]:
    kinds = notes.events.values()
    admitted = {message for kind, message, _ in kinds if kind == EventKind.ADMITTED}
    lost = notes.accepted.keys() - admitted
    if lost:
        yield f"{len(lost)} messages were accepted and are lost, such as {min(lost)}"
    unknown = admitted - notes.accepted.keys()
    if len(unknown) > _AT_ONCE * faults.host_kills:
        yield f"{len(unknown)} messages are there that no call returned, such as {min(unknown)}"


def _unfinished(notes: Notes) -> Iterator[str]:
    over = {message: Status(statuses[-1]) for message, statuses in notes.statuses.items()}
    waiting = [message for message, status in over.items() if not is_final(status)]
    if waiting:
        last = Counter(over[message] for message in waiting)
        yield f"messages did not end, such as {min(waiting)}: {dict(last)}"
    unsettled = [message for message in notes.sent if over.get(message) not in _REPORTED]
    if unsettled:
        yield f"reports of {len(unsettled)} messages changed nothing, such as {min(unsettled)}"


_REPORTED = {Status.DELIVERED, Status.DELIVERY_FAILED}


def _numbers(notes: Notes, storage: Storage) -> Iterator[str]:
    with storage.begin(read_only=True) as tx:
        last = tx.timeline.last_position()
        damaged = tx.timeline.damaged(limit=1)
    missing = set(range(1, last + 1)) ^ notes.events.keys()
    if missing:
        yield f"{len(missing)} of {last} events were not heard, such as {min(missing)}"
    if damaged:
        yield f"event {damaged[0]} is damaged"


def _sums(notes: Notes, storage: Storage) -> Iterator[str]:
    """Compare the roll-ups with what the subscriber heard."""
    messenger = Messenger(storage=storage, channels={})
    rollups = messenger.rollups(since=messenger.clock.now() - _AGO, step=timedelta(days=1)).rollups
    sums = Counter[str]()
    for rollup in rollups:
        sums[rollup.outcome or ""] += rollup.number
    kinds, statuses = (
        _messages_by((event[index], event[1]) for event in notes.events.values())
        for index in (0, 2)
    )
    expected = {
        RollupOutcome.ADMITTED: kinds[EventKind.ADMITTED],
        RollupOutcome.DELIVERED: statuses[Status.DELIVERED],
        RollupOutcome.DELETED: statuses[Status.DELETED],
        RollupOutcome.SENDING_FAILED: statuses[Status.SENDING_FAILED],
    }
    for outcome, number in expected.items():
        if sums[outcome] != number:
            yield f"{sums[outcome]} messages are counted as {outcome}, and not {number}"


def _messages_by(pairs: Iterable[tuple[str, str]]) -> Counter[str]:
    """Count the messages of each word, each once."""
    return Counter(word for word, _ in set(pairs))


def left(storage: Storage) -> Iterator[str]:
    """Yield what a purge of everything has left behind."""
    messenger = Messenger(storage=storage, channels={})
    with storage.begin(read_only=True) as tx:
        if tx.outbox.next_due() is not None:
            yield "a message is still to be delivered"
        if not all(is_reminder(entry) for entry in _pending(tx)):
            yield "a receipt was not applied"
        if tx.timeline.after(0, limit=1):
            yield "an event was not purged"
        cursor = tx.timeline.cursor(SUBSCRIBER)
        if cursor is None or cursor.failures:
            yield "the subscriber is not in order"
    if messenger.find().results:
        yield "a message was not purged"
    if messenger.webhooks.dead():
        yield "a webhook could not be sent"


def _pending(tx: Transaction) -> Iterator[KeptReceipt]:
    """Yield what waits in the inbox; a receipt that came early leaves a reminder for a while."""
    after = 0
    while page := tx.receipts.pending(limit=1000, after=after):
        yield from page
        after = page[-1].position
