"""The small parts of the viewer: text, times, masks, and the frame of a mail."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import messaging_adapters.viewer
from messaging_adapters.viewer.content import summary
from messaging_adapters.viewer.mail_frame import frame_mail
from messaging_adapters.viewer.masking import mask, shown_name, without
from messaging_adapters.viewer.statuses import DOUBT, ORDER
from messaging_adapters.viewer.text import line, lines
from messaging_adapters.viewer.times import Times, relative, span, zone_of
from messaging_core.models import HtmlBody, TextBody, TextMetadata

NOW = datetime(2026, 11, 28, 14, 32, 9, tzinfo=UTC)
FOLDER = Path(messaging_adapters.viewer.__path__[0])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("safe\u202egpj.exe", "safe⟨202E⟩gpj.exe"),
        ("a\x00b\u200bc", "a⟨0000⟩b⟨200B⟩c"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("a\u200db", "a⟨200D⟩b"),
        ("x" * 301, "x" * 299 + "…"),
        ("\ud800", "⟨D800⟩"),
    ],
)
def test_a_text_in_a_line_shows_every_character(text: str, shown: str) -> None:
    assert line(text) == shown


def test_lines_keep_their_ends() -> None:
    assert lines("a\r\nb\rc\n\td\x1b") == "a\nb\nc\n\td⟨001B⟩"


@given(st.text(alphabet=st.characters(), max_size=400))
def test_no_text_hides_a_character(text: str) -> None:
    shown = line(text)

    assert len(shown) <= 300 * 9
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    shown.encode()


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("+447700900142", "+44 •••• •••142"),
        ("+12025550163", "+1 •••• •••163"),
        ("+35312345678", "+353 •••• •••678"),
        ("0612345678", "•••• •••678"),
        ("ada@receiver.example", "•••@receiver.example"),
        ("fX3k:APA91bEx", "fX3k…•••"),
        ("short", "•••"),
        ("", "•••"),
    ],
)
def test_an_address_is_masked(address: str, masked: str) -> None:
    assert mask(address) == masked


@pytest.mark.parametrize(
    "written",
    [
        "+447700900142",
        "+44 7700 900 142",
        "0044 7700 900142",
        "+44 (0)7700-900142",
        "07700 900142",
        "7700.900142",
    ],
)
def test_a_number_is_masked_however_it_is_written(written: str) -> None:
    assert without(f"call {written}, please", ["+447700900142"]) == "call +44 •••• •••142, please"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada <ada@x.example>", "Ada <•••@x.example>"),
        ("ada@x.example, Grace (grace@y.example)", "•••@x.example, Grace (•••@y.example)"),
        ("tel:+31687654321", "tel:+31 •••• •••321"),
        ("(+31) 687654321", "(+31 •••• •••321"),
        ("+31 6 8765 4321 (Ada)", "+31 •••• •••321 (Ada)"),
        ("Ada\u00a006\u00a08765\u202f4321", "Ada\u00a0•••• •••321"),
        ("+31\u00a0687654321", "+31 •••• •••321"),
        ("Ada 06/8765\u20114321", "Ada •••• •••321"),
        ("Ada 12345 of 1815", "Ada 12345 of 1815"),
        ("Ngozi Okafor", "Ngozi Okafor"),
    ],
)
def test_what_looks_like_an_address_in_a_name_is_masked(name: str, shown: str) -> None:
    assert shown_name(name, ()) == shown


def test_an_email_address_is_masked_in_any_case() -> None:
    assert without("To ADA@Receiver.example.", ["ada@receiver.example"]) == (
        "To •••@receiver.example."
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-2, "0 s (clocks differ)"),
        (0.31, "0.3 s"),
        (4, "4 s"),
        (82, "82 s"),
        (125, "2 min"),
        (3600, "60 min"),
        (7300, "2 hours"),
        (86400 * 3, "3 days"),
    ],
)
def test_a_span_is_in_one_unit(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_a_moment_has_the_exact_time_beside_the_short_one() -> None:
    times = Times(now=NOW, zone=ZoneInfo("Asia/Kolkata"))

    moment = times.ago(NOW - timedelta(minutes=2))

    assert moment.text == "2 min ago"
    assert moment.title == "Sat 28 Nov 2026, 20:00:09 Asia/Kolkata"
    assert moment.iso == "2026-11-28T14:30:09.000Z"
    assert times.written(NOW - timedelta(days=1)) == "Fri 27 Nov, 20:02:09"
    assert times.written(NOW - timedelta(days=400)) == "Fri 24 Oct 2025, 20:02:09"
    assert relative(NOW, NOW) == "now"
    assert relative(NOW + timedelta(hours=3), NOW) == "in 3 hours"


def test_an_unknown_zone_is_none() -> None:
    assert [zone_of(name) for name in ("../../etc/passwd", "Mars/Base", "x" * 300, None, "")] == (
        [None] * 5
    )


HOSTILE = """<!doctype html><html><head><title>x</title><base href="http://evil.example/">
<meta http-equiv="refresh" content="0;url=http://evil.example/r">
<link rel="prefetch" href="//evil.example/p">
<link rel="stylesheet" href="http://evil.example/s.css"><style>@import "http://evil.example/i.css";
body { background: url(http://evil.example/b.png) }</style></head>
<body background="http://evil.example/bg" onload="alert(1)"><script>alert(2)</script>
<img src="http://evil.example/1.gif" onerror=alert(3)><img src='cid:logo'><svg onload=alert(4)>
<a xlink:href="javascript:alert(5)" href="https://shop.example/unsubscribe" ping="//evil.example">
out</a>
<form action="http://evil.example/f"><button formaction="//evil.example">go</button></form>
<iframe srcdoc="<script>alert(6)</script>" src="data:text/html,x"></iframe></svg>"""


class Tags(HTMLParser):
    """Collects every tag and attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_a_hostile_mail_has_nothing_left_to_load_or_run() -> None:
    framed = frame_mail(HOSTILE, pictures={"logo": "data:image/png;base64,AA=="})

    tags = Tags()
    tags.feed(framed.html)
    names = {name for name, _ in tags.attributes}
    assert not names & {"onload", "onerror", "href", "action", "ping", "srcdoc", "background"}
    assert not {"script", "iframe", "meta", "link", "base", "title"} & set(tags.tags)
    assert [value for name, value in tags.attributes if name == "src"] == [
        "data:image/png;base64,AA=="
    ]
    assert framed.links == ("https://shop.example/unsubscribe",)
    assert (
        framed.held_back
        == "1 picture, 2 backgrounds, 2 style sheets, 1 hint to load something, 1 frame"
    )
    assert framed.inert == "1 script, 1 form, 3 event handlers, 1 redirect"


@given(st.text(alphabet="<>&/=\"'-! abscriptonhref:@import#;x\n", max_size=200))
def test_whatever_a_mail_holds_its_frame_has_no_script_and_no_link(html: str) -> None:
    tags = Tags()

    tags.feed(frame_mail(html).html)

    assert "script" not in tags.tags
    assert not any(name.startswith("on") or name == "href" for name, _ in tags.attributes)


def test_addresses_in_a_mail_are_masked_though_they_are_written_as_references() -> None:
    framed = frame_mail(
        '<p title="ada@r.example">ada&#64;r.example &amp; ADA@r.example', known=["ada@r.example"]
    )

    assert framed.html == (
        '<!doctype html><p title="•••@r.example">•••@r.example &amp; •••@r.example'
    )


def test_a_summary_is_the_subject_or_the_first_words() -> None:
    assert summary(TextBody(text="hi", metadata=TextMetadata(subject="Title"))) == "Title"
    html = "<style>p{}</style><!-- x --><p>Hello&nbsp;<b>you</b></p><script>no()</script>"
    assert summary(HtmlBody(html=html)) == "Hello you"


def test_no_template_trusts_a_value() -> None:
    for template in (FOLDER / "templates").iterdir():
        source = template.read_text(encoding="utf-8")
        assert "|safe" not in source.replace(" ", "")
        assert not re.search(r"\sstyle=|\son[a-z]+=|autoescape|javascript:", source)
    for module in FOLDER.rglob("*.py"):
        assert module.stem == "charts" or "Markup" not in module.read_text(encoding="utf-8")


def test_the_style_sheet_and_the_script_are_small_and_load_nothing() -> None:
    sheet = (FOLDER / "static" / "viewer.css").read_text(encoding="utf-8")
    script = (FOLDER / "static" / "viewer.js").read_text(encoding="utf-8")

    assert len(sheet.encode()) < 32_000
    assert len(script.encode()) < 8_000
    assert "url(" not in sheet
    assert "@import" not in sheet
    assert "://" not in script
    assert "innerHTML" not in script


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    parts = [int(digits[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = (
        own / 12.92 if own <= 0.03928 else ((own + 0.055) / 1.055) ** 2.4 for own in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_fills_of_charts_differ_in_lightness_by_day_and_night() -> None:
    sheet = (FOLDER / "static" / "viewer.css").read_text(encoding="utf-8")
    pairs = dict(re.findall(r"--(surface|fill-\w+): light-dark\((#\w+, #\w+)\)", sheet))
    for theme in (0, 1):
        tones = {name: _luminance(both.split(", ")[theme]) for name, both in pairs.items()}
        surface = tones.pop("surface")
        for name, tone in tones.items():
            dark, bright = sorted((tone, surface))
            assert (bright + 0.05) / (dark + 0.05) >= 3, f"{name} is hard to see"
        tones.pop("fill-doubt")  # it is hatched
        lightness = sorted(116 * tone ** (1 / 3) - 16 for tone in tones.values())
        assert len(lightness) == 4
        assert min(b - a for a, b in pairwise(lightness)) >= 9


def test_each_status_has_a_shape_of_its_own() -> None:
    sprite = (FOLDER / "templates" / "sprite.html").read_text(encoding="utf-8")
    shapes = dict(re.findall('<symbol id="i-([a-z_]+)"[^>]*>(.*?)</symbol>', sprite))

    own = [shapes[key] for key in (*ORDER, DOUBT, "again")]
    assert len(set(own)) == len(own) == 12
