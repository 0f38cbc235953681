"""Which webhooks an event makes, while other transactions write events of the same message."""

from messaging_adapters.storage.memory import ConcurrentMemoryStorage
from messaging_core import Messenger
from messaging_core.messages.webhook_finder import WebhookFinder
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.messages.message import Status
from messaging_core.testing import RecordingTransport, a_channel, a_new_message
from messaging_core.testing.builders import a_message, an_event
from messaging_core.testing.contracts.storage.webhooks import a_webhook_subscription


def test_an_event_that_has_no_position_yet_is_none_of_the_earlier_ones() -> None:
    channel, storage = a_channel(), ConcurrentMemoryStorage()
    messenger = Messenger(storage=storage, channels={channel: RecordingTransport()})
    new = a_new_message(a_message(status=Status.SENT, channel_id=channel.id), delivery=None)
    sent = an_event(EventKind.ATTEMPTED, message_id=new.message.id, status=Status.SENT)
    with storage.begin() as tx:
        tx.messages.add([new])
        tx.webhooks.add(a_webhook_subscription(1), signing_key=None)
        tx.timeline.append([sent])

    with storage.begin() as tx:
        (event,) = tx.timeline.after(0, limit=9)
        with storage.begin() as other:
            other.timeline.append([sent])
        events = tx.timeline.of_message(DEFAULT_WORKSPACE, new.message.id)
        webhooks = WebhookFinder(tx, messenger.context).find(event)

    assert [earlier.position for earlier in events] == [1, 0]
    assert [webhook.position for webhook in webhooks] == [1]
