"""Contacts: may we write, when, and what did this person get?"""

from datetime import time, timedelta
from uuid import uuid4

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.pages import contact, contacts
from messaging_core import Channel, Messenger
from messaging_core.models import (
    FrequencyCap,
    Holdout,
    QuietHours,
    QuietWindow,
    SendRules,
    SuppressionCause,
    SuppressionScope,
)
from messaging_core.models.common.identifier import Identifier
from messaging_core.testing import ManualClock, RecordingTransport
from viewer_site import (
    CODES,
    EVERY_RIGHT,
    FOREIGN,
    MAIL,
    OTHER,
    TEXTS,
    Site,
    csrf_of,
    submit,
    words,
)

NUMBER = "+447700900142"
ADDRESS = "ada@receiver.example"
OFFERS = Channel(name="offers-sms", platform="sms", sender="Northmill", message_type="promotional")
NIGHT = QuietHours(windows=(QuietWindow(start=time(21), end=time(8)),))
ADA = {
    "id": "ada",
    "displayName": "Ada Lovelace",
    "identifiers": [
        {"key": "phonenumber", "value": NUMBER},
        {"key": "emailaddress", "value": ADDRESS},
    ],
    "timeZone": "America/Los_Angeles",
}


def make(rules: SendRules | None = None, **fields: object) -> Site:
    """Make a site with a channel for offers, send rules and one contact."""
    transport, clock = RecordingTransport(), ManualClock()
    messenger = Messenger(
        storage=MemoryStorage(),
        channels=dict.fromkeys((TEXTS, MAIL, CODES, OFFERS, FOREIGN), transport),
        clock=clock,
        send_rules=rules,
    )
    messenger.contacts.create({**ADA, **fields})
    return Site(messenger=messenger, transport=transport, clock=clock)


def suppress(site: Site, scope: SuppressionScope, cause: SuppressionCause) -> None:
    identifier = Identifier(identifier_key="phonenumber", identifier_value=NUMBER)
    site.messenger.suppressions.suppress(identifier, scope, cause)


def test_the_verdict_says_that_we_may_write_now() -> None:
    page = words(make().get("/contacts/ada"))

    assert "We may write to Ada Lovelace now." in page
    assert "Now: codes, offers-sms, orders-mail, orders-sms." in page


def test_quiet_hours_hold_on_one_channel_with_the_time_there() -> None:
    site = make(SendRules(quiet_hours=NIGHT))

    page = words(site.get("/contacts/ada"))

    assert "We may write to Ada Lovelace now, but not on every channel." in page
    assert "Later: offers-sms from 16:00:00." in page
    assert "Mon 08:00 in America/Los_Angeles" in page
    assert "Mon 01:00 America/Los_Angeles as stored with the contact" in page
    assert "Quiet hours now" in page
    rows = {row["name"]: row for row in site.get("/contacts/ada.json").json()["channels"]}
    allowed = site.messenger.next_allowed(OFFERS, NUMBER)
    assert allowed is not None
    assert rows["offers-sms"]["when"].startswith(f"{allowed:%Y-%m-%dT%H:%M}")
    assert rows["orders-sms"]["mark"] == "delivered"


def test_only_later_says_from_when() -> None:
    site = make(SendRules(quiet_hours=NIGHT), identifiers=[])
    site.messenger.contacts.update(
        "ada", {"addIdentifiers": [{"key": "phonenumber", "value": NUMBER}]}
    )
    suppress(site, SuppressionScope.TRANSACTIONAL, SuppressionCause.MANUAL)

    page = words(site.get("/contacts/ada"))

    assert "We may write to Ada Lovelace from 16:00:00 (Mon 08:00 in America/Los_Angeles)." in page
    assert "nothing but marketing , entered by hand, since 5 Jan 2026" in page


def test_a_contact_without_addresses_is_not_reached() -> None:
    page = words(make(identifiers=[]).get("/contacts/ada"))

    assert "No channel reaches Ada Lovelace." in page
    assert "No message yet." in page


def test_subscriptions_have_cause_and_date() -> None:
    site = make(subscriptions={"sms": False, "email": True})
    suppress(site, SuppressionScope.MARKETING, SuppressionCause.UNSUBSCRIBE)

    page = words(site.get("/contacts/ada"))

    assert "Marketing, sms unsubscribed, asked to unsubscribe on 5 Jan 2026" in page
    assert "Marketing, email subscribed, no date is stored" in page
    assert "+44 •••• •••142 : no marketing , asked to unsubscribe, since 5 Jan 2026" in page
    assert "Not: offers-sms, as the address must not get marketing." in page


def test_holdout_and_caps_are_shown() -> None:
    rules = SendRules(
        holdout=Holdout(attribute="control"),
        frequency_caps=(FrequencyCap(limit=2, window=timedelta(days=7), only_if_asked=False),),
    )
    site = make(rules)
    site.send("one", to=NUMBER)
    site.messenger.contacts.update("ada", {"attributes": {"control": True}})

    page = words(site.get("/contacts/ada"))

    assert "Holdout held out" in page
    assert "Cap, sms 1 of 2 in 7 days" in page
    assert "Cap, email 0 of 2 in 7 days" in page
    assert "We may not write to Ada Lovelace." in page


def test_the_last_messages_stand_beside() -> None:
    site = make()
    for number in range(contact.ROWS + 2):
        site.send(f"message {number}", to=NUMBER)
    site.send("to another", to="+447700900143")
    site.send("a mail", MAIL, to=ADDRESS)
    site.send("Your code is 884213", CODES, to=NUMBER)

    answer = site.get("/contacts/ada.json")
    rows = [row.get("words") for row in answer.json()["messages"]]

    assert len(rows) == contact.ROWS
    assert rows[:3] == [None, "a mail", "message 21"]
    assert "to another" not in answer.text
    assert "884213" not in answer.text


def test_without_the_right_no_word_of_a_message_is_shown() -> None:
    site = make()
    site.send("secret words", to=NUMBER)
    site.visitor = Visitor(name="Guest")

    for path in ("/contacts/ada", "/contacts/ada.json"):
        assert "secret words" not in site.get(path).text


@pytest.mark.parametrize("path", ["/contacts", "/contacts/ada"])
def test_addresses_are_masked_in_page_and_json(path: str) -> None:
    site = make(displayName=f"Ada {ADDRESS}")
    site.send(f"We write to {NUMBER} and {ADDRESS}.", to=NUMBER)
    site.visitor = Visitor(name="Root", may=EVERY_RIGHT)

    for page in (site.get(path), site.get(f"{path}.json")):
        assert page.status_code == 200
        assert NUMBER not in page.text
        assert ADDRESS not in page.text
        assert "+44 •••• •••142" in page.text
        assert "•••@receiver.example" in page.text


def test_an_address_is_shown_alone_and_recorded() -> None:
    site = make()
    site.visitor = Visitor(name="Root", may=frozenset({Right.ADDRESSES}))

    page = submit(site, "/contacts/ada", "/contacts/ada/address", identifier="1")

    assert ADDRESS in page.text
    assert NUMBER not in page.text
    (entry,) = site.messenger.audit.find()
    assert (entry.actor, entry.action, entry.reason) == (
        "Root",
        "address_shown",
        "of contact ada",
    )


@pytest.mark.parametrize("identifier", ["", "7", "-1", "x", "\u0662"])
def test_a_place_that_is_none_shows_no_address(identifier: str) -> None:
    site = make()
    site.visitor = Visitor(name="Root", may=frozenset({Right.ADDRESSES}))

    page = submit(site, "/contacts/ada", "/contacts/ada/address", identifier=identifier)

    assert page.status_code == 200
    assert ADDRESS not in page.text


def test_if_it_cannot_be_recorded_no_address_is_shown() -> None:
    site = make()
    site.visitor = Visitor(name="Root", may=frozenset({Right.ADDRESSES}))
    token = csrf_of(site.get("/contacts/ada"))
    site.messenger.__dict__["audit"] = None

    page = site.request(
        "POST",
        "/contacts/ada/address",
        data={"csrf": token, "identifier": "0"},
        headers={"sec-fetch-site": "same-origin"},
    )

    assert page.status_code == 500
    assert NUMBER not in page.text


@pytest.mark.parametrize("right", list(Right))
def test_each_form_needs_its_right_and_the_token(right: Right) -> None:
    site = make()
    site.visitor = Visitor(name="Rina", may=frozenset({right}))
    fields = {"channel": str(TEXTS.id), "text": "hi", "identifier": "0", "q": "ada"}

    shown = submit(site, "/contacts/ada", "/contacts/ada/address", **fields)
    assert shown.status_code == (200 if right is Right.ADDRESSES else 403)
    assert submit(site, "/contacts/ada", "/contacts/ada/plan", **fields).status_code == 200
    for form in ("/contacts/ada/address", "/contacts/ada/plan", "/contacts/search"):
        headers = {"sec-fetch-site": "same-origin"}
        assert site.request("POST", form, data=fields, headers=headers).status_code == 403


def test_what_if_shows_the_plan_and_sends_nothing() -> None:
    site = make()

    page = submit(
        site, "/contacts/ada", "/contacts/ada/plan", channel=str(TEXTS.id), text="Hello é€😀"
    )

    assert "It would go now" in words(page)
    assert "SMS in one part, UCS-2, 10 units." in words(page)
    assert site.messenger.find().results == []
    assert NUMBER not in page.text


def test_what_if_says_why_not() -> None:
    site = make(SendRules(quiet_hours=NIGHT))
    suppress(site, SuppressionScope.MARKETING, SuppressionCause.COMPLAINT)
    fields = {"channel": str(OFFERS.id), "text": "Buy now"}

    page = words(submit(site, "/contacts/ada", "/contacts/ada/plan", **fields))

    assert "It would be left out" in page
    assert "The address must not get marketing (cause complaint, since 09:00:00)" in page


def test_what_if_by_mail_and_refused_texts() -> None:
    site = make()

    mail = submit(site, "/contacts/ada", "/contacts/ada/plan", channel=str(MAIL.id), text="hi")
    empty = submit(site, "/contacts/ada", "/contacts/ada/plan", channel=str(TEXTS.id), text="")

    assert "It would go now" in words(mail)
    assert "Refused" in words(empty)


@pytest.mark.parametrize(
    "fields",
    [
        {"channel": "", "text": "hi"},
        {"channel": str(FOREIGN.id), "text": "hi"},
        {"channel": str(uuid4()), "text": "hi"},
        {"channel": str(TEXTS.id), "text": "x" * 10_001},
    ],
)
def test_what_if_refuses_what_it_cannot_ask(fields: dict[str, str]) -> None:
    assert submit(make(), "/contacts/ada", "/contacts/ada/plan", **fields).status_code == 422


def test_unknown_contacts_and_those_of_others_are_the_same_404() -> None:
    site = make()
    site.messenger.contacts.create({"id": "theirs"}, workspace=OTHER)

    bodies = {site.get(f"/contacts/{name}.json").text for name in ("theirs", "unknown")}

    assert len(bodies) == 1
    assert site.get("/contacts/theirs").status_code == 404
    assert "theirs" not in site.get("/contacts").text


@pytest.mark.parametrize("searched", ["ada", "+44 7700 900142", "0044 7700 900142", ADDRESS])
def test_a_search_leads_to_the_contact(searched: str) -> None:
    site = make()

    answer = submit(site, "/contacts", "/contacts/search", q=searched)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/contacts/ada"
    recorded = [entry.action for entry in site.messenger.audit.find()]
    assert recorded == ([] if searched == "ada" else ["looked_up"])


def test_an_id_that_is_an_address_is_in_no_link() -> None:
    site = make(id=NUMBER)

    answer = submit(site, "/contacts", "/contacts/search", q=NUMBER)
    location = answer.headers["location"]
    page = site.get(location)

    assert location.startswith("/contacts/~")
    assert page.status_code == 200
    assert NUMBER not in page.text
    assert NUMBER[1:] not in page.text
    assert "href" not in words(site.get("/contacts"))
    assert NUMBER not in site.get("/contacts").text
    path = location.partition("?")[0]
    plan = submit(site, path, f"{path}/plan", channel=str(TEXTS.id), text="hi")
    assert "It would go now" in words(plan)
    site.clock.advance(days=2)
    assert site.get(location).status_code == 422


def test_a_search_without_result_says_so() -> None:
    answer = submit(make(), "/contacts", "/contacts/search", q="someone@else.example")

    assert answer.status_code == 404
    assert "No contact has this id or address." in words(answer)
    assert "someone@else.example" not in answer.text


def test_the_list_is_paged_and_its_empty_state_helps(site: Site) -> None:
    assert "There is no contact yet" in words(site.get("/contacts"))
    for number in range(contacts.ROWS + 1):
        site.messenger.contacts.create({"id": f"c-{number:03}"})

    first = site.get("/contacts.json").json()
    second = site.get(first["nextUrl"].replace("/contacts?", "/contacts.json?")).json()

    assert len(first["rows"]) == contacts.ROWS
    assert [row["id"] for row in second["rows"]] == [f"c-{contacts.ROWS:03}"]
    assert site.get("/contacts?pageToken=x").status_code == 422


def test_hostile_names_are_text() -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e'
    site = make(
        displayName=hostile,
        identifiers=[{"key": hostile, "value": f"{hostile} a long value"}],
    )

    pages = [site.get("/contacts/ada"), site.get("/contacts")]
    pages.append(
        submit(site, "/contacts/ada", "/contacts/ada/plan", channel=str(TEXTS.id), text=hostile)
    )

    for page in pages:
        assert page.status_code == 200
        assert "<img" not in page.text
        assert "\u202e" not in page.text


def test_a_message_leads_to_its_contact_unless_the_id_may_be_an_address() -> None:
    site, other = make(), make(id=NUMBER)

    linked = site.get(f"/messages/{site.send('hi', to=NUMBER).id}").text
    unlinked = other.get(f"/messages/{other.send('hi', to=NUMBER).id}").text

    assert 'href="/contacts/ada"' in linked
    assert 'href="/contacts/' not in unlinked
    assert NUMBER not in unlinked


def test_what_if_begins_with_a_channel_that_reaches() -> None:
    site = make(identifiers=[{"key": "emailaddress", "value": ADDRESS}])

    page = site.get("/contacts/ada").text

    assert f'<option value="{MAIL.id}" selected>' in page
    assert page.count(" selected>") == 1
