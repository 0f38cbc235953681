"""Requests per second of a workspace: what is refused, and how that is answered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from messaging_adapters.asgi.access import Access, AccessKeyTable, Policy, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.request_rates import RequestRate
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger
from messaging_core.errors import ArgumentError
from messaging_core.testing import ManualClock, RecordingTransport
from tests import plain_http
from tests.adapters.asgi.conftest import FOREIGN, MAIL, ORDERS, path_of, serving, sms

KEYS = {
    "mine": Access(name="mine"),
    "also": Access(name="also"),
    "foreign": Access(name="foreign", workspace=FOREIGN.workspace),
    "nothing": Access(name="nothing", policies=()),
    "viewer": Access(name="viewer", policies=(Policy("view", "/**"),)),
}
MESSAGES = path_of(ORDERS, "/messages")


class Limited:
    """An application with a clock that stands still, and its callers."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.url = ""

    def post(self, token: str = "mine", path: str = MESSAGES) -> httpx.Response:  # noqa: S107 - a name
        return plain_http.post(self.url + path, json=sms(), headers=_header(token))

    def get(self, token: str = "mine", path: str = MESSAGES) -> httpx.Response:  # noqa: S107 - a name
        return plain_http.get(self.url + path, headers=_header(token))


def _header(token: str) -> dict[str, str]:
    return {"Authorization": f"AccessKey {token}"}


def rate_of(workspace: UUID) -> RequestRate:
    if workspace == FOREIGN.workspace:
        return RequestRate(per_second=5)
    return RequestRate(per_second=2, reads_per_second=3)


@pytest.fixture
def limited() -> Iterator[Limited]:
    limited = Limited()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels=dict.fromkeys((ORDERS, MAIL, FOREIGN), RecordingTransport()),
        clock=limited.clock,
    )
    keys = AccessKeyTable({hash_of_key(token): access for token, access in KEYS.items()})
    with serving(make_app(messenger, access=keys, rate=rate_of)) as url:
        limited.url = url
        yield limited


def statuses(*answers: httpx.Response) -> list[int]:
    return [answer.status_code for answer in answers]


def test_one_request_too_many_is_429_and_says_when_to_come_again(limited: Limited) -> None:
    assert statuses(limited.post(), limited.post("also")) == [202, 202]

    refused = limited.post()

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    body: dict[str, Any] = refused.json()
    assert body["code"] == "TooManyRequests"
    assert set(body) == {"code", "message"}
    limited.clock.advance(timedelta(seconds=1))
    assert statuses(limited.post(), limited.post(), limited.post()) == [202, 202, 429]


def test_reads_are_counted_apart_and_channels_together(limited: Limited) -> None:
    mail = path_of(MAIL, "/messages")
    assert statuses(limited.post(), limited.post(), limited.post(path=mail)) == [202, 202, 429]
    reads = [limited.get(), limited.get(path=mail), limited.get("viewer"), limited.get()]
    assert statuses(*reads) == [200, 200, 200, 429]


def test_workspaces_have_rates_of_their_own(limited: Limited) -> None:
    theirs = path_of(FOREIGN, "/messages")
    answers = [limited.post("foreign", theirs) for _ in range(4)]
    # Without a limit of their own, reads count as all others.
    answers += [limited.get("foreign", theirs), limited.get("foreign", theirs)]

    assert statuses(*answers) == [202] * 4 + [200, 429]
    assert statuses(limited.post(), limited.get()) == [202, 200]


def test_who_may_not_call_uses_nothing_up(limited: Limited) -> None:
    for token, status in (("unknown", 401), ("nothing", 403), ("viewer", 403), ("foreign", 404)):
        assert statuses(*(limited.post(token) for _ in range(3))) == [status] * 3

    assert statuses(limited.post(), limited.post(), limited.post("unknown")) == [202, 202, 401]
    assert plain_http.get(f"{limited.url}/openapi.json").status_code == 200


def test_many_at_once_get_what_there_is(limited: Limited) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: limited.post(), range(16)))

    assert sorted(statuses(*answers)) == [202] * 2 + [429] * 14


def test_one_too_many_for_the_routes_of_mia_has_its_three_fields(limited: Limited) -> None:
    limited.post()
    limited.post()

    refused = plain_http.post(f"{limited.url}/send", json={}, headers=_header("mine"))

    assert refused.status_code == 429
    assert refused.json()["statusCode"] == "429"
    assert refused.headers["retry-after"] == "1"


def test_the_description_has_the_answer(limited: Limited) -> None:
    document = plain_http.get(f"{limited.url}/openapi.json").json()
    for path in document["paths"].values():
        for operation in path.values():
            answer = operation["responses"].get("429")
            needs_key = bool(operation["security"]) and {} not in operation["security"]
            assert (answer is not None) is needs_key
            assert answer is None or "Retry-After" in answer["headers"]


@pytest.mark.parametrize("number", [0, -1, 1.5, "2"])
def test_a_rate_is_a_number_of_requests(number: Any) -> None:
    with pytest.raises(ArgumentError):
        RequestRate(per_second=number)
    with pytest.raises(ArgumentError):
        RequestRate(reads_per_second=number)
