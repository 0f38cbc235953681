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
