"""What open pages are told."""

import pytest

from messaging_adapters.viewer.pages import message_changes
from messaging_adapters.viewer.pages.message_changes import view_of
from messaging_core.messages.inspection import Changes
from messaging_core.models import Unknown
from messaging_core.testing import a_failure, an_event
from viewer_site import FOREIGN, Site, make_site


def test_an_open_list_learns_of_new_messages_and_statuses() -> None:
    site = make_site(Unknown(failure=a_failure(12005)))
    message = site.send("old")
    position = site.get("/messages.json").json()["position"]

    assert site.get(f"/messages/changes?after={position}").status_code == 204
    site.deliver()
    site.send("new")
    site.send("theirs", FOREIGN)
    changes = site.get(f"/messages/changes?after={position}").json()

    assert changes["new"] == 1
    assert not changes["reload"]
    (first, _) = changes["changed"]
    assert (first["id"], first["status"], first["inDoubt"]) == (str(message.id), "processing", True)
    again = site.get(f"/messages/changes?after={changes['position']}")
    assert again.status_code == 204


def test_a_message_is_followed_until_it_has_ended(site: Site) -> None:
    message = site.send("words")
    path = f"/messages/{message.id}"
    assert "data-position=" in site.get(path).text

    site.messenger.cancel(message.id)

    assert "data-position=" not in site.get(path).text


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 30, "²"])
def test_a_position_is_a_number(site: Site, after: str) -> None:
    assert site.get("/messages/changes", params={"after": after}).status_code == 422


def test_who_is_far_behind_is_told_to_look_again(site: Site) -> None:
    position = site.messenger.changes().position
    for _ in range(6):
        site.send("words")

    changes = site.messenger.changes(position, limit=5)

    assert view_of(changes).reload
    assert site.messenger.changes(changes.position) == Changes(position=changes.position)


def test_at_most_fifty_messages_are_told() -> None:
    events = tuple(an_event() for _ in range(60))

    view = view_of(Changes(position=60, events=events))

    assert len(view.changed) == 50
    assert view.reload
    assert message_changes.CHANGES.path == "/messages/changes"
