"""Whatever tag writes a value, it is held to the place that it is written in."""

from typing import Any

import pytest

from messaging_adapters.templates.liquid import LiquidEngine
from messaging_core.errors import TemplateError, TemplateValueError
from messaging_core.models import Form

ENGINE = LiquidEngine()


def render(source: str, form: Form = Form.HTML, **values: Any) -> str:
    return ENGINE.compile(source, form).render(values)


@pytest.mark.parametrize(
    "source",
    [
        "<script>{{ x }}</script>",
        "<script>{% echo x %}</script>",
        "<script>{% cycle x, 'b' %}</script>",
        "<script>{% increment x %}</script>",
        "<script>{% decrement x %}</script>",
        "<script>{% liquid\nassign y = x\necho y %}</script>",
        "<script>{% liquid echo x %}</script>",
        "<script>{% tablerow i in l %}{{ i }}{% endtablerow %}</script>",
        "<script>{% ifchanged %}{{ x }}{% endifchanged %}</script>",
        "<script>{% capture c %}{{ x }}{% endcapture %}{{ c }}</script>",
        "<a onclick='{% echo x %}'>y</a>",
        "<a onclick='{% liquid\n echo x %}'>y</a>",
        "<style>{%- echo x -%}</style>",
        "<div {% echo x %}>",
        "<div class={% echo x %}>",
        "{{ '<script>' }}{{ x }}</script>",
        "{{ '<scr' | append: 'ipt>' }}{{ x }}</script>",
        "{% assign s = '<script>' %}{{ s }}{{ x }}",
        "{% capture s %}<script>{% endcapture %}{{ s }}{{ x }}</script>",
        "{% capture s %}<script>{% if x %}{{ x }}{% endif %}{% endcapture %}{{ s }}</script>",
        "<{% if true %}script>{% endif %}{{ x }}",
        "<!-- --{% if true %}>{% endif %}<script>{{ x }}",
        "{% for i in l %}<script>{% endfor %}{{ x }}",
        "{% case 1 %}{% when 1 %}<a onclick='{% endcase %}{{ x }}'>",
    ],
)
def test_a_value_never_comes_where_it_could_run(source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, x="alert(1)", l=["alert(1)"])


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("<p>{% echo x %}</p>", "<p>&lt;&#39;</p>"),
        ("<p class=\"{% cycle 'odd', 'even' %}\">", '<p class="odd">'),
        (
            "{% capture b %}<b title='{{ x }}'>{{ x }}</b>{% endcapture %}{{ b }}",
            "<b title='&lt;&#39;'>&lt;&#39;</b>",
        ),
        ("{% capture b %}<b>{% endcapture %}<p title='{{ b }}'>", "<p title='&lt;b&gt;'>"),
        ("{{ n | newline_to_br }}", "a<br />\nb"),
        (
            "{% tablerow i in l %}{{ i }}{% endtablerow %}",
            '<tr class="row1">\n<td class="col1">1</td></tr>\n',
        ),
        ("{% ifchanged %}<i>{{ x }}</i>{% endifchanged %}", "<i>&lt;&#39;</i>"),
        ("<script>let a = 1{% assign y = x %}</script>", "<script>let a = 1</script>"),
        ("{% raw %}<script>{{ x }}</script>{% endraw %}", "<script>{{ x }}</script>"),
        ("{{ t | strip_html }}", "a b &lt;"),
    ],
)
def test_a_value_is_written_where_it_is_safe(source: str, html: str) -> None:
    assert render(source, x="<'", n="a\nb", l=[1], t="<p>a <b>b</b> <") == html


@pytest.mark.parametrize("quote", ["'", '"', ""])
@pytest.mark.parametrize("filler", [" " * 5_000, "\t" * 300, "\x01" * 1_001, "\n"])
def test_a_link_that_runs_something_is_found_behind_any_filler(quote: str, filler: str) -> None:
    value = f"{filler}java\nscript:alert(1)" if quote else "javascript:alert(1)"
    with pytest.raises(TemplateError):
        render(f"<a href={quote}{{{{ x }}}}{quote}>y</a>", x=value)


def test_a_link_put_together_from_pieces_is_found() -> None:
    with pytest.raises(TemplateValueError, match=r"template\.unsafe_link"):
        render("<a href='{{ x }}{{ y }}'>z</a>", x="java", y="script:alert(1)")
    with pytest.raises(TemplateValueError, match=r"template\.unsafe_link"):
        render(
            "{% capture u %}{{ x }}{% endcapture %}<a href='{{ u }}'>z</a>", x="data:text/html,x"
        )


@pytest.mark.parametrize(
    ("source", "form", "text"),
    [
        (
            "<a href='https://a.example/?e={{ x }}&amp;f={{ x }}'>",
            Form.HTML,
            "e=a%20b%2B&amp;f=a%20b%2B",
        ),
        ("<a href='https://a.example/?e={% echo x %}'>", Form.HTML, "e=a%20b%2B"),
        ("<a href='https://a.example/?e={{ x | url_encode }}'>", Form.HTML, "e=a%20b%2B"),
        ("<a href='https://a.example/{{ x | url_encode }}'>", Form.HTML, "/a%20b%2B"),
        ("<a href='https://a.example/?q#e={{ x }}'>", Form.HTML, "#e=a b+"),
        ("<p title='?e={{ x }}'>", Form.HTML, "?e=a b+"),
        ("https://a.example/?e={{ x }}&f={% echo x %}", Form.TEXT, "e=a%20b%2B&f=a%20b%2B"),
        ("https://a.example/?e={{ x | url_encode }}", Form.TEXT, "e=a%20b%2B"),
        ("{% if x %}https://a.example/?e={% endif %}{{ x }}", Form.LINE, "e=a%20b%2B"),
        ("{{ u }}?e={{ x }}", Form.TEXT, "?e=a%20b%2B"),
        ("https://a.example/?e=1 = {{ x }}", Form.TEXT, "= a b+"),
    ],
)
def test_a_value_of_a_query_is_percent_encoded_once(source: str, form: Form, text: str) -> None:
    assert text in render(source, form, x="a b+", u="https://a.example/")


@pytest.mark.parametrize(
    "source",
    [
        "{{ big | replace: 'x', big | replace: 'x', big }}",
        "{% assign a = big %}{% for i in (1..30) %}{% assign a = a | append: a %}{% endfor %}",
        "{% assign n = 9 %}{% for i in (1..40) %}{% assign n = n | times: n %}{% endfor %}",
        "{{ (1..1000000000) | join: ',' }}",
        "{% assign a = (1..1000000000) | sort %}",
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% assign l = big | split: '' %}{{ l | join: big }}",
        "{% assign l = big | split: '' %}{{ l | uniq }}",
        "{% for i in (1..9000) %}{% assign a = big | upcase %}{% endfor %}",
        "{% for i in (1..9999) %}" + "x{{ i }}" * 9 + "{% endfor %}",
    ],
)
def test_what_a_rendering_takes_is_limited(source: str) -> None:
    for form in (Form.HTML, Form.TEXT, Form.JSON):
        with pytest.raises(TemplateValueError, match=r"template\.too_large"):
            render(source, form, big="x" * 60_000)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ a }}" * 2_501, "more than 2500 outputs and tags"),
        ("{{ '" + "a" * 10_000 + "' }}", "longer than 10000 characters"),
        (("{{ '" + "a" * 9_000 + "' }}") * 6, "more than 50000 characters"),
        ("{{" + " " * 61 + "a }}", "more than 60 blanks"),
        ("{% raw %}x", "raw is not closed"),
        ("a {{ b", "not closed: expected }}"),
    ],
)
def test_a_source_that_takes_long_to_read_is_refused(source: str, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        ENGINE.compile(source, Form.TEXT)


def test_a_source_at_the_limits_is_read() -> None:
    assert render("{{ a }}" * 2_500, Form.TEXT, a="x") == "x" * 2_500
    assert render("{{" + " " * 60 + "a }}", Form.TEXT, a="x") == "x"
