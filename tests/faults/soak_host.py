"""A host of a soak test: it accepts at a bounded rate, and changes, reports and purges meanwhile.

Usage: python -m faults.soak_host SETTINGS, where the settings are JSON:

    database or dsn   the storage
    folder            where processes note what they did, a line each
    run, seed         begins every idempotency key; of the choices
    rate              messages a second
    retention         seconds after which messages are purged
    unmatched         the same of receipts without a message, and of idempotency keys
    reports           whether it takes in the receipts of the provider, and purges

It ends when its standard input is closed; if it reports, it sees everything through before.
"""

import os
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any
from uuid import UUID

from attrs import define, field

from faults.processes import when_told_to_end
from faults.shop import open_storage, sqlite_driver
from faults.soak_cleaner import Cleaner
from faults.soak_worker import CHANNEL, Erratic
from messaging_core import Message, Messenger
from messaging_core.errors import (
    StateError,
    StorageBusyError,
    StorageConflictError,
    UnknownMessageError,
)
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.receipt import (
    InteractionReceipt,
    Receipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.directory import ContactChanges
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.testing import a_request, a_subject

PEOPLE = 300
_MOST_REMEMBERED = 200
_AT_ONCE = 10  # messages whose receipts a provider sends together
_LATER = timedelta(minutes=30)
_CHANCE_OF_CHANGE = 0.3


@define
class Host:
    """A host that accepts: its messenger, its own connection, and what it accepted last."""

    messenger: Messenger
    connect: Callable[[], Any]
    chance: random.Random
    run: str
    notes: int
    numbers: Iterator[int] = field(factory=lambda: iter(range(10**9)))
    recent: deque[Message] = field(factory=lambda: deque(maxlen=_MOST_REMEMBERED))

    def one(self) -> int:
        """Send one, and now and then once more under its key."""
        key, request = self._key(), self._request()
        began = monotonic()
        message = self.messenger.send("orders", request, idempotency_key=key)
        self._note([message], seconds=monotonic() - began)
        if self.chance.random() < 0.1:
            again = self.messenger.send("orders", request, idempotency_key=key)
            assert again.id == message.id
        return 1

    def many(self) -> int:
        requests = [self._request() for _ in range(20)]
        answers = self.messenger.send_many("orders", requests)
        return self._note([answer for answer in answers if isinstance(answer, Message)])

    def batch(self) -> int:
        """Send a batch, and withdraw one in ten."""
        requests = [self._request() for _ in range(10)]
        batch = self.messenger.send_batch("orders", requests, idempotency_key=self._key())
        self._note(list(batch.messages))
        if self.chance.random() < 0.1:
            self.messenger.cancel_batch(batch.id)
        return len(requests)

    def in_a_transaction(self) -> int:
        """Send in the host's own transaction, which is now and then rolled back.

        Where it gave way to another, the host has to repeat it.
        """
        connection = self.connect()
        try:
            messages = [
                self.messenger.send("orders", self._request(), connection=connection)
                for _ in range(3)
            ]
            if self.chance.random() < 0.2:
                connection.rollback()
                return 3
            connection.commit()
        except StorageConflictError:
            return 0
        finally:
            connection.close()
        return self._note(messages)

    def later(self) -> int:
        """Schedule one, and move it to the present, withdraw it, or forget about it."""
        now = self.messenger.clock.now()
        request = self._request(scheduled_for=now + _LATER)
        message = self.messenger.send("orders", request)
        self._note([message], kind="later")
        what = self.chance.random()
        if what < 0.6:
            self.messenger.reschedule(message.id, now)
        elif what < 0.9:
            self.messenger.cancel(message.id)
        return 1

    def change(self) -> None:
        """Do something else than sending."""
        self.chance.choice([self._cancel, self._look, self._suppress, self._replay, self._edit])()

    def _cancel(self) -> None:
        if self.recent:
            audit = self.messenger.audit.entry(AuditAction.CANCELLED, actor="soak")
            self.messenger.cancel(self.recent[-1].id, audit=audit)

    def _look(self) -> None:
        if self.recent:
            message = self.chance.choice(self.recent)
            self.messenger.get(message.id)
            self.messenger.timeline(message.id)
            self.messenger.find(MessageQuery(limit=20))
            self.messenger.counts(MessageQuery(status=("delivered",)), most=100)

    def _suppress(self) -> None:
        address = self._address()
        identifier = Identifier(identifier_key="emailaddress", identifier_value=address)
        self.messenger.suppressions.suppress(identifier, SuppressionScope.TRANSACTIONAL)
        self.messenger.suppressions.lift(identifier, SuppressionScope.TRANSACTIONAL)

    def _replay(self) -> None:
        dead = self.messenger.dead_letters(limit=1).results
        if dead:
            self._note([self.messenger.replay(dead[0].id)])

    def _edit(self) -> None:
        changes = ContactChanges(attributes={"visits": self.chance.randrange(1000)})
        self.messenger.contacts.update_or_create("emailaddress", self._address(), changes)

    def _key(self) -> str:
        return f"{self.run}-{next(self.numbers)}"

    def _address(self) -> str:
        return f"person{self.chance.randrange(PEOPLE)}@receiver.example"

    def _request(self, **fields: Any) -> SendMessage:
        text = "It is on its way. " * self.chance.randint(1, 40)
        tags = ("order", f"nr{self.chance.randrange(50)}")
        return a_request(a_subject("Your order", text), to=self._address(), tags=tags, **fields)

    def _note(self, messages: list[Message], kind: str = "now", seconds: float = 0.0) -> int:
        """Note what was accepted: nothing that is noted may be lost."""
        self.recent += messages
        lines = [f"{message.id.hex} {kind} {time():.3f} {seconds:.6f}\n" for message in messages]
        os.write(self.notes, "".join(lines).encode())
        return len(messages)


@define
class Reports:
    """Takes in what the provider reports of each message that it got, a little later."""

    messenger: Messenger
    path: Path
    position: int = 0

    def run(self, is_over: threading.Event) -> None:
        """Report until it is over."""
        while not is_over.is_set():
            numbers = self._new()
            for start in range(0, len(numbers), _AT_ONCE):
                some = numbers[start : start + _AT_ONCE]
                self.messenger.receive(
                    [receipt for number in some for receipt in self._receipts(UUID(number))]
                )
            sleep(0.2)

    def _new(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as lines:
            lines.seek(self.position)
            text = lines.read()
        text = text[: text.rfind(b"\n") + 1]
        self.position += len(text)
        return [line.split()[0] for line in text.decode().splitlines()]

    def _receipts(self, message_id: UUID) -> Iterator[Receipt]:
        """Yield the report of one message, sometimes twice, and what its reader did."""
        has_failed = message_id.int % 11 == 0
        status = ReceiptStatus.FAILED if has_failed else ReceiptStatus.DELIVERED
        now = self.messenger.clock.now()
        report = StatusReceipt(
            source=Erratic.name, at=now, status=status, reference=str(message_id)
        )
        yield report
        if message_id.int % 7 == 0:
            yield report
        if message_id.int % 5 == 0 and not has_failed:
            yield InteractionReceipt(
                source=Erratic.name, at=now, type=InteractionType.OPENED, reference=str(message_id)
            )


def main(settings: dict[str, Any]) -> None:
    """Accept until told to end; then see everything through, if this process reports."""
    folder = Path(settings["folder"])
    notes = os.open(folder / "accepted", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    chance = random.Random(settings["seed"])  # noqa: S311 - picks ways and sizes
    stop, quiet = threading.Event(), threading.Event()
    when_told_to_end(stop.set)
    with Messenger(
        storage=open_storage(settings),
        channels={CHANNEL: Erratic(str(folder / "sent"))},
        idempotency_window=timedelta(seconds=settings["unmatched"]),
    ) as messenger:
        host = Host(messenger, _connecting(settings), chance, settings["run"], notes)
        retention, unmatched = (
            timedelta(seconds=settings[name]) for name in ("retention", "unmatched")
        )
        cleaner = Cleaner(messenger, host.connect, retention, unmatched)
        if settings["reports"]:
            reports = Reports(messenger, folder / "sent")
            with _beside(reports.run, quiet):
                with _beside(cleaner.run, stop):
                    _accept(host, settings["rate"], stop)
                cleaner.end()
        else:
            _accept(host, settings["rate"], stop)


def _connecting(settings: dict[str, Any]) -> Callable[[], Any]:
    if "dsn" not in settings:
        return lambda: sqlite_driver(settings).connect(settings["database"], timeout=30)
    import psycopg  # noqa: PLC0415 - on PostgreSQL only

    return lambda: psycopg.connect(settings["dsn"])


@contextmanager
def _beside(run: Callable[[threading.Event], None], is_over: threading.Event) -> Iterator[None]:
    """Let something run on a thread of its own during a block, until it is over.

    What it raises is raised at the end of the block, so that it fails the process.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(run, is_over)
        try:
            yield
        finally:
            is_over.set()
        running.result()


def _accept(host: Host, rate: float, stop: threading.Event) -> None:
    """Accept so many messages a second, and do something else now and then."""
    ways = [host.one] * 20 + [host.many, host.batch, host.in_a_transaction, host.later]
    due_at = monotonic()
    while not stop.is_set():
        due_at = max(due_at, monotonic() - 1) + host.chance.choice(ways)() / rate
        if host.chance.random() < _CHANCE_OF_CHANGE:
            _change(host)
        stop.wait(max(0.0, due_at - monotonic()))


def _change(host: Host) -> None:
    """Change something; others may have changed or purged it before."""
    try:
        host.change()
    except (StateError, UnknownMessageError, StorageBusyError):
        return
