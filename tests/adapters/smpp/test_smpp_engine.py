"""Messages of the engine go to a message centre of others, and receipts come back."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core import Channel, Messenger, SendMessage, Status, Worker, text, to

CHANNEL = Channel(name="sms", platform="sms", sender="+31600000001")
RECEIVER = "+31612345678"


def a_messenger(transport: SmppTransport) -> Messenger:
    messenger = Messenger(storage=MemoryStorage(), channels={CHANNEL: transport})
    transport.start(messenger.receive, channel=CHANNEL)
    return messenger


def until(is_true: Callable[[], bool], timeout: float = 20) -> None:
    deadline = monotonic() + timeout
    while not is_true():
        assert monotonic() < deadline
        sleep(0.01)


def test_a_message_arrives_and_its_receipt_comes_back(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    messenger = a_messenger(connect(centre))

    message = messenger.send("sms", SendMessage(receiver=to(RECEIVER), body=text("Hello €")))
    Worker(messenger).drain()
    until(lambda: messenger.get(message.id).status is Status.DELIVERED)

    (submitted,) = centre.of("submit_sm")
    assert (submitted["source"], submitted["source_ton"]) == ("31600000001", 1)
    assert (submitted["destination"], submitted["dest_ton"]) == (RECEIVER[1:], 1)
    assert (submitted["text"], submitted["data_coding"]) == ("Hello €", 0)
    assert centre.wait("deliver_sm_resp")[0]["status"] == 0
