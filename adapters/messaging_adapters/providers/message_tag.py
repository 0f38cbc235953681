"""Our message id as a tag, for providers that give the tags of a message back."""

from typing import Final

MESSAGE_TAG: Final = "message_id"
"""The name of the tag that carries our message id, and comes back in each webhook."""
