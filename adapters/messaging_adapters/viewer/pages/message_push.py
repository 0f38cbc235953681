"""A push message: a card as on a lock screen, and the data for the app."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import without
from messaging_adapters.viewer.times import Times
from messaging_core.messages.inspection import Inspection
from messaging_core.models.messages.envelope import PushContent

_MOST_DATA: Final = 20_000


@frozen(kw_only=True)
class PushView:
    """A push message.

    Attributes:
        app: The name of the sender.
        day: When it was accepted: the day.
        clock: The time of that day.
        picture: Whether it has a picture, which is not loaded.
        link: What a tap opens; a text, no link.
        buttons: The words on further buttons.
        data: For the app, as JSON.
        size: Of the data in bytes.
    """

    app: str
    title: str | None
    subtitle: str | None
    words: str
    day: str
    clock: str
    picture: bool
    link: str | None
    buttons: tuple[str, ...]
    data: str | None
    size: int


def push_of(inspection: Inspection, known: Sequence[str], times: Times) -> PushView | None:
    """Return a push message, if it is one; addresses that are known are masked."""
    content = inspection.envelope.content if inspection.envelope else None
    if not isinstance(content, PushContent):
        return None
    sender = inspection.envelope.sender if inspection.envelope else None
    channel = inspection.channel
    name = (sender.name or sender.value) if sender else (channel.name if channel else "")
    return push_view(content, app=name, at=times.local(inspection.message.created_at), known=known)


def push_view(
    content: PushContent, *, app: str, at: datetime, known: Sequence[str] = ()
) -> PushView:
    """Return the card of a push message.

    Args:
        content: What is shown, and the data for the app.
        app: The name of the sender.
        at: The local time on the lock screen.
        known: Addresses that are masked.
    """
    data = json.dumps(dict(content.data), indent=2, ensure_ascii=False) if content.data else None
    return PushView(
        app=text.line(app, 60),
        title=_shown(content.title, known),
        subtitle=_shown(content.subtitle, known),
        words=text.lines(without(content.text, known), 2000),
        day=f"{at:%A} {at.day} {at:%B}",
        clock=f"{at:%H:%M}",
        picture=content.image_url is not None,
        link=_shown(content.link, known),
        buttons=tuple(
            text.line(str(getattr(action, "text", "")), 60) for action in content.actions
        ),
        data=text.lines(without(data, known), _MOST_DATA) if data else None,
        size=len(data.encode(errors="surrogatepass")) if data else 0,
    )


def _shown(words: str | None, known: Sequence[str]) -> str | None:
    return text.line(without(words, known)) if words else None
