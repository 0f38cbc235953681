"""What a provider's error codes mean, and how a host corrects them."""

from collections.abc import Mapping
from typing import Any

import pytest

from messaging_adapters.providers.error_table import error_table
from messaging_core.errors import ArgumentError, ConfigurationError
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry


@pytest.mark.parametrize(
    ("provider", "code", "retry", "ours"),
    [
        ("twilio", "30003", Retry.TRANSIENT, FailureCode.UNREACHABLE),
        ("twilio", "21610", Retry.RECIPIENT_GONE, FailureCode.SUPPRESSED),
        ("twilio", "30005", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("twilio", "20429", Retry.THROTTLED, FailureCode.THROTTLED),
        ("twilio", "20500", Retry.AMBIGUOUS, FailureCode.IN_DOUBT),
        ("vonage", "1240", Retry.RECIPIENT_GONE, FailureCode.SUPPRESSED),
        ("vonage", "1070", Retry.CONFIGURATION, FailureCode.NOT_CONFIGURED),
        ("bird", "15005", Retry.RECIPIENT_GONE, FailureCode.UNKNOWN_RECEIVER),
        ("resend", "suppressed", Retry.RECIPIENT_GONE, FailureCode.SUPPRESSED),
        ("bird", "sms:27", Retry.TRANSIENT, FailureCode.UNREACHABLE),
    ],
)
def test_a_code_has_a_class(provider: str, code: str, retry: Retry, ours: FailureCode) -> None:
    failure = error_table(provider).find(code)

    assert failure is not None
    assert (failure.retry, failure.code) == (retry, ours)
    assert failure.source == FailureSource(name=provider, code=code)


@pytest.mark.parametrize(
    "provider", ["twilio", "vonage", "bird", "postmark", "resend", "mailgun", "ses"]
)
def test_every_entry_is_described_in_one_short_line(provider: str) -> None:
    table = error_table(provider)

    assert len(table.failures) > 20
    for failure in table.failures.values():
        assert 0 < len(failure.description) < 80
        assert failure.description.isprintable()


def test_a_host_corrects_single_codes() -> None:
    table = error_table("twilio").with_changes(
        {"30007": {"retry": "configuration", "code": "invalid_sender", "text": "filtered"}}
    )

    assert table.find("30007") == Failure(
        code=FailureCode.INVALID_SENDER,
        description="filtered",
        source=FailureSource(name="twilio", code="30007"),
        retry=Retry.CONFIGURATION,
    )
    assert table.find("30008") == error_table("twilio").find("30008")
    assert error_table("twilio").find("30007") != table.find("30007")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"1": {"retry": "never"}}, ArgumentError, "errors\\['1'\\]\\['retry'\\] must be one of"),
        ({"1": {}}, ArgumentError, "errors\\['1'\\]\\['retry'\\] must be one of"),
        ({"1": "transient"}, ArgumentError, "errors\\['1'\\] must be a dict"),
        ({"1": {"retry": "transient", "class": "R"}}, ConfigurationError, "has no key class"),
        (
            {"1": {"retry": "transient", "code": "gone"}},
            ConfigurationError,
            "errors\\['1'\\]\\['code'\\] must be one of invalid_channel_configuration, ",
        ),
    ],
)
def test_a_wrong_correction_is_refused(
    changes: Mapping[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        error_table("twilio").with_changes(changes)


def test_an_unknown_code_means_a_passing_trouble() -> None:
    failure = error_table("twilio").reported(["39998", "39999"], "undelivered")

    assert failure.retry is Retry.TRANSIENT
    assert failure.code == FailureCode.TRANSIENT
    assert failure.source == FailureSource(name="twilio", code="39998")
    assert error_table("twilio").find("39999") is None
    assert error_table("twilio").find(None) is None


def test_the_first_known_code_counts() -> None:
    table = error_table("bird")

    assert table.reported(["sms:99", "15005"], "delivery_failed") == table.find("15005")
    assert table.reported(["sms:27", "15005"], "delivery_failed") == table.find("sms:27")


def test_a_receipt_leaves_no_doubt() -> None:
    assert error_table("twilio").reported(["20503"], "failed").retry is Retry.TRANSIENT


def test_a_failure_without_a_code_says_what_was_reported() -> None:
    failure = error_table("twilio").reported([], "undelivered")

    assert failure.description == "reported as undelivered"
    assert failure.code == FailureCode.UNREACHABLE
