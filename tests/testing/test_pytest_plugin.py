"""The fixtures for pytest and the mixin for unittest, in test runs of a host."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from messaging_adapters.testing.engine import DEFAULT_CHANNELS, channels_of
from messaging_core.errors import ConfigurationError

HOST = """
from datetime import UTC, datetime, timedelta

def remind(messenger, phone):
    messenger.send("orders", to=phone, text="Your table is ready")

def invite(messenger, phone):
    messenger.send("orders", to=phone, text="Come", send_at=datetime.now(UTC) + timedelta(days=1))
"""
CHANNELS = """
[tool.pytest.ini_options]
messaging_channels = ["orders sms The Shop"]
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "reminders.py").write_text(HOST)
    (tmp_path / "pyproject.toml").write_text(CHANNELS)
    return tmp_path


def run(host: Path, test: str, *command: str) -> subprocess.CompletedProcess[str]:
    (host / "test_host.py").write_text(dedent(test))
    command = command or ("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", *command],
        cwd=host,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_fixtures_follow_a_message_from_send_to_the_provider(host: Path) -> None:
    result = run(
        host,
        """
        import re
        from datetime import UTC, datetime, timedelta
        from freezegun import freeze_time
        from reminders import invite, remind

        def test_sent(messenger, outbox):
            remind(messenger, "+31612345678")
            outbox.drain()
            (envelope,) = outbox.assert_sent(to="+31612345678", text=re.compile("table"))
            assert envelope.sender.value == "The Shop"

        def test_each_test_begins_with_nothing(outbox):
            outbox.assert_nothing_sent()

        def test_the_clock_is_moved_by_the_test(messenger, outbox, clock):
            invite(messenger, "+31612345678")
            outbox.assert_scheduled(to="+31612345678")
            assert outbox.drain().total == 0
            clock.advance(days=1, minutes=1)
            outbox.drain()
            outbox.assert_sent(text="Come", channel="orders")

        def test_freezegun_moves_the_clock_too(messenger, outbox, clock):
            with freeze_time("2026-03-02 09:00") as frozen:
                invite(messenger, "+31612345678")
                outbox.assert_scheduled(at=datetime(2026, 3, 3, 9, tzinfo=UTC))
                frozen.tick(timedelta(days=1))
                outbox.drain()
                outbox.assert_sent()
                clock.set(datetime(2026, 5, 1, tzinfo=UTC))
                assert clock.now() == datetime(2026, 5, 1, tzinfo=UTC)

        @freeze_time("2026-03-02 09:00")
        def test_freezegun_as_decorator(messenger, clock):
            assert clock.now() == datetime(2026, 3, 2, 9, tzinfo=UTC)
            assert messenger.send("orders", to="+31612345678", text="x").created_at == clock.now()
        """,
    )

    assert result.returncode == 0, result.stdout
    assert "5 passed" in result.stdout


def test_a_failure_shows_what_was_sent_instead(host: Path) -> None:
    result = run(
        host,
        """
        from reminders import remind

        def test_wrong_text(messenger, outbox):
            remind(messenger, "+31612345678")
            outbox.drain()
            outbox.assert_sent(to="+31612345678", text="Your table is here")

        def test_forgotten(messenger, outbox):
            remind(messenger, "+31612345678")
            outbox.assert_sent(to="+31612345678")
        """,
    )

    assert result.returncode == 1
    assert "expected 1 message with to='+31612345678', text='Your table is here'" in result.stdout
    assert "channel='orders' to='+31612345678' text='Your table is ready'" in result.stdout
    assert "nothing was sent" in result.stdout
    assert "was outbox.drain() forgotten?" in result.stdout


def test_fixtures_of_the_host_come_first(host: Path) -> None:
    (host / "conftest.py").write_text(
        dedent(
            """
            import pytest
            from messaging_core import Channel

            @pytest.fixture
            def messaging_channels():
                return [Channel(name="news", platform="email", sender="news@shop.example")]
            """
        )
    )
    result = run(
        host,
        """
        def test_own_channels(messenger, outbox):
            messenger.send("news", to="ann@shop.example", subject="S", html="<p>T</p>")
            outbox.drain()
            outbox.assert_sent(channel="news", to="ann@shop.example", subject="S", html="<p>T</p>")
        """,
    )

    assert result.returncode == 0, result.stdout


def test_a_run_that_uses_no_fixture_does_not_load_the_engine(host: Path) -> None:
    result = run(
        host,
        """
        import sys

        def test_nothing():
            assert "messaging_core.messenger" not in sys.modules
        """,
    )

    assert result.returncode == 0, result.stdout


def test_unittest_gets_the_same_without_pytest(host: Path) -> None:
    result = run(
        host,
        """
        import sys
        from unittest import TestCase

        for name in ("pytest", "hypothesis"):
            sys.modules[name] = None

        from messaging_adapters.testing.test_case import MessagingMixin
        from messaging_core import Channel
        from reminders import remind

        class TestReminders(MessagingMixin, TestCase):
            messaging_channels = [Channel(name="orders", platform="sms", sender="Shop")]

            def test_sent(self):
                remind(self.messenger, "+31612345678")
                self.outbox.drain()
                self.outbox.assert_sent(to="+31612345678")
                self.clock.advance(days=1)

            def test_again(self):
                self.outbox.assert_nothing_sent()
        """,
        "unittest",
        "-q",
        "test_host",
    )

    assert result.returncode == 0, result.stderr
    assert "Ran 2 tests" in result.stderr


class TestChannels:
    def test_a_line_names_platform_and_sender(self) -> None:
        orders, app = channels_of(["orders sms The Shop", "", "app push"], None)

        assert (orders.name, orders.platform, orders.sender) == ("orders", "sms", "The Shop")
        assert (app.platform, app.sender) == ("push", None)

    def test_without_settings_there_is_one_of_each_platform(self) -> None:
        assert channels_of([], None) == list(DEFAULT_CHANNELS)

    def test_channels_of_a_file_need_no_secrets(self, tmp_path: Path) -> None:
        path = tmp_path / "messaging.toml"
        path.write_text(
            '[channels.orders]\nplatform = "sms"\nsender = "Shop"\n'
            '[channels.orders.transport]\ntype = "twilio"\nauth_token = "${TWILIO_TOKEN}"\n'
            f'account_sid = "AC{"0" * 32}"\n'
        )

        assert [channel.name for channel in channels_of([], path)] == ["orders"]

    def test_a_line_without_a_platform_says_what_to_write(self) -> None:
        with pytest.raises(ConfigurationError, match="'orders' has no platform: write a name"):
            channels_of(["orders"], None)
