"""Every route for every visitor, and forms that come from elsewhere."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from messaging_adapters.asgi.access import Access, AccessKeys
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.app import viewer
from messaging_adapters.viewer.route_table import FORMS, PAGES, RESOURCES
from messaging_core import Messenger
from messaging_core.models import Status
from messaging_core.testing import ManualClock, RecordingTransport
from viewer_scene import PLACES, Scene, make_scene
from viewer_site import CHANNELS, OTHER, Site, csrf_of, words

WORDS = (
    "Canal Street",
    "table is booked",
    "tyres",
    "order 1042",
    "At 16:00",
    "dentist",
    "receipt-1042",
)
NAMES = ("Ngozi", "Hi there")
ADDRESSES = ("447700900142", "7700900142", "ada@", "bob@", "APA91bExample")
CODE = "884213"
ROUTES = [
    *(("GET", path, page.right) for page in PAGES for path in (page.path, f"{page.path}.json")),
    *(("GET", resource.path, resource.right) for resource in RESOURCES),
    *(("POST", form.path, form.right) for form in FORMS),
]


OPEN = {
    ("GET", "/"),
    ("GET", "/static/{name}"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/logout"),
    (None, "/{path:path}"),
}
"""Routes that have nothing of any message: they need no right."""


class KeyTable(AccessKeys):
    """No access key fits."""

    def find(self, token: str) -> Access | None:  # noqa: ARG002 - as in the protocol
        return None


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


def visit(scene: Scene, method: str, path: str, visitor: Visitor | None) -> httpx.Response:
    """Ask for a route, with the ids of messages that there are."""
    scene.site.visitor = visitor
    ids = {"message_id": "mail", "version": "template"}
    filled = re.sub("{(message_id|version)}", lambda own: str(scene.ids[ids[own[1]]]), path)
    names = {"index": "0", "contact_id": "ngozi", "project": "parcels", "tag": "order", "key": "k"}
    filled = filled.format(batch_id=UUID(int=1), **names)
    headers = {"sec-fetch-site": "same-origin"}
    data = {"csrf": "wrong", "reason": "x"} if method == "POST" else None
    return scene.site.request(method, filled, data=data, headers=headers)


def told(text: str, secrets: tuple[str, ...]) -> list[str]:
    return [secret for secret in secrets if secret in text]


def test_every_route_of_the_application_is_tried(scene: Scene) -> None:
    app = viewer(scene.site.messenger, access=KeyTable())
    served = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in (route.methods or {None}) - {"HEAD"}
    }

    assert len(app.routes) == len([route for route in app.routes if isinstance(route, Route)])
    assert served == OPEN | {route[:2] for route in ROUTES}


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("POST", "/messages")])
def test_a_path_that_no_page_has_needs_access_too(scene: Scene, method: str, path: str) -> None:
    assert visit(scene, method, path, None).status_code == 403
    assert visit(scene, method, path, Visitor(name=path)).status_code == 404


@pytest.mark.parametrize(("method", "path", "right"), ROUTES)
def test_a_route_answers_those_who_have_its_right(
    scene: Scene, method: str, path: str, right: Right
) -> None:
    stranger = visit(scene, method, path, None)
    assert stranger.status_code == 403
    assert told(stranger.text, (*WORDS, *NAMES, *ADDRESSES, CODE)) == []

    for own in Right:
        visitor = Visitor(name=f"{method} {path} {own}", may=frozenset({own}))
        answer = visit(scene, method, path, visitor)
        may = right in visitor.may
        assert answer.status_code < 500
        assert ("needs the right" not in answer.text) == may or answer.status_code == 404
        if not may:
            assert answer.status_code == 403
            assert f"the right {right}" in answer.text
            assert told(answer.text, (*WORDS, *NAMES, *ADDRESSES, CODE)) == []
        if own is not Right.CONTENT:
            assert told(answer.text, WORDS) == []
        assert told(answer.text, (*ADDRESSES, CODE)) == []


@pytest.mark.parametrize(("method", "path"), [route[:2] for route in ROUTES])
def test_a_route_shows_nothing_of_another_workspace(scene: Scene, method: str, path: str) -> None:
    visitor = Visitor(name=f"{method} {path}", workspaces=OTHER, may=frozenset(Right))

    answer = visit(scene, method, path, visitor)

    assert answer.status_code < 500
    assert told(answer.text, (*WORDS, *NAMES, *ADDRESSES, CODE)) == []
    if any(name in path for name in ("{message_id}", "{contact_id}", "{version}")):
        assert answer.status_code in {403, 404, 422}
    if method == "GET":
        own = visitor.workspaces
        named = visit(scene, method, f"{path}?workspace={UUID(int=0)}", visitor)
        assert UUID(int=0) not in own
        assert named.status_code == 404


def test_no_page_holds_an_address_or_a_code_that_its_visitor_may_not_see(scene: Scene) -> None:
    for rights in ({Right.CONTENT}, {Right.CONTENT, Right.ADDRESSES, Right.ACT, Right.AUDIT}):
        for place in PLACES:
            if "source" in place and Right.ADDRESSES in rights:
                continue  # the one view that shows them all, and is recorded
            path, _, query = scene.path(place).partition("?")
            for own in (path, f"{path}.json"):
                scene.site.visitor = Visitor(name=f"{own} {len(rights)}", may=frozenset(rights))
                text = scene.site.get(f"{own}?{query}").text
                assert told(text, (*ADDRESSES, CODE)) == [], own


def test_a_form_fits_whatever_process_answers(tmp_path: Path) -> None:
    first, second = (site_on(tmp_path / "messages.db") for _ in range(2))
    message = first.send("words")
    path = f"/messages/{message.id}"

    token = csrf_of(first.get(path))
    answer = cancel(second, path, token)

    assert answer.status_code == 303
    assert first.messenger.get(message.id).status is Status.DELETED


def test_processes_that_share_no_storage_are_told_so(tmp_path: Path) -> None:
    first, second = (site_on(tmp_path / f"{number}.db") for number in range(2))
    path = f"/messages/{second.send('words').id}"
    token = csrf_of(first.get("/messages"))

    came_back = cancel(second, path, token)
    refused = cancel(second, path, token, **{"csrf-again": "1"})
    accepted = cancel(second, path, csrf_of(came_back), **{"csrf-again": "1"})

    assert "Nothing was done yet" in words(came_back)
    assert 'name="csrf-again"' in came_back.text
    assert refused.status_code == 403
    assert "must use the same storage, which keeps the secret" in words(refused)
    assert accepted.status_code == 303


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, "Sec-Fetch-Site"),
        ({"sec-fetch-site": "same-site", "origin": "https://evil.shop.example"}, "Sec-Fetch-Site"),
        ({"origin": "https://evil.example"}, "Origin"),
        ({"origin": "https://shop.example.evil.example"}, "Origin"),
        ({}, "missing"),
    ],
)
def test_a_form_from_elsewhere_changes_nothing(headers: dict[str, str], name: str) -> None:
    scene = make_scene()
    path = scene.path("/messages/{later}")
    token = csrf_of(scene.site.get(path))

    data = {"csrf": token, "reason": "x"}
    answer = scene.site.request("POST", f"{path}/cancel", data=data, headers=headers)

    assert answer.status_code == 403
    assert name in words(answer)
    assert scene.site.messenger.get(scene.ids["later"]).status is Status.SCHEDULED


def test_a_proxy_that_ends_tls_needs_the_public_address() -> None:
    """Behind it requests come by http; older browsers send no `Sec-Fetch-Site`."""
    for url, status in ((None, 403), ("https://shop.example/viewer", 303)):
        scene = make_scene(public_url=url)
        path = scene.path("/messages/{later}")
        with_proxy = Proxy(scene.site.app, "/viewer", strips=True)
        token = csrf_of(ask(with_proxy, "GET", f"/viewer{path}"))
        data = {"csrf": token, "reason": "x"}
        headers = {"origin": "https://shop.example"}
        answer = ask(with_proxy, "POST", f"/viewer{path}/cancel", data=data, headers=headers)
        assert answer.status_code == status
        modern = {"origin": "null", "sec-fetch-site": "same-origin"}
        answer = ask(with_proxy, "POST", f"/viewer{path}/cancel", data=data, headers=modern)
        assert answer.status_code in {303, 409}


@pytest.mark.parametrize("strips", [True, False])
@pytest.mark.parametrize("root", ["", "/viewer", "/a/b/viewer"])
def test_links_lead_back_through_the_proxy(scene: Scene, root: str, *, strips: bool) -> None:
    """A proxy passes the path on, or takes the path of the viewer away; both say `root_path`."""
    proxy = Proxy(scene.site.app, root, strips=strips)
    scene.site.visitor = Visitor(name=f"{root} {strips}", may=frozenset(Right))
    assert ask(proxy, "GET", f"{root}/").headers["location"] == f"{root}/messages"
    for place in ("/messages", "/messages/{mail}", "/operations", "/contacts/ngozi", "/templates"):
        page = ask(proxy, "GET", root + scene.path(place))
        assert page.status_code == 200
        links = re.findall(' (?:href|action|src)="([^"]*)"', page.text)
        assert all(link.startswith((f"{root}/", "#", "data:")) for link in links), links
        assert f'data-root="{root}/"' in page.text
    for link in re.findall('<a [^>]*href="([^"#]*)"', page.text):
        assert ask(proxy, "GET", link.replace("&amp;", "&")).status_code < 400, link
    answer = ask(proxy, "GET", root + scene.path("/messages/latest"))
    assert answer.headers["location"].startswith(f"{root}/messages/")


class Proxy:
    """What an application behind a proxy gets; the proxy itself gets all paths."""

    def __init__(self, app: ASGIApp, root: str, *, strips: bool) -> None:
        self.app, self.root, self.strips = app, root, strips

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(self.root) if self.strips else scope["path"]
        await self.app({**scope, "path": path, "root_path": self.root}, receive, send)


def ask(app: ASGIApp, method: str, path: str, **options: Any) -> httpx.Response:
    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            return await client.request(method, path, **options)

    return asyncio.run(answer())


def site_on(path: Path) -> Site:
    transport, clock = RecordingTransport(), ManualClock()
    channels = dict.fromkeys(CHANNELS, transport)
    messenger = Messenger(storage=SqliteStorage(path), channels=channels, clock=clock)
    visitor = Visitor(name="Rina", may=frozenset(Right))
    return Site(messenger=messenger, transport=transport, clock=clock, visitor=visitor)


def cancel(site: Site, path: str, token: str, **fields: str) -> httpx.Response:
    data = {"csrf": token, "reason": "a mistake", **fields}
    headers = {"sec-fetch-site": "same-origin", "origin": "null"}
    return site.request("POST", f"{path}/cancel", data=data, headers=headers)
