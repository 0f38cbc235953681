"""A message as a storage keeps it: what never changes, what does, and what is searched by."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import methodcaller
from typing import Any, NamedTuple, TypeVar, overload
from uuid import UUID

import orjson
from attrs import evolve

from messaging_core.errors import InvalidDocumentError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, SMS
from messaging_core.models.common.page import Page
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.delivery.delivery import NewMessage, Settlement
from messaging_core.models.messages.message import Direction, Message
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.wire import dump_page, encode, load
from messaging_core.wire.codec.registry import registry, storage_registry
from messaging_core.wire.codec.scalars import write_datetime
from messaging_core.wire.documents import compact, encode_stored
from messaging_core.wire.stored.damage import read_stored

V = TypeVar("V")

_EMAIL_KEY, _PHONE_KEY = PLATFORM_KEYS[EMAIL], PLATFORM_KEYS[SMS]
_STATE = ("status", "lastStatusAt", "updatedAt", "parts", "reason", "details", "failure")


class Stored(NamedTuple):
    """The two halves of a message, each as JSON.

    Attributes:
        document: What was accepted; written once.
        state: Status and everything that changes with it.
    """

    document: bytes
    state: str | bytes

    def load(self) -> Message:
        """Put the halves together again.

        How they are written is not looked at, as it is of what comes from outside: we wrote them.

        Raises:
            InvalidDocumentError: They are damaged.
        """
        try:
            values = {**orjson.loads(self.document), **orjson.loads(self.state)}
        except (TypeError, ValueError) as error:
            violation = Violation("", "wire.json", "the stored message is no JSON")
            raise InvalidDocumentError((violation,)) from error
        return registry().converter.structure(values, Message)

    def json(self) -> bytes:
        """Return the message as `dump_message` writes it, without decoding it.

        Only the ends of the document are looked at: damage between them is passed on.

        Raises:
            InvalidDocumentError: The document or the state is no object.
        """
        document, state = self.document, _encoded(self.state)
        if not (_is_object(document) and _is_object(state)):
            violation = Violation("", "wire.json", "the stored message is no JSON object")
            raise InvalidDocumentError((violation,))
        if b'"failure"' in state:
            state = _shown(state)
        return b"%b,%b" % (document[:-1], state[1:])


def _encoded(state: object) -> bytes:
    """Return a state in UTF-8; nothing if it is none."""
    try:
        return str(state, "utf-8").encode() if isinstance(state, bytes) else str(state).encode()
    except UnicodeError:
        return b""


def _is_object(document: object) -> bool:
    """Return True if a document begins and ends as a JSON object that has a key."""
    return isinstance(document, bytes) and document.startswith(b'{"') and document.endswith(b"}")


def _shown(state: bytes) -> bytes:
    """Leave out what a storage keeps of a failure and the wire does not show."""
    values = orjson.loads(state)
    if values.get("failure"):
        values["failure"].pop("retry", None)
    return orjson.dumps(values)


def store(message: Message) -> Stored:
    """Take a message apart into what stays and what changes."""
    document = storage_registry().write(message)
    state = {key: document.pop(key) for key in _STATE if key in document}
    return Stored(encode_stored(document), encode_stored(state).decode())


def settled_state(settlement: Settlement) -> str:
    """Return the changing half of a message as a settlement leaves it."""
    at = write_datetime(settlement.at)
    state: dict[str, Any] = {"status": settlement.status, "lastStatusAt": at, "updatedAt": at}
    if settlement.parts:
        state["parts"] = settlement.parts
    if settlement.reason:
        state["reason"] = settlement.reason
    if settlement.details:
        state["details"] = settlement.details
    if settlement.failure:
        state["failure"] = settlement.failure
    return encode_stored(state).decode()


@frozen(kw_only=True)
class Facets:
    """What a message is found by, beside its own fields; addresses as comparison keys.

    Attributes:
        own_address: The channel's side: the sender of an outgoing message.
        people: The other side: the receivers of an outgoing message, or who sent an incoming one.
    """

    own_address: str | None
    people: tuple[str, ...]
    country_code: str | None
    subject: str | None


def facets(new: NewMessage) -> Facets:
    """Return what a message will be found by."""
    message = new.message
    if message.direction is Direction.OUTGOING:
        connector, contacts = message.sender.connector, message.receiver.contacts
    else:
        person = message.sender.contact
        connector, contacts = message.receiver.connector, (person,) if person else ()
    own = connector.identifier_value if connector else None
    people = [
        address_key(PLATFORM_KEYS.get(new.platform, contact.identifier_key or ""), contact.address)
        for contact in contacts
        if contact.address
    ]
    countries = [contact.country_code for contact in contacts if contact.country_code]
    return Facets(
        own_address=address_key(_EMAIL_KEY, own) if own and new.platform == EMAIL else own or None,
        people=tuple(dict.fromkeys(people)),
        country_code=countries[0] if countries else None,
        subject=_subject(message) if new.platform == EMAIL else None,
    )


def searchable(addresses: Iterable[str]) -> list[str]:
    """Return the forms in which facets may hold addresses whose platform is not known."""
    forms = [
        form
        for address in addresses
        for form in (address, *[address_key(key, address) for key in (_EMAIL_KEY, _PHONE_KEY)])
    ]
    return list(dict.fromkeys(forms))


def _subject(message: Message) -> str | None:
    metadata = getattr(message.body, "metadata", None)
    own = getattr(metadata, "subject", None)
    if own is not None:
        return str(own)
    return message.meta.email.subject if message.meta and message.meta.email else None


def encode_contact(
    workspace: UUID, contact_id: str, identifier: tuple[str, str], now: datetime
) -> bytes:
    """Write a contact that so far is no more than one identifier, as `Contact` would be written."""
    key, value = identifier
    at = write_datetime(now)
    return compact(
        {
            "id": contact_id,
            "workspaceId": workspace,
            "createdAt": at,
            "updatedAt": at,
            "featuredIdentifiers": [{"key": key, "value": value}],
        }
    )


@lru_cache(maxsize=128)
def load_project(document: bytes) -> TemplateProject:
    """Read a template project; one that was read before is not decoded again.

    Its document alone says what it is, so that nothing read here is ever out of date.
    """
    return load(TemplateProject, document)


class StoredMessages(Sequence[Message]):
    """Messages of a page, decoded only when they are looked at.

    A damaged one is left out, and logged, so that the others can be listed.

    Args:
        rows: The messages by their positions, in the order of the page.
    """

    def __init__(self, rows: Mapping[int, Stored]) -> None:
        self._rows = rows
        self._decoded: list[Message] | None = None

    def _messages(self) -> list[Message]:
        if self._decoded is None:
            self._decoded = list(_sound(self._rows, methodcaller("load")))
        return self._decoded

    def __len__(self) -> int:
        """Return how many can be read."""
        return len(self._messages())

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        """Return a message, or several."""
        return self._messages()[index]

    def json(self) -> list[bytes]:
        """Write each of them as JSON, without decoding one."""
        return list(_sound(self._rows, methodcaller("json")))

    def __eq__(self, other: object) -> bool:
        """Compare by content with any sequence of messages."""
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        """Hash by content, as equality compares."""
        return hash(tuple(message.id for message in self))

    def __repr__(self) -> str:
        """Show how many there are; their content must not appear in a log."""
        return f"<{len(self._rows)} messages>"


def _sound(rows: Mapping[int, Stored], read: Callable[[Stored], V]) -> Iterator[V]:
    for position, row in rows.items():
        value = read_stored(read, row, "message at position", position)
        if value is not None:
            yield value


def page_json(page: Page[Message]) -> bytes:
    """Write a page of messages as `dump_page` does; messages not decoded yet stay so."""
    messages = page.results
    written = messages.json() if isinstance(messages, StoredMessages) else map(encode, messages)
    rest = dump_page(evolve(page, results=()))
    del rest["results"]
    end = orjson.dumps(rest).replace(b"{", b"," if rest else b"", 1)
    # A page has megabytes: each copy of it costs as much as reading its rows.
    return b'{"results":[%b]%b' % (b",".join(written), end)
