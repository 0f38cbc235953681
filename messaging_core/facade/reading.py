"""The calls of a messenger that look messages up, count and list them."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from attrs import evolve

from messaging_core.arguments import (
    a_text,
    any_whole,
    checked,
    id_of,
    ids_of,
    instant,
    members,
    optional,
    span,
    uuid,
    whole,
)
from messaging_core.channels import ChannelReference
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.page import DEFAULT_LIMIT, MAX_LIMIT, Page
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.rollups import FIVE_MINUTES, RollupBy, Rollups, Tag
from messaging_core.models.messages.counts import MOST_COUNTED, CountBy, Counts
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.received_file import ReceivedFile
from messaging_core.ports.components import (
    A_QUERY,
    contact_id,
)

if TYPE_CHECKING:  # loaded on first use: most programs only send
    from messaging_core.acceptance.contact_preview import ContactInspection
    from messaging_core.messages.inspection import Changes, Inspection
    from messaging_core.messages.media import MessageMedia
    from messaging_core.messages.upcoming import UpcomingMessages
from messaging_core.facade.parts import MessengerParts


class Reading(MessengerParts):
    """Look up, list and count messages."""

    @checked(message_id=id_of("message"), workspace=uuid)
    def get(
        self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> Message:
        """Return a message as it is now.

        Args:
            message_id: Its id.
            workspace: Its tenant.
            connection: As for `send`; then the message is seen as the host's transaction sees it,
                which is before the commit too.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.get(message_id, workspace, connection)

    @checked(message_id=id_of("message"), workspace=uuid)
    def get_json(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> bytes:
        """Return a message as it is now, as the JSON that `wire.dump_message` writes.

        The stored document is returned without decoding it.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.get_json(message_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def inspect(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> "Inspection":
        """Return everything that is stored about a message, for a page that shows it.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        from messaging_core.messages.inspection import inspect  # noqa: PLC0415 - the same

        return inspect(self.context, message_id, workspace)

    @checked(contact_id=contact_id, workspace=uuid)
    def inspect_contact(
        self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> "ContactInspection":
        """Return a contact, and when it may get a message on each channel, for a page.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        from messaging_core.acceptance.contact_preview import (  # noqa: PLC0415 - the same
            inspect_contact,
        )

        return inspect_contact(self.context, contact_id, workspace)

    @checked(message_ids=ids_of("message", most=MAX_LIMIT), workspace=uuid)
    def attempts(
        self, message_ids: Iterable[UUID], *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> Mapping[UUID, int]:
        """Return how often messages were tried; messages that were not are left out.

        Args:
            message_ids: The ids of at most 1000 messages.
            workspace: Their tenant.

        Raises:
            ArgumentError: There are more, or one is no UUID.
        """
        from messaging_core.messages.inspection import attempts  # noqa: PLC0415 - the same

        return attempts(self.context, list(message_ids), workspace)

    @checked(after=optional(whole(0)), workspace=uuid, limit=whole(1, MAX_LIMIT))
    def changes(
        self, after: int | None = None, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = 500
    ) -> "Changes":
        """Return what happened to messages after a position, for a page that follows them.

        Args:
            after: `Changes.position` of the call before; without it only the position is returned.
            workspace: The tenant.
            limit: The most events of all workspaces that are read.
        """
        from messaging_core.messages.inspection import changes  # noqa: PLC0415 - the same

        return changes(self.context, after, workspace, limit)

    @checked(query=optional(A_QUERY))
    def find(self, query: MessageQuery | None = None, *, connection: Any = None) -> Page[Message]:
        """Return one page of messages, the newest first.

        Args:
            query: Which messages; all of the default workspace if it is omitted.
            connection: As for `get`.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
            UnknownChannelError: The query names a channel that this messenger does not have.
        """
        return self._lookup.find(self._with_ids(query), connection)

    @checked(query=optional(A_QUERY))
    def find_json(self, query: MessageQuery | None = None) -> bytes:
        """Return the page that `find` returns, as the JSON that `wire.dump_page` writes.

        The stored documents are returned without decoding them: a page of 1000 emails takes at
        most a tenth of the time.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
            UnknownChannelError: The query names a channel that this messenger does not have.
        """
        return self._lookup.find_json(self._with_ids(query))

    def _with_ids(self, query: MessageQuery | None) -> MessageQuery:
        """Return a query with the ids of channels that it names."""
        query = query or MessageQuery()
        return evolve(query, channel_id=self.channels.ids(query.channel_id))

    @checked(query=optional(A_QUERY), by=members(CountBy), most=whole(1, MOST_COUNTED))
    def counts(
        self,
        query: MessageQuery | None = None,
        *,
        by: Collection[CountBy] = (),
        most: int = MOST_COUNTED,
    ) -> Counts:
        """Return how many messages a query matches, without listing them.

        The cost is bounded: of more than 10,000 messages, 10,000 are counted, and the result says
        that there are more.

        Args:
            query: As for `find`; its limit and page token count for nothing.
            by: What to tell apart: `status`, `channel` and `day`, any of them.
            most: How many are counted at most, 1 to 10,000: the cost grows with them.

        Raises:
            InvalidQueryError: A filter is invalid.
        """
        return self._lookup.counts(query, by, most)

    @checked(
        since=instant,
        until=optional(instant),
        tag=optional(a_text),
        step=span(),
        by=members(RollupBy),
        workspace=uuid,
    )
    def rollups(  # noqa: PLR0913 - one for each choice of the caller
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        channel: ChannelReference | None = None,
        tag: str | None = None,
        step: timedelta = FIVE_MINUTES,
        by: Collection[RollupBy] = (RollupBy.OUTCOME,),
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> Rollups:
        """Return how many messages reached which outcome, in intervals of time.

        Workers keep these sums while they deliver, so that the cost does not grow with the
        number of messages. `Rollups.as_of` says how far they have come. A message counts in the
        interval in which it reached an outcome, and once for each outcome.

        Args:
            since: Aware instant; the answer begins with the interval that it is in.
            until: Aware instant, the present by default; the answer ends with its interval.
            channel: Only messages of this channel.
            tag: Only messages with this tag. Of each workspace, 1,000 new tags a day are kept.
            step: How long an interval is: a multiple of five minutes, at most a day. With less
                than a day, the answer covers at most 31 days, and at most 2,016 intervals.
            by: What to group by: `outcome`, `detail` and `channel`, any of them.
            workspace: Whose messages.

        Raises:
            InvalidQueryError: The intervals are wrong, or too many.
            UnknownChannelError: The channel does not exist.
        """
        channel_id = () if channel is None else (self.channel(channel).id,)
        return self._rollups.find(
            workspace=workspace,
            since=since,
            until=until,
            channel_id=channel_id,
            tag=tag,
            step=step,
            by=by,
        )

    def quiet_until(self, channel: ChannelReference) -> datetime | None:
        """Return when the quiet hours of a channel end, or None if they do not hold now.

        They hold by the clock of each receiver; this is for those whose zone is unknown.

        Raises:
            UnknownChannelError: The channel does not exist.
        """
        from messaging_core.messages.quiet_channels import quiet_until  # noqa: PLC0415 - the same

        return quiet_until(self.context, self.channel(channel))

    @checked(query=optional(A_QUERY))
    def upcoming(self, query: MessageQuery | None = None) -> "UpcomingMessages":
        """Return when messages will be sent, and where their receivers are.

        Args:
            query: Which messages, as for `find`; those that wait for no time are left out. It
                costs up to two reads of the storage for each.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
        """
        from messaging_core.messages.upcoming import upcoming  # noqa: PLC0415 - the same

        return upcoming(self.context, self._with_ids(query))

    @checked(tag=a_text, workspace=uuid)
    def campaign(self, tag: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Campaign:
        """Return what became of all messages with a tag: sent, failed, left out, clicked.

        The figures come from roll-ups, so that the cost does not grow with the campaign;
        `Campaign.as_of` says how far they have come. If roll-ups lack messages of the tag, up to
        10,000 messages are counted, and `Campaign.has_rollups` is False.

        Raises:
            InvalidQueryError: No message can have this tag.
        """
        return self._campaigns.get(tag, workspace)

    @checked(limit=any_whole, page_token=optional(a_text), workspace=uuid)
    def tags(
        self,
        *,
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> Page[Tag]:
        """Return one page of the tags of which roll-ups are kept, in the order of their names.

        Raises:
            InvalidQueryError: The limit or the page token is invalid.
        """
        return self._rollups.tags(workspace, limit=limit, page_token=page_token)

    @checked(name=a_text, workspace=uuid)
    def tag(self, name: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Tag | None:
        """Return a tag of which roll-ups are kept, or None."""
        return self._rollups.tag(name, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def timeline(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> list[Event]:
        """Return the events of a message, in order.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.timeline(message_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def interactions(
        self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> list[Interaction]:
        """Return what people did with a message, in order; each is first of its type or not.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.interactions(message_id, workspace)

    @checked(message_id=id_of("message"), file_id=id_of("file"), workspace=uuid)
    def media(
        self, message_id: UUID, file_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> "MessageMedia":
        """Return a picture or file of an incoming message, to be read from the media store.

        Raises:
            UnknownMessageError: This workspace has no such message.
            UnknownMediaError: The message has no such file.
            StateError: The file is not fetched yet: a worker will.
            MediaError: It could not be fetched and was given up.
            ConfigurationError: The messenger has no media store.
        """
        return self._media.get(message_id, file_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def received_files(
        self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> list[ReceivedFile]:
        """Return what became of each file of an incoming message, in the order of its body.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._media.files(message_id, workspace)

    @checked(workspace=uuid)
    def retry_media(self, *, workspace: UUID = DEFAULT_WORKSPACE) -> int:
        """Let a worker fetch the files again that were given up, and return their number.

        Call it when the cause is corrected, such as wrong credentials.
        """
        return self._media.retry(workspace, self.clock.now())
