"""The names under which our message id travels through providers that give fields back."""

from typing import Final

OWN_ID: Final = "messaging_message_id"
"""Of a field beside those of the host, whose names are others."""

MESSAGE_ID: Final = "message_id"
"""Of a tag or of metadata, which no host writes."""
