"""The halves of a stored message, what it is found by, and pages that decode it late."""

from collections import deque
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from attrs import evolve

from messaging_core.errors import InvalidDocumentError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.content.body import HtmlBody, HtmlMetadata, TextBody
from messaging_core.models.content.meta import EmailMeta, Meta
from messaging_core.models.messages.message import Message, Part, Status
from messaging_core.models.people.contact import (
    Annotations,
    Connector,
    Contact,
    ContactIdentifier,
    MessageContact,
    MessageReceiver,
    MessageSender,
)
from messaging_core.testing import (
    MONDAY_MORNING,
    a_claim,
    a_failure,
    a_message,
    a_new_message,
    a_settlement,
    a_subject,
    an_incoming_message,
)
from messaging_core.wire import encode
from messaging_core.wire.stored.message import (
    Stored,
    StoredMessages,
    encode_contact,
    facets,
    searchable,
    settled_state,
    store,
)

CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "parts": {"parts": (Part(platform_reference="p-1"), Part(platform_reference="p-2"))},
    "reason": {"reason": "r"},
    "details": {"details": "d"},
    "failure": {"failure": a_failure()},
    "all": {
        "parts": (Part(platform_reference="p-1"),),
        "reason": "r",
        "details": "d",
        "failure": a_failure(),
    },
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_message_is_taken_apart_and_put_together_again(changes: dict[str, Any]) -> None:
    message = a_message(reference="ours", **changes)

    stored = store(message)

    assert stored.load() == message
    assert b'"reference"' in stored.document
    assert not any(f'"{key}":'.encode() in stored.document for key in ("status", *changes))


class HostId(UUID):
    """An id as `uuid6` and `asyncpg` make them."""


def test_values_of_a_hosts_own_types_are_stored_as_what_they_represent() -> None:
    message = evolve(
        a_message(),
        id=HostId(int=7),
        tags=deque(["a", "b"]),
        sender=MessageSender(
            connector=Connector(
                id=HostId(int=8), annotations=Annotations(extra=MappingProxyType({"k": ["v"]}))
            )
        ),
    )

    loaded = store(message).load()

    assert (loaded.id, loaded.tags) == (UUID(int=7), ("a", "b"))
    assert loaded.sender.connector == Connector(
        id=UUID(int=8), annotations=Annotations(extra={"k": ["v"]})
    )


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_settlement_writes_the_half_that_changes(changes: dict[str, Any]) -> None:
    message = a_message(at=MONDAY_MORNING, status=Status.PROCESSING)
    settled = evolve(message, status=Status.SENDING_FAILED, **changes)

    settlement = a_settlement(a_claim(message), Status.SENDING_FAILED, **changes)

    assert settled_state(settlement) == store(settled).state


@pytest.mark.parametrize(
    ("document", "state"), [(b"{", "{}"), (b"{}", "{"), (b"5", "{}"), (b"{}", "[1]"), (b"", "")]
)
def test_a_damaged_half_is_named(document: bytes, state: str) -> None:
    with pytest.raises(InvalidDocumentError) as refused:
        Stored(document, state).load()

    assert [violation.code for violation in refused.value.violations] == ["wire.json"]


def test_a_half_that_lacks_something_is_refused() -> None:
    with pytest.raises(InvalidDocumentError):
        Stored(b"{}", "{}").load()


def outgoing(*contacts: MessageContact, sender: str | None = None) -> Message:
    connector = None if sender is None else Connector(id=UUID(int=1), identifier_value=sender)
    return evolve(
        a_message(),
        sender=MessageSender(connector=connector),
        receiver=MessageReceiver(contacts=contacts),
    )


NO_ADDRESS = MessageContact()
ADA = MessageContact(identifier_key="emailaddress", identifier_value="Ada@X.example")
BOB = MessageContact(
    identifier_key="phonenumber", identifier_value="+31612345678", country_code="NL"
)
EVE = MessageContact(platform_address="+4915123456789", country_code="DE")
TOKEN = MessageContact(identifier_key="emailaddress", identifier_value="A@B.example")


@pytest.mark.parametrize(
    ("message", "platform", "own", "people", "country"),
    [
        (
            outgoing(ADA, sender="Shop@Y.example"),
            "email",
            "shop@y.example",
            ["ada@x.example"],
            None,
        ),
        (outgoing(BOB, sender="Shop"), "sms", "Shop", ["+31612345678"], "NL"),
        (outgoing(BOB), "sms", None, ["+31612345678"], "NL"),
        (outgoing(BOB, sender=""), "sms", None, ["+31612345678"], "NL"),
        (outgoing(ADA, sender=""), "email", None, ["ada@x.example"], None),
        (outgoing(NO_ADDRESS, EVE, BOB), "sms", None, ["+4915123456789", "+31612345678"], "DE"),
        (outgoing(BOB, BOB), "sms", None, ["+31612345678"], "NL"),
        (outgoing(TOKEN), "chat", None, ["a@b.example"], None),
        (
            outgoing(MessageContact(identifier_value="A@B.example")),
            "chat",
            None,
            ["A@B.example"],
            None,
        ),
        (outgoing(), "sms", None, [], None),
        (an_incoming_message(sender="+31612345678"), "sms", "+31600000001", ["+31612345678"], None),
        (evolve(an_incoming_message(), sender=MessageSender()), "sms", "+31600000001", [], None),
    ],
)
def test_a_message_is_found_by_both_sides_as_they_are_compared(
    message: Message, platform: str, own: str | None, people: list[str], country: str | None
) -> None:
    columns = facets(a_new_message(message, platform=platform))

    assert (columns.own_address, columns.people) == (own, tuple(people))
    assert columns.country_code == country


WITH_SUBJECT = Meta(email=EmailMeta(subject="meta"))


@pytest.mark.parametrize(
    ("body", "meta", "platform", "subject"),
    [
        (a_subject("own"), None, "email", "own"),
        (a_subject("own"), WITH_SUBJECT, "email", "own"),
        (a_subject(""), WITH_SUBJECT, "email", ""),
        (HtmlBody(html="x", metadata=HtmlMetadata(subject="html")), None, "email", "html"),
        (TextBody(text="hi"), WITH_SUBJECT, "email", "meta"),
        (TextBody(text="hi"), Meta(), "email", None),
        (TextBody(text="hi"), Meta(email=EmailMeta()), "email", None),
        (TextBody(text="hi"), None, "email", None),
        (None, WITH_SUBJECT, "email", "meta"),
        (a_subject("own"), WITH_SUBJECT, "sms", None),
    ],
)
def test_an_email_is_found_by_its_subject(
    body: Any, meta: Meta | None, platform: str, subject: str | None
) -> None:
    message = evolve(a_message(), body=body, meta=meta)

    assert facets(a_new_message(message, platform=platform)).subject == subject


@pytest.mark.parametrize(
    ("addresses", "forms"),
    [
        ([], []),
        (["AB@C"], ["AB@C", "ab@c"]),
        (["+31 6 12345678"], ["+31 6 12345678", "+31612345678"]),
        (["shop", "Shop", "shop"], ["shop", "Shop"]),
    ],
)
def test_an_address_of_any_platform_is_looked_for_in_every_spelling(
    addresses: list[str], forms: list[str]
) -> None:
    assert searchable(addresses) == forms


def test_a_new_contact_is_written_as_any_other() -> None:
    contact = Contact(
        id="c",
        workspace_id=DEFAULT_WORKSPACE,
        created_at=MONDAY_MORNING,
        updated_at=MONDAY_MORNING,
        featured_identifiers=(ContactIdentifier(key="phonenumber", value="+31612345678"),),
    )

    identifier = ("phonenumber", "+31612345678")
    assert encode_contact(DEFAULT_WORKSPACE, "c", identifier, MONDAY_MORNING) == encode(contact)


class Counted(Stored):
    """Counts how often it is decoded."""

    loads = 0

    def load(self) -> Message:
        Counted.loads += 1
        return super().load()


MESSAGES = [a_message(str(number)) for number in range(3)]


@pytest.fixture
def page() -> StoredMessages:
    Counted.loads = 0
    return StoredMessages(
        {
            position: Counted(stored.document, stored.state)
            for position, stored in enumerate(map(store, MESSAGES))
        }
    )


def test_a_page_is_decoded_once_and_only_when_it_is_looked_at(
    page: StoredMessages,
) -> None:
    assert repr(page) == "<3 messages>"
    assert len(page.json()) == 3
    assert Counted.loads == 0

    assert len(page) == 3
    assert page[-2] is page[1]
    assert Counted.loads == 3


@pytest.mark.parametrize("index", [3, -4])
def test_a_page_ends_where_it_ends(page: StoredMessages, index: int) -> None:
    with pytest.raises(IndexError):
        page[index]


@pytest.mark.parametrize("place", [slice(1, None), slice(-1), slice(None, None, -1), slice(5, 9)])
def test_a_page_has_slices(page: StoredMessages, place: slice) -> None:
    assert page[place] == MESSAGES[place]


@pytest.mark.parametrize("damage", [Stored(b"{", "{}"), Stored(b'{"id":1}', "{}")])
def test_a_damaged_message_of_a_page_is_left_out(
    damage: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    page = StoredMessages({1: store(MESSAGES[0]), 2: damage, 3: store(MESSAGES[1])})

    assert page == MESSAGES[:2]
    assert "message at position 2 cannot be read" in caplog.text


def test_a_message_that_is_no_object_is_left_out_of_the_json_of_a_page() -> None:
    page = StoredMessages(
        {1: store(MESSAGES[0]), 2: Stored(b'{"', "{}"), 3: Stored(b'{"a":1}', "")}
    )

    assert len(page.json()) == 1


@pytest.mark.parametrize(
    ("other", "is_equal"),
    [
        (MESSAGES, True),
        (tuple(MESSAGES), True),
        (StoredMessages(dict(enumerate(map(store, MESSAGES)))), True),
        (MESSAGES[:2], False),
        (MESSAGES[::-1], False),
        (set(), False),
        (iter(MESSAGES), False),
        (None, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_pages_are_compared_by_their_messages(
    page: StoredMessages, other: object, *, is_equal: bool
) -> None:
    assert (page == other) is is_equal
    if isinstance(other, StoredMessages):
        assert hash(page) == hash(other)


def test_pages_of_other_messages_hash_otherwise(page: StoredMessages) -> None:
    parts = StoredMessages(dict(enumerate(map(store, MESSAGES[:2]))))

    assert hash(page) != hash(parts)
