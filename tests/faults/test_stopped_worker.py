import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import sleep
from uuid import UUID

from attrs import evolve

from faults.processes import child, count_doubts, counted_doubts, look, until
from faults.shop import OFFERS, ORDERS
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, Messenger
from messaging_core.testing import RecordingTransport, a_request

STOPS = int(os.environ.get("MESSAGING_STOPS", "3"))
LEASE = 0.6
IN_DOUBT_TIMEOUT = 1.5
WAITING = "SELECT count(*) FROM messaging_outbox"
MESSAGES = 40
A_REQUEST = a_request(to="ada@receiver.example")


def handed_over_by(pid: int, ledger: Path) -> int:
    """Count what one of the workers has handed over."""
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return sum(line.startswith(f"{pid} ") for line in lines)


def test_a_worker_that_was_stopped_past_its_lease_repeats_nothing_but_doubt(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    database, ledger = tmp_path / "a.db", tmp_path / "ledger"
    chance = random.Random(5)  # noqa: S311 - picks moments
    storage = SqliteStorage(database, busy_timeout=timedelta(seconds=30))
    platform = "pager"  # retries after seconds; after a minute or more on email
    channels = {
        evolve(channel, platform=platform): RecordingTransport() for channel in (ORDERS, OFFERS)
    }
    messenger = Messenger(storage=storage, channels=channels)
    settings = {
        "database": str(database), "transport": "spoken", "target": str(ledger), "lease": LEASE,
        "in_doubt_timeout": IN_DOUBT_TIMEOUT, "platform": platform,
    }  # fmt: skip
    count_doubts(database)
    ids: dict[str, list[str]] = {"orders": [], "offers": []}

    with storage, ExitStack() as stack, look(database) as connection:
        workers = [stack.enter_context(child("delivering", settings)) for _ in range(2)]
        for worker in workers:
            worker.says()
        for number in range(STOPS):
            worker = workers[number % len(workers)]
            total = handed_over_by(worker.pid, ledger) + chance.randint(1, 20)
            while handed_over_by(worker.pid, ledger) < total:
                if connection.execute(WAITING).fetchone()[0] < 2 * MESSAGES:
                    for channel, its in ids.items():
                        answers = messenger.send_many(channel, [A_REQUEST] * MESSAGES)
                        its += [answer.id.hex for answer in answers if isinstance(answer, Message)]
                sleep(chance.random() * 0.005)
            worker.send(signal.SIGSTOP)
            sleep(LEASE * 1.5)
            worker.send(signal.SIGCONT)
        until(lambda: connection.execute(WAITING).fetchone() == (0,), "not all is delivered")
        stale = sum(json.loads(worker.finish()[-1])["stale"] for worker in workers)
        statuses = {
            message_id: messenger.get(UUID(message_id)).status
            for its in ids.values()
            for message_id in its
        }

    handed_over = Counter(line.split()[1] for line in ledger.read_text().splitlines())
    repeated = handed_over - Counter(set(handed_over))
    doubts = counted_doubts(database)
    failed = {message_id for message_id, status in statuses.items() if status == "sending_failed"}
    figure(
        f"SIGSTOP past the lease: {STOPS} stops, {len(statuses)} messages,"
        f" {doubts.total() / STOPS:.2f} in doubt per stop,"
        f" {repeated.total() / STOPS:.2f} sent twice per stop because of it,"
        f" {(repeated - doubts).total() / STOPS:.2f} without,"
        f" {stale / STOPS:.1f} late answers per stop"
    )
    assert handed_over.keys() | failed == statuses.keys()
    assert set(statuses.values()) <= {"sent", "sending_failed"}
    # The answer of a worker that comes back in time ends the doubt. Only doubt is repeated, and
    # where the channel says that doubt is failure nothing at all is.
    assert repeated <= doubts
    assert not repeated.keys() & set(ids["offers"])
    assert failed <= doubts.keys() & set(ids["offers"])
