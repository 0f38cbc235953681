"""Events as they happen."""

import json
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from messaging_adapters.cli.interrupts import Stop


@pytest.fixture
def tail(run, monkeypatch) -> Callable[..., Any]:
    """Follow events until there are no more for now; then Ctrl-C is pressed."""

    def tail(*options: str) -> Any:
        monkeypatch.setattr(Stop, "wait", lambda *_: signal.raise_signal(signal.SIGINT))
        return run("tail", *options)

    return tail


def test_events_are_shown_as_they_happen_and_ctrl_c_ends_it_well(tail, run, write, sms, messages):
    run("send", "--channel", "parcels", write(sms("Before")))
    (before,) = messages()

    ran = tail("--since", "today")

    assert ran.status == 0
    assert ran.out.splitlines() == [
        "2026-03-02",
        f"09:00:00 {before['id']} parcels admitted: accepted (next at 2026-03-02 09:00:00)",
        f"09:00:00 {before['id']} parcels attempted 1: sent (accepted, {before['id']})",
    ]
    assert ran.err == "following events; Ctrl-C stops\n"


def test_without_since_only_what_comes_is_shown(tail, run, write, sms):
    run("send", "--channel", "parcels", write(sms("Before")))

    assert tail().out == ""


def test_json_lines_name_the_channel_and_nothing_else_is_written(tail, run, write, sms, messages):
    run("send", "--channel", "parcels", write(sms()))
    (message,) = messages()

    ran = tail("--json", "--since", "yesterday")
    events = [json.loads(line) for line in ran.out.splitlines()]

    assert ran.err == ""
    assert [event["kind"] for event in events] == ["admitted", "attempted"]
    assert {event["messageId"] for event in events} == {message["id"]}
    assert {event["channel"] for event in events} == {"parcels"}


def test_events_of_other_channels_are_left_out(tail, run, write, sms):
    lines = [sms(), {"channel": "support", "request": sms(to="ada@shop.example")}]
    run("send", "--channel", "parcels", write(*lines))

    both = tail("--json", "--since", "today", "--channel", "parcels", "--channel", "support")
    mails = tail("--json", "--since", "today", "--channel", "support")

    assert len(both.out.splitlines()) == 4
    assert {json.loads(line)["channel"] for line in mails.out.splitlines()} == {"support"}
    assert tail("--channel", "suport").err == (
        'messaging: no channel "suport" (did you mean "support"?); there are: parcels, support\n'
    )


def test_since_begins_at_its_instant(tail, run, write, sms, clock):
    for _ in range(6):
        run("send", "--no-deliver", "--channel", "parcels", write(sms()))
        clock.advance(minutes=1)

    ran = tail("--json", "--since", "09:04")

    assert [json.loads(line)["at"][:16] for line in ran.out.splitlines()] == [
        "2026-03-02T09:04",
        "2026-03-02T09:05",
    ]
    assert tail("--since", "09:06").out == tail("--since", "2027-01-01").out == ""


def test_a_new_day_is_written_above_its_events(tail, run, write, sms, clock):
    for _ in range(2):
        run("send", "--no-deliver", "--channel", "parcels", write(sms()))
        clock.advance(days=1)

    lines = tail("--since", "2026-03-01").out.splitlines()

    assert lines[0::2] == ["2026-03-02", "2026-03-03"]


def test_a_message_that_was_deleted_has_no_channel(tail, run, write, sms, shop):
    run("send", "--channel", "parcels", write(sms()))
    with sqlite3.connect(shop / "shop.db") as database:
        database.execute("DELETE FROM messaging_messages")

    lines = tail("--json", "--since", "today").out.splitlines()

    assert [json.loads(line)["channel"] for line in lines] == [None, None]
    assert tail("--since", "today", "--channel", "parcels").out == ""


def test_without_a_database_it_says_so(tail):
    ran = tail()

    assert ran.status == 2
    assert "there is no database shop.db yet" in ran.err
