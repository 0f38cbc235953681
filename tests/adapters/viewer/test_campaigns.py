"""Campaigns and batches: how many got it, and why the others did not."""

import csv
import html
import re
from datetime import timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.pages.campaign_export import csv_of
from messaging_adapters.viewer.pages.campaign_figures import campaign_of, sentence_of
from messaging_adapters.viewer.times import Times
from messaging_core.models import Rejected, Status, StatusReceipt
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.testing import ManualClock, a_failure, a_message, a_request
from viewer_site import FOREIGN, TEXTS, Site, make_site, words

NOW = ManualClock().now()
GONE = Rejected(failure=a_failure(15005))


def a_campaign() -> Site:
    """Three of five were sent, of which one is proven; one failed, one is for tomorrow."""
    site = make_site(GONE)
    for _ in range(4):
        site.send("sale", tags=("Autumn-Sale",))
    site.send("later", tags=("autumn-sale",), scheduled_for=NOW + timedelta(hours=26))
    site.deliver()
    message = next(iter(site.messenger.find().results[1:]))
    site.messenger.receive(
        StatusReceipt(
            source="recording",
            reference=message.references[0],
            status="delivered",
            at=site.clock.now(),
        )
    )
    site.deliver()
    return site


def test_the_sentence_says_how_it_went() -> None:
    page = words(a_campaign().get("/campaigns/autumn-sale"))

    assert (
        "5 chosen, 1 got it, 2 were sent without a proof that it arrived, 1 failed,"
        " 1 is still to come."
    ) in page
    assert "15005 The device or mailbox is gone 1" in page
    assert "Accepted 5 100.0% Sent a provider has them 3 60.0%" in page
    assert "1, by the hour where the receivers are" in page
    assert "Tue 12:00" in page  # in the Netherlands, at 11:00 UTC


def test_a_link_leads_to_the_failures_of_the_campaign() -> None:
    site = a_campaign()
    page = site.get("/campaigns/autumn-sale").text

    (link,) = re.findall('href="([^"]*failureCode=15005[^"]*)"', page)
    listed = site.get(html.unescape(link))

    assert "15005" in words(listed)
    assert words(listed).count("orders-sms") >= 2


def test_the_case_of_a_tag_does_not_matter() -> None:
    assert "5 chosen" in words(a_campaign().get("/campaigns/AUTUMN-sale"))


def test_no_message_has_this_tag(site: Site) -> None:
    page = site.get("/campaigns/nothing")

    assert page.status_code == 200
    assert "No message has this tag." in words(page)
    assert site.get("/campaigns/" + "x" * 500).status_code == 404


def test_a_tag_of_another_workspace_is_not_there(site: Site) -> None:
    site.send("hi", FOREIGN, tags=("secret",))
    site.deliver()

    assert "No message has this tag." in words(site.get("/campaigns/secret"))
    assert "secret" not in words(site.get("/campaigns"))


def test_tags_are_listed_by_their_names(site: Site) -> None:
    for tag in ("winter", "autumn"):
        site.send("hi", tags=(tag,))
    site.deliver()

    page = site.get("/campaigns.json").json()

    assert [row["name"] for row in page["rows"]] == ["autumn", "winter"]
    assert "No message has a tag yet." in words(make_site().get("/campaigns"))


def test_variants_stand_side_by_side(site: Site) -> None:
    for tag in ("sale-a", "sale-b", "sale-b", "sales"):
        site.send("hi", tags=("sale", tag))
    site.deliver()

    page = site.get("/campaigns/sale.json").json()

    assert [(own["name"], own["accepted"]) for own in page["variants"]] == [
        ("sale-a", "1"),
        ("sale-b", "2"),
    ]


def test_a_strange_tag_has_a_page_and_no_markup(site: Site) -> None:
    site.send("hi", tags=("two words",))
    site.deliver()

    (row,) = site.get("/campaigns.json").json()["rows"]
    page = site.get(row["url"])
    strange = site.get("/campaigns/%3Cb%3Ea%22%26")

    assert "1 chosen, 1 was sent without a proof" in words(page)
    assert "<b>a" not in strange.text
    assert 'Tag <b>a"& ' in words(strange)


def test_figures_can_be_exported_without_people() -> None:
    site = a_campaign()
    answer = site.get("/campaigns/autumn-sale.csv")

    rows = {(row[0], row[1]): row[2] for row in csv.reader(StringIO(answer.text))}

    assert answer.headers["content-disposition"] == 'attachment; filename="campaign.csv"'
    assert rows["accepted", ""] == "5"
    assert rows["failed", "15005"] == "1"
    assert "+31" not in answer.text
    (entry,) = site.messenger.audit.find()
    assert (entry.actor, entry.action) == ("Rina", "downloaded")
    assert site.get("/campaigns/nothing.csv").status_code == 404


@given(st.lists(st.lists(st.text(max_size=20), min_size=1, max_size=3), max_size=5))
def test_no_cell_of_an_export_is_a_formula(rows: list[list[str]]) -> None:
    cells = list(csv.reader(StringIO(csv_of(rows), newline=""), strict=True))

    assert [[cell.removeprefix("'") for cell in row] for row in cells] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.lstrip()[:1] in tuple("=+-@") for row in cells for cell in row if cell)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_a_formula_is_quoted(cell: str) -> None:
    ((read,),) = csv.reader(StringIO(csv_of([[cell]]), newline=""))

    assert read == f"'{cell}"


def test_a_batch_has_a_page() -> None:
    site = make_site(GONE)
    batch = site.messenger.send_batch(TEXTS, [a_request("a"), a_request("b"), a_request("c")])
    site.deliver()

    page = words(site.get(f"/batches/{batch.id}"))

    assert "3 chosen, 2 were sent without a proof that it arrived, 1 failed." in page
    assert "15005" in page
    assert "No message is in this batch." in words(site.get(f"/batches/{FOREIGN.id}"))
    assert site.get("/batches/7").status_code == 404


def test_what_a_rule_left_out_is_told_with_its_reason() -> None:
    messages = [
        a_message(status=Status.SKIPPED, reason="held out\nmore"),
        a_message(status=Status.DELETED),
        a_message(status=Status.DELIVERED),
    ]

    campaign = campaign_of("x", messages, Times(now=NOW))

    assert campaign.skipped == {"held out": 1}
    assert sentence_of(campaign) == "3 chosen, 1 got it, 1 was left out, 1 was withdrawn."


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        ({"accepted": 0}, "0 chosen."),
        (
            {
                "accepted": 1904,
                "sent": 1380,
                "delivered": 1380,
                "skipped": {ReasonCode.HOLDOUT_SKIPPED: 388},
                "waiting": 136,
            },
            "1,904 chosen, 1,380 got it, 388 were left out, 136 are still to come.",
        ),
        (
            {"accepted": 4, "sent": 3, "delivered": 1, "failed": {"15005": 2}},
            "4 chosen, 1 got it, 1 was sent without a proof that it arrived, 2 failed.",
        ),
        ({"accepted": 10, "waiting": 10, "is_exact": False}, "More than 10 chosen, 10 are"),
    ],
)
def test_a_sentence_never_says_more_than_is_proven(figures: dict, sentence: str) -> None:  # type: ignore[type-arg]
    campaign = Campaign(tag="x", as_of=NOW, **figures)

    assert sentence_of(campaign).startswith(sentence)


def test_the_figures_need_no_right_to_content() -> None:
    site = a_campaign()
    site.visitor = Visitor(name="Mo", may=frozenset({Right.LOOK}))

    page = site.get("/campaigns/autumn-sale")

    assert page.status_code == 200
    assert "sale</" not in page.text.replace("autumn-sale</", "")
