import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.cli.interrupts import stoppable
from messaging_core import Message, Messenger, Rejection, StorageError


def test_a_file_is_accepted_and_delivered(run, write, sms, messages, shop):
    name = write(sms("One"), sms("Two", to="+31600000002"))

    ran = run("send", "--channel", "parcels", name)

    assert ran.status == 0
    assert "parcels         2          0        0" in ran.out
    assert "2 sent, 0 failed" in ran.out
    assert [message["status"] for message in messages()] == ["sent", "sent"]
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
    assert len(line) > 120  # a terminal without a width of its own has 80 columns


def test_blank_lines_and_a_byte_order_mark_are_skipped_and_lines_keep_their_numbers(
    run, write, sms
):
    name = write("\ufeff" + json.dumps(sms()), "", sms(to="unknown"))

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
    assert [message["status"] for message in messages()] == ["accepted"]

    ran = run("deliver")

    assert "1 sent, 0 failed" in ran.out
    assert [message["status"] for message in messages()] == ["sent"]


def test_scheduled_messages_wait_for_their_time(run, write, sms, messages, clock):
    name = write(sms(scheduledFor="2026-03-02T12:00:00Z"))
    ran = run("send", "--channel", "parcels", name)
    assert "parcels         0          1        0" in ran.out
    assert "Delivered what was due: 0 sent" in ran.out

    clock.advance(hours=3)
    run("deliver")

    assert [message["status"] for message in messages()] == ["sent"]


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
        "messaging: messaging.toml: [channels.m.transport] password: the environment has no "
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

    assert ran.status == 130
    assert "parcels     1,000" in ran.out
    assert "stopped before line 1001; what was accepted is kept" in ran.err
    assert "messaging send --channel parcels --from-line 1001 requests.jsonl" in ran.err
    assert len(messages("--limit", "2000", "--status", "accepted")) == 1000

    monkeypatch.setattr(Messenger, "send_many", send_many)
    ran = run("send", "--no-deliver", "--channel", "parcels", "--from-line", "1001", name)

    assert (ran.status, ran.err) == (0, "")
    assert len(messages("--limit", "2000", "--status", "accepted")) == 1500


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
    monkeypatch.setattr("messaging_adapters.cli.output.progress._PATIENCE", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    run("send", "--channel", "parcels", write(*[sms()] * 3))

    assert "Accepting" in terminal.getvalue()
    assert "bytes" in terminal.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_following_delivers_what_becomes_due_until_a_signal(run, write, sms, messages, number):
    run("send", "--no-deliver", "--channel", "parcels", write(sms()))
    usual = signal.getsignal(number)

    def stop_it() -> None:
        while signal.getsignal(number) is usual:  # the command has not begun
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(os.getpid(), number)

    threading.Thread(target=stop_it).start()

    ran = run("deliver", "--follow")

    assert ran.status == 0
    assert "Ctrl-C stops" in ran.err
    assert "1 sent, 0 failed" in ran.out
    assert [message["status"] for message in messages()] == ["sent"]


def handles_signals(pid):
    """Return whether a process has a handler of SIGTERM; true where the system cannot tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return True
    (caught,) = re.findall(r"SigCgt:\s*([0-9a-f]+)", status.read_text())
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_wait_for_input(shop, sms, number, status):
    command = [sys.executable, "-m", "messaging_adapters.cli", "send", "--channel", "parcels", "-"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    process.stdin.write(json.dumps(sms()) + "\n")
    process.stdin.flush()
    while not (shop / "shop.db").exists() or not handles_signals(process.pid):
        time.sleep(0.01)
    time.sleep(0.5)  # it reads by now
    process.send_signal(number)
    _, said = process.communicate(timeout=20)

    assert process.returncode == status
    assert "stopped before line 1; " in said
    assert "Traceback" not in said


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.is_set()
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_ends_at_once_and_the_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    with pytest.raises(KeyboardInterrupt), stoppable() as stop:  # noqa: PT012 - that is the point
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        signal.raise_signal(signal.SIGINT)

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_storage_that_fails_says_which_lines_were_accepted(run, write, sms, monkeypatch):
    send_many, calls = Messenger.send_many, iter([True])

    def failing(self: Messenger, *arguments: Any) -> list[Message | Rejection]:
        if next(calls, False):
            return send_many(self, *arguments)
        raise StorageError("the disk is full")

    monkeypatch.setattr(Messenger, "send_many", failing)

    ran = run("send", "--channel", "parcels", write(*[sms()] * 1500))

    assert ran.status == 2
    assert "stopped: every line before 1001 was accepted or refused" in ran.err


def send_with_key(run, name, choice):
    return run("send", "--no-deliver", "--channel", "parcels", "--idempotency-key", choice, name)


def test_keys_of_lines_accept_each_line_of_a_file_once(run, write, sms, messages):
    name = write(sms(), sms(), sms("Two"))
    send_with_key(run, name, "line")

    again = send_with_key(run, name, "line")
    assert (again.status, again.err) == (0, "")
    assert len(messages()) == 3

    send_with_key(run, write(sms(), sms(), sms("Three")), "line")
    assert len(messages()) == 4
    send_with_key(run, write(sms(), name="other.jsonl"), "line")
    assert len(messages()) == 5


def test_keys_come_from_a_field_of_the_request(run, write, sms, messages):
    name = write(
        sms(reference="a"), sms(reference="b"), sms(reference="a"), sms(), sms(reference="")
    )

    ran = send_with_key(run, name, "/reference")

    assert ran.status == 1
    assert ran.err.splitlines() == [
        f"requests.jsonl:{number}: /reference: there is no text here to make an idempotency key of"
        " [idempotency.invalid_key]"
        for number in (4, 5)
    ]
    assert sorted(message["reference"] for message in messages()) == ["a", "b"]


def test_a_key_of_a_field_may_stand_anywhere_in_the_request(run, write, sms, messages):
    name = write(*[sms(to=f"+3160000000{digit}") for digit in (1, 2, 1)])

    ran = send_with_key(run, name, "/receiver/contacts/0/identifierValue")

    assert ran.status == 0
    assert len(messages()) == 2


def test_a_line_may_have_a_key_of_its_own(run, write, sms, messages):
    def line(key: Any) -> dict[str, Any]:
        return {"channel": "parcels", "request": sms(reference="r"), "idempotencyKey": key}

    ran = send_with_key(run, write(line("a"), line("b"), line("a")), "/reference")
    assert ran.status == 0
    assert len(messages()) == 2

    assert run("send", "--no-deliver", write(line("a"))).status == 0
    assert len(messages()) == 2
    assert run("send", "--no-deliver", "--channel", "parcels", write(line(7))).status == 1


def test_another_request_under_a_used_key_is_refused(run, write, sms):
    ran = send_with_key(
        run, write(sms("One", reference="a"), sms("Two", reference="a")), "/reference"
    )

    assert ran.status == 1
    assert "requests.jsonl:2: /body/text" in ran.err
    assert "[idempotency.conflict]" in ran.err


def test_a_broken_line_is_named_as_such_whatever_gives_the_keys(run, write):
    for choice in ("line", "/reference"):
        ran = send_with_key(run, write('{"receiver": '), choice)

        assert ran.status == 1
        assert "requests.jsonl:1: /: " in ran.err


@pytest.mark.parametrize("choice", ["reference", "lines", ""])
def test_a_choice_of_keys_that_is_none_is_explained(run, write, sms, choice):
    ran = send_with_key(run, write(sms()), choice)

    assert ran.status == 2
    assert "--idempotency-key is line, or a JSON pointer" in ran.err


@pytest.mark.parametrize("line", ["0", "-1", "x"])
def test_a_line_number_that_is_none_is_explained(run, write, sms, line, capsys):
    with pytest.raises(SystemExit):
        run("send", "--from-line", line, write(sms()))

    assert "a line number is 1 or more" in capsys.readouterr().err
