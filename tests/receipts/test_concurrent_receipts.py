"""Receipts that are applied while others write what they wait for."""

from datetime import timedelta

import pytest

from messaging_adapters.storage.memory import ConcurrentMemoryStorage, MemoryStorage
from messaging_core import Messenger, Status, Worker
from messaging_core.delivery.recorder import DeliveryRecorder
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.receipt import (
    IncomingMessage,
    IncomingPart,
    KeptReceipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.compose import text
from messaging_core.models.messages.message import Part
from messaging_core.receipts.reassembly import reassembled
from messaging_core.receipts.reminders import PAUSES
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import (
    ManualClock,
    RecordingTransport,
    a_channel,
    a_request,
    a_settlement,
)
from messaging_core.testing.contracts.storage.interleaving import Step, interleaved, nothing
from messaging_core.testing.contracts.storage.steps import LEASE

CHANNEL = a_channel("orders")


@pytest.mark.parametrize("looks", range(len(PAUSES)))
def test_a_receipt_that_meets_the_settlement_of_its_message_is_not_lost(looks: int) -> None:
    storage, clock = ConcurrentMemoryStorage(), ManualClock(NOW)
    messenger = Messenger(storage=storage, channels={CHANNEL: RecordingTransport()}, clock=clock)
    worker = Worker(messenger)
    message = messenger.send(CHANNEL, a_request())
    with storage.begin() as tx:
        (claim,) = tx.outbox.claim(now=NOW, lease=LEASE, limit=1)
        tx.outbox.hand_over([claim.lease], now=NOW)
    settlement = a_settlement(claim, Status.SENT, parts=(Part(platform_reference="r-1"),))
    report = StatusReceipt(source="orders", at=NOW, reference="r-1", status=ReceiptStatus.DELIVERED)

    with storage.begin() as tx:
        DeliveryRecorder(tx, messenger.context).settle([settlement])
        reception = messenger.receive([report])
        for pause in PAUSES[:looks]:
            clock.advance(pause)
            worker.run_once()

    assert reception.unmatched == 1
    assert messenger.get(message.id).status is Status.SENT
    clock.advance(PAUSES[looks])
    worker.run_once()
    assert messenger.get(message.id).status is Status.DELIVERED
    with storage.begin(read_only=True) as tx:
        assert tx.receipts.pending(limit=1) == []


def test_a_receipt_without_a_message_is_looked_at_a_few_times_only() -> None:
    storage, clock = ConcurrentMemoryStorage(), ManualClock(NOW)
    messenger = Messenger(storage=storage, channels={CHANNEL: RecordingTransport()}, clock=clock)
    worker = Worker(messenger)
    report = StatusReceipt(source="orders", at=NOW, reference="r-1", status=ReceiptStatus.SENT)

    messenger.receive([report, report])
    for pause in PAUSES:
        clock.advance(pause)
        worker.run_once()

    with storage.begin(read_only=True) as tx:
        assert tx.receipts.pending(limit=1) == []
        (waiting,) = tx.receipts.unmatched(DEFAULT_WORKSPACE, ["r-1"])
    assert waiting.receipt == report


def test_receipts_of_another_system_do_not_look_like_a_worker_that_stands_still() -> None:
    clock = ManualClock(NOW)
    messenger = Messenger(
        storage=MemoryStorage(), channels={CHANNEL: RecordingTransport()}, clock=clock
    )
    worker = Worker(messenger)

    for number in range(20):
        reference = f"foreign-{number}"
        messenger.receive(
            [
                StatusReceipt(
                    source="orders", at=clock.now(), reference=reference, status=ReceiptStatus.SENT
                )
            ]
        )
        clock.advance(timedelta(seconds=10))
        worker.run_once()
        oldest = messenger.health().receipts_since
        assert oldest is None or clock.now() - oldest < timedelta(minutes=1)


def test_two_parts_of_a_text_that_come_at_once_are_joined() -> None:
    storage = ConcurrentMemoryStorage()
    parts = [_part(number) for number in (1, 2)]
    with storage.begin() as tx:
        positions = tx.receipts.keep([_kept(part, 0) for part in parts])

    def join(part: IncomingMessage, position: int | None) -> Step:
        return lambda tx: reassembled(tx, _kept(part, position or 0), part)

    first, second = map(join, parts, positions)
    answers = interleaved(storage, "abab", a=[first, nothing], b=[second, nothing])

    assert answers["a"][0] is None
    assert answers["b"][0].body == text("one two ")


def _part(number: int) -> IncomingMessage:
    return IncomingMessage(
        source="smpp",
        at=NOW,
        channel_id=CHANNEL.id,
        sender="+31612345678",
        body=text(("one ", "two ")[number - 1]),
        part=IncomingPart(reference="7", number=number, total=2),
        key=f"part-{number}",
    )


def _kept(part: IncomingMessage, position: int) -> KeptReceipt:
    return KeptReceipt(
        position=position,
        workspace=DEFAULT_WORKSPACE,
        key=part.key,
        received_at=NOW,
        receipt=part,
    )
