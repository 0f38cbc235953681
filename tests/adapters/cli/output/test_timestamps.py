from datetime import UTC, datetime, timedelta

import pytest

from messaging_adapters.cli.output.timestamps import moment, read_moment, span
from messaging_adapters.cli.usage import UsageError

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", "2026-03-02T00:00:00+00:00"),
        (" Yesterday ", "2026-03-01T00:00:00+00:00"),
        ("2026-02-14", "2026-02-14T00:00:00+00:00"),
        ("14 Feb", "2026-02-14T00:00:00+00:00"),
        ("10:30", "2026-03-02T10:30:00+00:00"),
        ("2026-02-14T10:30+01:00", "2026-02-14T10:30:00+01:00"),
        ("2026-02-14T10:30:00Z", "2026-02-14T10:30:00+00:00"),
    ],
)
def test_dates_are_read_as_people_write_them(text, expected):
    assert read_moment(text, NOW).isoformat() == expected


@pytest.mark.parametrize("text", ["soon", "", "2026-13-01", "10:30 XYZ", "9" * 30])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(UsageError, match="is no date or time"):
        read_moment(text, NOW)


def test_instants_and_spans_are_written_briefly():
    assert moment(NOW) == "2026-03-02 09:30:00"
    assert moment(None) == ""
    assert span(timedelta(days=3, hours=2)) == "3 days"
    assert span(timedelta(hours=1)) == "1 hour"
    assert span(timedelta(seconds=40)) == "40 seconds"
