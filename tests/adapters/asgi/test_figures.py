"""Counts, roll-ups, tags and campaigns over HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from messaging_core.testing.clock import MONDAY_MORNING
from tests.adapters.asgi.conftest import FOREIGN, MAIL, ORDERS, Service, path_of, sms

SPACE = f"/workspaces/{ORDERS.workspace}"
MESSAGES = f"{SPACE}/channels/messages"
AT = "2026-01-05T09:00:00.000Z"


@pytest.fixture
def figures(service: Service, client: httpx.Client) -> httpx.Client:
    """Return a client of a service that has delivered two messages, and accepted a third."""
    for tags in (["Sale", "news"], ["sale"]):
        client.post(path_of(ORDERS, "/messages"), json=sms() | {"tags": tags})
    service.deliver()
    client.post(path_of(ORDERS, "/messages"), json=sms() | {"tags": ["sale"]})
    with service.client("foreign") as other:
        other.post(path_of(FOREIGN, "/messages"), json=sms() | {"tags": ["theirs"]})
    service.messenger.rollup_counter.run()
    return client


def get(client: httpx.Client, path: str, expected: int = 200, **params: Any) -> dict[str, Any]:
    answer = client.get(path, params=params)
    assert answer.status_code == expected, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_messages_are_counted_by_workspace_and_by_channel(figures: httpx.Client) -> None:
    assert get(figures, f"{MESSAGES}/counts", by=["status", "day", "channel"], tag="SALE") == {
        "results": [
            {
                "number": number,
                "status": status,
                "channelId": str(ORDERS.id),
                "day": AT[:10],
            }
            for number, status in ((2, "sent"), (1, "accepted"))
        ],
        "total": 3,
        "isExact": True,
    }
    assert get(figures, path_of(ORDERS, "/messages/counts"), status="sent")["total"] == 2
    assert get(figures, path_of(MAIL, "/messages/counts"))["total"] == 0


def test_roll_ups_are_shown_by_workspace_and_by_channel(figures: httpx.Client) -> None:
    rollups = get(figures, f"{MESSAGES}/rollups", since=AT, tag="sale", by=["outcome", "channel"])

    assert rollups == {
        "results": [
            {
                "start": AT,
                "number": number,
                "outcome": outcome,
                "channelId": str(ORDERS.id),
                "longestMs": 0,
            }
            for number, outcome in ((3, "admitted"), (2, "sent"), (2, "settled"))
        ],
        "since": AT,
        "until": "2026-01-05T09:05:00.000Z",
        "step": 300,
        "asOf": AT,
        "isComplete": True,
    }
    hour = get(figures, path_of(ORDERS, "/messages/rollups"), since=AT, step=3600, by="detail")
    assert {row["detail"]: row["number"] for row in hour["results"]} == {"": 5, "0.1": 2}
    assert get(figures, path_of(MAIL, "/messages/rollups"), since=AT)["results"] == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "since"),
        ({"since": AT, "step": 7}, "step"),
        ({"since": AT, "step": -300}, "step"),
        ({"since": AT, "step": 10**17}, "step"),
        ({"since": AT, "by": "weather"}, "by.0"),
        ({"since": "2020-01-01T00:00:00Z"}, "since"),
        ({"since": AT, "tag": ""}, "tag"),
        ({"since": AT, "by": ["outcome"] * 1001}, "by"),
    ],
)
def test_a_wrong_query_is_refused_by_field(
    figures: httpx.Client, params: dict[str, Any], field: str
) -> None:
    problem = get(figures, f"{MESSAGES}/rollups", 422, **params)

    assert list(problem["details"]) == [field]


def test_tags_are_listed_and_shown(figures: httpx.Client) -> None:
    news, sale = ({"name": name, "createdAt": AT, "updatedAt": AT} for name in ("news", "sale"))

    first = get(figures, f"{SPACE}/tags", limit=1)
    second = get(figures, f"{SPACE}/tags", limit=1, pageToken=first["nextPageToken"])

    assert (first["results"], second) == ([news], {"results": [sale]})
    assert get(figures, f"{SPACE}/tags/SALE") == sale
    for name in ("theirs", "x" * 99):
        get(figures, f"{SPACE}/tags/{name}", 404)


def test_a_campaign_has_its_figures(figures: httpx.Client, service: Service) -> None:
    service.clock.advance(timedelta(minutes=1))

    campaign = get(figures, f"{SPACE}/campaigns/Sale")

    shown = {name: campaign[name] for name in ("tag", "accepted", "waiting", "sent", "isDone")}
    assert shown == {"tag": "sale", "accepted": 3, "waiting": 1, "sent": 2, "isDone": False}
    assert (campaign["failed"], campaign["skipped"], campaign["hasRollups"]) == ({}, {}, True)
    for name in ("theirs", "x" * 99):
        get(figures, f"{SPACE}/campaigns/{name}", 404)
    assert service.clock.now() > MONDAY_MORNING
