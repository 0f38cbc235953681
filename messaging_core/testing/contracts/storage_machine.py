"""A storage and a model of it, driven side by side by Hypothesis: they agree at every step."""
# ruff: noqa: S101 - assert is how pytest asserts

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import Failure, FailureSource
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import Claim, Lane, NewMessage, Settlement
from messaging_core.models.delivery.event import EventKind
from messaging_core.models.delivery.receipt import ReceiptState
from messaging_core.models.messages.message import Direction, Message, Part, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.retention import Keep
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactListQuery, ContactQuery, SuppressionQuery
from messaging_core.models.people.suppression import SuppressionCause, SuppressionScope
from messaging_core.ports.storage.transaction import Storage
from messaging_core.rules.policy.lifecycle import is_waiting
from messaging_core.testing.builders import (
    a_contact,
    a_contact_list,
    a_delivery,
    a_kept_receipt,
    a_message,
    a_new_message,
    a_receipt,
    a_subject,
    a_suppression,
    an_event,
    an_incoming_message,
)
from messaging_core.testing.contracts.storage.steps import (
    AT,
    MICROSECOND,
    MOST_PAGES,
    add,
    cancel,
    claim,
    delivery,
    hand_over,
    next_due,
    page,
    reschedule,
    restart_pauses,
    settle,
)

Q = TypeVar("Q", ContactQuery, ContactListQuery, SuppressionQuery)

_WORKSPACES: Final = (DEFAULT_WORKSPACE, UUID(int=7))
_CHANNELS: Final = (UUID(int=21), UUID(int=22))
_NUMBERS: Final = ("+31600000011", "+31600000012")
_MAILS: Final = ("ada@x.example", "BOB@x.example")
_PEOPLE: Final = ("h1", "h2")
_LISTS: Final = {"vips": UUID(int=32), "staff": UUID(int=31)}
_TAGS: Final = ("a", "b", "c")
_SUBJECTS: Final = ("Winter offer", "winter", "Offer: two words", "")
_REFERENCES: Final = ("r-1", "r-2")
_PLATFORM_REFERENCES: Final = ("p", "p-1", "p-2")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS: Final = ("k-1", "k-2", "k-3")
_FAILURES: Final = (
    None,
    Failure(code=15001),
    Failure(code=15003, source=FailureSource(code="421", name="smtp")),
    Failure(code=15001, source=FailureSource(name="acme")),
)

_steps = st.sampled_from([-86_400, -61, -1, 0, 1, 60, 899, 900, 86_400]).map(
    lambda seconds: timedelta(seconds=seconds, microseconds=seconds % 2)
)
_names = st.sampled_from(sorted(_LISTS))
_limits = st.integers(1, 12)
_channels = st.sampled_from(_CHANNELS)
_places = st.integers(0, 1_000)


def _several(values: Sequence[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2)


_settlements: Final = st.fixed_dictionaries(
    {
        "status": st.sampled_from([Status.SENT, Status.SENDING_FAILED, Status.SKIPPED]),
        "failure": st.sampled_from(_FAILURES),
        "reason": st.sampled_from([None, "because"]),
        "parts": st.sampled_from([(), (Part(platform_reference="p"),)]),
        "accepted": st.sampled_from([(), ("ada@x.example",)]),
        "counts": st.booleans(),
        "crashed": st.booleans(),
        "next_due": st.none() | _steps,
    }
)

_queries: Final = st.fixed_dictionaries(
    {"limit": _limits, "reverse": st.booleans(), "workspace": st.sampled_from(_WORKSPACES)},
    optional={
        "platform": _several(["sms", "email"]),
        "direction": st.sampled_from(Direction),
        "id": st.lists(st.integers(1, 40).map(lambda number: UUID(int=number)), max_size=12),
        "channel_id": _several(_CHANNELS),
        "sender": _several([*_NUMBERS, "SHOP@sender.example"]),
        "receiver": _several([*_NUMBERS, "ADA@x.example", "bob@X.example"]),
        "failure_code": _several([15001, 15003]),
        "failure_source_code": _several(["421", ""]),
        "failure_source_name": _several(["smtp", "acme", ""]),
        "tag": st.lists(st.sampled_from([*_TAGS, *map(str, range(12))]), max_size=12),
        "email_subject": st.sampled_from(["winter", "OFFER winter", "two-words", "", "-"]),
        "status": _several(list(Status)),
        "reference": _several(_REFERENCES),
        "start_at": _steps.map(lambda step: AT + step),
        "end_at": _steps.map(lambda step: AT + step),
    },
)


class StorageMachine(RuleBasedStateMachine):
    """Inherit this, and say what to compare; `TestCase` of the result is what pytest collects.

    ```python
    class TreeMachine(StorageMachine):
        def make_model(self) -> Storage:
            return MemoryStorage()

        def make_storage(self) -> Storage:
            return TreeStorage()


    TestTreeStorageAgreesWithMemory = TreeMachine.TestCase
    ```
    """

    def __init__(self) -> None:
        super().__init__()
        self.model = self.make_model()
        self.storage = self.make_storage()
        self.now = AT
        self.messages: list[NewMessage] = []
        self.claims: list[tuple[Claim, Claim]] = []
        self.contacts: dict[str, str] = {}
        self._contact_numbers = count(1)

    def make_model(self) -> Storage:
        """Return an empty storage that is known to be right."""
        raise NotImplementedError

    def make_storage(self) -> Storage:
        """Return the storage to compare, empty."""
        raise NotImplementedError

    @rule(step=_steps)
    def move_the_clock(self, step: timedelta) -> None:
        """Step on, or back."""
        self.now += step

    @rule(data=st.data(), size=st.integers(1, 3))
    def add_messages(self, data: st.DataObject, size: int) -> None:
        """Add some, in one transaction."""
        new = [self._draw_message(data, len(self.messages) + place + 1) for place in range(size)]
        add(self.model, *new)
        add(self.storage, *new)
        self.messages += new

    @rule(data=st.data())
    def add_and_roll_back(self, data: st.DataObject) -> None:
        """Add one and claim, and think better of it."""
        new = self._draw_message(data, 1_000_000)
        for storage in (self.model, self.storage):
            try:
                with storage.begin() as tx:
                    tx.messages.add([new])
                    tx.outbox.claim(now=self.now, lease=timedelta(hours=1), limit=5)
                    raise KeyError  # noqa: TRY301 - that is the rule
            except KeyError:
                pass

    @rule(
        limit=_limits,
        minutes=st.integers(1, 20),
        suspects=st.booleans(),
        places=st.none() | st.dictionaries(_channels, st.integers(0, 3)),
    )
    def claim_messages(
        self,
        limit: int,
        minutes: int,
        suspects: bool,  # noqa: FBT001 - drawn
        places: dict[UUID, int] | None,
    ) -> None:
        """Claim some, and compare everything but the storage's own positions."""
        lease = timedelta(minutes=minutes)
        how: dict[str, Any] = {"lease": lease, "limit": limit, "suspects": suspects}
        how["places"] = places
        expected = claim(self.model, now=self.now, **how)
        claims = claim(self.storage, now=self.now, **how)
        assert [_comparable(claimed) for claimed in claims] == [
            _comparable(claimed) for claimed in expected
        ]
        self.claims += zip(expected, claims, strict=True)

    @rule(minutes=st.integers(0, 90), since=st.none() | st.integers(-90, 90))
    def set_the_clock_back(self, minutes: int, since: int | None) -> None:
        """Let what waits go by another clock."""
        self.now -= timedelta(minutes=minutes)
        after = None if since is None else self.now + timedelta(minutes=since)
        expected = restart_pauses(self.model, now=self.now, accepted_after=after)
        assert restart_pauses(self.storage, now=self.now, accepted_after=after) == expected

    @precondition(lambda self: self.claims)
    @rule(places=st.lists(_places, min_size=1, max_size=4))
    def hand_over_claims(self, places: list[int]) -> None:
        """Mark some of all claims there ever were, so many a stale one too."""
        pairs = [self.claims[-1 - place % len(self.claims)] for place in places]
        expected = hand_over(self.model, *(pair[0] for pair in pairs), now=self.now)
        assert hand_over(self.storage, *(pair[1] for pair in pairs), now=self.now) == expected

    @precondition(lambda self: self.claims)
    @rule(choices=st.lists(st.tuples(_places, _settlements), min_size=1, max_size=4))
    def settle_claims(self, choices: list[tuple[int, dict[str, Any]]]) -> None:
        """Settle some of all claims there ever were, so many a stale one too."""
        pairs = [(self.claims[-1 - place % len(self.claims)], fields) for place, fields in choices]
        expected = settle(self.model, *(self._settlement(pair[0], how) for pair, how in pairs))
        answers = settle(self.storage, *(self._settlement(pair[1], how) for pair, how in pairs))
        assert answers == expected

    @precondition(lambda self: self.messages)
    @rule(place=_places, workspace=st.sampled_from(_WORKSPACES))
    def cancel_a_message(self, place: int, workspace: UUID) -> None:
        """Withdraw one, if it is in this workspace."""
        new = evolve(self.messages[place % len(self.messages)], workspace=workspace)
        expected = cancel(self.model, new, now=self.now)
        assert cancel(self.storage, new, now=self.now) == expected

    @precondition(lambda self: self.messages)
    @rule(place=_places, step=_steps, status=st.sampled_from([Status.ACCEPTED, Status.SCHEDULED]))
    def move_a_message(self, place: int, step: timedelta, status: Status) -> None:
        """Give one another time."""
        new = self.messages[place % len(self.messages)]
        due_at = self.now + step
        moved = evolve(
            new.message,
            status=status,
            scheduled_for=due_at,
            last_status_at=self.now,
            updated_at=self.now,
        )
        expected = reschedule(self.model, new, due_at, message=moved)
        assert reschedule(self.storage, new, due_at, message=moved) == expected

    @rule(
        workspace=st.sampled_from(_WORKSPACES),
        identifiers=st.lists(
            st.builds(
                Identifier,
                identifier_key=st.sampled_from(["phonenumber", "emailaddress"]),
                identifier_value=st.sampled_from([*_NUMBERS, *_MAILS]),
            ),
            max_size=4,
        ),
    )
    def ensure_contacts(self, workspace: UUID, identifiers: list[Identifier]) -> None:
        """Find or make contacts: two that are one in the model are one in the storage."""
        expected, ids = (
            self._ensure(storage, workspace, identifiers) for storage in (self.model, self.storage)
        )
        for model_id, storage_id in zip(expected, ids, strict=True):
            assert self.contacts.setdefault(model_id, storage_id) == storage_id
        assert len(set(self.contacts.values())) == len(self.contacts)

    @rule(
        workspace=st.sampled_from(_WORKSPACES),
        contact_id=st.sampled_from(_PEOPLE),
        addresses=st.lists(st.sampled_from([*_NUMBERS, *_MAILS]), max_size=2, unique=True),
        locale=st.sampled_from([None, "nl"]),
    )
    def save_a_contact(
        self, workspace: UUID, contact_id: str, addresses: list[str], locale: str | None
    ) -> None:
        """Keep a contact with those of some addresses that no other contact has."""
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                owners = tx.contacts.by_identifiers(workspace, list(map(_identifier, addresses)))
                free = [
                    address
                    for address in addresses
                    if owners.get(_identifier(address), contact_id) == contact_id
                ]
                contact = a_contact(contact_id, *free, workspace_id=workspace, locale=locale)
                tx.contacts.save(contact)

    @rule(workspace=st.sampled_from(_WORKSPACES), address=st.sampled_from([*_NUMBERS, *_MAILS]))
    def delete_a_contact(self, workspace: UUID, address: str) -> None:
        """Delete the contact that has an address."""
        answers = []
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                owners = tx.contacts.by_identifiers(workspace, [_identifier(address)])
                answers.append(
                    [tx.contacts.delete(workspace, contact_id) for contact_id in owners.values()]
                )
        assert answers[0] == answers[1]

    @rule(workspace=st.sampled_from(_WORKSPACES), name=_names, delete=st.booleans())
    def make_or_delete_a_list(self, workspace: UUID, name: str, *, delete: bool) -> None:
        """Make one that there may be already, or forget it."""
        made = a_contact_list(name, id=_LISTS[name], workspace_id=workspace)
        answers = []
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                if not delete:
                    tx.lists.save(made)
                answers.append(delete and tx.lists.delete(workspace, made.id))
        assert answers[0] == answers[1]

    @rule(
        workspace=st.sampled_from(_WORKSPACES),
        name=_names,
        addresses=_several([*_NUMBERS, *_MAILS]),
        leave=st.booleans(),
    )
    def change_a_list(
        self, workspace: UUID, name: str, addresses: list[str], *, leave: bool
    ) -> None:
        """Put the contacts that have some addresses on a list, or take them off."""
        answers = []
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                owners = tx.contacts.by_identifiers(workspace, list(map(_identifier, addresses)))
                people = [*owners.values(), _PEOPLE[0]]
                change = tx.lists.remove_members if leave else tx.lists.add_members
                answers.append(change(workspace, _LISTS[name], people))
        assert answers[0] == answers[1]

    @rule(
        workspace=st.sampled_from(_WORKSPACES),
        address=st.sampled_from([*_NUMBERS, *_MAILS, "ADA@x.example"]),
        scope=st.sampled_from(SuppressionScope),
        cause=st.sampled_from([SuppressionCause.MANUAL, SuppressionCause.STOP_WORD]),
        lift=st.booleans(),
    )
    def suppress_or_lift(
        self,
        workspace: UUID,
        address: str,
        scope: SuppressionScope,
        cause: SuppressionCause,
        *,
        lift: bool,
    ) -> None:
        """Block an address, or lift the block."""
        sender = "Shop" if scope is SuppressionScope.SENDER else None
        suppression = a_suppression(address, scope=scope, cause=cause, sender=sender, at=self.now)
        causes = [cause] if cause is SuppressionCause.STOP_WORD else []
        answers = []
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                if not lift:
                    tx.suppressions.add(workspace, [suppression])
                answers.append(
                    lift
                    and tx.suppressions.lift(
                        workspace, _identifier(address), scope=scope, sender=sender, causes=causes
                    )
                )
        assert answers[0] == answers[1]

    @precondition(lambda self: self.messages)
    @rule(place=_places, workspace=st.sampled_from(_WORKSPACES))
    def finish_a_delivery(self, place: int, workspace: UUID) -> None:
        """End a delivery, leased or not, as proof does."""
        message_id = self.messages[place % len(self.messages)].message.id
        answers = []
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                answers.append(tx.outbox.finish(workspace, message_id))
        assert answers[0] == answers[1]

    @precondition(lambda self: self.messages)
    @rule(
        place=_places,
        status=st.sampled_from([Status.SENT, Status.DELIVERED, Status.DELIVERY_FAILED]),
        failure=st.sampled_from(_FAILURES),
        references=st.lists(st.sampled_from(_PLATFORM_REFERENCES), max_size=2, unique=True),
    )
    def report_on_a_message(
        self, place: int, status: Status, failure: Failure | None, references: list[str]
    ) -> None:
        """Give one another status, and parts, as receipts do: proof first ends its delivery."""
        new = self.messages[place % len(self.messages)]
        changed = evolve(
            new.message,
            status=status,
            failure=failure,
            parts=tuple(Part(platform_reference=reference) for reference in references),
            last_status_at=self.now,
            updated_at=self.now,
        )
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                tx.outbox.finish(new.workspace, new.message.id)
                if tx.outbox.delivery(new.workspace, new.message.id) is None:
                    tx.messages.update(new.workspace, changed)

    @rule(
        key=st.sampled_from(_KEYS),
        workspace=st.sampled_from(_WORKSPACES),
        reference=st.none() | st.sampled_from(_PLATFORM_REFERENCES),
        state=st.sampled_from(ReceiptState),
    )
    def keep_a_receipt(
        self, key: str, workspace: UUID, reference: str | None, state: ReceiptState
    ) -> None:
        """Keep one, perhaps again, and say how far it has come."""
        receipt = a_kept_receipt(a_receipt(reference=reference), workspace=workspace, key=key)
        were_kept = []
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                (position,) = tx.receipts.keep([receipt])
                were_kept.append(position is not None)
                tx.receipts.mark(workspace, [] if position is None else [position], state)
        assert were_kept[0] == were_kept[1]

    @rule(
        place=_places,
        workspace=st.sampled_from(_WORKSPACES),
        kind=st.sampled_from(EventKind),
    )
    def append_an_event(self, place: int, workspace: UUID, kind: EventKind) -> None:
        """Write something into the log, and count it."""
        event = an_event(kind, workspace=workspace, message_id=UUID(int=place % 9), at=self.now)
        for storage in (self.model, self.storage):
            with storage.begin() as tx:
                tx.timeline.append([event])
                tx.timeline.increment({kind: 1})

    @rule(step=_steps)
    def delete_expired_keys(self, step: timedelta) -> None:
        """Drop all idempotency keys up to an instant."""
        for storage in (self.model, self.storage):
            _forget_keys(storage, self.now + step)
        for workspace in _WORKSPACES:
            left = [_keys(storage, workspace, _EVER) for storage in (self.model, self.storage)]
            assert left[0] == left[1]

    @rule(workspace=st.sampled_from(_WORKSPACES), step=_steps)
    def look_keys_up(self, workspace: UUID, step: timedelta) -> None:
        """Find the keys of a workspace that are younger than an instant."""
        since = self.now + step
        keys = [_keys(storage, workspace, since) for storage in (self.model, self.storage)]
        assert keys[0] == keys[1]

    @rule(
        step=_steps,
        workspace=st.none() | st.sampled_from(_WORKSPACES),
        keep=st.sampled_from(Keep),
        unmatched_step=_steps,
    )
    def purge_what_is_old(
        self, step: timedelta, workspace: UUID | None, keep: Keep, unmatched_step: timedelta
    ) -> None:
        """Delete or redact old messages and receipts, in any order."""
        before, unmatched_before = self.now + step, self.now + unmatched_step
        expected, places = (
            _purge(storage, before, unmatched_before, workspace, keep)
            for storage in (self.model, self.storage)
        )
        assert places == expected

    @rule(query=_queries)
    def list_messages(self, query: dict[str, Any]) -> None:
        """Walk a listing to its end."""
        assert _walk(self.storage, query) == _walk(self.model, query)

    @invariant()
    def everything_is_the_same(self) -> None:
        """Compare all messages, deliveries and the next due time."""
        assert next_due(self.storage) == next_due(self.model)
        for workspace in _WORKSPACES:
            query = {"workspace": workspace, "limit": 1000}
            assert _walk(self.storage, query) == _walk(self.model, query)
        for new in self.messages:
            assert delivery(self.storage, new) == delivery(self.model, new)
        assert _log_of(self.storage) == _log_of(self.model)
        assert _directory_of(self.storage) == _directory_of(self.model)

    def _draw_message(self, data: st.DataObject, number: int) -> NewMessage:
        is_email = data.draw(st.booleans())
        fields: dict[str, Any] = {
            "id": UUID(int=number),
            "at": self.now + number % 3 * MICROSECOND,
            "channel_id": data.draw(st.sampled_from(_CHANNELS)),
            "tags": tuple(sorted(data.draw(st.sets(st.sampled_from(_TAGS))))),
            "reference": data.draw(st.none() | st.sampled_from(_REFERENCES)),
        }
        if data.draw(st.integers(0, 5)) == 0:
            message = an_incoming_message(sender=data.draw(st.sampled_from(_NUMBERS)), **fields)
        elif is_email:
            subject = a_subject(data.draw(st.sampled_from(_SUBJECTS)))
            receivers = data.draw(st.sets(st.sampled_from(_MAILS), min_size=1))
            message = a_message(subject, to=sorted(receivers), **fields)
        else:
            message = a_message(to=data.draw(st.sampled_from(_NUMBERS)), **fields)
        if message.direction is Direction.OUTGOING and data.draw(st.integers(0, 5)) == 0:
            message = evolve(message, status=Status.SKIPPED)
        delivery = a_delivery(
            self.now + data.draw(_steps), lane=data.draw(st.sampled_from(list(Lane)))
        )
        return a_new_message(
            message,
            workspace=data.draw(st.sampled_from(_WORKSPACES)),
            key=data.draw(st.none() | st.sampled_from(_KEYS)),
            delivery=delivery if is_waiting(message.status) else None,
        )

    def _settlement(self, leased: Claim, fields: dict[str, Any]) -> Settlement:
        given = {name: value for name, value in fields.items() if name != "next_due"}
        step = fields["next_due"]
        if step is not None:
            given |= {"status": Status.PROCESSING, "next_due_at": self.now + step}
        return Settlement(lease=leased.lease, at=self.now, **given)

    def _ensure(
        self, storage: Storage, workspace: UUID, identifiers: list[Identifier]
    ) -> list[str]:
        with storage.begin() as tx:
            return tx.contacts.ensure(
                workspace,
                identifiers,
                now=self.now,
                new_id=lambda: f"c{next(self._contact_numbers):06}",
            )


def _purge(
    storage: Storage,
    before: datetime,
    unmatched_before: datetime,
    workspace: UUID | None,
    keep: Keep,
) -> tuple[set[tuple[UUID, UUID]], int, int]:
    """Take out everything that is old; return what it was, and how many were taken out."""
    erases = keep is Keep.NOTHING
    with storage.begin() as tx:
        old = tx.retention.find_expired(
            before=before, limit=1000, workspace=workspace, with_redacted=erases
        )
        taken = tx.retention.delete(old) if erases else len(tx.retention.redact(old))
        receipts = tx.retention.delete_receipts(
            before=before, unmatched_before=unmatched_before, limit=1000, workspace=workspace
        )
    return set(old), taken, receipts


def _comparable(claimed: Claim) -> Claim:
    """Leave out the position, which is the storage's own, and keep the fence."""
    return evolve(claimed, lease=evolve(claimed.lease, position=0))


def _log_of(storage: Storage) -> list[Any]:
    """Return everything beside messages and deliveries, without the storage's own positions."""
    with storage.begin(read_only=True) as tx:
        facts: list[Any] = [tx.timeline.counters()]
        facts += [evolve(event, position=0) for event in tx.timeline.after(0, limit=1000)]
        kept_receipts = tx.receipts.pending(limit=1000)
        for workspace in _WORKSPACES:
            kept_receipts += tx.receipts.unmatched(workspace, _PLATFORM_REFERENCES)
            facts.append(tx.messages.by_references(workspace, _PLATFORM_REFERENCES))
            facts.append(len(tx.timeline.of_message(workspace, UUID(int=1))))
        return [*facts, [evolve(kept_receipt, position=0) for kept_receipt in kept_receipts]]


def _forget_keys(storage: Storage, until: datetime) -> None:
    with storage.begin() as tx:
        tx.messages.delete_expired_keys(until=until, limit=1000)


def _keys(storage: Storage, workspace: UUID, since: datetime) -> dict[str, UUID]:
    with storage.begin(read_only=True) as tx:
        by_key = tx.messages.by_keys(workspace, _KEYS, since=since)
        return {key: message_id for key, (message_id, _) in by_key.items()}


def _identifier(address: str) -> Identifier:
    (identifier,) = a_contact("", address).featured_identifiers
    return Identifier(identifier_key=identifier.key, identifier_value=identifier.value)


def _directory_of(storage: Storage) -> list[Any]:
    """Return all contacts, lists and suppressions, without the ids of contacts, which differ."""
    facts: list[Any] = []
    with storage.begin(read_only=True) as tx:
        for workspace in _WORKSPACES:
            contacts: list[Contact] = [*tx.contacts.find(_all(ContactQuery, workspace)).results]
            facts += tx.lists.find(_all(ContactListQuery, workspace)).results
            facts += tx.suppressions.find(_all(SuppressionQuery, workspace)).results
            identifiers = list(map(_identifier, [*_NUMBERS, *_MAILS]))
            facts.append(tx.suppressions.for_addresses(workspace, identifiers))
            for list_id in _LISTS.values():
                contacts += tx.lists.members(workspace, [list_id], after=None, limit=100)
            both = tx.lists.members(workspace, [*_LISTS.values()], after=None, limit=2)
            facts += [evolve(contact, id="") for contact in [*contacts, *both]]
            facts.append(set(tx.contacts.by_identifiers(workspace, identifiers)))
    return facts


def _all(kind: type[Q], workspace: UUID) -> Q:
    return kind(workspace=workspace, limit=1000)


def _walk(storage: Storage, query: dict[str, Any]) -> list[Message]:
    messages: list[Message] = []
    token = None
    for _ in range(MOST_PAGES):
        part = page(storage, **query, page_token=token)
        assert len(part.results) <= query.get("limit", MessageQuery().limit)
        messages += part.results
        token = part.next_page_token
        if token is None:
            return messages
    raise AssertionError("the walk does not end")
