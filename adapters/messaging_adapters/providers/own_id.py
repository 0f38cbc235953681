"""The name under which our message id travels through a provider that takes fields of the host."""

from typing import Final

OWN_ID: Final = "messaging_message_id"
"""Of a field that comes back in the events of a message; the host's own have other names."""
