"""What every page has in common: access, headers, links below a prefix, and errors."""

import re

import pytest
from starlette.requests import Request
from starlette.responses import RedirectResponse

from messaging_adapters.viewer.access import Visitor
from messaging_adapters.viewer.app import viewer
from messaging_adapters.viewer.route_table import PAGES
from messaging_core.errors import ArgumentError, StorageError
from messaging_core.models import MessageQuery
from viewer_site import READER, Site, make_site, words


def test_a_stranger_sees_nothing(site: Site) -> None:
    site.send("words")
    site.visitor = None

    for path in ("/messages", "/messages.json", "/anything"):
        answer = site.get(path)
        assert answer.status_code == 403
        assert "words" not in answer.text
    assert 'aria-label="Pages"' not in site.get("/messages").text


def test_the_host_may_send_a_visitor_to_its_login(site: Site) -> None:
    site.visitor = RedirectResponse("/login", status_code=303)

    assert site.get("/messages").headers["location"] == "/login"


@pytest.mark.parametrize("path", ["/messages", "/messages?status=x", "/nowhere"])
def test_a_page_may_load_nothing_but_its_own_style_sheet_and_script(site: Site, path: str) -> None:
    answer = site.get(path)

    policy = answer.headers["content-security-policy"]
    nonce = re.search("script-src 'nonce-([^']+)'", policy)
    assert nonce
    assert answer.text.count(f'nonce="{nonce[1]}"') == 2
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert site.get(path).headers["content-security-policy"] != policy


@pytest.mark.parametrize("root", ["", "/viewer", "/a/b/viewer"])
def test_every_link_is_below_the_prefix(site: Site, root: str) -> None:
    site.root = root
    site.send("words", tags=("order",))

    page = site.get("/messages?status=accepted").text

    links = re.findall(' (?:href|action|src)="([^"]*)"', page)
    assert all(link.startswith((f"{root}/", "#", "data:")) for link in links)
    assert site.get("/").headers["location"] == f"{root}/messages"
    for file in re.findall(f'"{root}(/static/[^"]+)"', page):
        answer = site.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert site.get("/static/viewer.css").status_code == 404


def test_a_storage_that_does_not_answer_leaves_the_bar(site: Site) -> None:
    def fail(_query: MessageQuery) -> None:
        raise StorageError("the disk is away")

    site.messenger.find = fail  # type: ignore[method-assign, assignment]

    answer = site.get("/messages")

    assert answer.status_code == 503
    assert answer.headers["refresh"] == answer.headers["retry-after"] == "5"
    assert "Messages" in words(answer)
    assert "The storage does not answer." in words(answer)


def test_the_theme_is_in_the_page_before_any_script(site: Site) -> None:
    page = site.get("/messages", headers={"cookie": "messaging_theme=dark; messaging_density=x"})

    assert 'data-theme="dark"' in page.text
    assert "data-density" not in page.text


def test_times_are_in_the_zone_of_the_browser(site: Site) -> None:
    site.send("words")

    page = site.get("/messages", headers={"cookie": "messaging_zone=Asia%2FKolkata"})
    strange = site.get("/messages", headers={"cookie": "messaging_zone=..%2F..%2Fetc%2Fpasswd"})

    assert 'title="Mon 5 Jan 2026, 14:30:00 Asia/Kolkata"' in page.text
    assert "Times: UTC, as the browser has not told its zone" in words(strange)


def test_the_host_may_admit_asynchronously() -> None:
    async def admit(request: Request) -> Visitor:
        assert request.headers["host"] == "shop.example"
        return READER

    assert make_site(access=admit).get("/messages").status_code == 200


def test_wrong_arguments_are_named() -> None:
    messenger = make_site().messenger

    with pytest.raises(ArgumentError, match="access"):
        viewer(messenger, access="everyone")  # type: ignore[arg-type]
    for url in (
        "shop.example",
        "",
        "javascript:x",
        "https://",
        "https://user@shop.example",
        "https://[ x",
    ):
        with pytest.raises(ArgumentError, match="public_url"):
            viewer(messenger, access=lambda _: None, public_url=url)
    with pytest.raises(ArgumentError, match="may"):
        Visitor(name="x", may={"everything"})  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="workspaces"):
        Visitor(name="x", workspaces=[])  # type: ignore[arg-type]


def test_each_page_has_its_own_name_and_path() -> None:
    assert len({page.name for page in PAGES}) == len({page.path for page in PAGES}) == len(PAGES)


def test_no_method_but_get_reaches_a_page(site: Site) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert site.request(method, "/messages").status_code == 404


def test_the_host_may_give_the_nonce_of_its_own_policy() -> None:
    answer = make_site(nonce=lambda request: request.headers["x-nonce"]).get(
        "/messages", headers={"x-nonce": "c2l4dGVlbiBieXRlcyE="}
    )

    policy = answer.headers["content-security-policy"]
    assert (
        "script-src 'nonce-c2l4dGVlbiBieXRlcyE='; style-src 'nonce-c2l4dGVlbiBieXRlcyE='" in policy
    )
    assert answer.text.count('nonce="c2l4dGVlbiBieXRlcyE="') == 2


@pytest.mark.parametrize(
    "given", [None, "", "short", "x' 'unsafe-inline", "a" * 30 + "\r\nset-cookie: x"]
)
def test_what_is_no_nonce_is_not_taken_from_the_host(
    given: object, caplog: pytest.LogCaptureFixture
) -> None:
    for host in (lambda _: given, lambda _: {}["nonce"]):
        answer = make_site(nonce=host).get("/messages")

        assert re.search(
            "script-src 'nonce-[A-Za-z0-9_-]{22}';", answer.headers["content-security-policy"]
        )
        assert "unsafe" not in str(answer.headers)
        assert "pages are without style" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("wrong", ["rina", True, {"name": "rina"}, object()])
def test_a_login_that_returns_no_visitor_is_named_in_the_log(
    wrong: object, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.visitor = wrong  # type: ignore[assignment]

    answer = site.get("/messages")

    assert answer.status_code == 500
    assert "must return a Visitor, None, or a response" in words(answer)
    assert "access= returned" in caplog.text
    assert "rina" not in caplog.text


def test_a_wrong_right_in_a_login_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def admit(_: Request) -> Visitor:
        return Visitor(name="Rina", may="admin")  # type: ignore[arg-type]

    assert make_site(access=admit).get("/messages").status_code == 500
    assert "write may={" in caplog.text
