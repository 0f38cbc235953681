"""The store of messages and idempotency keys."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from messaging_core.models.common.page import Page
from messaging_core.models.delivery.delivery import (
    IdempotencyKey,
    NewMessage,
)
from messaging_core.models.messages.counts import CountBy, Counts
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery


class Messages(Protocol):
    """Keep messages and find them again."""

    @abstractmethod
    def add(self, messages: Sequence[NewMessage]) -> None:
        """Keep new messages in the order given, which is the order of listings.

        Messages that are added once others are committed come after them, and those of one call
        in its order, whatever `created_at` and the ids say. Between transactions that were open at
        the same time there is no order. A message with a `delivery` can be claimed once the
        transaction is committed; it has one exactly when its status is one that waits. All message
        ids are new. An idempotency key belongs to the last message it was added with, from when
        that was created. Everything is kept as it is given, `Failure.retry` too.
        """

    @abstractmethod
    def get(self, workspace: UUID, message_id: UUID, *, stays: bool = True) -> Message | None:
        """Return a message of this workspace, or nothing.

        Args:
            workspace: Its tenant.
            message_id: Its id.
            stays: As for `Suppressions.for_addresses`.
        """

    @abstractmethod
    def get_json(self, workspace: UUID, message_id: UUID) -> bytes | None:
        """Return what `get` returns as the JSON that `dump_message` writes of it, or nothing.

        The order of keys is free. Where the stored document is that JSON already, it need not be
        decoded.
        """

    @abstractmethod
    def find(self, query: MessageQuery) -> Page[Message]:
        """Return one page of a listing, its messages as `StoredMessages` if it can.

        Those are decoded when they are read, and are JSON without that.

        The cost of a page is bounded whatever the filters and however many messages there are:
        a page may be short, or empty, and still have a next one. A walk along
        `next_page_token` shows every message once that was there when it began and still
        matches, also while others arrive and while statuses change. A message that cannot be read
        is left out. No filter looks into another
        workspace, and a value that no message can have finds nothing.

        Args:
            query: A listing that the rules allow: the limit is 1 to 1000, and so are the values
                of each filter. Tags and email addresses are compared without regard to case, and
                words of a subject without regard to case and accents. A word in which punctuation
                joins several matches them next to one another; a search without a word finds
                nothing.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """

    @abstractmethod
    def count(self, query: MessageQuery, by: Collection[CountBy], *, most: int) -> Counts:
        """Return how many messages `find` would list, page after page, grouped as asked.

        The cost is bounded: of more than `most` messages those are counted that the listing begins
        with, and so it is if matches are too rare to look for them all. The limit and the page
        token of the query count for nothing.
        """

    @abstractmethod
    def damaged(self, *, limit: int) -> list[UUID]:
        """Return ids of messages of all workspaces that were put aside as damaged.

        They could not be read when they were claimed or redacted. The failure `DAMAGED` of
        `decisions.delivery.settlement` marks them.
        """

    @abstractmethod
    def by_keys(
        self, workspace: UUID, keys: Sequence[str], *, since: datetime
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        """Return the message and the stored key for each idempotency key that is in use.

        A key is in use when its message was created after `since`, or when it is lasting. Keys
        belong to their workspace; those of this transaction are found too.
        """

    @abstractmethod
    def delete_expired_keys(self, *, until: datetime, limit: int) -> None:
        """Drop idempotency keys of all workspaces; their messages stay.

        Those go whose message was created at `until` or before, the oldest first, and at most
        `limit` of them: it is a little work at a time, done along with other writing. Lasting
        keys stay.
        """

    @abstractmethod
    def by_references(
        self, workspace: UUID, references: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[UUID, UUID]]]:
        """Return message id and channel id for each platform reference, the newest message first.

        A message is found by all parts it was added or ever settled with; `add_references` adds
        others. References that no message has are left out.
        """

    @abstractmethod
    def add_references(self, workspace: UUID, message_id: UUID, references: Sequence[str]) -> None:
        """Let a message be found by platform references that are not among its parts."""

    @abstractmethod
    def update(self, workspace: UUID, message: Message) -> None:
        """Keep what changes of a message, if there is one with its id in this workspace.

        That is its status, parts, failure, reason, details and the times of its last changes; all
        else stays as it was, whatever is given.
        """
