"""What is done when somebody writes STOP, START or HELP."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from attrs import evolve, field, frozen

from messaging_core.acceptance import Acceptance, Submission
from messaging_core.arguments import a, checked_init, flag
from messaging_core.decisions import telling
from messaging_core.decisions.settlement import IN_DOUBT
from messaging_core.desk import Desk
from messaging_core.judging import ANSWER, is_exempt, people_of
from messaging_core.models.body import TextBody
from messaging_core.models.channel import SMS, Channel
from messaging_core.models.compose import to
from messaging_core.models.contact import Identifier
from messaging_core.models.event import EventKind
from messaging_core.models.message import Direction, Message, Origin, Status
from messaging_core.models.query import MAX_LIMIT, MessageQuery
from messaging_core.models.reasons import SUPPRESSED_BY, because
from messaging_core.models.request import SendMessage
from messaging_core.models.send_rules import Suppression, SuppressionCause, SuppressionScope
from messaging_core.ports.storage import Transaction
from messaging_core.rules.consent import covering, identifier_on, purpose_of
from messaging_core.rules.lifecycle import UNDER_WAY, Cause, can_exclude, transition
from messaging_core.rules.stop_words import Keyword, KeywordKind, confirmation_of, keyword_of


@checked_init(
    texts=a(Mapping, "a dict of texts", 'write texts={"optout:en": "…"}'),
    extra=a(Mapping, "a dict of keywords", 'write extra={"genoeg": Keyword(…)}'),
    enabled=flag,
)
@frozen(kw_only=True)
class Keywords:
    """Set up how opting out and in by SMS works.

    Attributes:
        texts: Confirmations of the host's own, by kind and language: `optout:en`. An empty text
            sends no confirmation.
        extra: Words of the host's own, such as `{"genoeg": Keyword(KeywordKind.OPT_OUT, "nl")}`.
        enabled: False leaves all of it to the host, or to a carrier that does it by itself.
    """

    texts: Mapping[str, str] = field(default=MappingProxyType({}), repr=False)
    extra: Mapping[str, Keyword] = MappingProxyType({})
    enabled: bool = True

    def keyword_in(self, message: Message, channel: Channel) -> Keyword | None:
        """Return what a received message asks for: on SMS, a keyword and nothing else."""
        body = message.body
        if not self.enabled or channel.platform != SMS or not isinstance(body, TextBody):
            return None
        return keyword_of(body.text, self.extra)


@frozen(kw_only=True)
class Obeying:
    """Do what a keyword asks for, in the transaction in which it came in."""

    tx: Transaction
    acceptance: Acceptance
    desk: Desk
    keywords: Keywords

    def obey(self, keyword: Keyword, message: Message, channel: Channel, now: datetime) -> None:
        """Block or unblock the pair of sender and receiver, and answer.

        An opt-out also withdraws everything that waits for this receiver and that it covers.
        It is confirmed once: who has opted out already hears nothing.
        """
        contact = message.sender.contact
        if contact is None or not contact.identifier_value:
            return
        identifier = identifier_on(channel, contact.identifier_value)
        match keyword.kind:
            case KeywordKind.OPT_OUT:
                changed = self._opt_out(identifier, channel, now)
            case KeywordKind.OPT_IN:
                changed = self._opt_in(identifier, channel)
            case _:
                changed = True
        if changed:
            self._answer(keyword, identifier, message, channel, now)

    def _opt_out(self, identifier: Identifier, channel: Channel, now: datetime) -> bool:
        block = Suppression(
            identifier_key=identifier.identifier_key,
            identifier_value=identifier.identifier_value,
            scope=SuppressionScope.SENDER,
            cause=SuppressionCause.STOP_WORD,
            at=now,
            sender=channel.sender,
        )
        standing = self.tx.suppressions.of(channel.workspace, [identifier]).get(identifier, ())
        is_new = not any(
            (one.scope, one.sender, one.cause) == (block.scope, block.sender, block.cause)
            for one in standing
        )
        self.tx.suppressions.add(channel.workspace, [block])
        withdraw_covered(self.tx, self.desk, channel.workspace, block, now)
        return is_new

    def _opt_in(self, identifier: Identifier, channel: Channel) -> bool:
        lifted = self.tx.suppressions.lift(
            channel.workspace,
            identifier,
            scope=SuppressionScope.SENDER,
            sender=channel.sender,
            causes=(SuppressionCause.STOP_WORD,),
        )
        return lifted > 0

    def _answer(
        self,
        keyword: Keyword,
        identifier: Identifier,
        message: Message,
        channel: Channel,
        now: datetime,
    ) -> None:
        text = confirmation_of(keyword, self.keywords.texts)
        if not text:
            return
        request = SendMessage(receiver=to(identifier.identifier_value), body=TextBody(text=text))
        submission = Submission(channel=channel, request=request)
        prepared = self.acceptance.prepare(submission, now)
        origin = Origin(type=ANSWER, id=str(message.id))
        writing = self.acceptance.writing(self.tx, now)
        if prepared.admission:
            writing.keep_all([evolve(prepared, origin=origin)])


def withdraw_covered(
    tx: Transaction, desk: Desk, workspace: UUID, suppression: Suppression, now: datetime
) -> int:
    """Skip every message that waits and that a suppression covers, and return how many.

    What was handed over already, or may have been, cannot be called back. An email with several
    receivers is left to the moment it is claimed: the others are to get it.
    """
    covered = [
        message
        for message in _waiting_for(tx, workspace, suppression)
        if _is_covered(message, suppression, desk)
    ]
    return sum(_skip(tx, workspace, message, suppression, now) for message in covered)


def _waiting_for(tx: Transaction, workspace: UUID, suppression: Suppression) -> Iterator[Message]:
    query = MessageQuery(
        workspace=workspace,
        receiver=suppression.identifier_value,
        status=UNDER_WAY,
        direction=Direction.OUTGOING,
        limit=MAX_LIMIT,
    )
    while True:
        page = tx.messages.find(query)
        yield from page.results
        if page.next_page_token is None:
            return
        query = evolve(query, page_token=page.next_page_token)


def _is_covered(message: Message, suppression: Suppression, desk: Desk) -> bool:
    """Tell whether a suppression forbids a message that waits to its only receiver."""
    people, channel = people_of(message), desk.channels.get(message.channel_id)
    if len(people) != 1 or channel is None or is_exempt(message) or not can_exclude(message.status):
        return False
    identifier = identifier_on(channel, people[0][1])
    purpose = purpose_of(channel.message_type, message.meta)
    is_doubted = message.details == IN_DOUBT
    return not is_doubted and bool(
        covering([suppression], identifier, purpose, message.sender.address)
    )


def _skip(
    tx: Transaction, workspace: UUID, message: Message, suppression: Suppression, now: datetime
) -> bool:
    if not tx.outbox.finish(workspace, message.id):
        return False
    reason = because(
        SUPPRESSED_BY[suppression.scope], cause=suppression.cause, since=suppression.at.isoformat()
    )
    skipped = transition(
        message,
        Status.SKIPPED,
        now,
        cause=Cause.EXCLUDED,
        reason=reason.message,
        details=reason.code,
    )
    tx.messages.update(workspace, skipped)
    tx.sendings.forget(workspace, message.id)
    event = telling.changed(workspace, skipped, EventKind.ENDED, now)
    tx.timeline.append([evolve(event, reasons=(reason,))])
    return True
