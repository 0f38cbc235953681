"""Signed links to uploaded media, for providers that fetch media by URL."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import attrs

from messaging_adapters.uploads.presigned import AN_UPLOADS, Uploads
from messaging_core.arguments import a_text, checked, optional
from messaging_core.delivery.attempt import ask_transport
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.components import a_transport
from messaging_core.ports.transport import Handoff, Transport

_URLS: Final = frozenset({"media_url", "image_url"})


class LinkedMedia(Transport):
    """Hand messages over with signed links in place of the URLs of uploaded files.

    A link works from the first attempt until `Uploads.link_lifetime` after the message expires, so
    it is the same at every attempt. All other URLs stay as they are, also those of files that the
    channel may not send. If the store is not available, the message is tried again.

    Args:
        transport: Gets the messages; its provider fetches media by URL.
        uploads: Signs the links.
        name: As in `Failure.source`; by default the transport's.
    """

    @checked(transport=a_transport, uploads=AN_UPLOADS, name=optional(a_text))
    def __init__(self, transport: Transport, uploads: Uploads, *, name: str | None = None) -> None:
        self.name = name or transport.name
        self.capabilities = transport.capabilities
        self._transport = transport
        self._uploads = uploads

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transport behind it, whose receipts are its own."""
        return (self._transport,)

    def __repr__(self) -> str:
        return f"LinkedMedia({self._transport!r}, name={self.name!r})"

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        return self._transport.send(self._with_links(envelope), handoff)

    def look_up(self, envelope: Envelope) -> Outcome | None:
        """Ask about the message as it went out."""
        return ask_transport(self._transport, self._with_links(envelope))

    def _with_links(self, envelope: Envelope) -> Envelope:
        until = envelope.expires_at + self._uploads.link_lifetime
        sign = partial(self._link, until=until, channel=envelope.channel)
        return attrs.evolve(envelope, content=self._linked(envelope.content, sign))

    def _linked(self, value: Any, sign: Callable[[str], str]) -> Any:
        """Return a content with links; a part without media is the same object."""
        if not attrs.has(type(value)):
            return value
        changed: dict[str, Any] = {}
        for attribute in attrs.fields(type(value)):
            part = getattr(value, attribute.name)
            linked: Any = part
            if attribute.name in _URLS and part is not None:
                linked = sign(part)
            elif isinstance(part, tuple):
                linked = tuple(self._linked(item, sign) for item in part)
            elif attrs.has(type(part)):
                linked = self._linked(part, sign)
            if linked != part:
                changed[attribute.name] = linked
        return attrs.evolve(value, **changed) if changed else value

    def _link(self, url: str, *, until: datetime, channel: Channel) -> str:
        """Return a link; a file of another channel or workspace gets none.

        Raises:
            MediaError: The store is not available, so the message is tried again.
        """
        file_id = self._uploads.file_id_of(url)
        if file_id is None:
            return url
        file = self._uploads.store.find(file_id)
        is_foreign = file is not None and not file.serves(channel)
        return url if is_foreign else self._uploads.link(file_id, until=until)
