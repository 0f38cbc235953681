"""Find and delete what has expired."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.messages.message import Message


class Retention(Protocol):
    """Delete or redact messages and receipts that have expired, a limited number at a time.

    Positions go on growing and none is used twice. Cursors of subscriptions and page tokens stay
    valid. Contacts and idempotency keys stay: a key still leads to the id of its message, though
    `Messages.get` does not find a deleted message any more.
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
        """Return workspace and id of up to `limit` messages that have expired.

        They were accepted before an instant, their status is final or at least `sent`, and their
        delivery is over. They come in any order. A caller that deletes or redacts them and asks
        again gets others, until none is left. The cost grows with the limit and the number of
        workspaces, not with how many messages are stored, waiting or redacted.

        Args:
            before: Aware instant, compared with `Message.created_at`.
            limit: How many at most.
            workspace: Only its messages; those of all workspaces by default.
            with_redacted: Also return messages that were redacted before.
        """

    @abstractmethod
    def delete(self, messages: Sequence[tuple[UUID, UUID]]) -> int:
        """Delete messages given by workspace and id, and return how many were deleted.

        Their events, evidence, interactions, short links and references go with them, and no
        filter finds them. Their received files are marked, as by `redact`. A message whose delivery
        is not over is left alone, and so is one that the workspace does not have. A message that
        cannot be read goes as well, wherever it is listed.
        """

    @abstractmethod
    def redact(self, messages: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, Message]]:
        """Remove content and addresses from messages; return each redacted one and its workspace.

        `decisions.status.redaction` defines what stays: `redacted` of a message, `redacted_event`
        of an event and `redacted_interaction` of an interaction. Evidence and short links are
        deleted. The message is still listed. Filters find it only by what it still shows, by its
        batch and by its platform references. A message that was redacted before, whose delivery
        is not over, or that the workspace does not have, is left as it is and not returned.

        What cannot be read is not returned either. Of such a message only its row stays, which
        `Messages.damaged` lists and no call finds expired again but with `with_redacted`; of such
        an event the document goes, and such an interaction is deleted.

        Each received file of the messages becomes `removed_file`, without its content and with the
        same `due_at`; a claim of it from before can no longer be settled.
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

        Applied receipts are deleted if they were received before `before`, unmatched, unreadable
        and failed ones if they were received before `unmatched_before`. Receipts that are not
        processed yet stay. A deleted receipt that comes again is a new one. The cost is bounded as
        for `find_expired`.
        """
