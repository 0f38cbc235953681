"""What may happen more than once in a soak test, and what must not be missing or out of order."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from attrs import frozen

from faults.soak_notes import Notes
from faults.soak_worker import THREADS
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.status import Status

_STALLS = 10  # leases that may end on a machine that does other work, without any kill


@frozen(kw_only=True)
class Faults:
    """What may have repeated something.

    Attributes:
        host_kills: How many hosts were killed.
        worker_kills: How many workers were killed.
        doubts: How often each message was claimed again after it had been handed over.
    """

    host_kills: int = 0
    worker_kills: int = 0
    doubts: Counter[str]


def repeated_sends(notes: Notes, faults: Faults) -> Iterator[str]:
    """Yield what was sent again although it was not in doubt, and doubts that no kill explains."""
    times = Counter(message for message, _ in notes.sends)
    unexplained = times - Counter(notes.sent.keys()) - faults.doubts
    if unexplained:
        yield f"{len(unexplained)} messages were sent twice for no reason, as {min(unexplained)}"
    doubts, most = faults.doubts.total(), 2 * THREADS * faults.worker_kills + _STALLS
    if doubts > most:
        yield f"{doubts} messages were in doubt, and {faults.worker_kills} workers were killed"


def disordered_events(notes: Notes, faults: Faults) -> Iterator[str]:
    """Yield whether events came out of order, or again although no worker was killed.

    After a kill the next worker begins again where the last page of events began.
    """
    first = list(dict.fromkeys(notes.heard))
    if first != sorted(first):
        wrong = next(later for earlier, later in pairwise(first) if later < earlier)
        yield f"event {wrong} was heard for the first time after a later one"
    returns = sum(later <= earlier for earlier, later in pairwise(notes.heard))
    if returns > faults.worker_kills + _STALLS:
        yield (
            f"the subscriber was taken back {returns} times, and {faults.worker_kills} workers"
            " were killed"
        )


def wrong_webhooks(notes: Notes, faults: Faults) -> Iterator[str]:
    """Yield what webhooks are missing, too many, or came again although no worker was killed."""
    by_id = {webhook: message for webhook, message, _ in notes.webhooks}
    came, expected = Counter(by_id.values()), _delivered(notes)
    if came != expected:
        missing, wrong = expected - came, came - expected
        example = min([*missing, *wrong])
        yield f"{missing.total()} webhooks are missing, {wrong.total()} are wrong, as of {example}"
    others = {status for _, _, status in notes.webhooks} - {Status.DELIVERED}
    if others:
        yield f"webhooks came that no receiver asked for: {sorted(others)}"
    repeats = len(notes.webhooks) - len(by_id)
    if repeats > faults.worker_kills + _STALLS:
        yield f"{repeats} webhooks came again, and {faults.worker_kills} workers were killed"


def _delivered(notes: Notes) -> Counter[str]:
    """Count how often each message became delivered, which is what the receiver asked for."""
    last, times = dict[str, str](), Counter[str]()
    for _, (kind, message, status) in sorted(notes.events.items()):
        is_new = last.get(message) != status and kind != EventKind.INTERACTED
        times[message] += is_new and status == Status.DELIVERED
        last[message] = status
    return +times
