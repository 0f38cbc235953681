"""Whether a channel may send the pictures and files that a request names by URL."""

from collections.abc import Iterator
from typing import Any, Final

from messaging_core.acceptance.submission import Request
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.request import SendMessage
from messaging_core.ports.media import MediaCheck
from messaging_core.wire import dump, dump_send_message

_KEY: Final = "mediaUrl"


def may_name_media(request: Request) -> bool:
    """Return whether a request names media, as far as that shows without reading it."""
    if isinstance(request, bytes):
        return _KEY.encode() in request
    if isinstance(request, SendMessage):
        return _KEY in str(dump_send_message(request))
    return _KEY in str(request)


def check_media(request: SendMessage, channel: Channel, check: MediaCheck) -> list[Violation]:
    """Refuse media that the host knows and the channel may not send (ours)."""
    if request.body is None:
        return []
    refused = (
        (path, check.check(url, channel)) for path, url in _media_urls(dump(request.body), "/body")
    )
    return [
        # What a template made has no place in the request.
        Violation("/template" if request.template else path, "media.not_available", reason)
        for path, reason in refused
        if reason is not None
    ]


def _media_urls(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield path and URL of each picture and file that a body names."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == _KEY and isinstance(item, str):
                yield f"{path}/{key}", item
            else:
                yield from _media_urls(item, f"{path}/{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _media_urls(item, f"{path}/{index}")
