"""Text from outside is text: it runs nothing, loads nothing, and makes no markup anywhere."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Request

import messaging_adapters.viewer
from chromium import Chromium, in_browser
from viewer_scene import PLACES, Scene, make_scene, served

FOLDER = Path(messaging_adapters.viewer.__path__[0])
HOSTILE = (
    "<script>document.title='ran'</script>",
    "<svg onload=\"document.title='ran'\">",
    '"><img src=x onerror="document.title=\'ran\'">',
    "'-document.title='ran'-'",
    "</title></textarea></pre></script><iframe src=\"javascript:parent.document.title='ran'\">",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:document.title='ran'",
    "\u202egpj.exe\x1b[2J\r\nSet-Cookie: a=b",
)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """Run a server to which nothing may even connect; return its address, and what it is asked."""
    asked: list[bytes] = []

    class Asked(StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline(1000))

    with ThreadingTCPServer(("127.0.0.1", 0), Asked) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def hostile_mail(to: str) -> str:
    """Return a mail that tries all that mails have tried, to reach an address."""
    return f"""<!doctype html><html manifest="{to}/manifest"><head>
<title>ran</title><base href="{to}/"><meta http-equiv="refresh" content="0;url={to}/refresh">
<meta http-equiv="Content-Security-Policy" content="default-src *">
<link rel="stylesheet" href="{to}/sheet"><link rel="prefetch" href="{to}/prefetch">
<link rel="preconnect" href="{to}"><link rel="dns-prefetch" href="{to}">
<link rel="preload" as="image" href="{to}/preload"><link rel="icon" href="{to}/icon">
<style>@import "{to}/import"; @import url({to}/import2);
@font-face {{ font-family: f; src: url({to}/font) }} p {{ font-family: f }}
body {{ background: url("{to}/css") }} p::before {{ content: url({to}/content) }}
div {{ background: \\75rl({to}/escaped); list-style-image: image-set("{to}/set" 1x) }}
</style><style></style><script>top.document.title = "ran"</script></style>
<script>document.title = "ran"; fetch("{to}/fetch"); new Image().src = "{to}/script"</script>
</head><body background="{to}/background" onload="top.document.title='ran'">
<script src="{to}/script.js"></script><svg onload="top.document.title='ran'">
<image href="{to}/svg"/><use href="{to}/use#a"/><feImage xlink:href="{to}/fe"/>
<animate attributeName="href" values="javascript:top.document.title='ran'"/>
<foreignObject><img src="{to}/foreign"></foreignObject>
<style>@import "{to}/svgimport";</style></svg>
<math><mtext><table>
<mglyph><style><!--</style><img title="--&gt;&lt;img src={to}/m onerror=x&gt;">
<img src="{to}/img" srcset="{to}/srcset 2x"
lowsrc="{to}/low" onerror="top.document.title='ran'">
<img src="//127.0.0.1{to[16:]}/relative"><img src="cid:none">
<input type=image src="{to}/input">
<picture><source srcset="{to}/source"></picture>
<video poster="{to}/poster" src="{to}/video" autoplay>
<track src="{to}/track" default></video><audio src="{to}/audio" autoplay></audio>
<iframe src="{to}/iframe"></iframe>
<iframe srcdoc="<script>top.document.title='ran'</script>"></iframe>
<iframe src="data:text/html,<script>top.document.title='ran'</script>"></iframe>
<iframe src="javascript:top.document.title='ran'"></iframe>
<object data="{to}/object"></object><embed src="{to}/embed"><applet code="{to}/applet"></applet>
<frameset><frame src="{to}/frame"></frameset><table background="{to}/table"><tr><td>x</table>
<form action="{to}/form" id="f"><button autofocus formaction="{to}/formaction">Send</button>
<input name="a" autofocus onfocus="top.document.title='ran'"></form>
<a href="javascript:top.document.title='ran'" ping="{to}/ping" id="a">click</a>
<a href="{to}/unsubscribe" target="_top" download>unsubscribe</a>
<details open ontoggle="top.document.title='ran'"><summary>x</summary></details>
<marquee onstart="top.document.title='ran'">m</marquee>
<p style="background: url({to}/style); behavior: url({to}/behavior)">styled</p>
<noscript><p title="</noscript><img src={to}/noscript onerror=alert(1)>"></noscript>
<plaintext><img src="{to}/plain">
"""


_CLICK = """(parts) => {
    for (const part of parts) part.dispatchEvent(new MouseEvent("click", {bubbles: true}));
}"""


@in_browser
def test_a_hostile_mail_runs_nothing_and_loads_nothing(
    chromium: Chromium, listener: tuple[str, list[bytes]]
) -> None:
    to, asked = listener
    scene = make_scene(html=hostile_mail(to))
    path = scene.path("/messages/{mail}")
    strangers: list[str] = []
    with served(scene.site.app) as address, chromium.page() as page:

        def note(request: Request) -> None:
            if not request.url.startswith((address, "data:")):
                strangers.append(request.url)

        page.on("requestfinished", note)  # those that the policy stops are started, and never sent
        for place in (path, f"{path}/html", f"{path}?view=checks", f"{path}?view=source"):
            page.goto(address + place)
            title = page.title()
            frame = page.frames[-1]
            frame.wait_for_load_state("networkidle")
            if frame != page.main_frame or place.endswith("/html"):
                frame.locator("body :is(a, button, summary, p)").evaluate_all(_CLICK)
            page.wait_for_timeout(200)
            assert page.title() == title != "ran"
            assert page.url == address + place

    assert asked == []
    assert strangers == []


@in_browser
def test_hostile_texts_run_nothing_on_any_page(chromium: Chromium) -> None:
    texts = cycle(HOSTILE)
    scene = make_scene(lambda _: next(texts))
    dialogs: list[str] = []
    with served(scene.site.app) as address, chromium.page() as page:
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        for place in PLACES:
            answer = page.goto(address + scene.path(place))
            assert answer is not None
            assert answer.status < 500
            assert "ran" not in page.title()
            assert page.locator("main script, main iframe:not([sandbox]), main img").count() == 0

    assert dialogs == []


class _Elements(HTMLParser):
    """Reads the elements of a page with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: set[str] = set()
        self.open: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds.add(" ".join([tag, *sorted(name for name, _ in attrs)]))
        self.open[tag] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open[tag] -= 1

    def handle_endtag(self, tag: str) -> None:
        self.open[tag] -= 1

    def handle_comment(self, data: str) -> None:
        self.kinds.add(f"a comment: {data[:50]!r}")


def elements(scene: Scene, place: str) -> tuple[set[str], set[str]]:
    """Return the kinds of elements of a page, and the names of those that are not closed."""
    answer = scene.site.get(scene.path(place))
    assert answer.status_code < 500
    parser = _Elements()
    parser.feed(answer.text)
    parser.close()
    return parser.kinds, {tag for tag, number in parser.open.items() if number}


@cache
def usual(place: str) -> tuple[set[str], set[str]]:
    """Return the same of a page without anything hostile, in each of the usual alphabets."""
    pages = [elements(scene, place) for scene in _usual_scenes()]
    return set().union(*(kinds for kinds, _ in pages)), pages[0][1]


@cache
def _usual_scenes() -> list[Scene]:
    texts = (
        "\u00e9",
        "\U0001f4e6 text",
        "short\n" * 20,
        "a long line of words " * 7,
        "\u0142" * 140,
    )
    return [make_scene(), *(make_scene(lambda _, own=own: own) for own in texts)]


_SIGNS = "<>\"'&/=`{}%;\\"
_PIECES = (
    """<evil> </bdi> </p> <!-- &lt; {{ " evil=" ' evil=' evil= </script> </title> <evil/onx=y>"""
)
MARKUP = st.sampled_from([*_SIGNS, "\r\n", "\u202e", " ", *_PIECES.split(" ")])
"""What would make markup, if a place forgot to escape it."""
CHARACTERS = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
"""All but those that the engine refuses everywhere."""


@settings(max_examples=10)
@given(st.lists(st.one_of(MARKUP, CHARACTERS), min_size=1, max_size=12).map("".join))
def test_a_text_makes_no_markup_in_any_place(text: str) -> None:
    """No text that comes from outside adds an element or an attribute, or closes one."""
    scene = make_scene(lambda _: f"a{text}z")
    for place in PLACES:
        kinds, unclosed = elements(scene, place)
        assert kinds - usual(place)[0] == set(), place
        assert unclosed == usual(place)[1], place


def test_no_template_and_no_module_trusts_a_text() -> None:
    for path in [*FOLDER.rglob("*.html"), *FOLDER.rglob("*.py")]:
        source = path.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|autoescape=False", source), path
        assert "Markup" not in source or path.name == "charts.py", path
