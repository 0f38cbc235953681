import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from time import sleep
from uuid import UUID

import pytest

from faults.peers import Peer, keyed_server, mail_server, smtp_sink
from faults.processes import child, count_doubts, counted_doubts, look, until
from faults.shop import OFFERS, ORDERS
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Message, Messenger
from messaging_core.testing import RecordingTransport, a_request, a_subject

KILLS = int(os.environ.get("MESSAGING_KILLS", "3"))
BACKLOG = 100
WAITING = "SELECT count(*) FROM messaging_outbox"

PEERS = {"smtp-sink": smtp_sink, "aiosmtpd": mail_server, "keyed": keyed_server}


@pytest.fixture
def messenger(tmp_path: Path) -> Iterator[Messenger]:
    with SqliteStorage(tmp_path / "a.db", busy_timeout=timedelta(seconds=30)) as storage:
        yield Messenger(
            storage=storage, channels=dict.fromkeys([ORDERS, OFFERS], RecordingTransport())
        )


@contextmanager
def accepting(messenger: Messenger, channel: Channel, database: Path) -> Iterator[list[str]]:
    """Accept messages meanwhile, so that there are always some to deliver."""
    ids: list[str] = []
    over = threading.Event()

    def accept() -> None:
        with look(database) as connection:
            while not over.is_set():
                if connection.execute(WAITING).fetchone()[0] > BACKLOG:
                    over.wait(0.005)
                    continue
                requests = [
                    a_request(a_subject(f"no {number}"), to="ada@receiver.example")
                    for number in range(50)
                ]
                answers = messenger.send_many(channel, requests)
                ids.extend(answer.id.hex for answer in answers if isinstance(answer, Message))

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield ids
    finally:
        over.set()
        thread.join()


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    factory: Callable[[], AbstractContextManager[Peer]] = PEERS[request.param]
    with factory() as storage:
        yield storage


def test_killed_workers_lose_nothing_and_repeat_only_what_was_in_doubt(
    messenger: Messenger,
    tmp_path: Path,
    peer: Peer,
    figure: Callable[[str], None],
    request: pytest.FixtureRequest,
) -> None:
    threads = 32 if peer.transport == "keyed" else 1
    database, chance = tmp_path / "a.db", random.Random(1)  # noqa: S311 - picks moments
    settings = {
        "database": str(database),
        "transport": peer.transport,
        "target": peer.target,
        "lease": 1,
        "threads": threads,
        # Workers that live for a fifth of a second die over the same message more than once.
        "max_crashes": KILLS + 1,
    }
    # A provider that recognises messages leaves no doubt, not even where doubt means failure.
    channel = OFFERS if peer.transport == "keyed" else ORDERS
    count_doubts(database)

    with accepting(messenger, channel, database) as ids:
        for _ in range(KILLS):
            with child("delivering", settings) as worker:
                worker.says()
                sleep(0.05 + chance.random() * 0.3)
                worker.kill()
    with child("delivering", settings), look(database) as connection:
        until(lambda: connection.execute(WAITING).fetchone() == (0,), "not everything is delivered")

    received, doubts = peer.received(), counted_doubts(database)
    repeated = received - Counter(set(received))
    figure(
        f"kill -9, {request.node.callspec.id}: {KILLS} kills of {threads} threads,"
        f" {len(ids)} messages,"
        f" {doubts.total() / KILLS:.2f} in doubt per kill,"
        f" {repeated.total()} taken twice, {peer.repeated()} recognised"
    )
    assert len(ids) > 3 * KILLS
    # None lost, none said sent that was not received, and none from nowhere.
    assert {messenger.get(UUID(message_id)).status for message_id in ids} == {"sent"}
    assert received.keys() == set(ids)
    # Each message is taken at most once more than it was in doubt.
    assert repeated <= doubts
    # About half a message for each thread: it was handed over, and its result not written yet.
    assert doubts.total() <= 2 * threads * KILLS
    if peer.transport == "keyed":
        assert not repeated
        assert peer.repeated() <= doubts.total()
