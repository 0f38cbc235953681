"""A command that cannot be done as it was typed."""

from messaging_core.errors import MessagingError


class UsageError(MessagingError):
    """Report what to type or mend, for whoever sits at the terminal."""
