"""A command that cannot be done as it was typed."""

from messaging_core.errors import MessagingError


class UsageError(MessagingError):
    """Report a wrong command or file to the user, with what to change."""
