"""Listings."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging_core.models import MessageQuery, Status
from messaging_core.rules.requests.query import check_query

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)


def check(**fields: Any) -> list[tuple[str, str]]:
    return [(v.path, v.code) for v in check_query(MessageQuery(**fields))]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"limit": 1},
        {"limit": 1000, "page_token": "x" * 8000, "reverse": True},
        {"platform": "sms"},
        {"platform": ["sms", "email", "sms-messagebird"], "status": "delivered"},
        {"start_at": NOON, "end_at": NOON},
        {"start_at": NOON, "end_at": NOON + timedelta(days=1)},
        {"tag": ["vip"] * 1000, "email_subject": "x" * 998},
    ],
)
def test_rule_37_a_listing_is_accepted(fields: dict[str, Any]) -> None:
    assert check(**fields) == []


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"limit": 0}, "/limit", "query.bad_limit"),
        ({"limit": -1}, "/limit", "query.bad_limit"),
        ({"limit": 1001}, "/limit", "query.bad_limit"),
        ({"page_token": "x" * 8001}, "/pageToken", "query.page_token_too_long"),
        ({"platform": ["sms", "ab"]}, "/platform/1", "query.bad_platform"),
        ({"platform": "a" * 61}, "/platform/0", "query.bad_platform"),
        ({"platform": "sms\n"}, "/platform/0", "query.bad_platform"),
        ({"platform": "\u0661\u0662\u0663"}, "/platform/0", "query.bad_platform"),
        ({"status": [Status.SENT, "lost"]}, "/status/1", "query.bad_status"),
        ({"start_at": NAIVE}, "/startAt", "query.no_offset"),
        ({"end_at": NAIVE, "start_at": NOON}, "/endAt", "query.no_offset"),
        (
            {"start_at": NOON, "end_at": NOON - timedelta(microseconds=1)},
            "/startAt",
            "query.start_after_end",
        ),
        ({"email_subject": "x" * 999}, "/emailSubject", "query.subject_too_long"),
        ({"tag": ["vip"] * 1001}, "/tag", "query.too_many_values"),
        ({"sender": ["a"] * 1001}, "/from", "query.too_many_values"),
        ({"receiver": ["a"] * 1001}, "/to", "query.too_many_values"),
        ({"failure_code": [1] * 1001}, "/failureCode", "query.too_many_values"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_rule_37_any_other_listing_is_refused(fields: dict[str, Any], path: str, code: str) -> None:
    assert check(**fields) == [(path, code)]


def test_every_fault_of_a_listing_is_told() -> None:
    assert len(check(limit=0, page_token="x" * 8001, platform="?", start_at=NAIVE)) == 4
