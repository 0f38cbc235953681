"""Users see the same messages after a move, and a worker goes on."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from messaging_adapters.storage.transfer import export_storage, import_storage
from messaging_core import Channel, MessageQuery, Messenger, Worker
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.event import Event
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing import ManualClock, RecordingTransport
from transfer_databases import Make

SMS = Channel(name="orders", platform="sms", sender="Shop")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")


def later(at: datetime) -> dict[str, Any]:
    """Return a request for a text message at a time."""
    return {
        "receiver": {"contacts": [{"identifierValue": "+31612345679"}]},
        "body": {"type": "text", "text": {"text": "later"}},
        "scheduledFor": at.isoformat(),
    }


class Host:
    """A service, with its subscription."""

    def __init__(self, storage: Storage, clock: ManualClock) -> None:
        self.transport = RecordingTransport()
        self.events: list[Event] = []
        self.messenger = Messenger(
            storage=storage, channels={SMS: self.transport, MAIL: self.transport}, clock=clock
        )
        self.messenger.subscribe(self.events.append, name="audit", from_start=True)
        self.worker = Worker(self.messenger)

    def answers(self) -> dict[str, Any]:
        """Return what the host sees of everything."""
        host = self.messenger
        pages = [host.find_json(MessageQuery(limit=2))]
        page = host.find(MessageQuery(limit=2))
        while page.next_page_token:
            pages.append(host.find_json(MessageQuery(limit=2, page_token=page.next_page_token)))
            page = host.find(MessageQuery(limit=2, page_token=page.next_page_token))
        ids = [message.id for message in host.find(MessageQuery(limit=100)).results]
        return {
            "pages": pages,
            "words": host.find_json(MessageQuery(email_subject="winter OFFER")),
            "timelines": [host.timeline(message_id) for message_id in ids],
            "counts": host.counts(by=["status", "channel"]),
            "doubts": host.doubts(),
            "contacts": host.contacts.find(),
            "suppressions": host.suppressions.find(),
            "templates": host.templates.find(),
        }


def test_a_host_sees_the_same_and_goes_on(sqlite: Make, postgres: Make, tmp_path: Path) -> None:
    storage, clock = sqlite(), ManualClock()
    before = Host(storage, clock)
    once = {"to": "+31612345678", "text": "once", "idempotency_key": "k"}
    first = before.messenger.send("orders", **once)
    before.messenger.send("support", to="ada@x.example", subject="The winter offer", text="Hi")
    before.messenger.send("orders", later(clock.now() + timedelta(hours=1)))
    before.messenger.suppressions.suppress(
        Identifier(identifier_key="phonenumber", identifier_value="+31611111111"),
        SuppressionScope.MARKETING,
    )
    before.worker.drain()
    seen = before.answers()

    for number, target in enumerate((postgres(), sqlite())):
        clock.advance(timedelta(minutes=10))
        file = tmp_path / f"{number}.export"
        export_storage(storage, file, now=clock.now())
        import_storage(target, file, now=clock.now())
        after = Host(storage := target, clock)
        assert after.answers() == seen
        assert after.messenger.send("orders", **once).id == first.id
        after.worker.drain()
        assert after.events == []
        assert after.transport.sent == []

    clock.advance(timedelta(hours=1))
    after.worker.drain()
    (envelope,) = after.transport.sent
    assert envelope.to == "+31612345679"
    assert {event.message_id for event in after.events} == {envelope.message_id}
    assert after.events[0].position == before.events[-1].position + 1
