"""What reaches a terminal, and what is said where nothing can be written or read."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.cli.output.terminal import safe, safe_json
from messaging_core.wire.documents import compact

FULL = Path("/dev/full")
OBEYED = "\x1b\x07\x7f\x9b\x85\u061c\u200e\u200f\u2028\u202a\u202e\u2066\u2069\u206f"


@pytest.fixture
def start(monkeypatch):
    """Run a command in a process of its own, with streams of the test's choice."""
    monkeypatch.setenv("PYTHONUTF8", "1")

    def start(*arguments: str | bytes, **streams: Any) -> subprocess.CompletedProcess[bytes]:
        chosen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "messaging_adapters.cli", *arguments], check=False, **chosen
        )

    return start


@pytest.mark.parametrize("character", OBEYED)
def test_no_command_writes_a_character_that_a_terminal_obeys(character, run, write, sms):
    run("send", "--channel", "parcels", write(sms(f"a{character}b")))
    (message,) = [json.loads(line) for line in run("list", "--json").out.splitlines()]

    shown = [
        run(*command)
        for command in (
            ["list"],
            ["list", "--json"],
            ["show", message["id"]],
            ["show", message["id"], "--json"],
            ["timeline", message["id"]],
            ["timeline", message["id"], "--json"],
            ["plan", "--channel", "parcels", "requests.jsonl"],
        )
    ]

    assert message["body"]["text"]["text"] == f"a{character}b"
    for ran in shown:
        assert ran.status == 0, ran.err
        assert character not in ran.out + ran.err


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_json_is_the_same_document_for_every_terminal(text):
    document = compact({"text": text})

    for encoding in ("utf-8", "ascii"):
        shown = safe_json(document, encoding)
        assert json.loads(shown) == {"text": text}
        assert safe(shown) == shown
        shown.encode(encoding)


def test_a_fault_in_a_file_is_shown_without_what_a_terminal_obeys(run, shop):
    (shop / "messaging.toml").write_text('[channels."\\u009b31m"]\nplatform = "sms"\n')

    ran = run("channels")

    assert ran.status == 2
    assert "[channels.\\x9b31m] transport: missing" in ran.err
    assert "\x9b" not in ran.err


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["channels"], ["doubts"]])
def test_output_that_cannot_be_written_is_called_output(command, start, run, write, sms):
    run("send", "--channel", "parcels", write(sms()))

    with FULL.open("wb") as full:
        ran = start(*command, stdout=full)

    assert ran.returncode == 2
    assert ran.stderr.decode() == (
        "messaging: standard output cannot be written: No space left on device; "
        "make room or send it elsewhere\n"
    )


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
def test_where_not_even_the_complaint_can_be_written_the_status_says_it(start, write):
    with FULL.open("wb") as full:
        ran = start("send", "--channel", "parcels", write("{}"), stderr=full)

    assert ran.returncode == 2
    assert b"Traceback" not in ran.stdout


def test_output_that_was_closed_is_named(start):
    ran = start("list", preexec_fn=lambda: os.close(1))

    assert ran.returncode == 2
    assert ran.stderr.decode() == (
        "messaging: standard output is closed: send it to a file, or to /dev/null\n"
    )


def test_a_folder_is_no_input(run):
    ran = run("send", "--channel", "parcels", ".")

    assert (ran.status, ran.err) == (2, "messaging: .: Is a directory\n")


@pytest.mark.skipif(os.name != "posix", reason="names in bytes")
def test_names_that_are_no_text_are_shown_as_codes(start, shop):
    name = os.fsencode(shop) + b"/\xff.jsonl"
    Path(os.fsdecode(name)).write_text("{}\n")

    refused = start("send", "--channel", "parcels", name)
    missing = start("send", "--channel", "parcels", b"\xfe.jsonl")
    unknown = start("list", "--channel", b"\xff")
    tag = start("list", "--tag", b"\xff", "--database", b"\xff.db")

    assert (refused.returncode, missing.returncode) == (1, 2)
    assert b"\\udcff.jsonl:1: /" in refused.stderr
    assert missing.stderr == b"messaging: \\udcfe.jsonl: No such file or directory\n"
    for ran in (unknown, tag):
        assert ran.returncode == 2
        assert b"Traceback" not in ran.stderr


def test_a_database_name_with_a_null_character_is_refused_in_the_file(run, shop):
    (shop / "messaging.toml").write_text('database = "a\\u0000b"\n[channels]\n')

    ran = run("list")

    assert ran.status == 2
    assert "database: must not have control characters" in ran.err


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "{a=" * 5000, "a." * 5000 + "b=1"])
def test_a_file_nested_absurdly_deep_is_refused_in_words(text, run, shop):
    (shop / "messaging.toml").write_text(text)

    ran = run("list")

    assert ran.status == 2
    assert ran.err.startswith("messaging: messaging.toml: ")
    assert len(ran.err) < 300


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], []])
def test_help_that_cannot_be_written_is_reported_like_other_output(start, arguments):
    with FULL.open("wb") as full:
        ran = start(*arguments, stdout=full)

    assert ran.returncode == 2
    assert ran.stderr.decode() == (
        "messaging: standard output cannot be written: No space left on device;"
        " make room or send it elsewhere\n"
    )
