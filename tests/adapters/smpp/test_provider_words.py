"""The table of statuses and states, and what a host may change in it."""

import re
from importlib.resources import files
from typing import Any

import pytest

from messaging_adapters.smpp.provider_words import standard_words, words_with
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.receipt import ReceiptStatus

consts = pytest.importorskip("smpplib.consts")


def test_names_and_values_are_those_of_another_library() -> None:
    for value, meaning in standard_words().statuses.items():
        theirs = getattr(consts, f"SMPP_{meaning.name}", value)

        assert theirs == value
    known = sum(hasattr(consts, f"SMPP_{m.name}") for m in standard_words().statuses.values())
    assert known > 30


def test_every_meaning_is_a_short_text_without_an_end() -> None:
    for meaning in standard_words().statuses.values():
        assert re.fullmatch(r"[^.\n]{10,90}", meaning.text)
        assert meaning.retry is not Retry.AMBIGUOUS


@pytest.mark.parametrize(
    ("number", "word", "status", "code"),
    [
        (2, "", ReceiptStatus.DELIVERED, None),
        (None, "DELIVRD", ReceiptStatus.DELIVERED, None),
        (None, "delivered", ReceiptStatus.DELIVERED, None),
        (None, "Undeliverable", ReceiptStatus.FAILED, FailureCode.UNREACHABLE),
        (3, "DELIVRD", ReceiptStatus.FAILED, FailureCode.EXPIRED),
        (None, "FAILED", ReceiptStatus.FAILED, FailureCode.UNREACHABLE),
        (6, "", ReceiptStatus.SENT, None),
        (7, "", None, None),
        (77, "DELIVRD", ReceiptStatus.DELIVERED, None),
        (77, "", None, None),
        (None, "LOST", None, None),
    ],
)
def test_states_are_ours(
    number: int | None, word: str, status: ReceiptStatus | None, code: FailureCode | None
) -> None:
    state = standard_words().state(number, word)

    assert state.status is status
    assert (state.failure and state.failure.code) == code
    assert state.word


@pytest.mark.parametrize("key", [0x0B, "0x0B", "11"])
def test_a_host_changes_a_meaning(key: Any) -> None:
    words = words_with({key: {"code": "UNKNOWN_RECEIVER", "retry": "recipient_gone"}})

    meaning = words.meaning(0x0B)
    assert (meaning.code, meaning.retry) == (FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE)
    assert meaning.text == standard_words().meaning(0x0B).text
    assert words.meaning(0x0A) == standard_words().meaning(0x0A)


@pytest.mark.parametrize(
    "statuses",
    [
        {"x": {}},
        {0: {}},
        {None: {}},
        {11: "transient"},
        {11: {"wait": 1}},
        {11: {"retry": "soon"}},
        {11: {"code": "NO_SUCH"}},
        {11: {"retry": "ambiguous"}},
    ],
    ids=str,
)
def test_a_wrong_change_is_refused(statuses: Any) -> None:
    with pytest.raises(ConfigurationError, match="statuses"):
        SmppTransport("centre.example", system_id="shop", password="secret", statuses=statuses)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"password": "123456789"}, "password is at most 8"),
        ({"system_id": "x" * 16}, "system_id is at most 15"),
        ({"system_id": ""}, "system_id is empty"),
        ({"system_id": "schön"}, "system_id is at most 15 characters of ASCII"),
        ({"host": "a b"}, "host name"),
        ({"window": 0}, "window"),
        ({"alphabet": "utf-8"}, "alphabet must be one of gsm, latin-1, ascii"),
        ({"concatenation": "udh"}, "concatenation must be one of"),
        ({"message_ids": "octal"}, "message_ids must be one of"),
        ({"source_ton": 256}, "source_ton"),
        ({"timeout": 0}, "timeout"),
    ],
    ids=str,
)
def test_a_wrong_set_up_is_refused(options: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"host": "centre.example", "system_id": "shop", "password": "secret"}

    with pytest.raises(ConfigurationError, match=re.escape(said)):
        SmppTransport(**given | options)


def test_the_table_names_its_source() -> None:
    text = files("messaging_adapters.smpp").joinpath("provider_words.toml").read_text("utf-8")

    assert "SMPP Protocol Specification v3.4" in text
