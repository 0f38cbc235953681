"""Parts of long incoming texts become one message, in any order and as often as they come."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Message, Messenger
from messaging_core.models.content.body import TextBody
from messaging_core.models.content.sms import SmsEncoding
from messaging_core.models.delivery.receipt import IncomingMessage, IncomingPart
from messaging_core.rules import is_gsm
from messaging_core.rules.formats.gsm import encode_gsm
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport, a_channel

CHANNEL = a_channel("orders")


def a_messenger(storage: Any = None) -> tuple[Messenger, ManualClock]:
    clock = ManualClock(NOW)
    channels = {CHANNEL: RecordingTransport()}
    return Messenger(storage=storage or MemoryStorage(), channels=channels, clock=clock), clock


def parts_of(octets: bytes, encoding: SmsEncoding, size: int) -> list[IncomingMessage]:
    """Cut octets without looking, as a phone of others may."""
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    return [
        IncomingMessage(
            source="smpp",
            at=NOW,
            channel_id=CHANNEL.id,
            sender="+31612345678",
            body=TextBody(text="?"),
            part=IncomingPart(
                reference="7",
                total=len(pieces),
                number=number,
                octets=piece.hex(),
                encoding=encoding,
            ),
        )
        for number, piece in enumerate(pieces, start=1)
    ]


def text_of(message: Message) -> str:
    assert isinstance(message.body, TextBody)
    return message.body.text


@settings(max_examples=60)
@given(
    text=st.text(st.sampled_from("abc€[é😀\n я"), min_size=3, max_size=60),
    size=st.integers(2, 9),
    random=st.randoms(use_true_random=False),
)
def test_any_order_and_repetition_gives_the_text(text: str, size: int, random: Random) -> None:
    encoding = SmsEncoding.GSM_7 if is_gsm(text) else SmsEncoding.UCS_2
    octets = encode_gsm(text) if is_gsm(text) else text.encode("utf-16-be")
    parts = parts_of(octets, encoding, min(size, len(octets) - 1))
    messenger, clock = a_messenger()
    *others, last = random.sample(parts, len(parts))
    arriving = [*random.sample(others * 2, len(others) * 2), last]

    came_in = []
    for part in arriving:
        clock.advance(timedelta(seconds=1))
        came_in += messenger.receive(evolve(part, at=clock.now())).incoming

    assert [text_of(message) for message in came_in] == [text]
    assert [text_of(message) for message in messenger.find().results] == [text]


def test_parts_wait_on_the_disk(tmp_path: Any) -> None:
    first, second = parts_of(b"Hello ", SmsEncoding.GSM_7, 3)
    path = tmp_path / "messages.db"
    messenger, _ = a_messenger(SqliteStorage(path))
    waiting = messenger.receive(first)

    again, _ = a_messenger(SqliteStorage(path))
    (message,) = again.receive(second).incoming

    assert (waiting.unmatched, waiting.incoming) == (1, ())
    assert text_of(message) == "Hello "


@pytest.mark.parametrize(
    "change",
    [
        {"sender": "+31600000009"},
        {"source": "other"},
        {"reference": "8"},
        {"total": 3},
        {"days": 2},
    ],
    ids=str,
)
def test_parts_of_different_texts_are_not_mixed(change: dict[str, Any]) -> None:
    first, second = parts_of(b"Hello ", SmsEncoding.GSM_7, 3)
    messenger, clock = a_messenger()
    messenger.receive(first)
    of_part = {name: change[name] for name in ("reference", "total") if name in change}
    assert second.part is not None
    second = evolve(second, part=evolve(second.part, **of_part))
    of_message = {name: change[name] for name in ("sender", "source") if name in change}
    clock.advance(timedelta(days=change.get("days", 0)))

    reception = messenger.receive(evolve(second, **of_message))

    assert (reception.unmatched, reception.incoming) == (1, ())


@pytest.mark.parametrize("octets", [None, "no hex"])
def test_parts_without_octets_are_joined_as_texts(octets: str | None) -> None:
    messenger, _ = a_messenger()
    for number, said in enumerate(["Hello ", "world"], start=1):
        part = IncomingPart(reference="x", total=2, number=number, octets=octets)
        whole = messenger.receive(
            IncomingMessage(
                source="sms",
                at=NOW,
                channel_id=CHANNEL.id,
                sender="+31612345678",
                body=TextBody(text=said),
                part=part,
            )
        )

    assert [text_of(message) for message in whole.incoming] == ["Hello world"]
