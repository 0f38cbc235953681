"""The page of one message."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from messaging_adapters.viewer.access import Right, Visitor
from messaging_core.errors import StorageError
from messaging_core.models import (
    Attachment,
    AuditAction,
    Deferred,
    HtmlBody,
    HtmlMetadata,
    Keep,
    Message,
    ReceiptStatus,
    Rejected,
    Retry,
    Status,
    StatusReceipt,
    TextBody,
    TextMetadata,
    Unknown,
)
from messaging_core.testing import a_failure
from viewer_site import (
    CODES,
    EVERY_RIGHT,
    FOREIGN,
    MAIL,
    NEWS,
    PUSH,
    Site,
    csrf_of,
    make_site,
    submit,
    words,
)

EVERYTHING = Visitor(name="Root", may=EVERY_RIGHT)


def page_of(site: Site, message: Message, **options: str) -> str:
    answer = site.get(f"/messages/{message.id}", params=options)
    assert answer.status_code == 200, words(answer)
    return words(answer)


def report(site: Site, message: Message, status: ReceiptStatus, **fields: object) -> None:
    receipt = StatusReceipt(
        source="recording", at=site.clock.now(), status=status, message_id=message.id, **fields
    )  # type: ignore[arg-type]
    site.messenger.receive(receipt)
    site.clock.advance(seconds=1)


def test_a_delivered_message_says_by_what_proof(site: Site) -> None:
    message = site.send("Your parcel is here 📦 " + "x" * 60)
    site.deliver()
    first, second = site.messenger.get(message.id).references
    for reference in (first, second):
        site.clock.advance(seconds=20)
        report(site, message, ReceiptStatus.DELIVERED, reference=reference)

    page = page_of(site, message)

    assert "Yes, it reached the phone." in page
    assert "The provider reported the delivery of both parts, the last at 09:00:42" in page
    assert "SMS in 2 parts, UCS-2, 83 units" in page
    assert "Receipt for part 1 of 2" in page
    assert "Receipt for part 2 of 2" in page
    assert "As a whole, the message is delivered." in page


def test_a_part_is_marked_by_its_own_receipt(site: Site) -> None:
    message = site.send("é" * 300)
    site.deliver()
    first, _ = site.messenger.get(message.id).references
    report(site, message, ReceiptStatus.DELIVERED, reference=first)

    parts = site.get(f"/messages/{message.id}.json").json()["sms"]["parts"]

    assert [part["mark"] for part in parts] == ["delivered", "sent"]
    assert [(part["units"], part["limit"]) for part in parts] == [(153, 153), (147, 153)]


def test_the_character_that_costs_a_part_is_named(site: Site) -> None:
    message = site.send("Dear Mrs. Okafor, your parcel is here 📦 " + "x" * 57)

    page = page_of(site, message)

    assert "One character makes this 2 parts." in page
    assert "Without it: 96 of 160, one part instead of 2." in page
    assert "One character" not in page_of(site, site.send("📦"))


@pytest.mark.parametrize(
    ("answer", "title", "proof"),
    [
        (None, "The provider has it. Whether it arrived is not known.", "No receipt has come"),
        (
            Rejected(failure=a_failure(15005, description="no such number")),
            "No. It was not sent.",
            "No such number (15005",
        ),
        (Unknown(failure=a_failure(12005)), "Not known. It may have been sent.", "sent again at"),
        (
            Deferred(failure=a_failure(15004, retry=Retry.TRANSIENT, description="no route")),
            "Not yet. It goes 09:0",
            "Certainly not sent.",
        ),
    ],
)
def test_the_verdict_says_no_more_than_is_known(answer: object, title: str, proof: str) -> None:
    site = make_site(answer)
    message = site.send("words")
    site.deliver()

    page = page_of(site, message)

    assert title in page
    assert proof in page
    assert ("certainly" in page.lower()) == ("Unknown" not in str(answer) and answer is not None)


def test_what_ended_in_doubt_is_not_called_unsent() -> None:
    site = make_site(Unknown(failure=a_failure(12005)))
    message = site.send("words", channel=NEWS)
    site.deliver()
    site.clock.advance(minutes=3)
    site.deliver()

    assert site.messenger.get(message.id).status is Status.SENDING_FAILED
    page = page_of(site, message)
    assert "Not known. It may have been sent." in page
    assert "It was given up at" in page


def test_a_message_of_a_channel_that_is_gone_is_treated_as_a_code(site: Site) -> None:
    message = site.send("private words")
    del site.messenger.channels.by_id[message.channel_id]

    assert "private words" not in site.get(f"/messages/{message.id}").text
    assert "private words" not in site.get("/messages").text
    site.visitor = EVERYTHING
    assert "private words" in page_of(site, message)


def test_waiting_skipped_and_withdrawn_messages_have_a_verdict(site: Site) -> None:
    later = site.send("later", scheduled_for=site.clock.now() + timedelta(hours=2))
    assert "Not yet. It goes 11:00:00" in page_of(site, later)
    site.messenger.cancel(later.id)
    assert "No. It was withdrawn before it was sent." in page_of(site, later)
    assert "Not yet. It waits for a worker." in page_of(site, site.send("now"))


def test_a_doubt_is_drawn_as_doubt_until_its_proof() -> None:
    site = make_site(Unknown(failure=a_failure(12005)))
    message = site.send("words")
    site.deliver()
    path = f"/messages/{message.id}"
    assert [item["unsure"] for item in site.get(f"{path}.json").json()["timeline"]][-1]

    site.clock.advance(seconds=30)
    report(site, message, ReceiptStatus.DELIVERED)

    items = site.get(f"{path}.json").json()["timeline"]
    assert [(item["title"], item["unsure"]) for item in items] == [
        ("Accepted", False),
        ("Try 1: in doubt", True),
        ("Content was opened", True),
        ("Receipt: delivered", False),
    ]
    assert "it reached the phone" in page_of(site, message)


def test_a_mail_has_four_views(site: Site) -> None:
    body = HtmlBody(
        html='<p>Hello <a href="https://shop.example/1">there</a></p><script>alert(1)</script>',
        text="Hello in plain words",
        metadata=HtmlMetadata(subject="Your order"),
        attachments=(Attachment(filename="a.txt", content="aGVsbG8=", content_type="text/plain"),),
    )
    message = site.send(body, MAIL, to=["ada@receiver.example", "bob@other.example"])
    path = f"/messages/{message.id}"

    answer = site.get(path)

    assert f'<iframe sandbox="" src="{path}/html"' in answer.text
    policy = answer.headers["content-security-policy"]
    assert f"frame-src shop.example{path}/html;" in policy
    assert "Inert: 1 script." in words(answer)
    assert "•••@receiver.example" in words(answer)
    assert "Hello in plain words" in page_of(site, message, view="text")
    checks = page_of(site, message, view="checks")
    assert "It has a text part." in checks
    assert "A script: every mail program removes it." in checks
    assert "https://shop.example/1" in checks
    assert "have content and addresses" not in page_of(site, message, view="source")
    site.visitor = EVERYTHING
    assert "Subject: Your order" in page_of(site, message, view="source")
    assert site.messenger.audit.find(limit=1)[0].action is AuditAction.ADDRESS_SHOWN
    assert site.get(path, params={"view": "all"}).status_code == 422


def test_the_document_of_a_mail_is_safe_by_its_headers(site: Site) -> None:
    message = site.send(HtmlBody(html="<p>Hi ada@receiver.example</p>"), MAIL)

    answer = site.get(f"/messages/{message.id}/html")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-dns-prefetch-control"] == "off"
    assert answer.text == "<!doctype html><p>Hi •••@receiver.example</p>"
    plain = site.send("no html", MAIL)
    assert site.get(f"/messages/{plain.id}/html").status_code == 404


def test_an_attachment_is_downloaded_and_never_opened(site: Site) -> None:
    file = Attachment(filename="é.html", content="PGI+", content_type="text/html")
    at_url = Attachment(filename="b.pdf", media_url="https://shop.example/b.pdf")
    message = site.send(HtmlBody(html="<p>x", attachments=(file, at_url)), MAIL)
    path = f"/messages/{message.id}/files"

    answer = site.get(f"{path}/0")

    assert answer.content == b"<b>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%A9.html"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert [site.get(f"{path}/{index}").status_code for index in ("1", "2", "-1", "x")] == [404] * 4
    (entry,) = site.messenger.audit.find()
    assert entry.action is AuditAction.DOWNLOADED


def test_a_push_message_is_a_card(site: Site) -> None:
    body = TextBody(text="At 16:00", metadata=TextMetadata(subject="Your bread"))
    message = site.send(body, PUSH, to="fX3k:APA91bExample")

    answer = site.get(f"/messages/{message.id}")

    assert "Your bread At 16:00" in words(answer)
    assert "APA91b" not in answer.text
    assert "fX3k…•••" in words(answer)


def test_content_is_recorded_when_it_is_opened_and_hidden_without_the_right(site: Site) -> None:
    message = site.send("private words")

    for _ in range(2):
        assert "private words" in page_of(site, message)
    assert [entry.action for entry in site.messenger.audit.find()] == [AuditAction.CONTENT_OPENED]

    site.visitor = Visitor(name="Guest")
    for path in (f"/messages/{message.id}", f"/messages/{message.id}.json"):
        assert "private words" not in site.get(path).text
    assert site.get(f"/messages/{message.id}/html").status_code == 403
    assert len(site.messenger.audit.find()) == 1


def test_a_code_needs_the_right_for_secrets(site: Site) -> None:
    message = site.send("Your code is 884213", CODES)

    assert "884213" not in site.get(f"/messages/{message.id}").text
    site.visitor = EVERYTHING
    assert "884213" in page_of(site, message)


def test_an_address_is_shown_one_by_one_and_recorded(site: Site) -> None:
    message = site.send("words", to="+447700900142")
    path = f"/messages/{message.id}"
    site.visitor = EVERYTHING
    assert "+447700900142" not in site.get(path).text

    shown = submit(site, path, f"{path}/address", person="0")

    assert "+447700900142" in words(shown)
    assert site.messenger.audit.find()[1].action is AuditAction.ADDRESS_SHOWN or (
        site.messenger.audit.find()[0].action is AuditAction.ADDRESS_SHOWN
    )
    site.visitor = Visitor(name="Rina", may=frozenset({Right.CONTENT, Right.ACT}))
    assert ">Show<" not in site.get(path).text


def test_a_failed_message_is_sent_once_more() -> None:
    site = make_site(Rejected(failure=a_failure(15005, retry=Retry.RECIPIENT_GONE)))
    site.visitor = EVERYTHING
    message = site.send("words")
    site.deliver()
    path = f"/messages/{message.id}"
    assert "The address is gone." in page_of(site, message)

    answer = submit(site, path, f"{path}/replay", reason="the customer installed it again")

    assert answer.status_code == 303
    new = answer.headers["location"]
    assert new != path
    assert "Sent again from" in words(site.get(new))
    assert "“the customer installed it again”" in page_of(site, message)


def test_a_waiting_message_is_moved_and_withdrawn(site: Site) -> None:
    site.visitor = EVERYTHING
    message = site.send("words", scheduled_for=site.clock.now() + timedelta(hours=2))
    path = f"/messages/{message.id}"

    moved = submit(site, path, f"{path}/reschedule", reason="earlier", at="2026-01-05T10:00")
    assert moved.status_code == 303
    assert site.messenger.get(message.id).scheduled_for == site.clock.now().replace(
        hour=10, minute=0, second=0
    )
    wrong = submit(site, path, f"{path}/reschedule", reason="when?", at="soon")
    assert wrong.status_code == 422

    assert submit(site, path, f"{path}/cancel", reason=" ").status_code == 422
    assert submit(site, path, f"{path}/cancel", reason="a mistake").status_code == 303
    assert site.messenger.get(message.id).status is Status.DELETED
    assert f'action="{path}/cancel"' not in site.get(path).text


def test_nothing_is_done_without_the_right_or_the_token(site: Site) -> None:
    message = site.send("words")
    path = f"/messages/{message.id}/cancel"
    headers = {"sec-fetch-site": "same-origin"}
    assert site.request("POST", path, data={"reason": "x"}, headers=headers).status_code == 403

    site.visitor = EVERYTHING
    foreign = {"sec-fetch-site": "cross-site"}
    refused = site.request("POST", path, data={"reason": "x"}, headers=foreign)
    stale = site.request("POST", path, data={"csrf": "old", "reason": "x<y"}, headers=headers)

    assert (refused.status_code, stale.status_code) == (403, 403)
    assert "The form was not accepted." in words(refused)
    assert "Nothing was done yet" in words(stale)
    assert 'name="reason" value="x&lt;y"' in stale.text
    assert site.messenger.get(message.id).status is Status.ACCEPTED


def test_unknown_and_foreign_messages_are_the_same(site: Site) -> None:
    foreign = site.send("theirs", FOREIGN)

    answers = [site.get(f"/messages/{name}") for name in (foreign.id, uuid4(), "no-id")]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({words(answer) for answer in answers}) == 1


def test_an_erased_message_keeps_its_timeline(site: Site) -> None:
    message = site.send("private words", to="+447700900142")
    site.deliver()
    site.clock.advance(days=1)
    site.messenger.purge(before=site.clock.now(), keep=Keep.RECORD)

    page = page_of(site, message)

    assert "Content and addresses were removed" in page
    assert "Try 1: taken" in page
    assert "private" not in page


def test_its_neighbours_are_links(site: Site) -> None:
    older, message, newer = (site.send(name) for name in ("a", "b", "c"))

    view = site.get(f"/messages/{message.id}.json").json()

    assert view["olderUrl"] == f"/messages/{older.id}"
    assert view["newerUrl"] == f"/messages/{newer.id}"


class TestProof:
    def test_each_part_has_what_its_own_receipt_confirmed(self, site: Site) -> None:
        message = site.send("x" * 200)
        site.deliver()
        first, second = site.messenger.get(message.id).references
        site.clock.advance(timedelta(seconds=41))
        site.messenger.receive(
            StatusReceipt(
                source="recording",
                key="1",
                reference=first,
                status=ReceiptStatus.DELIVERED,
                at=site.clock.now(),
            )
        )
        site.deliver()

        proofs = site.get(f"/messages/{message.id}.json").json()["proofs"]

        assert [proof["reference"] for proof in proofs] == [first, second]
        assert [proof["attempt"] for proof in proofs] == [1, 1]
        assert proofs[0]["mark"] == "delivered"
        assert proofs[0]["after"] == "41 s later"
        assert "mark" not in proofs[1]
        assert "not confirmed" in words(site.get(f"/messages/{message.id}"))

    def test_what_was_not_handed_over_has_no_table(self, site: Site) -> None:
        message = site.send("hi")

        assert "Id at the provider" not in words(site.get(f"/messages/{message.id}"))


def test_a_wrong_field_of_a_form_keeps_what_was_typed() -> None:
    site = make_site()
    site.visitor = Visitor(name="Rina", may=EVERY_RIGHT)
    later = site.send("later", scheduled_for=site.clock.now() + timedelta(hours=2))
    path = f"/messages/{later.id}"

    page = submit(site, path, f"{path}/reschedule", at="2026-01-06T12:00", reason="  ")

    assert page.status_code == 422
    assert "reason" in words(page)
    assert 'value="2026-01-06T12:00"' in page.text
    assert f'action="{path}/reschedule"' in page.text


def test_a_form_is_not_sent_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    site.visitor = Visitor(name="Rina", may=EVERY_RIGHT)
    later = site.send("later", scheduled_for=site.clock.now() + timedelta(hours=2))

    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is away")

    token = csrf_of(site.get(f"/messages/{later.id}"))
    monkeypatch.setattr(site.messenger, "cancel", fail)
    headers = {"sec-fetch-site": "same-origin"}
    data = {"csrf": token, "reason": "x"}
    answer = site.request("POST", f"/messages/{later.id}/cancel", data=data, headers=headers)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "refresh" not in answer.headers


def test_a_message_that_was_sent_again_leads_to_what_is_sent_and_back() -> None:
    site = make_site(Rejected(failure=a_failure(15005)))
    old = site.send("words")
    site.deliver()
    assert "Sent again as" not in words(site.get(f"/messages/{old.id}"))

    new = site.messenger.replay(old.id)

    facts = {
        message_id: {own["name"]: own for own in facts_in(site, message_id)}
        for message_id in (old.id, new.id)
    }
    forth, back = facts[old.id]["Sent again as"], facts[new.id]["Sent again from"]
    assert (forth["value"], forth["url"]) == (str(new.id), f"/messages/{new.id}")
    assert (back["value"], back["url"]) == (str(old.id), f"/messages/{old.id}")
    assert "Sent again as" not in facts[new.id]


def facts_in(site: Site, message_id: UUID) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = site.get(f"/messages/{message_id}.json").json()["facts"]
    return facts
