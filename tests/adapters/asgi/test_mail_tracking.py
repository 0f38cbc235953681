"""A real mail is opened and clicked, and the application counts it."""

import re
from collections.abc import Iterator
from html import unescape

import httpx
import pytest
from attrs import frozen

from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.machines import is_by_machine, proxy_of
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Messenger, Worker
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import RecordingTransport
from tests import plain_http
from tests.adapters.asgi.conftest import KEYS, MAIL, ORDERS, path_of, serving
from tests.adapters.transports.conftest import MailServer

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_IN_ADVANCE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
APPLE = "Mozilla/5.0"
HTML = '<p>Hi</p><a href="https://shop.example/sale?a=1&amp;b=2">Sale</a>'


@frozen(kw_only=True)
class Desk:
    """An application, its mail server, and a client with an access key."""

    url: str
    client: httpx.Client
    mails: MailServer
    messenger: Messenger

    def send(self, html: str = HTML) -> tuple[str, str]:
        """Send a tracked mail, and return its id and the HTML that arrived."""
        switches = {"subject": "Sale", "openTracking": True, "clickTracking": True}
        body = {"type": "html", "html": {"html": html, "text": "Hi", "metadata": switches}}
        request = {"receiver": {"contacts": [{"identifierValue": "ada@x.example"}]}, "body": body}
        answer = self.client.post(path_of(MAIL, "/messages"), json=request)
        assert answer.status_code == 202, answer.text
        Worker(self.messenger).drain()
        mail = self.mails.mails[-1]
        assert mail.get_body(("plain",)).get_content().strip() == "Hi"
        return answer.json()["id"], mail.get_body(("html",)).get_content()

    def interactions(self, message_id: str) -> list[dict[str, object]]:
        path = path_of(MAIL, f"/messages/{message_id}/interactions")
        results: list[dict[str, object]] = self.client.get(path).json()["results"]
        return results


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    mails = MailServer()
    with SmtpTransport("127.0.0.1", mails.port, security="none") as transport:
        messenger = Messenger(
            storage=MemoryStorage(),
            channels={MAIL: transport, ORDERS: RecordingTransport()},
            short_link_domain="go.example",
        )
        app = make_app(messenger, access=lambda _: KEYS["everything"])
        with serving(app) as url, plain_http.Client(base_url=url, timeout=30) as client:
            yield Desk(url=url, client=client, mails=mails, messenger=messenger)
    mails.close()


def served(url: str, html: str, pattern: str) -> str:
    """Return an address in a mail as the domain that points at the application serves it."""
    (address,) = re.findall(pattern, html)
    return unescape(address).replace("https://go.example", url)


def test_a_real_mail_is_opened_and_clicked(desk: Desk) -> None:
    message_id, html = desk.send()
    pixel = served(desk.url, html, r'<img src="([^"]+)"')
    link = served(desk.url, html, r'<a href="([^"]+)"')

    pictures = [
        plain_http.get(pixel, headers={"User-Agent": agent}) for agent in (APPLE, GMAIL, BROWSER)
    ]
    followed = plain_http.get(link, headers={"User-Agent": BROWSER})

    assert followed.headers["location"] == "https://shop.example/sale?a=1&b=2"
    assert {picture.content for picture in pictures} == {pictures[0].content}
    assert pictures[0].content.startswith(b"GIF89a\x01\x00\x01\x00")
    assert len(pictures[0].content) == 43
    acts = desk.interactions(message_id)
    assert [
        (act["type"], act["details"], act["isFirstInteraction"], act.get("metadata"))
        for act in acts
    ] == [
        ("opened", "open", False, {"prefetched": True}),
        ("opened", "open", True, {"proxy": "google"}),
        ("opened", "open", False, None),
        ("clicked", "click", True, {"link": {"url": "https://shop.example/sale?a=1&b=2"}}),
    ]
    stored = desk.client.get(path_of(MAIL, f"/messages/{message_id}")).json()
    assert stored["body"]["html"]["html"] == HTML
    assert stored["status"] == "sent"
    assert message_id not in html
    assert "ada" not in html


def test_a_head_of_a_pixel_counts_nothing(desk: Desk) -> None:
    message_id, html = desk.send()

    answer = plain_http.head(served(desk.url, html, r'<img src="([^"]+)"'))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert desk.interactions(message_id) == []


def test_nothing_tells_which_pixels_exist(desk: Desk) -> None:
    _, html = desk.send()
    pixel = served(desk.url, html, r'<img src="([^"]+)"')
    link = served(desk.url, html, r'<a href="([^"]+)"')

    known = plain_http.get(pixel)
    others = [
        plain_http.get(f"{desk.url}/o/{code}")
        for code in ("ZZZZZZZZZZZ", "x", "%00", link.rpartition("/")[2], "z" * 3_000)
    ]

    def shown(answer: httpx.Response) -> tuple[object, ...]:
        ignored = {"date"}
        headers = {name: text for name, text in answer.headers.items() if name not in ignored}
        return answer.status_code, headers, answer.content

    assert known.headers["cache-control"] == "no-store"
    assert all(shown(answer) == shown(known) for answer in others)
    assert plain_http.get(pixel.replace("/o/", "/l/")).status_code == 404
    assert plain_http.post(pixel).status_code == 405


@pytest.mark.parametrize(
    ("agent", "is_machine", "proxy"),
    [
        (BROWSER, False, None),
        (GMAIL, False, "google"),
        (
            "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            False,
            "yahoo",
        ),
        (APPLE, True, None),
        (GMAIL_IN_ADVANCE, True, None),
        ("Barracuda Sentinel (EE)", True, None),
        ("Mozilla/5.0 (compatible; Mimecast URL Protect)", True, None),
        ("", True, None),
    ],
)
def test_machines_and_proxies_that_open_mails_are_known(
    agent: str, *, is_machine: bool, proxy: str | None
) -> None:
    request = HttpRequest(method="GET", url="/o/code", headers={"user-agent": agent})

    assert (is_by_machine(request), proxy_of(request)) == (is_machine, proxy)
