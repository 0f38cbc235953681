"""System checks name the fault and what to do about it."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.db import connection
from django.test import SimpleTestCase, TestCase, override_settings

CHANNELS = {"orders": {"platform": "sms", "sender": "Shop", "transport": {"type": "console"}}}
TWILIO = {
    "platform": "sms",
    "sender": "+31600000009",
    "transport": {
        "type": "twilio",
        "account_sid": "AC" + "0" * 32,
        "auth_token": "${MESSAGING_NOT_SET}",
    },
}
BACKEND = "messaging_adapters.django.email.EmailBackend"


def checked(**options: Any) -> list[CheckMessage]:
    messages = run_checks(tags=["messaging"], **options)
    return [message for message in messages if str(message.id).startswith("messaging.")]


class TestSettings(SimpleTestCase):
    def test_settings_that_are_right_have_no_faults(self) -> None:
        with override_settings(EMAIL_BACKEND=BACKEND):
            assert checked() == []

    def test_a_missing_setting_is_named_with_an_example(self) -> None:
        with override_settings():
            del settings.MESSAGING
            (fault,) = checked()

        assert fault.id == "messaging.E001"
        assert "settings.MESSAGING is missing" in fault.msg

    def test_every_fault_of_the_configuration_is_a_line(self) -> None:
        wrong = {"channels": {"a": {"platform": "sms"}, "b": {"plattform": "sms"}}}
        with override_settings(MESSAGING=wrong):
            faults = checked()

        assert {fault.id for fault in faults} == {"messaging.E001"}
        assert any("[channels.a]" in fault.msg for fault in faults)
        assert any("[channels.b]" in fault.msg for fault in faults)

    def test_an_unknown_database_is_named_with_those_there_are(self) -> None:
        with override_settings(MESSAGING_DATABASE="messages"):
            (fault,) = checked()

        assert (fault.id, fault.hint) == ("messaging.E002", "DATABASES has default.")

    def test_mails_need_a_channel_of_email(self) -> None:
        with override_settings(EMAIL_BACKEND=BACKEND, MESSAGING={"channels": CHANNELS}):
            (fault,) = checked()
        assert fault.id == "messaging.E004"

        with override_settings(EMAIL_BACKEND=BACKEND, MESSAGING_EMAIL_CHANNEL="orders"):
            (fault,) = checked()
        assert (fault.id, fault.hint) == ("messaging.E004", "MESSAGING has these of email: mail.")

    def test_options_name_a_function_or_are_a_mapping(self) -> None:
        for wrong in ("no.such.function", 7):
            with override_settings(MESSAGING_OPTIONS=wrong):
                (fault,) = checked()
            assert "MESSAGING_OPTIONS" in fault.msg

    def test_a_missing_secret_is_shown_at_deployment_only(self) -> None:
        with override_settings(MESSAGING={"channels": {"orders": TWILIO}}):
            assert checked() == []
            (fault,) = checked(include_deployment_checks=True)
            assert fault.id == "messaging.E005"
            assert "MESSAGING_NOT_SET" in fault.msg

            os.environ["MESSAGING_NOT_SET"] = "a token"
            self.addCleanup(os.environ.pop, "MESSAGING_NOT_SET")
            assert checked(include_deployment_checks=True) == []


class TestTables(TestCase):
    def test_tables_that_are_not_up_to_date_are_reported(self) -> None:
        assert checked(databases=["default"]) == []
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE messaging_rollups")

        (fault,) = checked(databases=["default"])

        assert fault.id == "messaging.W001"
        assert "table messaging_rollups is missing" in fault.msg
        assert fault.hint == "Run manage.py migrate --database default."
        assert checked() == []  # no database is opened unless Django allows it
