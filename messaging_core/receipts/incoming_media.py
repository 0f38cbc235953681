"""Where the pictures and files of incoming messages are kept."""

from typing import Final

from attrs import field

from messaging_core.arguments import checked_init, whole
from messaging_core.lazy import frozen
from messaging_core.ports.components import A_MEDIA_SOURCE, A_MEDIA_STORE, a_base_url
from messaging_core.ports.media import MediaSource
from messaging_core.ports.media_store import MediaStore

_MEGABYTE: Final = 1024 * 1024


@checked_init(store=A_MEDIA_STORE, source=A_MEDIA_SOURCE, base_url=a_base_url, max_bytes=whole())
@frozen(kw_only=True)
class IncomingMedia:
    """Keep the pictures and files of incoming messages in a media store.

    A worker fetches each of them once. The message names it by a URL of the host, below
    `base_url`; the application of `messaging_adapters.asgi` answers there.

    Attributes:
        store: Keeps the files. An application with uploads has the same store.
        source: Fetches what the providers name by URL, such as `HttpMediaSource`, with the
            credentials of the providers that ask for them.
        base_url: What callers call the application by, such as `https://shop.example/messaging`.
        max_bytes: The most bytes of one file; a larger one is given up. Each file is in memory
            while it is fetched.
    """

    store: MediaStore = field(repr=False)
    source: MediaSource = field(repr=False)
    base_url: str
    max_bytes: int = 50 * _MEGABYTE
