"""Assertions on an outbox: what they accept, and what their failures show."""

import re
from datetime import timedelta

import pytest

from messaging_adapters.testing.engine import DEFAULT_CHANNELS, make_outbox
from messaging_core.testing import MONDAY_MORNING, ManualClock
from messaging_core.testing.outbox import MessageOutbox

PHONE = "+31612345678"
MAIL = "ann@b.example"


@pytest.fixture
def box() -> MessageOutbox:
    return make_outbox(DEFAULT_CHANNELS, ManualClock(MONDAY_MORNING))


def failure(call: object) -> str:
    assert callable(call)
    with pytest.raises(AssertionError) as caught:
        call()
    return str(caught.value)


class TestSent:
    def test_every_receiver_and_field_can_be_asked_for(self, box: MessageOutbox) -> None:
        box.messenger.send("email", to=[MAIL, "b@b.example"], subject="S", html="<p>", text="T")
        box.messenger.send("push", to="token", subject="Title", text="T")
        box.drain()

        box.assert_sent(to="b@b.example", subject="S", html="<p>", text="T", channel="email")
        box.assert_sent(subject="Title", channel="push")
        box.assert_sent(text="T", count=2)
        box.assert_sent(text=re.compile("^t$", re.IGNORECASE), count=2)
        box.assert_sent(text="U", count=0)

    def test_as_many_as_are_expected(self, box: MessageOutbox) -> None:
        for _ in range(2):
            box.messenger.send("sms", to=PHONE, text="T")
        box.drain()

        assert "expected 1 message to be sent, but 2 matched" in failure(box.assert_sent)

    def test_a_long_list_is_cut(self, box: MessageOutbox) -> None:
        for number in range(12):
            box.messenger.send("sms", to=PHONE, text=f"T{number}")
        box.drain()

        text = failure(lambda: box.assert_sent(text="U"))
        assert "text='T0'" in text
        assert "… and 2 more" in text

    def test_a_misspelt_filter_is_an_error(self, box: MessageOutbox) -> None:
        box.messenger.send("sms", to=PHONE, text="T")
        box.drain()

        with pytest.raises(TypeError, match="no such filter: body"):
            box.assert_sent(body="T")


class TestNothingSent:
    def test_what_waits_counts_too(self, box: MessageOutbox) -> None:
        box.assert_nothing_sent()
        box.messenger.send("sms", to=PHONE, text="T")

        assert "accepted, but not delivered" in failure(box.assert_nothing_sent)
        box.drain()
        assert "sent:\n  channel='sms' to='+31612345678'" in failure(box.assert_nothing_sent)


class TestScheduled:
    def test_time_and_content_are_compared(self, box: MessageOutbox) -> None:
        later = MONDAY_MORNING + timedelta(hours=3)
        box.messenger.send("sms", to=PHONE, text="T", send_at=later)
        box.messenger.send("sms", to=PHONE, text="now")

        (message,) = box.assert_scheduled(at=later, to=PHONE, text="T")
        assert message.scheduled_for == later
        text = failure(lambda: box.assert_scheduled(at=MONDAY_MORNING))
        assert f"at {MONDAY_MORNING.isoformat()}, but 0 matched" in text
        assert "at='2026-01-05T12:00:00+00:00'" in text
        assert "not scheduled:" in text

    def test_all_pages_are_read(self, box: MessageOutbox) -> None:
        rows = [{"to": PHONE, "text": str(number)} for number in range(1001)]
        box.messenger.send_many("sms", rows)

        assert [message.text for message in box.messages] == [row["text"] for row in rows]
