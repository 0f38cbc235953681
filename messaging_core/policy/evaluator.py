"""Apply the send rules to messages, with the stored data of their receivers.

The plan, the acceptance, the claim and the hand-off of a message use the same pure function,
`decisions.policy.send_rules.evaluate`.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from attrs import evolve, field

from messaging_core.contacts.receivers import address_identifiers
from messaging_core.decisions.policy.send_rules import evaluate, is_refused
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.meta import Meta
from messaging_core.models.delivery.delivery import Controls, Delivery
from messaging_core.models.messages.message import Message
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.suppression import Suppression
from messaging_core.models.policy.send_rules import (
    Course,
    FrequencyCap,
    Purpose,
    ReceiverFacts,
    Ruling,
)
from messaging_core.policy.policies import SendPolicies
from messaging_core.ports.storage.readable import readable
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.consent import identifier_on, is_held_out, purpose_of
from messaging_core.rules.policy.frequency import binds

ANSWER: Final = "keyword"
"""The type of the `origin` of a message that answers a keyword: no send rule binds it."""

_NO_CONTROLS: Final = Controls()


@frozen(kw_only=True)
class PolicyInput:
    """The data of one message that the send rules depend on.

    Attributes:
        receivers: Contact id, if it is known, and address of each receiver that is not yet served.
        message_id: Its id, if it has one: its own record does not count for its frequency caps.
    """

    channel: Channel
    receivers: Sequence[tuple[str | None, str]] = field(repr=False)
    due_at: datetime
    expires_at: datetime | None = None
    controls: Controls = _NO_CONTROLS
    meta: Meta | None = None
    sender: str | None = field(default=None, repr=False)
    message_id: UUID | None = None


class PolicyEvaluator:
    """Applies the send rules to messages, inside one transaction.

    Args:
        tx: The transaction.
        policies: The send rules.
        has_suppressions: Whether any address is suppressed, where the caller knows; else the
            storage is asked.
        is_final: Whether no other part looks again before the message is sent. Then what is known
            of its receivers stays as it is until the transaction ends; else it delays no other.
    """

    def __init__(
        self,
        tx: Transaction,
        policies: SendPolicies,
        *,
        has_suppressions: bool | None = None,
        is_final: bool = False,
    ) -> None:
        self._tx = tx
        self._policies = policies
        self._is_final = is_final
        self.has_suppressions = (
            tx.suppressions.has_any() if has_suppressions is None else has_suppressions
        )
        self._suppressed: dict[tuple[UUID, Identifier], Sequence[Suppression]] = {}
        # Many messages of one transaction may go to one contact.
        self._by_id: dict[tuple[UUID, str], Contact | None] = {}

    def look_up(self, receivers: Iterable[tuple[Channel, str]]) -> None:
        """Read in one step what is suppressed of the receivers of many messages.

        Args:
            receivers: The channel of each message with each address.
        """
        addresses: dict[UUID, list[Identifier]] = {}
        for channel, address in receivers:
            identifier = identifier_on(channel, address)
            addresses.setdefault(channel.workspace, []).append(identifier)
        for workspace, identifiers in addresses.items():
            # One that is damaged is read again with its message, and is a matter of that alone.
            readable(partial(self._of_addresses, workspace, identifiers), "a suppression")

    def _of_addresses(
        self, workspace: UUID, identifiers: Sequence[Identifier]
    ) -> list[Sequence[Suppression]]:
        known = self._suppressed
        new = [item for item in dict.fromkeys(identifiers) if (workspace, item) not in known]
        if new:
            answers = self._tx.suppressions.for_addresses(workspace, new, stays=self._is_final)
            known |= {(workspace, item): answers.get(item, ()) for item in new}
        return [known[workspace, item] for item in identifiers]

    def at_acceptance(
        self, message: Message, delivery: Delivery, channel: Channel, now: datetime
    ) -> Ruling | None:
        """Return the ruling on a new message, or `None` if no rule binds it."""
        case = self._input_of(message, delivery, channel)
        return None if case is None else self.evaluate(case, now)

    def at_claim(
        self,
        message: Message,
        delivery: Delivery,
        channel: Channel,
        now: datetime,
        *,
        until: datetime,
    ) -> tuple[ReceiverFacts, ...] | None:
        """Return the facts on the receivers of a claimed message, or `None` if no rule binds it.

        A message that may be sent counts for frequency caps as sent at the end of its lease.
        """
        case = self._input_of(message, delivery, channel)
        if case is None:
            return None
        case = self._with_owners(case)
        facts = self._bound_facts(case, now)
        if facts is not None:
            self._reserve_send(case, facts, now, until=until)
        return facts

    def at_handoff(
        self,
        message: Message,
        delivery: Delivery,
        channel: Channel,
        now: datetime,
        *,
        addresses: Collection[str],
    ) -> bool:
        """Return whether a message must no longer be sent to one of these addresses."""
        case = self._input_of(message, delivery, channel)
        if case is None:
            return False
        case = self._with_owners(case)
        receivers = [receiver for receiver in case.receivers if receiver[1] in addresses]
        return self._is_refused(evolve(case, receivers=receivers), now)

    def _input_of(
        self, message: Message, delivery: Delivery, channel: Channel
    ) -> PolicyInput | None:
        """Return the input of the rules, or `None` if no rule can bind the message.

        Acceptance, claim and hand-off start here.
        """
        if is_exempt(message) or not (
            self.has_suppressions or self._asks_people(channel, message.meta, delivery.controls)
        ):
            return None
        return case_of(message, delivery, channel)

    def may_bind(self, message: Message, delivery: Delivery, channel: Channel) -> bool:
        """Return whether any rule may have something to say about a message."""
        return self._input_of(message, delivery, channel) is not None

    def _bound_facts(self, case: PolicyInput, now: datetime) -> tuple[ReceiverFacts, ...] | None:
        """Return the facts on the receivers of a message, or `None` if no rule binds it."""
        asks_people = self._asks_people(case.channel, case.meta, case.controls)
        facts = self._facts(
            case, asks_people=asks_people, sent_at=partial(self._sent_at, case, now=now)
        )
        is_bound = asks_people or any(receiver.suppressions for receiver in facts)
        return facts if is_bound else None

    def _facts(
        self,
        case: PolicyInput,
        *,
        asks_people: bool,
        sent_at: Callable[[str], tuple[datetime, ...]],
    ) -> tuple[ReceiverFacts, ...]:
        channel = case.channel
        identifiers = [identifier_on(channel, address) for _, address in case.receivers]
        suppressed = (
            self._of_addresses(channel.workspace, identifiers)
            if self.has_suppressions
            else [()] * len(identifiers)
        )
        contacts = self._contacts(case) if asks_people else [None] * len(identifiers)
        return tuple(
            self._receiver(case, identifier, contact, causes, sent_at)
            for identifier, contact, causes in zip(identifiers, contacts, suppressed, strict=True)
        )

    def _with_owners(self, case: PolicyInput) -> PolicyInput:
        """Return a case with the current owners of its addresses, if a rule depends on them."""
        if not self._asks_people(case.channel, case.meta, case.controls):
            return case
        workspace = case.channel.workspace
        addresses = [address_identifiers(address, case.channel) for _, address in case.receivers]
        owners = self._tx.contacts.by_identifiers(
            workspace, [identifier for identifiers in addresses for identifier in identifiers]
        )
        receivers = [
            (
                next(
                    (owners[identifier] for identifier in identifiers if identifier in owners),
                    contact_id,
                ),
                address,
            )
            for (contact_id, address), identifiers in zip(case.receivers, addresses, strict=True)
        ]
        return evolve(case, receivers=receivers)

    def evaluate(self, case: PolicyInput, now: datetime) -> Ruling | None:
        """Return the ruling on a message, or `None` if no rule binds it."""
        facts = self._bound_facts(case, now)
        return None if facts is None else self._ruling(case, facts, now)

    def _ruling(self, case: PolicyInput, facts: Sequence[ReceiverFacts], now: datetime) -> Ruling:
        return evaluate(
            case.channel,
            self._policies.of(case.channel),
            facts,
            now=now,
            due_at=case.due_at,
            expires_at=case.expires_at,
            controls=case.controls,
            meta=case.meta,
            sender=case.sender,
        )

    def record_accepted(
        self, message: Message, delivery: Delivery, channel: Channel, now: datetime
    ) -> None:
        """Count an accepted message for the frequency caps that bind it."""
        self._record_send(case_of(message, delivery, channel), delivery.due_at, now)

    def _reserve_send(
        self, case: PolicyInput, facts: Sequence[ReceiverFacts], now: datetime, *, until: datetime
    ) -> None:
        """Count a message that is about to be sent, at the last instant of its lease.

        It may have waited so long since its acceptance that its first record no longer counts.
        """
        if not self._caps(case.channel, case.controls):
            return
        ruling = self._ruling(case, facts, now)
        if ruling.course is Course.SEND:
            receivers = [
                receiver
                for place, receiver in enumerate(case.receivers)
                if place not in ruling.excluded
            ]
            self._record_send(evolve(case, receivers=receivers), until, now)

    def _record_send(self, case: PolicyInput, at: datetime, now: datetime) -> None:
        """Count a message for the frequency caps that bind it."""
        longest = self._policies.longest_window
        if case.message_id is None or not longest or not self._caps(case.channel, case.controls):
            return
        for contact_id, _ in case.receivers:
            if contact_id is not None:
                self._tx.send_history.record(
                    case.channel.workspace,
                    contact_id,
                    platform=case.channel.platform,
                    message_id=case.message_id,
                    at=at,
                    # Counted from now: a message far ahead must not remove records that count.
                    forget_before=min(at, now) - 2 * longest,
                )

    def _is_refused(self, case: PolicyInput, now: datetime) -> bool:
        """Return whether any receiver is now suppressed, unsubscribed or held out.

        The other rules were applied when the message was claimed, and are not applied again.
        """
        rules = self._policies.of(case.channel)
        is_marketing = purpose_of(case.channel.message_type, case.meta) is Purpose.MARKETING
        asks_people = is_marketing or rules.holdout is not None
        if not self.has_suppressions and not asks_people:
            return False
        facts = self._facts(case, asks_people=asks_people, sent_at=lambda _: ())
        return is_refused(
            case.channel,
            rules,
            facts,
            now=now,
            controls=case.controls,
            meta=case.meta,
            sender=case.sender,
        )

    def _asks_people(self, channel: Channel, meta: Meta | None, controls: Controls) -> bool:
        """Return whether a rule depends on the receiver or on the time."""
        rules = self._policies.of(channel)
        hours = rules.quiet_hours
        return bool(
            purpose_of(channel.message_type, meta) is Purpose.MARKETING
            or rules.holdout
            or (hours and channel.message_type in hours.message_types)
            or (rules.frequency_caps and self._caps(channel, controls))
        )

    def _caps(self, channel: Channel, controls: Controls) -> list[FrequencyCap]:
        asked = controls.cap_frequency
        return [
            cap
            for cap in self._policies.of(channel).frequency_caps
            if binds(cap, channel.platform, channel.message_type, cap_frequency=asked)
        ]

    def _contacts(self, case: PolicyInput) -> list[Contact | None]:
        workspace = case.channel.workspace
        return [
            self._contact(workspace, contact_id) if contact_id else None
            for contact_id, _ in case.receivers
        ]

    def _contact(self, workspace: UUID, contact_id: str) -> Contact | None:
        key = (workspace, contact_id)
        if key not in self._by_id:
            self._by_id[key] = self._tx.contacts.get(workspace, contact_id, stays=self._is_final)
        return self._by_id[key]

    def _receiver(
        self,
        case: PolicyInput,
        identifier: Identifier,
        contact: Contact | None,
        suppressions: Sequence[Suppression],
        sent_at: Callable[[str], tuple[datetime, ...]],
    ) -> ReceiverFacts:
        if contact is None:
            return ReceiverFacts(identifier=identifier, suppressions=tuple(suppressions))
        holdout = self._policies.of(case.channel).holdout
        return ReceiverFacts(
            identifier=identifier,
            time_zone=contact.time_zone,
            subscriptions=contact.subscriptions,
            suppressions=tuple(suppressions),
            held_out=holdout is not None and is_held_out(contact, holdout),
            sent_at=sent_at(contact.id),
        )

    def _sent_at(self, case: PolicyInput, contact_id: str, now: datetime) -> tuple[datetime, ...]:
        if not (caps := self._caps(case.channel, case.controls)):
            return ()
        sent = self._tx.send_history.since(
            case.channel.workspace,
            contact_id,
            platform=case.channel.platform,
            since=min(now, case.due_at) - _longest(caps),
        )
        return tuple(at for at, message_id in sent if message_id != case.message_id)


def case_of(message: Message, delivery: Delivery, channel: Channel) -> PolicyInput:
    """Return the input for the receivers of a message that are not yet served."""
    served = {*delivery.accepted, *delivery.refused}
    return PolicyInput(
        channel=channel,
        receivers=[receiver for receiver in people_of(message) if receiver[1] not in served],
        due_at=delivery.due_at,
        expires_at=delivery.expires_at,
        controls=delivery.controls,
        meta=message.meta,
        sender=message.sender.address,
        message_id=message.id,
    )


def people_of(message: Message) -> list[tuple[str | None, str]]:
    """Return contact id and address of every receiver."""
    contacts = message.receiver.contacts
    return [(contact.id, contact.address) for contact in contacts]


def is_exempt(message: Message) -> bool:
    """Return whether no send rule binds a message: it answers a keyword of its receiver."""
    return message.origin is not None and message.origin.type == ANSWER


def _longest(caps: Sequence[FrequencyCap]) -> timedelta:
    return max(cap.window for cap in caps)
