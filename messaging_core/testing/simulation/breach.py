"""What a promise is, and what breaks it."""

from collections.abc import Callable, Iterable
from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.testing.simulation.story import Story


@frozen(kw_only=True)
class Breach:
    """One thing that must not have happened.

    Attributes:
        what: In a few words.
        message_id: Whose story to tell, where it is about one message.
    """

    what: str
    message_id: UUID | None = None


Promise = Callable[[Story], Iterable[Breach]]
"""Yields every breach in a story; the first line of its docstring says what is promised."""
