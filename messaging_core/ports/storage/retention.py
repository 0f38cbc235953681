"""Find and delete what has expired."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.messages.message import Message


class Retention(Protocol):
    """Take out what is old enough, as much at a time as the caller says.

    Whatever is taken out leaves no gap that anybody notices: positions go on growing and none is
    given out twice, cursors of subscriptions and page tokens stay good. Contacts stay as they are,
    and so do idempotency keys: a key goes on standing for its message, which `Messages.get` does
    not find any more once it was erased.
    """

    @abstractmethod
    def find_expired(
        self,
        *,
        before: datetime,
        limit: int,
        workspace: UUID | None = None,
        with_redacted: bool = False,
    ) -> list[tuple[UUID, UUID]]:
        """Return workspace and id of up to `limit` messages that may be taken out.

        They were accepted before an instant, are not still to be sent by their status, and no
        delivery of them is under way. Those that were redacted already are among them only
        `with_redacted`.
        They come in any order; whoever takes them out and asks again comes to an end. The cost
        grows with the limit and the number of workspaces, and not with how many messages are
        kept, waiting or redacted.

        Args:
            before: Aware instant, compared with `Message.created_at`.
            limit: How many at most.
            workspace: Only its messages; those of all workspaces by default.
            with_redacted: Whether redacted messages are wanted too.
        """

    @abstractmethod
    def delete(self, messages: Sequence[tuple[UUID, UUID]]) -> int:
        """Delete messages and everything that hangs on them, and return how many there were.

        Their events, evidence, interactions, short links and references go with them, and no
        filter finds them. One whose delivery is under way is left alone, and so is one that the
        workspace named with it does not have.
        """

    @abstractmethod
    def redact(self, messages: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, Message]]:
        """Take content and addresses out of messages, and return what is left, by workspace.

        What is left is `decisions.redaction.redacted`, of events `redacted_event` and of
        interactions `redacted_interaction`; evidence and short links go altogether. The message
        is still listed and found by what it still shows, by its batch and by its platform
        references, and by nothing else. One that was redacted before, whose delivery is under
        way, or that the workspace does not have, is left as it is, and left out.
        """

    @abstractmethod
    def delete_receipts(
        self,
        *,
        before: datetime,
        unmatched_before: datetime,
        limit: int,
        workspace: UUID | None = None,
    ) -> int:
        """Delete up to `limit` receipts from the inbox, and return how many there were.

        Applied ones go when they were received before an instant, unmatched and unreadable ones by
        an instant of their own; those that nobody has looked at yet stay. A receipt that is gone is
        a new one when it is kept again. The cost is bounded as for `old`.
        """
