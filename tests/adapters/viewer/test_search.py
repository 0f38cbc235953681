"""The search box and its links."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from messaging_adapters.viewer.access import Right, Visitor
from messaging_core.models import AuditAction, TextBody, TextMetadata
from viewer_site import FOREIGN, MAIL, OTHER, READER, TEXTS, Site, csrf_of, submit, words


def search(site: Site, words: str, **fields: str) -> httpx.Response:
    return submit(site, "/messages", "/messages/search", q=words, **fields)


def listed(site: Site, path: str) -> list[str]:
    view = site.get(path.replace("/messages?", "/messages.json?")).json()
    return [row["words"] for row in view["rows"]]


def test_an_id_leads_to_its_message(site: Site) -> None:
    message = site.send("words")

    assert search(site, f" {message.id} ").headers["location"] == f"/messages/{message.id}"


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("tag:order", "tag=order"),
        ("status: sent", "status=sent"),
        ("order-1001", "reference=order-1001"),
        ("", ""),
    ],
)
def test_what_is_no_address_stands_in_the_link(site: Site, typed: str, query: str) -> None:
    site.send("words", reference="order-1001", tags=("order",))

    assert urlsplit(search(site, typed).headers["location"]).query == query


@pytest.mark.parametrize("typed", ["+44 7700 900142", "0044-7700-900142", "+447700900142"])
def test_an_address_is_in_no_link_and_is_recorded(site: Site, typed: str) -> None:
    site.send("to her", to="+447700900142")
    site.send("to him")

    location = search(site, typed).headers["location"]

    assert "900142" not in location
    assert parse_qs(urlsplit(location).query)["to"][0].startswith("~")
    assert listed(site, location) == ["to her"]
    assert "To +44 •••• •••142" in words(site.get(location))
    (entry,) = site.messenger.audit.find()
    assert (entry.action, entry.reason) == (AuditAction.LOOKED_UP, None)


def test_words_of_a_subject_are_found(site: Site) -> None:
    site.send(TextBody(text="x", metadata=TextMetadata(subject="Your winter loaves")), MAIL)
    site.send(TextBody(text="x", metadata=TextMetadata(subject="Other")), MAIL)

    location = search(site, "winter loaves", since="7d").headers["location"]

    assert "winter" not in location
    assert "since=7d" in location
    assert listed(site, location) == ["Your winter loaves"]


def test_a_link_expires_after_a_day_and_belongs_to_its_workspace(site: Site) -> None:
    site.send("theirs", FOREIGN, to="+447700900142")
    location = search(site, "+447700900142").headers["location"]
    both = {TEXTS.workspace: "", OTHER: "Other"}
    site.visitor = Visitor(name="Both", workspaces=both, may=frozenset({Right.CONTENT}))

    assert site.get(f"{location}&workspace={OTHER}").status_code == 422
    site.visitor = READER
    assert site.get(location).status_code == 200
    site.clock.advance(days=1, seconds=1)
    answer = site.get(location)
    assert answer.status_code == 422
    assert "search again" in words(answer)
    assert 'href="/messages"' in answer.text


def test_the_newest_message_has_a_link_of_its_own(site: Site) -> None:
    assert site.get("/messages/latest").status_code == 404
    mail = site.send("a mail", MAIL, tags=("order",))
    text = site.send("a text")

    assert site.get("/messages/latest").headers["location"] == f"/messages/{text.id}"
    for query in ("channel=orders-mail", "tag=order"):
        answer = site.get(f"/messages/latest?{query}")
        assert answer.headers["location"] == f"/messages/{mail.id}"
    assert site.get("/messages/latest?colour=red").status_code == 422


def test_no_visitor_walks_through_a_list_of_numbers(site: Site) -> None:
    token = csrf_of(site.get("/messages"))
    headers = {"sec-fetch-site": "same-origin"}

    answers = [
        site.request(
            "POST",
            "/messages/search",
            data={"csrf": token, "q": f"+4477009001{number}"},
            headers=headers,
        ).status_code
        for number in range(10, 43)
    ]

    assert answers[:30] == [303] * 30
    assert answers[-1] == 429
