import io
import json
import signal
import sys
import threading
import tracemalloc
from typing import Any

import pytest

from messaging_core import Message, Messenger, Rejection


def test_a_file_is_accepted_and_delivered(run, write, sms, messages, shop):
    name = write(sms("One"), sms("Two", to="+31600000002"))

    ran = run("send", "--channel", "parcels", name)

    assert ran.status == 0
    assert "parcels         2          0        0" in ran.out
    assert "2 sent, 0 failed" in ran.out
    assert [one["status"] for one in messages()] == ["sent", "sent"]
    assert len(list((shop / "sms").iterdir())) == 2


def test_refused_lines_are_named_with_place_and_rule_and_stop_no_other(run, write, sms):
    name = write(sms(), sms(to="+4477009"), '{"receiver": ', sms(tags=["?"], surplus=1))

    ran = run("send", "--channel", "parcels", name)

    assert ran.status == 1
    assert "parcels         1          0        3" in ran.out
    assert ran.err.splitlines()[0] == (
        "requests.jsonl:2: /receiver/contacts/0/identifierValue: "
        "too short for a number of GB (+44) [receiver.number_too_short]"
    )
    assert "requests.jsonl:3: /: " in ran.err
    assert "requests.jsonl:4: /surplus: " in ran.err


def test_a_refused_line_is_not_wrapped(run, write, sms):
    ran = run("send", "--channel", "parcels", write(sms(**{"x" * 300: 1})))

    (line,) = ran.err.splitlines()
    assert len(line) > 300


def test_blank_lines_and_a_byte_order_mark_are_skipped_and_lines_keep_their_numbers(
    run, write, sms
):
    name = write("\ufeff" + json.dumps(sms()), "", sms(to="nobody"))

    ran = run("send", "--channel", "parcels", name)

    assert ran.err.startswith("requests.jsonl:3: ")
    assert len(ran.err.splitlines()) == 1


def test_a_line_may_name_its_own_channel(run, write, sms, messages):
    mail = {**sms(to="ada@shop.example")}
    name = write({"channel": "support", "request": mail, "note": "a mail"}, sms())

    ran = run("send", "--channel", "parcels", name)

    assert ran.status == 0
    assert len(messages("--platform", "email")) == len(messages("--platform", "sms")) == 1


def test_a_line_with_a_channel_that_is_not_there_is_refused(run, write, sms):
    name = write({"channel": "suport", "request": sms()})

    ran = run("send", name)

    assert ran.status == 1
    assert ran.err == (
        'requests.jsonl:1: /channel: no channel "suport" (did you mean "support"?); '
        "there are: parcels, support [channel.unknown]\n"
    )


def test_an_object_with_more_keys_is_no_line_with_a_channel_but_a_wrong_request(run, write, sms):
    name = write({"channel": "support", "request": sms(), "notes": ""})

    ran = run("send", "--channel", "parcels", name)

    assert "/channel: " in ran.err
    assert "wire.unknown_key" in ran.err


def test_several_channels_and_none_named_is_a_question(run, write, sms):
    ran = run("send", write(sms()))

    assert ran.status == 2
    assert ran.err == "messaging: which channel? Give --channel NAME; there are: parcels, support\n"


def test_a_later_line_without_channel_is_refused(run, write, sms):
    ran = run("send", write({"channel": "parcels", "request": sms()}, sms()))

    assert ran.status == 1
    assert "requests.jsonl:2: /channel: " in ran.err
    assert "(none)" in ran.out


def test_the_only_channel_need_not_be_named(run, write, sms, shop):
    config = '[channels.a]\nplatform = "sms"\ntransport = {type = "file", folder = "sms"}\n'
    (shop / "messaging.toml").write_text(config)

    assert run("send", write(sms())).status == 0


def test_what_is_not_delivered_waits_for_the_next_delivery(run, write, sms, messages):
    run("send", "--no-deliver", "--channel", "parcels", write(sms()))
    assert [one["status"] for one in messages()] == ["accepted"]

    ran = run("deliver")

    assert "1 sent, 0 failed" in ran.out
    assert [one["status"] for one in messages()] == ["sent"]


def test_scheduled_messages_wait_for_their_time(run, write, sms, messages, clock):
    name = write(sms(scheduledFor="2026-03-02T12:00:00Z"))
    ran = run("send", "--channel", "parcels", name)
    assert "parcels         0          1        0" in ran.out
    assert "Delivered what was due: 0 sent" in ran.out

    clock.advance(hours=3)
    run("deliver")

    assert [one["status"] for one in messages()] == ["sent"]


def test_a_message_that_failed_is_shown_with_its_reason(run, write, sms, shop):
    (shop / "sms").write_text("a file, where a folder should be made")

    ran = run("send", "--channel", "parcels", write(sms()))

    assert ran.status == 0
    assert "1 to be tried again" in ran.out
    assert "the folder cannot be written to" in ran.out


def test_requests_come_from_standard_input(run, sms, monkeypatch):
    text = json.dumps(sms()) + "\n" + json.dumps(sms(to="1"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    ran = run("send", "--channel", "parcels", "-")

    assert ran.status == 1
    assert ran.err.startswith("stdin:2: /receiver")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"receiver": {}}]', "this is a JSON array"),
        ('{\n  "receiver": {}\n}', "a request stands on several lines"),
    ],
)
def test_a_file_that_is_not_one_request_a_line_is_recognised(run, write, content, words):
    ran = run("send", "--channel", "parcels", write(content))

    assert ran.status == 2
    assert words in ran.err
    assert "jq -c" in ran.err


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere.jsonl", "No such file or directory"), (".", "Is a directory")],
)
def test_a_file_that_cannot_be_read_is_named_and_no_database_made(run, shop, name, words):
    ran = run("send", "--channel", "parcels", name)

    assert (ran.status, ran.err) == (2, f"messaging: {name}: {words}\n")
    assert not (shop / "shop.db").exists()


def test_an_empty_file_is_no_fault_but_is_mentioned(run, write):
    ran = run("send", "--channel", "parcels", write())

    assert ran.status == 0
    assert ran.err == "requests.jsonl holds no requests\n"


def test_the_database_of_the_option_wins(run, write, sms, shop):
    run("send", "--database", "other.db", "--channel", "parcels", write(sms()))

    assert (shop / "other.db").exists()
    assert not (shop / "shop.db").exists()


def test_a_password_that_is_not_in_the_environment_is_asked_for(run, write, sms, shop, monkeypatch):
    monkeypatch.delenv("NO_SUCH_PASSWORD", raising=False)
    config = (
        '[channels.m]\nplatform = "email"\nsender = "a@shop.example"\n[channels.m.transport]\n'
        'type = "smtp"\nhost = "localhost"\nusername = "u"\npassword_env = "NO_SUCH_PASSWORD"\n'
    )
    (shop / "messaging.toml").write_text(config)

    ran = run("send", write(sms(to="b@shop.example")))

    assert ran.status == 2
    assert ran.err == (
        "messaging: messaging.toml: [channels.m.transport] password_env: the environment has no "
        "variable NO_SUCH_PASSWORD; set it: export NO_SUCH_PASSWORD=…\n"
    )


def test_ctrl_c_stops_after_the_chunk_and_keeps_what_was_accepted(
    run, write, sms, messages, monkeypatch
):
    send_many = Messenger.send_many

    def interrupted(self: Messenger, *arguments: Any) -> list[Message | Rejection]:
        signal.raise_signal(signal.SIGINT)
        return send_many(self, *arguments)

    monkeypatch.setattr(Messenger, "send_many", interrupted)
    name = write(*[sms()] * 1500)

    ran = run("send", "--channel", "parcels", name)

    assert "parcels     1,000" in ran.out
    assert "what was accepted is kept" in ran.err
    assert len(messages("--limit", "2000", "--status", "accepted")) == 1000


def test_memory_stays_flat_however_many_lines_and_no_bar_is_drawn_without_a_terminal(
    run, write, sms
):
    def peak_for(number: int) -> int:
        name = write(*[sms()] * number, name=f"{number}.jsonl")
        tracemalloc.start()
        ran = run("send", "--no-deliver", "--channel", "parcels", name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (ran.status, ran.err) == (0, "")
        assert f"{number:,}" in ran.out
        return peak

    peak_for(1000)  # imports and caches
    few, many = peak_for(1000), peak_for(5000)

    assert many < few * 1.3, f"{few:,} and {many:,} bytes"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_long_file_draws_a_bar_on_a_terminal(run, write, sms, monkeypatch):
    monkeypatch.setattr("messaging_adapters.cli.progress._PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    run("send", "--channel", "parcels", write(*[sms()] * 3))

    assert "Accepting" in terminal.getvalue()
    assert "bytes" in terminal.getvalue()


def test_following_delivers_what_becomes_due_until_ctrl_c(run, write, sms, messages):
    run("send", "--no-deliver", "--channel", "parcels", write(sms()))
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()

    ran = run("deliver", "--follow")

    assert ran.status == 0
    assert "Ctrl-C stops" in ran.err
    assert "1 sent, 0 failed" in ran.out
    assert [one["status"] for one in messages()] == ["sent"]
