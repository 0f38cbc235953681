"""Handle the keywords STOP, START and HELP; `opt_out` skips what waits for the sender."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from attrs import evolve, field

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.submission import Submission
from messaging_core.acceptance.telemetry import ACCEPTED, send_operation
from messaging_core.arguments import a, checked_init, flag
from messaging_core.context import EngineContext
from messaging_core.errors import InvalidRequestError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.models.messages.compose import to
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.policy.evaluator import ANSWER
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.receipts.opt_out import skip_suppressed
from messaging_core.rules.addressing.addresses import check_sms_sender, country_of
from messaging_core.rules.addressing.phone_number import sender_number
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS, check_address
from messaging_core.rules.policy.consent import identifier_on
from messaging_core.rules.policy.stop_words import Keyword, KeywordKind, confirmation_of, keyword_of
from messaging_core.wire.stored.suppression_key import key_of, place_of

_NO_NUMBER: Final = Violation(
    "/sender",
    "receipt.not_a_number",
    "the sender is no phone number: report it as the provider does, at best in E.164",
)


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
class KeywordHandler:
    """Do what a keyword asks for, in the transaction in which it came in."""

    tx: Transaction
    acceptor: MessageAcceptor
    context: EngineContext
    keywords: Keywords

    def handle(
        self,
        keyword: Keyword,
        message: Message,
        channel: Channel,
        now: datetime,
        *,
        written_at: datetime,
    ) -> None:
        """Block or unblock the pair of sender and receiver, and answer.

        What was written last counts, in whatever order it comes in; of two at the same instant
        the one that comes in last. An opt-out also withdraws everything that waits for this
        receiver and that it covers. It is confirmed once: who has opted out already hears nothing.

        Raises:
            InvalidRequestError: The sender is no phone number, so it cannot be blocked.
        """
        contact = message.sender.contact
        if contact is None or not contact.identifier_value:
            return
        identifier = identifier_on(channel, contact.identifier_value)
        if check_address(
            identifier.identifier_key, identifier.identifier_value, "", allow_unassigned=True
        ):
            raise InvalidRequestError([_NO_NUMBER])
        match keyword.kind:
            case KeywordKind.OPT_OUT:
                changed = self._opt_out(identifier, channel, now, written_at)
            case KeywordKind.OPT_IN:
                changed = self._opt_in(identifier, channel, written_at)
            case _:
                changed = True
        if changed:
            self._answer(keyword, identifier, message, channel, now)

    def _opt_out(
        self, identifier: Identifier, channel: Channel, now: datetime, written_at: datetime
    ) -> bool:
        suppressions, sender = self.tx.suppressions, channel.sender or ""
        asked_at = suppressions.opted_in_at(channel.workspace, identifier, sender=sender)
        if asked_at is not None and written_at < asked_at:
            return False
        standing = self._standing(identifier, channel)
        if standing is not None and written_at <= standing.at:
            return False
        block = Suppression(
            identifier_key=identifier.identifier_key,
            identifier_value=identifier.identifier_value,
            scope=SuppressionScope.SENDER,
            cause=SuppressionCause.STOP_WORD,
            at=written_at,
            sender=channel.sender,
        )
        # The latest opt-out stands, so that an opt-in that was written before it lifts nothing.
        self._lift(identifier, channel)
        suppressions.add(channel.workspace, [block])
        skip_suppressed(self.tx, self.context, channel.workspace, block, now)
        return standing is None

    def _opt_in(self, identifier: Identifier, channel: Channel, written_at: datetime) -> bool:
        self.tx.suppressions.record_opt_in(
            channel.workspace, identifier, sender=channel.sender or "", at=written_at
        )
        standing = self._standing(identifier, channel)
        if standing is None or written_at < standing.at:
            return False
        return self._lift(identifier, channel) > 0

    def _standing(self, identifier: Identifier, channel: Channel) -> Suppression | None:
        """Return the opt-out that stands between an address and the channel's sender."""
        suppressions = self.tx.suppressions.for_addresses(channel.workspace, [identifier]).get(
            identifier, ()
        )
        place = place_of(identifier, SuppressionScope.SENDER, channel.sender)
        key = (*place, SuppressionCause.STOP_WORD)
        return next(
            (suppression for suppression in suppressions if key_of(suppression) == key), None
        )

    def _lift(self, identifier: Identifier, channel: Channel) -> int:
        return self.tx.suppressions.lift(
            channel.workspace,
            identifier,
            scope=SuppressionScope.SENDER,
            sender=channel.sender,
            causes=(SuppressionCause.STOP_WORD,),
        )

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
        origin = Origin(type=ANSWER, id=str(message.id))
        with send_operation(self.acceptor.context, channel) as done:
            trace = self.acceptor.context.telemetry.trace()
            submission = Submission(channel=channel, request=request, trace=trace)
            prepared = self.acceptor.prepare(submission, now)
            writing = self.acceptor.writing(self.tx, now)
            if prepared.admission:
                writing.keep_all([evolve(prepared, origin=origin)])
                done(ACCEPTED)


def known_sender(incoming: IncomingMessage, channel: Channel) -> str:
    """Return who wrote, in the one spelling in which that address is written to.

    Short codes and names, which write to people as well, come back as they are.

    Raises:
        InvalidRequestError: It is no address of the channel's kind.
    """
    sender = incoming.sender
    if identifier_on(channel, sender).identifier_key != PLATFORM_KEYS[SMS]:
        return sender
    number = sender_number(sender, country_of(channel.sender or ""))
    if number is None and (sender.startswith("+") or check_sms_sender(sender, "")):
        raise InvalidRequestError([_NO_NUMBER])
    return number or sender
