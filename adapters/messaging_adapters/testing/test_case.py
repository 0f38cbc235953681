"""The fixtures of pytest for users of unittest."""

from collections.abc import Sequence
from typing import Any, ClassVar

from messaging_adapters.testing.clock import FreezableClock
from messaging_adapters.testing.engine import DEFAULT_CHANNELS, make_outbox
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import Channel
from messaging_core.testing.outbox import MessageOutbox


class MessagingMixin:
    """Give each test of a `unittest.TestCase` a messenger, its outbox and its clock.

    ```python
    class TestReminders(MessagingMixin, TestCase):
        messaging_channels = [Channel(name="orders", platform="sms", sender="Shop")]

        def test_a_guest_gets_a_reminder(self):
            remind(self.messenger, "+31612345678")
            self.outbox.drain()
            self.outbox.assert_sent(to="+31612345678")
    ```

    Attributes:
        messaging_channels: The channels; by default `sms`, `email` and `push`.
        messenger: Keeps its messages in memory, and calls no provider.
        outbox: What was sent.
        clock: Begins now, stands still, and follows freezegun.
    """

    messaging_channels: ClassVar[Sequence[Channel]] = DEFAULT_CHANNELS
    messenger: Messenger
    outbox: MessageOutbox
    clock: FreezableClock

    def setUp(self) -> None:
        """Make them; a `setUp` of your own calls `super().setUp()` first."""
        parent: Any = super()
        parent.setUp()
        self.clock = FreezableClock()
        self.outbox = make_outbox(self.messaging_channels, self.clock)
        self.messenger = self.outbox.messenger
        parent.addCleanup(self.messenger.close)
