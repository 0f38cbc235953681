"""Replay many dead letters: frozen, at a bounded rate, and stopped when asked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.pages.replay_job import A_STEP, MOST, refusal_of
from messaging_core.models import Failure, Rejected, Status
from messaging_core.testing import a_failure, a_message
from viewer_site import OTHER, TEXTS, Site, csrf_of, make_site, submit, words

REFUSED = Rejected(failure=a_failure(15002))
GONE = Rejected(failure=a_failure(15005))
PAGE = "/operations/replay?failureCode=15002"
OPERATOR = Visitor(name="Olu", may=frozenset({Right.ACT_MANY}))


def a_site(number: int, *more: Rejected) -> Site:
    site = make_site(*[REFUSED] * number, *more)
    for _ in range(number + len(more)):
        site.send("hi", to="+447700900142")
    site.deliver()
    site.visitor = OPERATOR
    return site


def ids_of(site: Site) -> list[str]:
    return [row["id"] for row in site.get(PAGE.replace("?", ".json?")).json()["rows"]]


def start(site: Site, ids: list[str], reason: str = "the account was paid") -> httpx.Response:
    fields: dict[str, Any] = {"csrf": csrf_of(site.get(PAGE)), "id": ids, "reason": reason}
    headers = {"sec-fetch-site": "same-origin", "origin": "null"}
    return site.request("POST", "/operations/replay", data=fields, headers=headers)


def step(site: Site, page: str) -> None:
    assert submit(site, page, f"{page}/step").status_code == 303


def test_the_page_names_what_goes_and_to_whom() -> None:
    site = a_site(2)

    page = site.get(PAGE)

    assert "Replay 2 messages?" in words(page)
    assert "at most 5 a second" in words(page)
    assert all(page.text.count(f'name="id" value="{own}"') == 1 for own in ids_of(site))
    assert "+447700900142" not in page.text
    assert len(site.messenger.find().results) == 2


def test_the_messages_go_a_few_at_a_time() -> None:
    site = a_site(A_STEP + 2)
    ids = ids_of(site)

    page = start(site, ids).headers["location"]
    assert "Under way: 0 sent once more, 0 left out, 7 to go." in words(site.get(page))
    step(site, page)
    step(site, page)
    assert "Under way: 5 sent once more, 0 left out, 2 to go." in words(site.get(page))
    site.clock.advance(timedelta(seconds=1))
    step(site, page)

    assert "Done: 7 sent once more, 0 left out, 0 to go." in words(site.get(page))
    assert "/step" not in site.get(page).text
    entries = site.messenger.audit.find()
    assert {str(entry.message_id) for entry in entries} == set(ids)
    assert {(entry.actor, entry.reason) for entry in entries} == {("Olu", "the account was paid")}
    site.deliver()
    assert len(site.transport.sent) == 2 * len(ids)


def test_a_replay_can_be_stopped() -> None:
    site = a_site(A_STEP + 2)
    page = start(site, ids_of(site)).headers["location"]
    step(site, page)

    assert submit(site, page, f"{page}/stop").status_code == 303
    site.clock.advance(timedelta(seconds=5))

    assert "Stopped: 5 sent once more, 0 left out, 2 to go." in words(site.get(page))
    assert "/step" not in site.get(page).text
    token = csrf_of(site.get(PAGE))
    headers = {"sec-fetch-site": "same-origin", "origin": "null"}
    site.request("POST", f"{page}/step", data={"csrf": token}, headers=headers)
    assert "Stopped: 5 sent" in words(site.get(page))


def test_only_the_frozen_messages_go() -> None:
    site = a_site(3)
    ids = ids_of(site)

    page = start(site, ids[:1]).headers["location"]
    step(site, page)

    assert "Done: 1 sent once more" in words(site.get(page))
    assert [str(entry.message_id) for entry in site.messenger.audit.find()] == ids[:1]


def test_what_cannot_be_helped_is_left_out() -> None:
    site = a_site(1, GONE)
    gone = next(
        own for own in site.messenger.find().results if own.failure and own.failure.code == 15005
    )

    page = start(site, [str(gone.id), str(UUID(int=7)), *ids_of(site)]).headers["location"]
    step(site, page)

    shown = words(site.get(page))
    assert "Done: 1 sent once more, 2 left out, 0 to go." in shown
    assert "left out: would fail again" in shown
    gone_page = words(site.get("/operations/replay?failureCode=15005"))
    assert "Sending these once more does not help: would fail again." in gone_page


def test_a_message_is_not_replayed_twice() -> None:
    site = a_site(1)
    ids = ids_of(site)

    for _ in range(2):
        page = start(site, ids).headers["location"]
        step(site, page)

    assert len(site.messenger.find().results) == 2


@pytest.mark.parametrize(
    ("ids", "reason", "name"),
    [
        ([], "why", "id"),
        (["x"], "why", "id"),
        ([str(UUID(int=number)) for number in range(MOST + 1)], "why", "id"),
        ([str(UUID(int=1))], " ", "reason"),
        ([str(UUID(int=1))], "x" * 201, "reason"),
    ],
)
def test_a_form_without_ids_or_a_reason_starts_nothing(
    ids: list[str], reason: str, name: str
) -> None:
    answer = start(a_site(1), ids, reason)

    assert answer.status_code == 422
    assert f" {name} " in words(answer)


def test_only_those_who_may_replay_many_see_it() -> None:
    site = a_site(1)
    page = start(site, ids_of(site)).headers["location"]
    site.visitor = Visitor(name="Rina", may=frozenset(Right) - {Right.ACT_MANY})

    for path in (PAGE, page):
        assert site.get(path).status_code == 403
    assert site.request("POST", "/operations/replay").status_code == 403
    assert site.request("POST", f"{page}/step").status_code == 403


def test_a_replay_of_another_workspace_does_not_exist() -> None:
    site = a_site(1)
    page = start(site, ids_of(site)).headers["location"]
    site.visitor = Visitor(name="Olu", workspaces=[OTHER], may=frozenset({Right.ACT_MANY}))  # type: ignore[arg-type]

    assert site.get(page).status_code == 404
    assert site.get(f"{page}.stop").status_code == 404
    assert "No message failed" in words(site.get(PAGE))


def test_a_form_of_another_site_starts_nothing() -> None:
    site = a_site(1)
    answer = site.request(
        "POST",
        "/operations/replay",
        data={"csrf": csrf_of(site.get(PAGE)), "id": ids_of(site), "reason": "x"},
        headers={"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    )

    assert answer.status_code == 403


@pytest.mark.parametrize("code", ["", "x", "150020", "0x123"])
def test_a_wrong_code_is_named(code: str) -> None:
    assert a_site(1).get(f"/operations/replay?failureCode={code}").status_code == 422


def test_a_message_that_was_helped_meanwhile_is_left_out() -> None:
    sent = a_message(channel_id=TEXTS.id, status=Status.SENT)
    late = a_message(status=Status.SENDING_FAILED, failure=Failure(code=12004))

    assert refusal_of(sent) == "left out: it is sent now"
    assert refusal_of(late) == "left out: too late"
    assert refusal_of(a_message(status=Status.SENDING_FAILED)) is None
