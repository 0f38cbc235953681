"""PDUs are written and read as three libraries of others do, and hostile bytes do no harm."""

from contextlib import suppress
from io import BytesIO
from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging_adapters.smpp.codec import MAX_PDU, PduStream, decode, encode
from messaging_adapters.smpp.pdu import (
    BODIES,
    Bind,
    Command,
    MessageAnswer,
    Pdu,
    PduError,
    ShortMessage,
    Status,
)
from messaging_adapters.smpp.tlv import Tag, Tlv
from peers.centre import read_pdus

smpplib = pytest.importorskip("smpplib.smpp")
smpp34 = pytest.importorskip("smpp34")
pdu3 = pytest.importorskip("smpp.pdu.pdu_encoding")

HELLO: Final = bytes.fromhex(
    "0000003b00000004000000000000000700050041434d4500010133313630303030303030"
    "31000000000000010000000568656c6c6f020400020102"
)
NUMBERS_OF_TON: Final = [
    "UNKNOWN",
    "INTERNATIONAL",
    "NATIONAL",
    "NETWORK_SPECIFIC",
    "SUBSCRIBER_NUMBER",
    "ALPHANUMERIC",
    "ABBREVIATED",
]

texts = st.binary(max_size=20).map(lambda octets: octets.replace(b"\0", b"0"))
digits = st.text("0123456789", min_size=1, max_size=20).map(str.encode)
messages = st.builds(
    ShortMessage,
    source_addr=digits,
    destination_addr=digits,
    source_addr_ton=st.integers(0, 6),
    dest_addr_ton=st.integers(0, 6),
    source_addr_npi=st.sampled_from([0, 1, 8, 9]),
    dest_addr_npi=st.sampled_from([0, 1, 8, 9]),
    priority_flag=st.integers(0, 3),
    validity_period=st.sampled_from([b"", b"000001020304000R"]),
    registered_delivery=st.integers(0, 1),
    data_coding=st.just(4),
    short_message=st.binary(max_size=254),
)


@st.composite
def submits(draw: Any) -> Pdu:
    tlvs = draw(st.lists(st.sampled_from([0x0204, 0x020C]), unique=True))
    return Pdu(
        command=Command.SUBMIT_SM,
        sequence=draw(st.integers(1, 0x7FFFFFFF)),
        body=draw(messages),
        tlvs=tuple(Tlv.number(tag, draw(st.integers(0, 0xFFFF)), 2) for tag in tlvs),
    )


class _Client:
    sequence = 0

    def next_sequence(self) -> int:
        return 1


def body_of(pdu: Pdu) -> Any:
    return pdu.body


def test_a_known_request_is_read_and_written() -> None:
    pdu = decode(HELLO)

    body = body_of(pdu)
    assert (pdu.command, pdu.sequence, body.short_message) == (Command.SUBMIT_SM, 7, b"hello")
    assert (body.source_addr, body.source_addr_ton) == (b"ACME", 5)
    assert pdu.number(Tag.USER_MESSAGE_REFERENCE) == 258
    assert encode(pdu) == HELLO


@given(submits())
def test_smpp34_writes_and_reads_the_same(pdu: Pdu) -> None:
    body = body_of(pdu)
    names = [
        "source_addr_ton",
        "source_addr_npi",
        "dest_addr_ton",
        "dest_addr_npi",
        "priority_flag",
        "data_coding",
        "registered_delivery",
    ]
    theirs = smpp34.SubmitSm(
        body.source_addr.decode(),
        body.destination_addr.decode(),
        body.short_message,
        validity_period=body.validity_period.decode(),
        tlvs=[smpp34.Tlv(tlv.tag, tlv.value) for tlv in pdu.tlvs],
        sequence_number=pdu.sequence,
        **{name: getattr(body, name) for name in names},
    )

    assert bytes(theirs.encode()) == encode(pdu)
    read = smpp34.decode(encode(pdu))
    assert bytes(read.short_message) == body.short_message
    assert read.source_addr.encode() == body.source_addr
    assert [(tlv.tag, bytes(tlv.value)) for tlv in read.tlvs] == [
        (tlv.tag, tlv.value) for tlv in pdu.tlvs
    ]


@given(submits())
def test_smpplib_reads_the_same(pdu: Pdu) -> None:
    read = smpplib.parse_pdu(encode(pdu), client=_Client(), allow_unknown_opt_params=True)

    body = body_of(pdu)
    for name in ("source_addr", "destination_addr", "short_message", "validity_period"):
        assert (getattr(read, name) or b"") == getattr(body, name)
    for name in ("source_addr_ton", "dest_addr_npi", "priority_flag", "registered_delivery"):
        assert getattr(read, name) == getattr(body, name)
    assert read.user_message_reference == pdu.number(Tag.USER_MESSAGE_REFERENCE)
    assert read.sequence == pdu.sequence


@given(submits())
def test_smpp_pdu3_reads_the_same(pdu: Pdu) -> None:
    read = pdu3.PDUEncoder().decode(BytesIO(encode(pdu)))

    body = body_of(pdu)
    assert read.params["source_addr"] == body.source_addr
    assert read.params["destination_addr"] == body.destination_addr
    assert (read.params["short_message"] or b"") == body.short_message
    assert NUMBERS_OF_TON.index(read.params["source_addr_ton"].name) == body.source_addr_ton
    assert read.params.get("user_message_reference") == pdu.number(Tag.USER_MESSAGE_REFERENCE)
    assert read.seqNum == pdu.sequence


@settings(max_examples=5)
@given(st.lists(submits(), min_size=40, max_size=40))
def test_the_npm_package_reads_the_same(pdus: list[Pdu]) -> None:
    for pdu, read in zip(pdus, read_pdus([encode(pdu) for pdu in pdus]), strict=True):
        body = body_of(pdu)
        assert (read["command"], read["sequence"]) == (pdu.command, pdu.sequence)
        assert read["source_addr"].encode() == body.source_addr
        assert read["destination_addr"].encode() == body.destination_addr
        assert (read["source_addr_ton"], read["dest_addr_npi"]) == (
            body.source_addr_ton,
            body.dest_addr_npi,
        )
        assert bytes.fromhex(read["short_message"]) == body.short_message
        assert read.get("user_message_reference") == pdu.number(Tag.USER_MESSAGE_REFERENCE)


def test_libraries_read_our_other_requests_and_answers() -> None:
    bind = Pdu(
        command=Command.BIND_TRANSCEIVER,
        sequence=1,
        body=Bind(system_id=b"shop", password=b"secret", interface_version=0x34),
    )
    answer = Pdu(command=Command.SUBMIT_SM_RESP, sequence=2, body=MessageAnswer(message_id=b"a1"))
    refusal = Pdu(command=Command.SUBMIT_SM_RESP, sequence=3, status=0x58)

    read = read_pdus([encode(pdu) for pdu in (bind, answer, refusal)])
    theirs = pdu3.PDUEncoder().decode(BytesIO(encode(bind)))

    assert (read[0]["system_id"], read[0]["password"]) == ("shop", "secret")
    assert read[1]["message_id"] == "a1"
    assert (read[2]["status"], read[2]["sequence"]) == (0x58, 3)
    assert (theirs.params["system_id"], theirs.params["password"]) == (b"shop", b"secret")


@given(st.builds(ShortMessage, source_addr=texts, short_message=st.binary(max_size=254)))
def test_what_is_written_is_read_back(body: ShortMessage) -> None:
    pdu = Pdu(command=Command.DELIVER_SM, sequence=9, body=body, tlvs=(Tlv(0x1401, b"x"),))

    assert decode(encode(pdu)) == pdu


@pytest.mark.parametrize("size", range(16, len(HELLO)))
def test_a_request_that_is_cut_short_is_refused(size: int) -> None:
    cut = size.to_bytes(4) + HELLO[4:size]

    if size == len(HELLO) - 6:  # only the optional parameter is missing
        assert body_of(decode(cut)).short_message == b"hello"
        return
    with pytest.raises(PduError) as refused:
        decode(cut)

    assert (refused.value.command, refused.value.sequence) == (Command.SUBMIT_SM, 7)
    assert refused.value.status in {Status.INVALID_LENGTH, Status.INVALID_TLV_STREAM}


@pytest.mark.parametrize("tail", [b"", b"abc", b"abc\0"])
def test_an_answer_may_lack_its_id_or_the_end_of_it(tail: bytes) -> None:
    head = (16 + len(tail)).to_bytes(4) + bytes.fromhex("800000040000000000000007")

    assert body_of(decode(head + tail)).message_id == tail.rstrip(b"\0")


@pytest.mark.parametrize("body", [b"", b"\0", b"some text\0"])
def test_an_answer_with_an_error_has_no_fields(body: bytes) -> None:
    head = (16 + len(body)).to_bytes(4) + bytes.fromhex("800000040000005800000007")

    assert decode(head + body).status == 0x58


def test_a_value_that_does_not_fit_is_not_written() -> None:
    for body in (
        ShortMessage(source_addr=b"1" * 21),
        ShortMessage(source_addr=b"1\0002"),
        ShortMessage(short_message=b"x" * 255),
        ShortMessage(data_coding=256),
    ):
        with pytest.raises(ValueError, match=r"octets|byte must be in range"):
            encode(Pdu(command=Command.SUBMIT_SM, body=body))


def decoded(data: bytes) -> Pdu | PduError:
    try:
        return decode(data)
    except PduError as error:
        return error


heads = st.builds(
    lambda command, status, sequence: b"".join(
        value.to_bytes(4) for value in (command, status, sequence)
    ),
    st.sampled_from([*BODIES, 0x0102, 0x7777, 0x80007777]),
    st.sampled_from([0, 0x58]),
    st.integers(0, 0xFFFFFFFF),
)


@settings(max_examples=400)
@given(heads, st.binary(max_size=120))
def test_any_body_is_read_or_refused(head: bytes, body: bytes) -> None:
    data = (len(head) + 4 + len(body)).to_bytes(4) + head + body

    read = decoded(data)

    assert read.sequence == int.from_bytes(head[8:])
    assert isinstance(read, Pdu) or not read.is_fatal


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read: list[Pdu | PduError] = []
    with suppress(PduError):
        read = PduStream().feed(data)

    assert all(isinstance(item, Pdu | PduError) for item in read)


@given(st.lists(submits(), max_size=4), st.lists(st.integers(1, 50), min_size=1))
def test_pdus_are_found_however_the_stream_is_cut(pdus: list[Pdu], sizes: list[int]) -> None:
    data = b"".join(encode(pdu) for pdu in pdus)
    stream, read, at = PduStream(), [], 0
    for place in range(len(data)):
        size = sizes[place % len(sizes)]
        read += stream.feed(data[at : at + size])
        at += size

    assert read == pdus


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 0xFFFFFFFF])
def test_a_length_that_no_pdu_has_ends_the_stream(length: int) -> None:
    with pytest.raises(PduError) as refused:
        PduStream().feed(length.to_bytes(4) + b"\0" * 12)

    assert refused.value.is_fatal


def test_a_bad_pdu_does_not_spoil_the_next_one() -> None:
    bad = (20).to_bytes(4) + HELLO[4:20]

    first, second = PduStream().feed(bad + HELLO)

    assert isinstance(first, PduError)
    assert second == decode(HELLO)


def test_answers_fit_their_requests() -> None:
    answer = evolve(decode(HELLO)).answer(0x64)

    assert (answer.command, answer.status, answer.sequence) == (Command.SUBMIT_SM_RESP, 0x64, 7)
