"""The list of messages."""

import html
import re
from datetime import timedelta

import pytest

from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.pages.message_filters import ROWS
from messaging_core.models import Deferred, Rejected, Retry, TextBody, TextMetadata, Unknown
from messaging_core.testing import a_failure
from viewer_site import CODES, EVERY_RIGHT, FOREIGN, MAIL, OTHER, TEXTS, Site, make_site, words


def listed(site: Site, path: str = "/messages") -> list[str]:
    rows = site.get(path.replace("/messages", "/messages.json", 1)).json()["rows"]
    return [row.get("words") or row["hidden"] for row in rows]


def test_the_newest_message_comes_first_with_its_masked_receiver(site: Site) -> None:
    site.send("first")
    site.send("second", to="+447700900142", tags=("order",))

    page = site.get("/messages")

    assert page.status_code == 200
    assert "+447700900142" not in page.text
    assert "Accepted second order +44 •••• •••142 orders-sms 0 1 s ago" in words(page)
    assert listed(site) == ["second", "first"]


def test_filters_are_in_the_link(site: Site) -> None:
    site.send("a text", tags=("order",))
    site.send(TextBody(text="a mail", metadata=TextMetadata(subject="Your order")), MAIL)
    site.deliver()
    site.send("waits")

    assert listed(site, "/messages?status=sent") == ["Your order", "a text"]
    assert listed(site, "/messages?status=sent&status=accepted&channel=orders-sms") == [
        "waits",
        "a text",
    ]
    assert listed(site, f"/messages?channel={MAIL.id}") == ["Your order"]
    assert listed(site, "/messages?platform=email") == ["Your order"]
    assert listed(site, "/messages?tag=order") == ["a text"]


def test_a_message_in_doubt_is_marked_and_found() -> None:
    site = make_site(Unknown(failure=a_failure(12005)))
    site.send("who knows")
    site.deliver()
    site.send("sent")

    page = words(site.get("/messages?doubt=open"))

    assert listed(site, "/messages?doubt=open") == ["who knows"]
    assert "Processing in doubt who knows" in page
    assert "sent again after 2 min" in page


def test_the_reason_stands_in_the_list() -> None:
    site = make_site(Rejected(failure=a_failure(15005, description="no such number")))
    site.send("lost")
    site.deliver()
    later = site.clock.now() + timedelta(hours=2)
    site.send("later", scheduled_for=later)

    page = words(site.get("/messages"))

    assert "No such number (15005" in page
    assert "Goes 11:00:01 (in 119 min)" in page


def test_tries_are_counted() -> None:
    site = make_site(Deferred(failure=a_failure(15004, retry=Retry.TRANSIENT)))
    site.send("words")
    site.deliver()
    site.clock.advance(minutes=10)
    site.deliver()
    site.send("new")

    rows = site.get("/messages.json").json()["rows"]

    assert [row["tries"] for row in rows] == [0, 2]


def test_a_code_is_in_no_list_whatever_the_visitor_may(site: Site) -> None:
    site.send("Your code is 884213", CODES)
    site.visitor = Visitor(name="Root", may=EVERY_RIGHT)

    for path in ("/messages", "/messages.json"):
        assert "884213" not in site.get(path).text
    assert "One-time code" in words(site.get("/messages"))


def test_without_the_right_no_word_of_a_message_is_shown(site: Site) -> None:
    site.send("secret words")
    site.visitor = Visitor(name="Guest")

    for path in ("/messages", "/messages.json"):
        assert "secret words" not in site.get(path).text
    assert "Content is not shown to your role" in words(site.get("/messages"))


def test_an_address_in_a_text_is_masked_too(site: Site) -> None:
    site.send("We write to +447700900142.", to="+447700900142")

    assert "+447700900142" not in site.get("/messages").text
    assert "We write to +44 •••• •••142." in words(site.get("/messages"))


def test_pages_follow_one_another_while_the_window_moves(site: Site) -> None:
    for number in range(ROWS + 10):
        site.send(f"message {number}")

    first = site.get("/messages.json").json()
    site.clock.advance(hours=1)
    second = site.get(first["olderUrl"].replace("/messages?", "/messages.json?")).json()

    shown = [row["words"] for page in (first, second) for row in page["rows"]]
    assert shown == [f"message {number}" for number in reversed(range(ROWS + 10))]
    assert "olderUrl" not in second
    assert second["newestUrl"] == "/messages"


def test_figures_stand_beside_the_filters(site: Site) -> None:
    for body in ("a", "b", "c"):
        site.send(body)
    site.deliver()
    site.send("d", MAIL)

    page = site.get("/messages.json?status=sent").json()
    numbers = {facet["word"]: facet["number"] for facet in [*page["statuses"], *page["channels"]]}

    assert numbers["All"] == "4"
    assert (numbers["Sent"], numbers["Accepted"], numbers["Delivered"]) == ("3", "1", "")
    assert (numbers["orders-sms"], numbers["orders-mail"]) == ("3", "1")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=lost", "status"),
        ("doubt=closed", "doubt"),
        ("channel=nowhere", "channel"),
        ("failureCode=five", "failureCode"),
        ("batchId=7", "batchId"),
        ("since=yesterday", "since"),
        ("until=2026", "until"),
        ("pageToken=abc", "pageToken"),
        ("pageToken=ever~abc", "pageToken"),
        ("platform=!", "platform"),
        ("colour=red", "colour"),
    ],
)
def test_a_wrong_filter_is_named_and_the_others_stay(site: Site, query: str, name: str) -> None:
    answer = site.get(f"/messages?tag=order&{query}")

    assert answer.status_code == 422
    assert f"The filter {name} " in words(answer)
    assert 'href="/messages?tag=order"' in answer.text


def test_an_empty_list_says_where_there_is_more(site: Site) -> None:
    site.send("old", tags=("order",))
    site.clock.advance(days=2)

    assert "Look at all times: 1 messages" in words(site.get("/messages"))
    assert listed(site, "/messages?since=ever") == ["old"]
    assert "Without the filter tag: 1 messages" in words(
        site.get("/messages?since=ever&tag=nothing")
    )


def test_a_developer_is_shown_how_to_send_the_first_message() -> None:
    assert "messenger.send(" in words(make_site(development=True).get("/messages"))
    assert "messenger.send(" not in words(make_site().get("/messages"))


def test_only_the_workspaces_of_the_visitor_exist(site: Site) -> None:
    site.send("ours")
    site.send("theirs", FOREIGN)

    assert listed(site) == ["ours"]
    assert site.get(f"/messages?workspace={OTHER}").status_code == 404
    site.visitor = Visitor(
        name="Both", workspaces={TEXTS.workspace: "", OTHER: "Other"}, may=[Right.CONTENT]
    )  # type: ignore[arg-type]
    assert listed(site, f"/messages?workspace={OTHER}") == ["theirs"]
    page = site.get(f"/messages?workspace={OTHER}").text
    assert page.count(f"workspace={OTHER}") > 10
    assert f"workspace={TEXTS.workspace}" in page


def test_the_end_of_a_window_leads_to_what_came_before_it(site: Site) -> None:
    site.send("long ago")
    site.clock.advance(timedelta(days=3))
    site.send("today")

    page = site.get("/messages")
    (url,) = re.findall('href="([^"]*until[^"]*)"', page.text)
    before = words(site.get(html.unescape(url)))

    assert "today" in words(page)
    assert "long ago" not in words(page)
    assert "long ago" in before
    assert "today" not in before
    assert "Look further back" not in before


def test_a_row_names_the_contact_unless_the_request_did(site: Site) -> None:
    number = {"key": "phonenumber", "value": "+447700900142"}
    site.messenger.contacts.create(
        {"id": "ngozi", "displayName": "Ngozi Okafor", "identifiers": [number]}
    )
    site.send("of the contact", receiver={"contacts": [{"id": "ngozi"}]})
    message = site.send("of the request", to="+31612345678")

    rows = site.get("/messages.json").json()["rows"]

    assert [row.get("person") for row in rows] == [None, "Ngozi Okafor"]
    assert message.receiver.contacts[0].annotations is None


@pytest.mark.parametrize(
    "name",
    [
        "+44 7700 900142",
        "ngozi@home.example",
        "N. (07700 900142)",
        "Ngozi <ngozi@home.example>",
        "tel:+31687900142",
        "(+31) 687900142",
        "+31 6 8790 0142 (Ngozi)",
        "+31\u00a0687\u00a0900142",
    ],
)
def test_a_name_that_is_an_address_is_masked(name: str, site: Site) -> None:
    number = {"key": "phonenumber", "value": "+447700900142"}
    site.messenger.contacts.create({"id": "ngozi", "displayName": name, "identifiers": [number]})
    message = site.send("words", receiver={"contacts": [{"id": "ngozi"}]})
    site.deliver()

    for path in ("/messages", f"/messages/{message.id}", "/contacts", "/contacts/ngozi"):
        for own in (path, f"{path}.json"):
            page = site.get(own).text
            assert "900142" not in page.replace(" ", ""), own
            assert "ngozi@" not in page, own
