"""Texts of every kind reach a message centre of others in parts, and come out whole."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.smpp.text import Alphabet, Concatenation, decode_text, segments_of
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, MessageQuery, Messenger
from messaging_core.models.common.channel import SMS
from messaging_core.models.content.sms import SmsEncoding
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.messages.envelope import Envelope, Recipient, SmsContent
from messaging_core.rules import is_gsm, split_sms
from messaging_core.rules.formats.gsm import decode_gsm, encode_gsm
from messaging_core.rules.formats.sms import GSM_ALPHABET, GSM_EXTENSION
from messaging_core.testing.contracts.transport import Leave, an_envelope

smsutil = pytest.importorskip("smsutil")

GSM: Final = GSM_ALPHABET + GSM_EXTENSION
KINDS: Final = (
    GSM,
    "ab\u20ac[]" + GSM_EXTENSION,
    GSM_ALPHABET + "\u00e7\u044f\u4e2d",
    "a\U0001f600\U0001f468\u200d\U0001f469\u0301\U0001f1f3\U0001f1f1\r\n",
)
CHANNEL: Final = Channel(name="sms", platform="sms", sender="+31600000001")
TEXTS: Final = 500
INCOMING: Final = 100

texts = st.sampled_from(KINDS).flatmap(
    lambda alphabet: st.text(st.sampled_from(alphabet), min_size=1, max_size=500)
)


def random_texts(seed: int) -> list[str]:
    random = Random(seed)  # noqa: S311 - the same texts in each run
    return [
        "".join(random.choices(random.choice(KINDS), k=random.randint(1, 500)))
        for _ in range(TEXTS)
    ]


def an_sms(text: str, number: int) -> Envelope:
    envelope = an_envelope(SMS, SmsContent(sms=split_sms(text)))
    return evolve(envelope, receivers=(Recipient(value=f"+31600{number:06}"),))


def whole(parts: list[dict[str, Any]]) -> str:
    """Put a text together as a phone does, from what the npm package read."""

    def place(part: dict[str, Any]) -> int:
        if part["sar"]:
            return int(part["sar"][2])
        return int(part["udh"][0][-2:], 16) if part["udh"] else 0

    assert sorted(map(place, parts)) in ([0], list(range(1, len(parts) + 1)))
    return "".join(part["payload"] or part["text"] for part in sorted(parts, key=place))


@pytest.mark.parametrize("concatenation", Concatenation)
def test_random_texts_arrive_as_they_were(
    start_centre: Any, connect: Any, concatenation: Concatenation
) -> None:
    centre = start_centre(receipts=False)
    transport = connect(centre, concatenation=concatenation)
    said = random_texts(seed=list(Concatenation).index(concatenation))
    envelopes = [an_sms(text, number) for number, text in enumerate(said)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda envelope: transport.send(envelope, Leave()), envelopes))

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    arrived: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for part in centre.of("submit_sm"):
        arrived[int(part["destination"][5:])].append(part)
    assert [whole(arrived[number]) for number in range(TEXTS)] == said
    for parts in arrived.values():
        assert {part["data_coding"] for part in parts} <= {0, 8}
        assert len({part["data_coding"] for part in parts}) == 1
        headers = {part["udh"][0][:-2] for part in parts if part["udh"]}
        assert len(headers) <= 1


def test_random_texts_come_in_as_they_were(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    messenger = Messenger(
        storage=MemoryStorage(), channels={CHANNEL: (transport := connect(centre))}
    )
    transport.start(messenger.receive, channel=CHANNEL)
    said = random_texts(seed=9)[:INCOMING]
    deliveries = [
        {
            "source_addr": f"31600{number:06}",
            "destination_addr": "31600000001",
            "data_coding": segment.data_coding,
            "esm_class": 0x40 if segment.header else 0,
            "hex": (segment.header + segment.octets).hex(),
        }
        for number, text in enumerate(said)
        for segment in segments_of(
            split_sms(text), number, alphabet=Alphabet.GSM, concatenation=Concatenation.UDH_8
        )
    ]
    Random(1).shuffle(deliveries)  # noqa: S311 - the same order in each run

    for delivery in deliveries:
        centre.deliver(**delivery)
    answers = centre.wait("deliver_sm_resp", len(deliveries), timeout=60)

    assert {answer["status"] for answer in answers} == {0}
    query = MessageQuery(limit=INCOMING)
    assert sorted(message.body.text for message in messenger.find(query).results) == sorted(said)


@given(texts)
def test_every_part_fits_the_air(text: str) -> None:
    for concatenation in Concatenation:
        for alphabet in Alphabet:
            segments = segments_of(
                split_sms(text), 0x1234, alphabet=alphabet, concatenation=concatenation
            )
            for segment in segments:
                free = 140 - len(segment.header)
                if concatenation is Concatenation.SAR and len(segments) > 1:
                    free -= 6
                longest = free if segment.data_coding == 8 else free * 8 // 7
                assert len(segment.octets) <= longest
            octets = b"".join(segment.octets for segment in segments)
            octets += b"".join(
                tlv.value for segment in segments for tlv in segment.tlvs if tlv.tag == 0x0424
            )
            coding = segments[0].data_coding
            assert {segment.data_coding for segment in segments} == {coding}
            assert decode_text(octets, coding, alphabet) == text


@given(texts)
def test_parts_are_as_many_as_another_library_counts(text: str) -> None:
    ours = split_sms(text)

    theirs = smsutil.split(text)

    expected = "gsm0338" if ours.encoding is SmsEncoding.GSM_7 else "utf_16_be"
    assert theirs.encoding == expected
    assert len(theirs.parts) == ours.count


@given(st.text(st.sampled_from(GSM), max_size=200))
def test_gsm_octets_are_read_back(text: str) -> None:
    assert decode_gsm(encode_gsm(text)) == text
    assert encode_gsm(text) == text.encode("gsm0338")


@given(st.binary(max_size=60))
def test_any_octets_are_some_text(octets: bytes) -> None:
    for alphabet in Alphabet:
        for coding in range(256):
            decode_text(octets, coding, alphabet).encode()


def test_an_escape_that_means_nothing_is_left_out() -> None:
    assert decode_gsm(b"a\x1bAb\x1b") == "aAb"
    assert decode_gsm(b"\x80") == "\ufffd"
    assert is_gsm("aAb")
