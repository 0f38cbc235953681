import io
import sys
from datetime import timedelta

import pytest


@pytest.fixture
def sent(run, write, sms, clock):
    """Two messages that were delivered, one of them yesterday."""
    assert run("send", write(*[{"channel": "parcels", "request": sms("old")}])).status == 0
    clock.advance(timedelta(days=1))
    assert run("send", write(*[{"channel": "parcels", "request": sms("new")}])).status == 0


@pytest.mark.usefixtures("sent")
def test_messages_from_before_a_time_are_deleted(run, messages):
    ran = run("purge", "--before", "today")

    assert (ran.status, ran.out) == (0, "1 messages deleted, 0 redacted, 0 receipts deleted\n")
    assert [message["body"]["text"]["text"] for message in messages()] == ["new"]


@pytest.mark.usefixtures("sent")
def test_their_record_can_be_kept(run, messages):
    ran = run("purge", "--before", "today", "--keep", "record", "--limit", "1")

    assert ran.out == "0 messages deleted, 1 redacted, 0 receipts deleted\n"
    assert "the limit was reached" in ran.err
    assert [(message["status"], "body" in message) for message in messages()] == [
        ("sent", True),
        ("sent", False),
    ]
    assert run("list").status == run("show", messages()[1]["id"]).status == 0


def test_a_time_that_is_none_is_wrong_usage(run):
    assert run("purge", "--before", "whenever").status == 2


class Terminal(io.StringIO):
    """Standard input at which a person sits."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(("keep", "verb"), [("nothing", "deleted"), ("record", "redacted")])
def test_a_dry_run_counts_and_changes_nothing(run, messages, keep, verb):
    ran = run("purge", "--before", "today", "--keep", keep, "--dry-run")

    assert ran.status == 0
    assert ran.out == (
        f"1 messages from before 2026-03-03T00:00:00+00:00 would be {verb}; nothing was changed\n"
    )
    assert [message["body"]["text"]["text"] for message in messages()] == ["new", "old"]


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("answer", ["\n", "n\n", "", "yess\n"])
def test_any_answer_but_yes_changes_nothing(run, messages, monkeypatch, answer):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    ran = run("purge", "--before", "today")

    assert (ran.status, ran.out) == (1, "")
    assert "1 messages from before" in ran.err
    assert "nothing was changed" in ran.err
    assert len(messages()) == 2


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(("answer", "options"), [("y\n", ()), ("Yes\n", ()), ("", ("--yes",))])
def test_yes_deletes_at_a_terminal(run, messages, monkeypatch, answer, options):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    assert run("purge", "--before", "today", *options).status == 0
    assert len(messages()) == 1
