"""What a platform of the host's own carries."""

import re
from typing import Any

from messaging_core.arguments import a_text, any_whole, checked_init, optional, refuse, several
from messaging_core.lazy import frozen


def a_pattern(value: Any, name: str) -> Any:
    """Allow a regular expression, as text."""
    text = a_text(value, name)
    try:
        re.compile(text)
    except re.error:
        remedy = f'write {name}=r"@[a-z0-9_]{{5,32}}"'
        raise refuse(name, "a regular expression", value, remedy) from None
    return text


@checked_init(
    body_types=optional(several("body types", alone=str)),
    max_text=optional(any_whole),
    max_media=optional(any_whole),
    address=optional(a_pattern),
    address_format=a_text,
)
@frozen(kw_only=True)
class PlatformRules:
    """Say what a platform of the host's own carries; `send` and `plan` refuse everything beyond.

    What is left out has no limit. Give the same rules to every channel of the platform.

    Attributes:
        body_types: The types of body, such as `text` and `image`.
        max_text: The most characters of each text of a body, also of one that a template becomes.
        max_media: The most pictures or files of one message.
        address: A regular expression that a whole address matches, such as `@[a-z0-9_]{5,32}`.
        address_format: The same in words, for the violation: "@ and 5 to 32 letters or digits".
    """

    body_types: tuple[str, ...] | None = None
    max_text: int | None = None
    max_media: int | None = None
    address: str | None = None
    address_format: str = "the format of the platform"
