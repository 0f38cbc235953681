"""Messages of every kind for listings, any number of them, and the queries that find them.

The first are added through the storage. The database repeats them, later and later, with ids,
positions and times of their own: the engine would take hours for five million.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from _databases import AnyStorage, connect, is_file, open_storage
from messaging_adapters.storage.sql.constants import POSITION_BITS
from messaging_core import Channel, MessageQuery, Messenger, Status, Worker, html, text
from messaging_core.models.common.failure import Failure, FailureSource
from messaging_core.models.delivery.delivery import Delivery, NewMessage
from messaging_core.models.messages.message import Direction, Message
from messaging_core.models.people.contact import (
    Connector,
    MessageContact,
    MessageReceiver,
    MessageSender,
)
from messaging_core.ports.clock import TimeOrderedIds
from messaging_core.testing.clock import ManualClock
from messaging_core.testing.recording import RecordingTransport

START = datetime(2026, 1, 1, tzinfo=UTC)
MADE = 100_000
"""How many messages are made one by one; more repeat them."""
SMS = Channel(name="orders", platform="sms", sender="+31612345678")
OTP = Channel(name="otp", platform="sms", sender="Shop", message_type="2fa")
MAIL = Channel(name="support", platform="email", sender="support@shop.example")
BATCH = UUID(int=77)
WAITING = {Status.ACCEPTED, Status.SCHEDULED, Status.PROCESSING}


def messages(count: int) -> Iterator[NewMessage]:
    """Make messages of every kind, some kinds rare, spread over the whole listing."""
    ids = TimeOrderedIds()
    for number in range(count):
        at = START + timedelta(milliseconds=100 * number)
        channel = MAIL if number % 3 == 0 else OTP if number % 50 == 1 else SMS
        incoming = number % 40 == 7
        status = _status(number)
        failure = None
        if status in {Status.SENDING_FAILED, Status.DELIVERY_FAILED}:
            source = FailureSource(name="sms-messagebird", code=str(number % 7))
            failure = Failure(code=15005 if number % 2 else 15001, source=source)
        person = _person(number, channel)
        connector = Connector(id=channel.id, identifier_value=channel.sender)
        message = Message(
            id=ids.new(at),
            channel_id=channel.id,
            sender=MessageSender(contact=person)
            if incoming
            else MessageSender(connector=connector),
            receiver=MessageReceiver(connector=connector)
            if incoming
            else MessageReceiver(contacts=(person,)),
            status=Status.DELIVERED if incoming else status,
            last_status_at=at,
            created_at=at,
            updated_at=at,
            direction=Direction.INCOMING if incoming else Direction.OUTGOING,
            body=_body(number, channel),
            reference=f"order-{number}" if number % 10 == 0 else None,
            tags=_tags(number),
            failure=None if incoming else failure,
        )
        waits = not incoming and status in WAITING
        yield NewMessage(
            workspace=channel.workspace,
            platform=channel.platform,
            message=message,
            delivery=Delivery(due_at=at, expires_at=at + timedelta(days=2)) if waits else None,
            batch_id=BATCH if number % 1000 == 5 else None,
        )


def _status(number: int) -> Status:
    if number % 1000 == 3:
        return Status.SENDING_FAILED
    if number % 500 == 4:
        return Status.SCHEDULED
    return Status.DELIVERED if number % 10 < 7 else Status.SENT


def _person(number: int, channel: Channel) -> MessageContact:
    country = "NL" if number % 100 else "BE"
    if channel is MAIL:
        return MessageContact(identifier_value=f"customer{number % 20}@shop.example")
    return MessageContact(identifier_value=f"+3161234{number % 5000:04}", country_code=country)


def _body(number: int, channel: Channel) -> object:
    if channel is not MAIL:
        return text("Your parcel is here: locker 12, code 4711")
    rare = "refund" if number % 300 == 0 else "receipt"
    return html("<p>Thank you</p>", subject=f"Your order {rare} number {number % 10}")


def _tags(number: int) -> tuple[str, ...]:
    tags = ["common"] if number % 2 else []
    if number % 100 == 9:
        tags.append("uncommon")
    if number % 100_000 == 11:
        tags.append("rare")
    return tuple(tags)


def singles(count: int) -> dict[str, MessageQuery]:
    """Return a query with each filter, by its name, for so many messages."""
    end = START + timedelta(milliseconds=100 * count)
    return SINGLE | {
        "time": MessageQuery(start_at=START + (end - START) / 4, end_at=end - (end - START) / 4)
    }


SINGLE = {
    "none": MessageQuery(),
    "reverse": MessageQuery(reverse=True),
    "platform": MessageQuery(platform="email"),
    "direction incoming": MessageQuery(direction=Direction.INCOMING),
    "direction outgoing": MessageQuery(direction=Direction.OUTGOING),
    "channel, rare": MessageQuery(channel_id=OTP.id),
    "status, common": MessageQuery(status=Status.DELIVERED),
    "status, rare": MessageQuery(status=Status.SENDING_FAILED),
    "status, waiting": MessageQuery(status=Status.SCHEDULED),
    "two statuses": MessageQuery(status=(Status.SENDING_FAILED, Status.SENT)),
    "tag, common": MessageQuery(tag="common"),
    "tag, uncommon": MessageQuery(tag="uncommon"),
    "tag, rare": MessageQuery(tag="rare"),
    "from": MessageQuery(sender="support@shop.example"),
    "from a person": MessageQuery(sender="+31612340047"),
    "to": MessageQuery(receiver="customer3@shop.example"),
    "to, rare": MessageQuery(receiver="+31612340010"),
    "failure code": MessageQuery(failure_code=15005),
    "failure source": MessageQuery(failure_source_name="sms-messagebird"),
    "country": MessageQuery(country_code="BE"),
    "batch": MessageQuery(batch_id=BATCH),
    "reference": MessageQuery(reference="order-5000"),
    "subject, common": MessageQuery(email_subject="order receipt"),
    "subject, rare": MessageQuery(email_subject="refund"),
}
HOSTILE = {
    "rare tag, common status": MessageQuery(tag="rare", status=Status.DELIVERED),
    "two that never meet": MessageQuery(tag="common", status=Status.SCHEDULED),
    "common subject, other platform": MessageQuery(email_subject="order", platform="sms"),
    "tag and country that never meet": MessageQuery(tag="common", country_code="BE"),
    "ten tags": MessageQuery(tag=[f"none{number}" for number in range(9)] + ["rare"]),
    "everything common": MessageQuery(
        tag="common",
        status=Status.DELIVERED,
        platform="sms",
        direction=Direction.OUTGOING,
        country_code="NL",
        sender="+31612345678",
        start_at=START,
    ),
    "incoming failures": MessageQuery(direction=Direction.INCOMING, failure_code=15005),
    "from and to that never meet": MessageQuery(
        sender="support@shop.example", receiver="+31612340010"
    ),
}


def fill(storage: AnyStorage, count: int) -> None:
    """Add the messages, ten thousand in a transaction."""
    chunk: list[NewMessage] = []
    for new in messages(count):
        chunk.append(new)
        if len(chunk) == 10_000:
            with storage.begin() as tx:
                tx.messages.add(chunk)
            chunk = []
            print(".", end="", flush=True)
    print()


def fill_place(place: str, count: int, **options: Any) -> None:
    """Make as many messages in a new database: some by one, the others as their repetitions."""
    made = min(count, MADE)
    with open_storage(place, **options) as storage:
        fill(storage, made)
    if made < count:
        with closing(connect(place)) as connection:
            (multiply_file if is_file(place) else multiply_on_server)(connection, count // made)


REPEATED = ("messages", "people", "tags", "subjects", "outbox")
"""Tables whose rows belong to one message."""
TIMES = ("created_at", "due_at", "expires_at")
ID_END = 44  # a document begins with {"id":"…"}: where the text of the id ends, from 1


def multiply_file(connection: Any, times: int) -> None:
    """Repeat all messages in a SQLite file that nothing else has open."""
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -524288"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("own_id", 1, lambda position: position.to_bytes(16, "big"))
    connection.create_function("own_document", 2, with_id)
    later = {
        "id": "own_id(position + :shift)",
        "inline_document": "own_document(inline_document, position + :shift)",
    }
    repeat(connection.execute, later, times, lambda name: f":{name}")
    connection.execute("PRAGMA optimize")


def with_id(document: bytes, position: int) -> bytes:
    """Return a document with the id that its position gives."""
    return b'{"id":"%b%b' % (str(UUID(int=position)).encode(), document[ID_END - 1 :])


def multiply_on_server(connection: Any, times: int) -> None:
    """Do the same on a server; its indexes are made again, which is faster than filling them."""
    connection.autocommit = True
    own_id = "lpad(to_hex(position + %(shift)s::bigint), 32, '0')"
    later = {
        "id": f"decode({own_id}, 'hex')",
        "inline_document": f"""convert_to('{{"id":"' || {own_id}::uuid, 'UTF8')"""
        f" || substr(inline_document, {ID_END})",
    }
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint) AND tablename = ANY(%s)",
        ([f"messaging_{name}" for name in REPEATED],),
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    repeat(
        connection.execute,
        later,
        times,
        lambda name: f"%({name})s::bigint",
        (*REPEATED, "subject_words"),
    )
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in indexes:
        connection.execute(definition)
    connection.execute("VACUUM ANALYZE")


def repeat(
    execute: Callable[..., Any],
    later: dict[str, str],
    times: int,
    mark: Callable[[str], str],
    names: tuple[str, ...] = REPEATED,
) -> None:
    """Insert the rows of every table again and again, each time later."""
    low, high = execute("SELECT min(position), max(position) FROM messaging_messages").fetchone()
    step = (((high - low) >> POSITION_BITS) + 100) << POSITION_BITS
    later = later | {"position": f"position + {mark('shift')}"}
    later |= {name: f"{name} + {mark('micros')}" for name in TIMES}
    for number in range(1, times):
        values = {"shift": number * step, "micros": (number * step >> POSITION_BITS) * 1000}
        for name in names:
            table = f"messaging_{name}"
            described = execute(f"SELECT * FROM {table} LIMIT 0").description
            columns = [column[0] for column in described]
            selected = ", ".join(later.get(column, column) for column in columns)
            execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {selected} FROM {table}"
                f" WHERE position <= {mark('high')}",
                values | {"high": high},
            )
        print(":", end="", flush=True)
    print()
    execute(
        f"UPDATE messaging_facts SET value = {mark('last')} WHERE name = 'last_message'",
        {"last": high + (times - 1) * step},
    )


def check(storage: AnyStorage) -> None:
    """Let the engine read, find and deliver repetitions: the newest, and those of the first day."""
    transport = RecordingTransport()
    host = Messenger(
        storage=storage,
        channels={SMS: transport, OTP: transport, MAIL: transport},
        clock=ManualClock(START + timedelta(days=1)),
    )
    for message in host.find(MessageQuery(platform="sms", direction=Direction.OUTGOING)).results:
        assert is_repeated(message.id)
        assert host.get(message.id) == message
        (person,) = message.receiver.contacts
        same = host.find(MessageQuery(receiver=person.identifier_value, limit=1000))
        assert message.id in [other.id for other in same.results]
    Worker(host, batch=2000, threads=4).run_once()
    assert [envelope for envelope in transport.sent if is_repeated(envelope.message_id)]


def is_repeated(message_id: UUID) -> bool:
    """Return whether an id is one of a repetition, which is a position."""
    return message_id.int < 2**64
