"""The page of the audit log."""

from uuid import UUID

import pytest

from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.pages.audit import ROWS, WORDS
from messaging_core.models.common.audit import AuditAction
from viewer_site import EVERY_RIGHT, OTHER, TEXTS, Site, submit, words

AUDITOR = Visitor(name="Otto", may=frozenset({Right.AUDIT}))


def note(site: Site, action: AuditAction = AuditAction.SIGNED_IN, **fields: object) -> None:
    entry = site.messenger.audit.entry(action, actor="Rina", **fields)  # type: ignore[arg-type]
    site.messenger.audit.record(entry)
    site.clock.advance(seconds=1)


@pytest.fixture
def audited(site: Site) -> Site:
    site.visitor = AUDITOR
    return site


@pytest.mark.parametrize("right", [right for right in Right if right is not Right.AUDIT])
def test_only_those_with_the_right_see_the_page(site: Site, right: Right) -> None:
    site.visitor = Visitor(name="Rina", may=frozenset({right}))

    for path in ("/audit", "/audit.json"):
        assert site.get(path).status_code == 403
    assert 'href="/audit"' not in site.get("/messages").text
    site.visitor = AUDITOR
    assert site.get("/audit").status_code == 200
    assert 'href="/audit"' in site.get("/messages").text


def test_who_what_when_and_why_stand_in_a_row(audited: Site) -> None:
    message = audited.send("very private words")
    audited.messenger.cancel(
        message.id,
        audit=audited.messenger.audit.entry(
            AuditAction.CANCELLED, actor="Rina", message_id=message.id, reason="sent by mistake"
        ),
    )
    audited.clock.advance(minutes=5)

    page = audited.get("/audit")

    assert "Rina withdrew it sent by mistake" in words(page)
    assert f'href="/messages/{message.id}"' in page.text
    assert "09:00:01" in page.text
    assert "very private words" not in page.text


def test_what_pages_record_is_on_the_page(audited: Site) -> None:
    message = audited.send("words", to="+447700900142")
    audited.visitor = Visitor(name="Root", may=EVERY_RIGHT)
    submit(audited, f"/messages/{message.id}", f"/messages/{message.id}/address", person="0")
    audited.visitor = AUDITOR

    page = audited.get("/audit")

    assert "Root had an address shown" in words(page)
    assert "Root opened the content" in words(page)
    assert "+447700900142" not in page.text


def test_pages_follow_one_another(audited: Site) -> None:
    for number in range(ROWS + 3):
        note(audited, reason=f"number {number}")

    first = audited.get("/audit.json").json()
    second = audited.get(first["olderUrl"].replace("/audit?", "/audit.json?")).json()

    reasons = [entry["why"] for page in (first, second) for entry in page["entries"]]
    assert reasons == [f"number {number}" for number in reversed(range(ROWS + 3))]
    assert "olderUrl" not in second
    assert second["newestUrl"] == "/audit"


def test_the_entries_of_one_message_are_a_link(audited: Site) -> None:
    message = audited.send("words")
    note(audited, AuditAction.DOWNLOADED, message_id=message.id)
    note(audited)

    page = audited.get(f"/audit?messageId={message.id}")

    assert "downloaded a file" in words(page)
    assert "signed in" not in words(page)
    assert "No entry is about" in words(audited.get(f"/audit?messageId={UUID(int=5)}"))


def test_only_the_entries_of_the_workspace_are_shown(audited: Site) -> None:
    note(audited, workspace=OTHER)

    assert "Nothing is recorded yet" in words(audited.get("/audit"))
    assert audited.get(f"/audit?workspace={OTHER}").status_code == 404
    audited.visitor = Visitor(
        name="Otto", workspaces={TEXTS.workspace: "", OTHER: ""}, may=frozenset({Right.AUDIT})
    )
    assert "signed in" in words(audited.get(f"/audit?workspace={OTHER}"))


@pytest.mark.parametrize("query", ["messageId=5", "before=x", "actor=Rina"])
def test_a_wrong_filter_is_named(audited: Site, query: str) -> None:
    answer = audited.get(f"/audit?{query}")

    assert answer.status_code == 422
    assert f"The filter {query.partition('=')[0]} " in words(answer)


def test_hostile_names_and_reasons_are_text(audited: Site) -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e\x07'
    entry = audited.messenger.audit.entry(AuditAction.REPLAYED, actor=hostile, reason=hostile * 50)
    audited.messenger.audit.record(entry)

    page = audited.get("/audit").text

    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x07" not in page


def test_every_action_has_words() -> None:
    assert set(WORDS) == set(AuditAction)
