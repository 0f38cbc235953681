"""What each platform can carry, as data."""

from typing import Final

from messaging_core.models.common.channel import EMAIL, PUSH, SMS

BODY_TYPES: Final = {
    SMS: ("text", "image", "file", "gif"),  # all but text by MMS, or as their fallback text
    EMAIL: ("text", "html", "image", "file", "gif"),
    PUSH: ("text", "image", "gif"),  # a picture is shown beside the text
}
"""Types of body that a platform of ours carries; one of the host's own carries every type."""

ACTION_TYPES: Final = {
    SMS: ("link",),  # a line of text
    EMAIL: ("link",),  # the same
    PUSH: ("link", "reply", "postback"),  # where a tap leads, and buttons
}
"""Types of action that a platform of ours carries; one of the host's own carries every type."""

WITHOUT_ATTACHMENTS: Final = frozenset({SMS, PUSH})
"""Platforms that carry no attachments: their files are bodies of their own."""

MAX_MEDIA: Final = {SMS: 10, PUSH: 1}
"""Pictures or files in one message, where there is a limit: that of MMS is Bird's, rule 12."""
