"""Visitors with access keys, and how often visitors may ask."""

from typing import Final

import httpx
import pytest

from messaging_adapters.asgi.access import Access, AccessKeyTable, Policy, hash_of_key
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.sessions import COOKIE, rights_of
from messaging_core.models import AuditAction
from viewer_site import OTHER, Site, csrf_of, make_site, words

OWN: Final = {"sec-fetch-site": "same-origin", "origin": "null"}
KEYS: Final = {
    "everything": Access(name="ops"),
    "looks": Access(name="support", policies=(Policy("view", "/workspaces/*/viewer"),)),
    "sends": Access(name="shop", policies=(Policy("create", "/**"),)),
    "foreign": Access(name="other", workspace=OTHER),
}


@pytest.fixture
def site() -> Site:
    keys = AccessKeyTable({hash_of_key(token): access for token, access in KEYS.items()})
    return make_site(access=keys)


def sign_in(site: Site, key: str, place: str = "/messages", **headers: str) -> httpx.Response:
    data = {"key": key, "place": place}
    return site.request("POST", "/login", data=data, headers={**OWN, **headers})


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_a_key_becomes_a_session(site: Site) -> None:
    site.send("words")
    asked = site.get("/messages?status=accepted")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/login?place=%2Fmessages%3Fstatus%3Daccepted"
    assert 'value="/messages?status=accepted"' in site.get(asked.headers["location"]).text

    answer = sign_in(site, "everything", "/messages?status=accepted")

    assert answer.headers["location"] == "/messages?status=accepted"
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "Secure", "SameSite=strict", "Path=/;", "Max-Age=28800"):
        assert attribute in cookie
    page = site.get("/messages", headers=cookie_of(answer))
    assert "words" in words(page)
    assert "You are ops" in words(page)
    assert [entry.action for entry in site.messenger.audit.find()] == [AuditAction.SIGNED_IN]


@pytest.mark.parametrize("key", ["wrong", "", "sends"])
def test_a_key_that_may_not_look_opens_nothing(site: Site, key: str) -> None:
    answer = sign_in(site, key)

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "No such key" in words(answer)


def test_a_session_ends_after_eight_hours_or_at_once(site: Site) -> None:
    cookie = cookie_of(sign_in(site, "everything"))
    assert site.get("/messages", headers=cookie).status_code == 200

    site.request("POST", "/logout", headers={**cookie, **OWN})
    assert site.get("/messages", headers=cookie).status_code == 303

    cookie = cookie_of(sign_in(site, "everything"))
    site.clock.advance(hours=8)
    assert site.get("/messages", headers=cookie).status_code == 303


def test_what_is_stored_is_no_cookie(site: Site) -> None:
    answer = sign_in(site, "everything")
    token = answer.headers["set-cookie"].partition(";")[0].removeprefix(f"{COOKIE}=")

    tables = site.messenger.storage._tables.documents.documents  # type: ignore[attr-defined]
    stored = [document for of_kind in tables.values() for document in of_kind.values()]
    assert any(kind == "record.session" for kind, _ in tables)
    assert all(token.encode() not in document.id.encode() + document.body for document in stored)


def test_a_session_sees_only_the_workspace_of_its_key(site: Site) -> None:
    site.send("ours and ours alone")

    page = site.get("/messages", headers=cookie_of(sign_in(site, "foreign")))

    assert "ours and ours alone" not in words(page)


def test_a_form_belongs_to_its_session(site: Site) -> None:
    first, second = (cookie_of(sign_in(site, "everything")) for _ in range(2))
    token = csrf_of(site.get("/messages", headers=first))

    answers = [
        site.request(
            "POST", "/messages/search", data={"csrf": token}, headers={**cookie, **OWN}
        ).status_code
        for cookie in (first, second)
    ]

    assert answers == [303, 403]


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/a\r\nset-cookie: x",
        "javascript:x",
        "",
    ],
)
def test_a_login_leads_to_no_other_site(site: Site, place: str) -> None:
    assert sign_in(site, "everything", place).headers["location"] == "/"


def test_another_site_signs_no_one_in(site: Site) -> None:
    answer = sign_in(site, "everything", **{"sec-fetch-site": "cross-site"})

    assert answer.status_code == 401
    assert "Sec-Fetch-Site" in words(answer)


def test_without_a_session_json_and_forms_are_refused(site: Site) -> None:
    assert site.get("/messages.json").status_code == 403
    assert site.request("POST", "/messages/search", headers=OWN).status_code == 403


def test_keys_are_not_tried_without_end(site: Site) -> None:
    answers = [sign_in(site, f"key {number}").status_code for number in range(32)]

    assert answers[:30] == [401] * 30
    assert answers[-1] == 429


def test_the_rights_come_from_the_policies() -> None:
    look = Access(name="x", policies=(Policy("view", "/workspaces/*/viewer"),))
    view = Access(name="x", policies=(Policy("view", "/workspaces/*/viewer/**"),))

    assert rights_of(KEYS["everything"]) == frozenset(Right)
    assert rights_of(look) == {Right.LOOK}
    assert rights_of(view) == {Right.CONTENT, Right.ADDRESSES, Right.SECRETS, Right.AUDIT}
    assert rights_of(KEYS["sends"]) == frozenset()


def test_the_page_says_when_to_ask_again() -> None:
    site = make_site()

    answers = [site.get("/messages/changes?after=0") for _ in range(60)]

    statuses = {answer.status_code for answer in answers}
    assert 429 in statuses
    assert answers[-1].status_code in {204, 429}
    assert "You ask too often." in words(answers[-1]) or answers[-1].status_code == 204
