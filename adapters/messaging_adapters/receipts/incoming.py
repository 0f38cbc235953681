"""Messages that people send: the channel that a number belongs to, and the body."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from uuid import UUID

from messaging_core.arguments import a_text, id_of, refuse
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import Channel
from messaging_core.models.content.body import Body, File, FileBody, Image, ImageBody, TextBody


def ids_by_number(channels: Mapping[str, Channel | UUID | str]) -> Mapping[str, UUID]:
    """Return the ids of channels by the numbers that people write to.

    Raises:
        ArgumentError: It is no such mapping.
    """
    if not isinstance(channels, Mapping):
        remedy = 'write channels={"+31…": orders}'
        raise refuse("channels", "a dict of channels by number", channels, remedy)
    return {
        _bare(a_text(number, "a key of channels")): id_of("channel")(channel, "a value of channels")
        for number, channel in channels.items()
    }


def ids_by_address(channels: Mapping[str, Channel | UUID | str]) -> Mapping[str, UUID]:
    """Return the ids of channels by the mail addresses that people write to, in lower case.

    Raises:
        ArgumentError: It is no such mapping.
    """
    return {address.lower(): channel for address, channel in ids_by_number(channels).items()}


def channel_of(channels: Mapping[str, UUID], parser: str, *numbers: str) -> UUID:
    """Return the channel of the first number that has one; a plus sign makes no difference.

    Raises:
        ConfigurationError: None of them has a channel.
    """
    for number in numbers:
        channel = channels.get(_bare(number))
        if channel is not None:
            return channel
    raise ConfigurationError(
        "no channel has the number that a message came to:"
        f" name the channel in `channels` of the receipt parser {parser!r}"
    )


def body_of(text: str, media: Sequence[tuple[str, str]]) -> Body:
    """Return the body of a message with a text and media.

    Args:
        text: May be empty.
        media: URL and content type of each picture or file.
    """
    if not media:
        return TextBody(text=text)
    if all(content_type.startswith("image/") for _, content_type in media):
        return ImageBody(images=tuple(Image(media_url=url) for url, _ in media), text=text or None)
    parts = tuple(File(media_url=url, content_type=content_type) for url, content_type in media)
    return FileBody(files=parts, text=text or None)


def sent_at(date: str, now: datetime) -> datetime:
    """Return when a mail was sent, as its `Date` says; never after the present."""
    try:
        sent = parsedate_to_datetime(date)
        return min(sent if sent.tzinfo else sent.replace(tzinfo=UTC), now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return now


def own_id(reference: str) -> UUID | None:
    """Return our message id, which a provider gives back where our transport sent the message."""
    try:
        return UUID(reference)
    except ValueError:
        return None


def _bare(number: str) -> str:
    return number.strip().removeprefix("+")
