"""The calls of a messenger that accept messages, or show what accepting would do."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Unpack
from uuid import UUID

from messaging_core.acceptance.batch import BatchAcceptor
from messaging_core.acceptance.bulk import accept_each, accept_many
from messaging_core.acceptance.media import may_name_media
from messaging_core.acceptance.preview import next_allowed, preview
from messaging_core.acceptance.submission import (
    Request,
    Submission,
    request_of,
    request_of_row,
)
from messaging_core.acceptance.telemetry import accepted, send_operation
from messaging_core.arguments import (
    a_text,
    checked,
    optional,
    uuid,
)
from messaging_core.channels import ChannelReference
from messaging_core.errors import InvalidRequestError
from messaging_core.facade.parts import MessengerParts
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.rendered_template import RenderedTemplate
from messaging_core.models.messages.batch import Batch
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.notification import Notification, NotificationReport
from messaging_core.models.messages.request_fields import RequestFields
from messaging_core.models.policy.plan import Plan, Rejection
from messaging_core.ports.components import (
    A_META,
    keys_of,
    requests_of,
)
from messaging_core.wire import Json


class Sending(MessengerParts):
    """Accept messages."""

    def send(
        self,
        channel: ChannelReference,
        request: Request | None = None,
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
        **fields: Unpack[RequestFields],
    ) -> Message:
        """Accept one message; when this returns, it is durable, and a worker delivers it.

        Args:
            channel: The channel, its id, or its name in the default workspace.
            request: A `SendMessage`, JSON in the shape of the Bird Channels API, or a dict with a
                `to`, which is read as keywords. Or leave it out, and write the message by
                keywords: `to="+31612345678", text="…"`.
            idempotency_key: A second call with the same key and request returns the first
                message, as long as keys are stored.
            connection: The host's own database connection; then the message is part of the
                host's transaction, and durable when the host commits.
            fields: `to`, `text` and the other keywords of `RequestFields`.

        Raises:
            ArgumentError: The keywords make no request.
            InvalidMessageError: The request breaks rules; with all violations. Nothing was
                written.
            IdempotencyConflictError: The key was used for another request; the error names the
                fields that differ.
            UnknownChannelError: The channel does not exist.
            StorageError: The storage failed; nothing was written.
        """
        own_channel = self.channel(channel)
        own_request = request_of(request, fields)
        with send_operation(self.context, own_channel) as done:
            submission = Submission(
                channel=own_channel,
                request=own_request,
                idempotency_key=idempotency_key,
                trace=self.context.telemetry.trace(),
            )
            message = self._accepted(submission, connection)
            done(accepted(message))
        return message

    def _accepted(self, submission: Submission, connection: Any) -> Message:
        # A check of media may wait for a store far away, and a group waits for all its requests.
        waits = self._media_check is not None and may_name_media(submission.request)
        if connection is None and not waits:
            return self._group.accept(submission)
        (answer,) = self.acceptor.accept([submission], connection=connection)
        if isinstance(answer, InvalidRequestError):
            raise answer
        return answer

    @checked(requests=requests_of, idempotency_keys=optional(keys_of))
    def send_many(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_keys: Iterable[str | None] | None = None,
        connection: Any = None,
    ) -> list[Message | Rejection]:
        """Accept many messages, a thousand in one transaction; much faster than one by one.

        A request that breaks rules is answered with a `Rejection`; the others are accepted. If
        the storage fails, earlier chunks stay accepted.

        Args:
            channel: As for `send`.
            requests: Any number, also from a generator. A dict with a `to` is read as the keywords
                of `send`: `{"to": "+31612345678", "text": "…"}`.
            idempotency_keys: One for each request, so that an interrupted import can be repeated.
            connection: As for `send`; then everything is part of the host's transaction.

        Returns:
            One answer for each request, in order.

        Raises:
            UnknownChannelError: The channel does not exist.
            StorageError: The storage failed.
            ArgumentError: There are fewer or more keys than requests; the chunk in which the keys
                run out is not written.
        """
        return accept_many(
            self.acceptor,
            self.channel(channel),
            requests,
            keys=idempotency_keys,
            connection=connection,
        )

    @checked(requests=requests_of, idempotency_keys=optional(keys_of))
    def send_each(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_keys: Iterable[str | None] | None = None,
    ) -> Iterator[Message | Rejection]:
        """Accept as `send_many` does, and yield the answers: memory holds one chunk at a time.

        Nothing is accepted before the caller asks for the first answer. A thousand requests are
        read and committed, then their answers are yielded. If the caller stops early, the current
        chunk stays accepted, and later requests are not read.

        Args:
            channel: As for `send`.
            requests: As for `send_many`.
            idempotency_keys: As for `send_many`.

        Raises:
            UnknownChannelError: The channel does not exist; raised by the call itself.
            StorageError: The storage failed; earlier chunks are accepted, and were answered.
            ArgumentError: As for `send_many`.
        """
        return accept_each(self.acceptor, self.channel(channel), requests, keys=idempotency_keys)

    @checked(requests=requests_of)
    def send_batch(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
    ) -> Batch:
        """Accept 1 to 100 requests as one batch, which can be listed and cancelled as a whole.

        Everything is written in one transaction. A request that breaks rules becomes a message
        with status `rejected`, which is never sent; the others are accepted. Its `failure` and
        `details` name the first violation, and its `reason` lists all of them, one a line. The
        readable part of the request is stored with it.

        Args:
            channel: As for `send`.
            requests: 1 to 100, each as for `send`.
            idempotency_key: One for the whole batch. A second call with the same key and requests
                returns the first batch, as it is now.
            connection: As for `send`.

        Raises:
            InvalidMessageError: There is no request, or more than 100, or the key is not 1 to
                255 printable characters; nothing was written.
            IdempotencyConflictError: The key was used for other requests; the error names the
                fields that differ.
            UnknownChannelError: The channel does not exist.
            StorageError: The storage failed; nothing was written.
            ArgumentError: `requests` is a single request.
        """
        return BatchAcceptor(acceptor=self.acceptor).accept(
            self.channel(channel),
            [request_of_row(request) for request in requests],
            idempotency_key=idempotency_key,
            connection=connection,
        )

    @checked(workspace=uuid)
    def notify(
        self,
        notification: Notification | Json,
        *,
        idempotency_key: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> NotificationReport:
        """Accept one message for each user and channel, in bounded memory; a worker delivers.

        `Worker.notify` also delivers before it returns. Everything is checked before the first
        message is written; after that, a problem of one user does not affect the others. If the
        storage fails, messages of earlier users stay accepted: repeat the call with the same key.

        Args:
            notification: A `Notification`, or JSON as for `POST /send` of the Mia-Platform
                Messaging Service.
            idempotency_key: A second call with the same key sends no second message to a user on a
                channel, as long as keys are stored.
            workspace: Its tenant.
            connection: As for `send`; then everything is part of the host's transaction.

        Returns:
            The messages, and the users who get none, with the reasons.

        Raises:
            InvalidRequestError: It breaks rules; with all violations. Nothing was written.
            MediaError: Its files could not be looked up; nothing was written.
            StorageError: The storage failed.
        """
        return self._notifications.notify(
            notification, key=idempotency_key, workspace=workspace, connection=connection
        )

    def plan(
        self,
        channel: ChannelReference,
        request: Request | None = None,
        **fields: Unpack[RequestFields],
    ) -> Plan:
        """Show what `send` would do with a request now, and write nothing.

        Args:
            channel: As for `send`.
            request: As for `send`.
            fields: As for `send`.

        Raises:
            ArgumentError: The keywords make no request.
            UnknownChannelError: The channel does not exist.
        """
        return preview(self.acceptor, self.channel(channel), request_of(request, fields))

    @checked(receiver=a_text, identifier_key=optional(a_text), meta=optional(A_META))
    def next_allowed(
        self,
        channel: ChannelReference,
        receiver: str,
        *,
        identifier_key: str | None = None,
        meta: Meta | None = None,
    ) -> datetime | None:
        """Return when a receiver may get a message by all send rules, for a host's own page.

        Args:
            channel: As for `send`.
            receiver: The number or address, or another identifier of a contact.
            identifier_key: The kind of the identifier; by default the channel's own.
            meta: The `meta` of the message; its use case is the purpose of the message.

        Returns:
            The first instant at which caps and quiet hours allow the message; `None` if waiting
            does not help, because the receiver must not get it at all.

        Raises:
            UnknownChannelError: The channel does not exist.
        """
        return next_allowed(
            self.acceptor, self.channel(channel), receiver, key=identifier_key, meta=meta
        )

    @checked(template=a_text, locale=optional(a_text), version_id=optional(uuid))
    def render(
        self,
        template: str,
        locale: str | None = None,
        data: Mapping[str, Any] | None = None,
        *,
        channel: ChannelReference,
        version_id: UUID | None = None,
    ) -> RenderedTemplate:
        """Show the content that a template has on a channel, and send nothing.

        Args:
            template: The id or name of the project, in the workspace of the channel.
            locale: BCP 47 tag of the reader's language; by default the template's own.
            data: The values as one object; values that the template does not take are ignored.
            channel: As for `send`.
            version_id: Any version, also a draft; by default the latest, else the draft.

        Raises:
            InvalidTemplateError: It cannot be rendered with these values, or the channel does not
                support the content; with all violations.
            UnknownTemplateError: The template or the version does not exist.
            UnknownChannelError: The channel does not exist.
        """
        return self.templates.render(
            template, locale, data or {}, channel=self.channel(channel), version_id=version_id
        )
