"""The content of a message, one class for each body type."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import NULLABLE, OPEN, tuple_of
from messaging_core.models.content.action import Action


@frozen(kw_only=True)
class Attachment:
    """Attach a file by URL, or inline as base64 with its content type (HTML bodies only).

    Attributes:
        filename: The name the reader sees.
        media_url: Where the file is; excludes `content`.
        content: The file itself, base64 (RFC 4648 section 4).
        content_type: Media type of `content`, such as `application/pdf`.
        inline: Show it inside the text instead of beside it.
        content_id: Name for `cid:` references out of the HTML.
    """

    filename: str = field(repr=False)
    media_url: str | None = field(default=None, repr=False)
    content: str | None = field(default=None, repr=False)
    content_type: str | None = None
    inline: bool = False
    content_id: str | None = None


@frozen(kw_only=True)
class WhatsAppMetadata:
    """Settings that only WhatsApp knows."""

    preview_url: bool | None = None


@frozen(kw_only=True)
class LineEmoji:
    """Place a LINE emoji at `index` of the text."""

    index: int
    product_id: str
    emoji_id: str
    length: int | None = field(default=None, metadata=NULLABLE)


@frozen(kw_only=True)
class LineEmojis:
    """List the LINE emojis of a text."""

    items: tuple[LineEmoji, ...] = field(default=(), converter=tuple_of[LineEmoji])


@frozen(kw_only=True)
class LineMetadata:
    """Settings that only LINE knows."""

    emoji: LineEmojis | None = None


@frozen(kw_only=True)
class TelegramMetadata:
    """Settings that only Telegram knows; `parse_mode` is `Markdown` or `MarkdownV2`."""

    parse_mode: str | None = None


@frozen(kw_only=True)
class AppleMetadata:
    """Settings that only Apple Messages for Business knows."""

    summary_text: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class TextMetadata:
    """Carry what a platform needs beside a text; `subject` is the email subject or push title."""

    subject: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    whatsapp: WhatsAppMetadata | None = None
    line: LineMetadata | None = None
    telegram: TelegramMetadata | None = None
    apple: AppleMetadata | None = None


@frozen(kw_only=True)
class EmailFrom:
    """Replace the user part (`username`, no domain) and display name of an email's sender."""

    username: str | None = field(default=None, repr=False)
    display_name: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class HtmlMetadata:
    """Carry subject, headers, sender and tracking switches of an HTML mail."""

    subject: str | None = field(default=None, repr=False)
    email_from: EmailFrom | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    initial_open_tracking: bool | None = None
    click_tracking: bool | None = None
    open_tracking: bool | None = None


@frozen(kw_only=True)
class MediaMetadata:
    """Carry the MMS `subject`, and the `fallback_text` for where MMS is impossible."""

    subject: str | None = field(default=None, repr=False)
    fallback_text: str | None = field(default=None, repr=False)
    story_type: str | None = None
    telegram: TelegramMetadata | None = None
    extra: Mapping[str, Any] | None = field(default=None, metadata=OPEN, repr=False)


@frozen(kw_only=True)
class GifMetadata:
    """Carry what a platform needs beside an animation."""

    telegram: TelegramMetadata | None = None
    extra: Mapping[str, Any] | None = field(default=None, metadata=OPEN, repr=False)


@frozen(kw_only=True)
class FileMetadata:
    """Say whether a file is an animated sticker."""

    is_animated: bool | None = None


@frozen(kw_only=True)
class ListButton:
    """Label the button that opens a list; at most 20 characters."""

    label: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ReplyMessage:
    """Say what is shown once a row was chosen; each at most 512 characters."""

    title: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ListMetadata:
    """Carry a list's button and its reply."""

    button: ListButton | None = None
    reply_message: ReplyMessage | None = None
    extra: Mapping[str, Any] | None = field(default=None, metadata=OPEN, repr=False)


@frozen(kw_only=True)
class TextBody:
    """Plain text of at least one character."""

    type: ClassVar[str] = "text"

    text: str = field(repr=False)
    attachments: tuple[Attachment, ...] = field(
        default=(), converter=tuple_of[Attachment], metadata=NULLABLE
    )
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    metadata: TextMetadata | None = None


@frozen(kw_only=True)
class HtmlBody:
    """HTML, its plain fallback, or both."""

    type: ClassVar[str] = "html"

    html: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = field(
        default=(), converter=tuple_of[Attachment], metadata=NULLABLE
    )
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    metadata: HtmlMetadata | None = None


@frozen(kw_only=True)
class Image:
    """Name one picture by URL."""

    media_url: str = field(repr=False)
    alt_text: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ImageBody:
    """One or more pictures with a text."""

    type: ClassVar[str] = "image"

    images: tuple[Image, ...] = field(converter=tuple_of[Image])
    text: str | None = field(default=None, repr=False)
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    metadata: MediaMetadata | None = None


@frozen(kw_only=True)
class File:
    """Name one file by URL, with its media type."""

    media_url: str = field(repr=False)
    content_type: str
    filename: str | None = field(default=None, repr=False)
    alt_text: str | None = field(default=None, repr=False)
    metadata: FileMetadata | None = None


@frozen(kw_only=True)
class FileBody:
    """One or more files with a text."""

    type: ClassVar[str] = "file"

    files: tuple[File, ...] = field(converter=tuple_of[File])
    text: str | None = field(default=None, repr=False)
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    metadata: MediaMetadata | None = None


@frozen(kw_only=True)
class GifBody:
    """One animation."""

    type: ClassVar[str] = "gif"

    media_url: str = field(repr=False)
    text: str | None = field(default=None, repr=False)
    alt_text: str | None = field(default=None, repr=False)
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    metadata: GifMetadata | None = None


@frozen(kw_only=True)
class Coordinates:
    """Degrees north (-90..90) and east (-180..180)."""

    latitude: float = field(repr=False)
    longitude: float = field(repr=False)


@frozen(kw_only=True)
class Place:
    """Name the spot that coordinates point to."""

    address: str | None = field(default=None, repr=False)
    label: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class LocationBody:
    """A spot on the map."""

    type: ClassVar[str] = "location"

    coordinates: Coordinates
    location: Place | None = None


@frozen(kw_only=True)
class Card:
    """One card of a carousel, or one section of a list."""

    title: str | None = field(default=None, repr=False)
    media_url: str | None = field(default=None, metadata=NULLABLE, repr=False)
    description: str | None = field(default=None, repr=False)
    alt_text: str | None = field(default=None, repr=False)
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)


@frozen(kw_only=True)
class CarouselBody:
    """1 to 10 cards to swipe through, under a text of at most 1024 characters."""

    type: ClassVar[str] = "carousel"

    items: tuple[Card, ...] = field(converter=tuple_of[Card])
    text: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class ListBody:
    """Rows to choose from, grouped by titled items."""

    type: ClassVar[str] = "list"

    text: str = field(repr=False)
    title: str | None = field(default=None, repr=False)
    alt_text: str | None = field(default=None, repr=False)
    items: tuple[Card, ...] = field(default=(), converter=tuple_of[Card])
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)
    metadata: ListMetadata | None = None


@frozen(kw_only=True)
class SectionBody:
    """Several bodies as one message; nests once."""

    type: ClassVar[str] = "section"

    items: tuple["Body", ...] = field(default=(), converter=tuple_of["Body"])
    configurations: Mapping[str, str] | None = field(default=None, repr=False)


@frozen(kw_only=True)
class Otp:
    """Describe a one-time password.

    Attributes:
        disclaimer: Warn the reader not to share the code.
        expiration_time: 1 to 90, in the platform's own unit.
        actions: Buttons, such as one that copies the code.
    """

    disclaimer: bool
    expiration_time: int | None = field(default=None, metadata=NULLABLE)
    actions: tuple[Action, ...] = field(default=(), converter=tuple_of[Action], metadata=NULLABLE)


@frozen(kw_only=True)
class AuthenticationBody:
    """A one-time password in the platform's own form."""

    type: ClassVar[str] = "authentication"

    otp: Otp


Body = (
    TextBody
    | HtmlBody
    | ImageBody
    | FileBody
    | GifBody
    | LocationBody
    | CarouselBody
    | ListBody
    | SectionBody
    | AuthenticationBody
)
