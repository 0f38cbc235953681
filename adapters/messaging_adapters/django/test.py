"""What tests of a Django project use: an outbox on Django's test database."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from messaging_adapters.django import conf
from messaging_adapters.django.engine import DjangoMessenger, replaced
from messaging_adapters.django.storage import DjangoStorage
from messaging_adapters.testing.clock import FreezableClock
from messaging_core.delivery.bulkheads import MAX_WAIT, Bulkheads
from messaging_core.models.delivery.delivery import Claim
from messaging_core.testing.outbox import MessageOutbox
from messaging_core.testing.recording import RecordingTransport
from messaging_core.worker import Worker


class CallingThread(Bulkheads):
    """Delivers on the thread that calls the worker: only that sees the transaction of a test."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._claims: deque[Claim] = deque()

    def submit(self, claims: Iterable[Claim]) -> None:
        self._claims.extend(claims)
        self.in_flight = len(self._claims)

    def wait(self, max_count: int, timeout: float = MAX_WAIT) -> None:  # noqa: ARG002 - no thread
        for claim in self.take_unstarted():
            self._work(claim)

    def take_unstarted(self) -> Iterator[Claim]:
        while self._claims:
            claim = self._claims.popleft()
            self.in_flight = len(self._claims)
            yield claim


class MessagingMixin:
    """Gives each test of a `django.test.TestCase` an `outbox`; put it before that class.

    The channels are those of `settings.MESSAGING`, and no provider is called. Messages are part of
    the transaction of the test, so that they are gone after it.

    Attributes:
        outbox: What was sent; `outbox.drain()` delivers.
        clock: Begins now, stands still, and follows freezegun.
    """

    outbox: MessageOutbox
    clock: FreezableClock

    def setUp(self) -> None:
        """Make them; a `setUp` of your own calls `super().setUp()` first."""
        parent: Any = super()
        parent.setUp()
        self.clock = FreezableClock()
        self.outbox = make_outbox(self.clock)
        parent.enterContext(replaced(self.outbox.messenger))


def make_outbox(clock: FreezableClock) -> MessageOutbox:
    """Return an outbox on Django's connection; for a fixture of pytest, use `replaced` around it.

    Raises:
        ConfigurationError: With a line for each fault in the settings.
    """
    transport = RecordingTransport()
    channels = dict.fromkeys(conf.config().channels.values(), transport)
    storage = DjangoStorage(conf.database())
    messenger = DjangoMessenger(storage=storage, channels=channels, clock=clock, **conf.options())
    worker = Worker(messenger, threads=1, random=lambda: 0.5)
    worker.bulkheads = CallingThread
    return MessageOutbox(messenger=messenger, transport=transport, worker=worker)
