"""The text of receipts, as centres of many makers write it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.smpp.receipt_text import ReceiptText, read_receipt_text

STANDARD = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2603020915 done date:2603020916 "
    "stat:DELIVRD err:000 text:Hello stat:UNDELIV id:9"
)


def test_the_standard_text_is_read() -> None:
    said = read_receipt_text(STANDARD)

    assert said == ReceiptText(id="0123456789", stat="DELIVRD", err="000", done="2603020916")


@pytest.mark.parametrize(
    ("text", "message_id", "stat"),
    [
        ("ID:a1 STAT:delivrd", "a1", "DELIVRD"),
        ("stat:EXPIRED id:a1 err:", "a1", "EXPIRED"),
        ("id: a1 sub: dlvrd: stat: UNDELIV err: text:", "a1", "UNDELIV"),
        ("id:a1,sub:001,stat:ACCEPTD,err:0", "a1", "ACCEPTD"),
        ("id=a1 stat=REJECTD", "a1", "REJECTD"),
        ("text:quoted id:b2 stat:DELIVRD", "b2", "DELIVRD"),
        ("id:a1 text:stat:DELIVRD", "a1", ""),
        ("id:a1 text:a stat:DELIVRD", "a1", ""),
        ("id:a1 submit_date:2603020915 donedate:2603020916 stat:DELIVRD", "a1", "DELIVRD"),
        ("valid:no hid:no id:a1", "a1", ""),
        ("no receipt at all", "", ""),
        ("", "", ""),
    ],
)
def test_other_spellings_are_read(text: str, message_id: str, stat: str) -> None:
    said = read_receipt_text(text)

    assert (said.id, said.stat) == (message_id, stat)


@pytest.mark.parametrize(
    ("done", "instant"),
    [
        ("2603020916", datetime(2026, 3, 2, 9, 16, tzinfo=UTC)),
        ("260302091630", datetime(2026, 3, 2, 9, 16, 30, tzinfo=UTC)),
        ("202603020916", datetime(2026, 3, 2, 9, 16, tzinfo=UTC)),
        ("20260302091630", datetime(2026, 3, 2, 9, 16, 30, tzinfo=UTC)),
        ("2613020916", None),
        ("0000000000", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_date_is_read_in_each_form(done: str, instant: datetime | None) -> None:
    assert ReceiptText(done=done).done_at(UTC) == instant


def test_the_date_is_local_to_the_centre() -> None:
    instant = ReceiptText(done="2607020916").done_at(ZoneInfo("Europe/Paris"))

    assert instant == datetime(2026, 7, 2, 7, 16, tzinfo=UTC)


@pytest.mark.parametrize("done", ["00010101000000", "99991231235959"])
@pytest.mark.parametrize("zone", ["Europe/Paris", "Pacific/Kiritimati", "America/New_York"])
def test_a_date_at_the_end_of_time_harms_nothing(done: str, zone: str) -> None:
    instant = ReceiptText(done=done).done_at(ZoneInfo(zone))

    assert instant is None or instant.tzinfo is UTC


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    read_receipt_text(text).done_at(UTC)


@given(st.text(max_size=60))
def test_what_is_quoted_changes_nothing_that_was_said(quoted: str) -> None:
    said = read_receipt_text("id:a1 done date:2603020916 stat:DELIVRD err:000 text:" + quoted)

    assert said == read_receipt_text(STANDARD.replace("0123456789", "a1"))
