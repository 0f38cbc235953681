"""What a message says in a few words: its subject, its title, or the beginning of its text."""

import re
from html import unescape
from typing import Final

from messaging_core.models.content.body import (
    AuthenticationBody,
    Body,
    CarouselBody,
    FileBody,
    GifBody,
    HtmlBody,
    ImageBody,
    ListBody,
    LocationBody,
    SectionBody,
    TextBody,
)

_MOST_HTML: Final = 20_000
_UNSEEN: Final = re.compile(r"(?is)<(style|script|head|title)\b.*?(</\1\s*>|$)|<!--.*?(-->|$)")
_MARKUP: Final = re.compile("<[^>]*>?")
_KINDS: Final = {
    ImageBody: "Picture",
    FileBody: "File",
    GifBody: "Animation",
    LocationBody: "Place",
    CarouselBody: "Cards",
    ListBody: "List",
    SectionBody: "Sections",
    AuthenticationBody: "One-time code",
}


def subject_of(body: Body | None) -> str | None:
    """Return the subject of an email or the title of a push message, if it has one."""
    return getattr(getattr(body, "metadata", None), "subject", None)


def summary(body: Body) -> str:
    """Return the subject, else the words of a body, else what kind of body it is."""
    return subject_of(body) or words_of(body) or _KINDS.get(type(body), "No text")


def words_of(body: Body) -> str:
    """Return the words of a body, without markup; it may be empty."""
    if isinstance(body, SectionBody):
        return next((words for words in map(words_of, body.items) if words), "")
    if isinstance(body, HtmlBody):
        return body.text or words_of_html(body.html or "")
    if isinstance(body, LocationBody):
        return (body.location and (body.location.label or body.location.address)) or ""
    if isinstance(body, TextBody | ImageBody | FileBody | GifBody | CarouselBody | ListBody):
        return body.text or ""
    return ""


def words_of_html(html: str) -> str:
    """Return the first words of HTML; a summary, not a rendering."""
    text = unescape(_MARKUP.sub(" ", _UNSEEN.sub(" ", html[:_MOST_HTML])))
    return " ".join(text.split())
