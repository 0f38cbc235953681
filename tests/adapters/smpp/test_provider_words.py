"""The table of statuses and states, and what a host may change in it."""

import re
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.providers.error_table import error_table
from messaging_adapters.smpp.provider_words import STATES, failure_of, state_of, status_table
from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.receipt import ReceiptStatus

consts = pytest.importorskip("smpplib.consts")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "provider-words.md"


def test_names_and_values_are_those_of_another_library() -> None:
    known = 0
    for code, failure in error_table("smpp").failures.items():
        name = re.search(r"\((ESME_\w+)\)$", failure.description)
        assert name is not None
        theirs = getattr(consts, f"SMPP_{name[1]}", None)
        assert theirs in {None, int(code, 16)}
        known += theirs is not None
    assert known > 30


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
    state = state_of(number, word)

    assert state.status is status
    assert (state.failure and state.failure.code) == code
    assert state.word


@pytest.mark.parametrize("key", [0x0B, "0x0B", "0x0b", "11"])
def test_a_host_changes_a_meaning(key: Any) -> None:
    table = status_table({key: {"retry": "recipient_gone", "text": "gone"}})

    failure = failure_of(0x0B, table, "sms", "part 2 of 3: ")
    assert (failure.code, failure.retry) == (FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE)
    assert failure.description == "part 2 of 3: gone"
    assert failure_of(0x0A, table, "sms") == failure_of(0x0A, status_table({}), "sms")


@pytest.mark.parametrize(
    "errors",
    [
        {"x": {"retry": "transient"}},
        {0: {"retry": "transient"}},
        {None: {"retry": "transient"}},
        {11: "transient"},
        {11: {"retry": "transient", "wait": 1}},
        {11: {"retry": "soon"}},
        {11: {"retry": "transient", "code": "NO_SUCH"}},
        {11: {"retry": "ambiguous"}},
    ],
    ids=str,
)
def test_a_wrong_change_is_refused(errors: Any) -> None:
    with pytest.raises(ConfigurationError, match="errors"):
        SmppTransport("centre.example", system_id="shop", password="secret", errors=errors)


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
        ({"errors": []}, "errors"),
    ],
    ids=str,
)
def test_a_wrong_set_up_is_refused(options: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"host": "centre.example", "system_id": "shop", "password": "secret"}

    with pytest.raises(ConfigurationError, match=re.escape(said)):
        SmppTransport(**given | options)


def rows(kind: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8").partition("\n## SMPP\n")[2].partition("\n## ")[0]
    text = text.partition(f"\n### {kind}\n")[2].partition("\n### ")[0]
    return re.findall(r"^\| `.*\|$", text, re.MULTILINE)


def test_the_page_of_words_has_every_state_and_status() -> None:
    def meaning(number: int) -> str:
        state = STATES[number]
        failure = state.failure
        status = f"`{state.status}`" if state.status else "no change"
        return status + (
            f", {failure.code:d} `{FailureCode(failure.code).name}`" if failure else ""
        )

    assert rows("Status words") == [
        f"| `{number}` `{state.word}` | {meaning(number)} |" for number, state in STATES.items()
    ]
    assert rows("Error codes") == [
        f"| `{code}` | `{failure.retry}` | {failure.code:d} `{FailureCode(failure.code).name}` "
        f"| {failure.description} |"
        for code, failure in error_table("smpp").failures.items()
    ]
