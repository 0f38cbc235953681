"""Messages of the engine go to a message centre of others, and what it sends comes back."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import pytest

from messaging_adapters.smpp.text import Alphabet, Concatenation, segments_of
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core import Channel, Message, Messenger, SendMessage, Status, Worker, text, to
from messaging_core.errors import StorageBusyError
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.messages.message import Direction
from messaging_core.rules import split_sms

CHANNEL = Channel(name="sms", platform="sms", sender="+31600000001")
RECEIVER = "+31612345678"
LONG = "0123456789" * 40  # three parts


def a_messenger(transport: SmppTransport) -> Messenger:
    messenger = Messenger(storage=MemoryStorage(), channels={CHANNEL: transport})
    transport.start(messenger.receive, channel=CHANNEL)
    return messenger


def send(messenger: Messenger, body: str = "hi") -> Message:
    message = messenger.send("sms", SendMessage(receiver=to(RECEIVER), body=text(body)))
    Worker(messenger).drain()
    return message


def until(is_true: Callable[[], bool], timeout: float = 20) -> None:
    deadline = monotonic() + timeout
    while not is_true():
        assert monotonic() < deadline
        sleep(0.01)


def test_a_message_arrives_and_its_receipt_comes_back(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    messenger = a_messenger(connect(centre))

    message = send(messenger, "Hello €")
    until(lambda: messenger.get(message.id).status is Status.DELIVERED)

    (submitted,) = centre.of("submit_sm")
    assert (submitted["source"], submitted["source_ton"]) == ("31600000001", 1)
    assert (submitted["destination"], submitted["dest_ton"]) == (RECEIVER[1:], 1)
    assert (submitted["text"], submitted["data_coding"]) == ("Hello €", 0)
    assert centre.wait("deliver_sm_resp")[0]["status"] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "early"},
        {"mode": "early", "ids": "padded", "receipt_ids": "hex"},
        {"mode": "early", "ids": "hex", "receipt_ids": "decimal"},
        {"mode": "early", "ids": "decimal", "receipt_ids": "hex", "tlvs": False},
        {"tlvs": False},
        {"ids": "padded", "receipt_ids": "hex"},
        {"ids": "hex", "receipt_ids": "padded", "tlvs": False},
        {"ids": "hex", "receipt_ids": "decimal"},
        {"ids": "decimal", "receipt_ids": "hex", "tlvs": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("body", ["hi", LONG], ids=["one part", "three parts"])
def test_a_receipt_finds_its_message(
    start_centre: Any, connect: Any, settings: dict[str, Any], body: str
) -> None:
    centre = start_centre(first_id=0xABCDE0, **settings)
    messenger = a_messenger(connect(centre))

    message = send(messenger, body)

    until(lambda: messenger.get(message.id).status is Status.DELIVERED)


def test_a_receipt_says_why_a_message_failed(start_centre: Any, connect: Any) -> None:
    centre = start_centre(stat="EXPIRED")
    messenger = a_messenger(connect(centre))

    message = send(messenger)
    until(lambda: messenger.get(message.id).status is Status.DELIVERY_FAILED)

    failure = messenger.get(message.id).failure
    assert failure is not None
    assert failure.code == FailureCode.EXPIRED
    assert failure.source is not None
    assert failure.source.code == "EXPIRED 000"


def test_our_reference_finds_a_message_whose_answer_was_lost(
    start_centre: Any, connect: Any
) -> None:
    centre = start_centre(mode="drop", receipt_before_drop=True, echo=True)
    messenger = a_messenger(connect(centre, longest_wait=0.1))

    message = send(messenger)

    until(lambda: messenger.get(message.id).status is Status.DELIVERED)


def test_an_answer_that_comes_late_ends_the_doubt(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="late", late=3000)
    messenger = a_messenger(connect(centre, response_timeout=0.2))

    message = send(messenger)
    doubtful = messenger.get(message.id)
    until(lambda: messenger.get(message.id).status is Status.SENT)
    centre.command(receipts_now=True)
    until(lambda: messenger.get(message.id).status is Status.DELIVERED)

    assert doubtful.details == "in_doubt"
    assert len(centre.of("submit_sm")) == 1


def test_a_receipt_that_cannot_be_stored_is_sent_again(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    transport = connect(centre)
    messenger = Messenger(storage=MemoryStorage(), channels={CHANNEL: transport})
    tries = iter([True, True])

    def receive(receipts: Any) -> Any:
        if next(tries, False):
            raise StorageBusyError("the disk is away")
        return messenger.receive(receipts)

    transport.start(receive, channel=CHANNEL)
    message = send(messenger)
    until(lambda: messenger.get(message.id).status is Status.DELIVERED)

    statuses = [event["status"] for event in centre.wait("deliver_sm_resp", 3)]
    assert statuses == [0x64, 0x64, 0]


def test_nothing_is_acknowledged_before_something_listens(
    start_centre: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    centre = start_centre()
    transport = connect(centre)
    messenger = Messenger(storage=MemoryStorage(), channels={CHANNEL: transport})
    message = send(messenger)
    centre.wait("deliver_sm_resp", 2)

    transport.start(messenger.receive, channel=CHANNEL)
    until(lambda: messenger.get(message.id).status is Status.DELIVERED)

    statuses = [event["status"] for event in centre.of("deliver_sm_resp")]
    assert statuses[:2] == [0x64, 0x64]
    assert [record.message for record in caplog.records].count(
        "a message from the centre waits there: nothing listens for it: "
        "call SmppTransport.start(messenger.receive)"
    ) == 1


def incoming(messenger: Messenger) -> list[Message]:
    return [
        message for message in messenger.find().results if message.direction is Direction.INCOMING
    ]


def said(message: Message) -> Any:
    return getattr(message.body, "text", None)


@pytest.mark.parametrize(
    ("coding", "octets", "body"),
    [
        (0, "48656c6c6f1b6521", "Hello€!"),
        (1, "48656c6c6f", "Hello"),
        (3, "e9e8", "éè"),
        (8, "04200443d83dde00", "\u0420\u0443😀"),
        (0xF1, "00", "@"),
        (0x18, "0041", "A"),
        (4, "00ff", "\x00ÿ"),
    ],
)
def test_a_message_of_a_person_comes_in(
    start_centre: Any, connect: Any, coding: int, octets: str, body: str
) -> None:
    centre = start_centre()
    messenger = a_messenger(connect(centre))

    centre.deliver(
        source_addr="31699999999",
        source_addr_ton=1,
        destination_addr="31600000001",
        data_coding=coding,
        hex=octets,
    )
    until(lambda: len(incoming(messenger)) == 1)

    (message,) = incoming(messenger)
    assert said(message) == body
    assert centre.wait("deliver_sm_resp")[0]["status"] == 0


def test_equal_texts_of_a_person_all_come_in(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    messenger = a_messenger(connect(centre))

    for _ in range(3):
        centre.deliver(source_addr="316", destination_addr="31600000001", short_message="ok")
    centre.wait("deliver_sm_resp", 3)

    assert [said(message) for message in incoming(messenger)] == ["ok"] * 3


def test_a_message_to_a_number_without_a_channel_waits(
    start_centre: Any, connect: Any, caplog: pytest.LogCaptureFixture
) -> None:
    centre = start_centre()
    transport = connect(centre)
    messenger = Messenger(storage=MemoryStorage(), channels={CHANNEL: transport})
    transport.start(messenger.receive, numbers={"+31600000001": CHANNEL})

    centre.deliver(source_addr="31699999999", destination_addr="1234", short_message="hi")
    (answer,) = centre.wait("deliver_sm_resp")
    centre.deliver(source_addr="31699999999", destination_addr="31600000001", short_message="hi")
    until(lambda: len(incoming(messenger)) == 1)

    assert answer["status"] == 0x64
    assert "no channel is given for the number it was sent to" in caplog.text
    assert "1234" not in caplog.text


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [0, 0, 2, 1]], ids=str)
@pytest.mark.parametrize("concatenation", ["udh-8", "udh-16", "sar"])
def test_the_parts_of_a_text_become_one_message(
    start_centre: Any, connect: Any, order: list[int], concatenation: str
) -> None:
    centre = start_centre()
    messenger = a_messenger(connect(centre))
    body = "\u0440" * 130 + "\U0001f600" + "a" * 60
    segments = segments_of(
        split_sms(body), 0x1234, alphabet=Alphabet.GSM, concatenation=Concatenation(concatenation)
    )

    for number in order:
        segment = segments[number]
        fields: dict[str, Any] = {"hex": (segment.header + segment.octets).hex()}
        if concatenation == "sar":
            fields |= {
                "sar_msg_ref_num": 0x1234,
                "sar_total_segments": 3,
                "sar_segment_seqnum": number + 1,
            }
        centre.deliver(
            source_addr="31699999999",
            destination_addr="31600000001",
            data_coding=8,
            esm_class=0x40 if segment.header else 0,
            **fields,
        )
    until(lambda: len(incoming(messenger)) == 1)

    assert said(incoming(messenger)[0]) == body
    answers = centre.wait("deliver_sm_resp", len(order))
    assert {answer["status"] for answer in answers} == {0}


@pytest.mark.parametrize("settings", [{}, {"esm_class": 0x40}], ids=str)
def test_an_empty_text_comes_in(start_centre: Any, connect: Any, settings: dict[str, int]) -> None:
    centre = start_centre()
    messenger = a_messenger(connect(centre))

    centre.deliver(source_addr="316", destination_addr="31600000001", hex="", **settings)
    until(lambda: len(incoming(messenger)) == 1)

    assert centre.wait("deliver_sm_resp")[0]["status"] == 0
