"""Which content a message may have on a channel."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import (
    AuthenticationBody,
    Body,
    CarouselBody,
    FileBody,
    GifBody,
    HtmlBody,
    HtmlMetadata,
    ImageBody,
    ListBody,
    LocationBody,
    SectionBody,
    TextBody,
    TextMetadata,
)
from messaging_core.rules.addressing.sender import check_email_from
from messaging_core.rules.content.actions import check_actions
from messaging_core.rules.content.attachments import check_attachments
from messaging_core.rules.content.cards import check_carousel, check_list
from messaging_core.rules.content.headers import check_headers, check_subject
from messaging_core.rules.content.media import (
    check_file_body,
    check_gif_body,
    check_image_body,
    check_mms,
    check_telegram,
)
from messaging_core.rules.formats.platforms import BODY_TYPES
from messaging_core.rules.formats.sms import MAX_SMS_PARTS, encode_smartly, split_sms
from messaging_core.rules.formats.text import check_text

MAX_EXPIRATION_TIME: Final = 90
SECTION_TYPES: Final = frozenset(
    {"text", "image", "file", "gif", "location", "carousel", "list", "section"}
)
"""Types of body that a section may hold."""

_SURELY_FITS: Final = MAX_SMS_PARTS * 33
"""Characters that fit whatever they are: a part holds 33 of two code units each."""


def check_body(body: Body, channel: Channel, path: str) -> list[Violation]:
    """Hold content to the Bird Channels API, rules 9 to 21, and to what the platform carries."""
    kind = body.type
    violations = _check_carried(body, channel, path)
    if channel.platform == SMS:
        violations += check_mms(body, channel, f"{path}/{kind}")
    violations += _CHECKS[type(body)](body, channel, f"{path}/{kind}")
    return violations


def _check_carried(body: Body, channel: Channel, path: str) -> list[Violation]:
    """Refuse a body that the platform does not carry, or whose text is too long for it."""
    violations, rules = [], channel.rules
    carried = BODY_TYPES.get(channel.platform) if rules is None else rules.body_types
    if carried is not None and body.type not in carried:
        message = f"{channel.platform} carries {', '.join(carried)}, not {body.type}"
        violations.append(Violation(f"{path}/type", "body.unsupported_on_platform", message))
    if rules is not None and rules.max_text is not None:
        violations += _check_lengths(body, rules.max_text, f"{path}/{body.type}")
    return violations


def _check_lengths(body: Body, most: int, path: str) -> list[Violation]:
    texts = ((name, getattr(body, name, None) or "") for name in ("text", "html"))
    return [
        Violation(
            f"{path}/{name}",
            "body.text_too_long",
            f"this channel takes {most} characters, not {len(text)}: shorten the text",
        )
        for name, text in texts
        if len(text) > most
    ]


def check_text_body(body: TextBody, channel: Channel, path: str) -> list[Violation]:
    """Hold plain text to the Bird Channels API, rules 10, 20 and 21: at least one character."""
    text = body.text
    violations = check_text(text, f"{path}/text", required=True)
    if channel.platform == SMS and len(text) > _SURELY_FITS:
        violations += _check_parts(text, channel, f"{path}/text")
    if body.attachments:
        here = f"{path}/attachments"
        violations += check_attachments(body.attachments, channel.platform, here)
    if body.actions:
        violations += check_actions(body.actions, channel.platform, f"{path}/actions")
    if body.metadata is not None:
        violations += _check_text_metadata(body.metadata, f"{path}/metadata")
    return violations


def check_html_body(body: HtmlBody, channel: Channel, path: str) -> list[Violation]:
    """Hold HTML to the Bird Channels API, rules 10 and 20: HTML or text, neither of them empty."""
    violations = []
    if body.html is None and body.text is None:
        violations.append(Violation(path, "body.no_content", "at least one of html and text"))
    if body.html is not None:
        violations += check_text(body.html, f"{path}/html", required=True)
    if body.text is not None:
        violations += check_text(body.text, f"{path}/text", required=True)
    if body.attachments:
        here, platform = f"{path}/attachments", channel.platform
        violations += check_attachments(body.attachments, platform, here, inline_content=True)
    if body.actions:
        violations += check_actions(body.actions, channel.platform, f"{path}/actions")
    if body.metadata is not None:
        violations += _check_html_metadata(body.metadata, f"{path}/metadata")
    return violations


def check_location(body: LocationBody, channel: Channel, path: str) -> list[Violation]:  # noqa: ARG001 - every body is checked alike
    """Hold a spot to the Bird Channels API, rule 13; what is no number is out of range too."""
    violations = []
    here, spot = f"{path}/coordinates", body.coordinates
    if not -90 <= spot.latitude <= 90:  # noqa: PLR2004 - degrees of a quarter circle
        message = "a latitude is from -90 to 90 degrees"
        violations.append(Violation(f"{here}/latitude", "location.bad_latitude", message))
    if not -180 <= spot.longitude <= 180:  # noqa: PLR2004 - degrees of a half circle
        message = "a longitude is from -180 to 180 degrees"
        violations.append(Violation(f"{here}/longitude", "location.bad_longitude", message))
    return violations


def check_section(
    body: SectionBody, channel: Channel, path: str, *, depth: int = 1
) -> list[Violation]:
    """Hold a section to the Bird Channels API, rule 17.

    It holds at least one body (ours); an inner section holds no further one; HTML and one-time
    passwords have no place in either.
    """
    if not body.items:
        return [Violation(f"{path}/items", "section.empty", "at least one body")]
    violations: list[Violation] = []
    for index, item in enumerate(body.items):
        violations += _check_item(item, channel, f"{path}/items/{index}", depth)
    return violations


def check_authentication(body: AuthenticationBody, channel: Channel, path: str) -> list[Violation]:
    """Hold a one-time password to the Bird Channels API, rule 18: it expires within 1 to 90."""
    violations = []
    expiration = body.otp.expiration_time
    if expiration is not None and not 1 <= expiration <= MAX_EXPIRATION_TIME:
        message = f"from 1 to {MAX_EXPIRATION_TIME}, or null"
        here = f"{path}/otp/expirationTime"
        violations.append(Violation(here, "otp.bad_expiration_time", message))
    here = f"{path}/otp/actions"
    return violations + check_actions(body.otp.actions, channel.platform, here)


def _check_parts(text: str, channel: Channel, path: str) -> list[Violation]:
    # Counting takes a while, so what cannot fit by its length alone is not counted.
    if len(text) <= MAX_SMS_PARTS * 153:
        sent = encode_smartly(text) if channel.smart_encoding else text
        if split_sms(sent).count <= MAX_SMS_PARTS:
            return []
    message = f"longer than {MAX_SMS_PARTS} SMS, the most that a phone puts together"
    return [Violation(path, "text.too_many_parts", message)]


def _check_text_metadata(metadata: TextMetadata, path: str) -> list[Violation]:
    violations = check_telegram(metadata.telegram, path)
    if metadata.subject is not None:
        violations += check_subject(metadata.subject, f"{path}/subject")
    if metadata.headers:
        violations += check_headers(metadata.headers, f"{path}/headers")
    return violations


def _check_html_metadata(metadata: HtmlMetadata, path: str) -> list[Violation]:
    violations: list[Violation] = []
    if metadata.subject is not None:
        violations += check_subject(metadata.subject, f"{path}/subject")
    if metadata.email_from is not None:
        violations += check_email_from(metadata.email_from, f"{path}/emailFrom")
    if metadata.headers:
        violations += check_headers(metadata.headers, f"{path}/headers")
    return violations


def _check_item(item: Body, channel: Channel, path: str, depth: int) -> list[Violation]:
    if item.type not in SECTION_TYPES:
        message = f"a section holds {', '.join(sorted(SECTION_TYPES))}, not {item.type}"
        return [Violation(f"{path}/type", "section.type_not_allowed", message)]
    if not isinstance(item, SectionBody):
        carried = [] if channel.rules is None else _check_carried(item, channel, path)
        return carried + _CHECKS[type(item)](item, channel, f"{path}/{item.type}")
    if depth > 1:
        message = "a section within a section holds no further section"
        return [Violation(f"{path}/type", "section.too_deep", message)]
    return check_section(item, channel, f"{path}/section", depth=depth + 1)


_CHECKS: Final[Mapping[type, Callable[[Any, Channel, str], list[Violation]]]] = {
    TextBody: check_text_body,
    HtmlBody: check_html_body,
    ImageBody: check_image_body,
    FileBody: check_file_body,
    GifBody: check_gif_body,
    LocationBody: check_location,
    CarouselBody: check_carousel,
    ListBody: check_list,
    SectionBody: check_section,
    AuthenticationBody: check_authentication,
}
