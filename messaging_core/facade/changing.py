"""The calls of a messenger that cancel, move, repeat and delete messages."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from messaging_core.arguments import (
    any_instant,
    checked,
    choice,
    flag,
    id_of,
    instant,
    optional,
    span,
    uuid,
    whole,
)
from messaging_core.facade.parts import MessengerParts
from messaging_core.messages.retention import purge_of
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.page import DEFAULT_LIMIT, Page
from messaging_core.models.delivery.interaction import Conversion, Interaction
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.retention import Keep, Purged
from messaging_core.ports.components import (
    A_CONVERSION,
    AN_AUDIT_ENTRY,
)
from messaging_core.receipts.conversions import record_conversion


class Changing(MessengerParts):
    """Change messages that were accepted."""

    @checked(message_id=id_of("message"), workspace=uuid, audit=AN_AUDIT_ENTRY)
    def cancel(
        self,
        message_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
        audit: AuditEntry | None = None,
    ) -> bool:
        """Withdraw a message that waits; its status becomes `deleted`.

        Args:
            message_id: The id of the message.
            workspace: Its tenant.
            connection: As for `send`.
            audit: Who does it and why, as `audit.entry` makes it; stored in the same transaction.

        Returns:
            True if it was certainly not sent and never will be. False if it is too late: a worker
            is handing it over, it is finished, or a provider or some of its receivers may have it.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._changes.cancel(message_id, workspace, connection, audit)

    @checked(batch_id=id_of("batch"), workspace=uuid)
    def cancel_batch(
        self,
        batch_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> int:
        """Withdraw the messages of a batch that wait, by the rules of `cancel`.

        Returns:
            How many were certainly not sent and never will be; messages that were rejected or
            withdrawn before do not count.

        Raises:
            UnknownBatchError: This workspace has no such batch.
        """
        return self._changes.cancel_batch(batch_id, workspace, connection)

    @checked(message_id=id_of("message"), at=any_instant, workspace=uuid, audit=AN_AUDIT_ENTRY)
    def reschedule(
        self,
        message_id: UUID,
        at: datetime,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
        audit: AuditEntry | None = None,
    ) -> Message:
        """Move a message that waits to another time; its validity starts again at that time.

        Args:
            message_id: The id of the message.
            at: Aware instant, by the rules of `scheduled_for`: at most 35 days ahead; less than
                10 minutes ahead means now.
            workspace: Its tenant.
            connection: As for `send`.
            audit: As for `cancel`.

        Raises:
            InvalidMessageError: The time is not allowed.
            UnknownMessageError: This workspace has no such message.
            StateError: It no longer waits.
        """
        return self._changes.reschedule(message_id, at, workspace, connection, audit)

    @checked(
        message_id=id_of("message"),
        conversion=A_CONVERSION,
        workspace=uuid,
    )
    def report_conversion(
        self,
        message_id: UUID,
        conversion: Conversion,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Interaction:
        """Record a conversion, such as a purchase, as an interaction of its message.

        Raises:
            InvalidRequestError: The conversion has an unknown type or status.
            UnknownMessageError: This workspace has no such message.
        """
        return record_conversion(
            self.inbox, message_id, conversion, workspace=workspace, connection=connection
        )

    @checked(
        before=instant,
        keep=choice(*Keep, case=str.lower),
        workspace=optional(uuid),
        limit=optional(whole()),
        chunk=whole(),
        unmatched=span(timedelta(0)),
        rollups=span(timedelta(0)),
        audit=span(timedelta(0)),
    )
    def purge(  # noqa: PLR0913 - one for each choice of the host
        self,
        *,
        before: datetime,
        keep: Keep = Keep.NOTHING,
        workspace: UUID | None = None,
        limit: int | None = None,
        chunk: int = 100,
        unmatched: timedelta = timedelta(hours=72),
        rollups: timedelta = timedelta(days=90),
        audit: timedelta = timedelta(days=400),
    ) -> Purged:
        """Delete or redact old messages, a bounded transaction at a time, while the engine runs.

        A message is old if it was accepted `before` an instant and is finished. Messages that
        wait or are being delivered stay. All data of a message are deleted with it; receipts are
        deleted from the inbox by their own age. Contacts and idempotency keys stay. You may
        interrupt the call and repeat it: it continues with the rest, and redacts nothing twice.

        Args:
            before: Aware instant.
            keep: `Keep.NOTHING` deletes; `Keep.RECORD` removes content and addresses, and keeps
                ids, status, times, channel, country, platform references and failure codes.
            workspace: Only this tenant; by default all.
            limit: The most messages, and the most receipts; `Purged.more` says whether to call
                again.
            chunk: How many messages one transaction removes.
            unmatched: After what time a receipt without a message is deleted.
            rollups: After what time roll-ups are deleted. Events that are in no roll-up yet are
                counted before their messages are deleted.
            audit: After what time entries of the audit log are deleted: of `workspace`, by default
                of every workspace that has a channel.

        Raises:
            StorageError: The storage failed; earlier chunks are removed.
            ArgumentError: `before` has no time zone, `keep` is not one of the choices, or `chunk`
                is less than one.
        """
        workspaces = {own.workspace for own in self.channels.by_id.values()}
        purged = purge_of(
            self.storage,
            self.clock,
            before=before,
            keep=keep,
            workspace=workspace,
            chunk=chunk,
            unmatched=unmatched,
            rollups=rollups,
            audit=audit,
            audited=frozenset(workspaces if workspace is None else {workspace}),
        ).run(limit)
        if self.media_fetcher is not None:
            self.media_fetcher.remove_due()
        return purged

    @checked(workspace=uuid)
    def dead_letters(
        self,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> Page[Message]:
        """Return one page of the messages that could not be sent, the newest first.

        Messages in doubt are not among them; `find` lists them by the status `processing` and the
        failure code 12005.

        Raises:
            InvalidQueryError: The limit or the page token is invalid.
        """
        return self._lookup.dead_letters(workspace, limit, page_token)

    @checked(message_id=id_of("message"), workspace=uuid, again=flag, audit=AN_AUDIT_ENTRY)
    def replay(
        self,
        message_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        again: bool = False,
        connection: Any = None,
        audit: AuditEntry | None = None,
    ) -> Message:
        """Send a message again that failed or is in doubt.

        A message that failed stays as it is: a new message with its content is accepted, whose
        `origin` names it. Its validity starts now, and it is not scheduled. A second replay
        returns the same new message. A message in doubt is itself sent now, and may arrive twice.

        Args:
            message_id: The id of the message.
            workspace: Its tenant.
            again: Accept another message, although it was replayed before.
            connection: As for `send`.
            audit: As for `cancel`.

        Raises:
            UnknownMessageError: This workspace has no such message.
            UnknownChannelError: The host no longer has its channel.
            StateError: It neither failed nor is in doubt; or a worker is sending it.
        """
        channel = self.channel(self._lookup.get(message_id, workspace=workspace).channel_id)
        return self._replayer.replay(
            message_id, workspace, channel, again=again, connection=connection, audit=audit
        )
