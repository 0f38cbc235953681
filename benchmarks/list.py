"""Measure pages of a million messages: the first and the last, with every filter.

Prints microseconds a page, the best of several rounds in which first and last page take turns.
`--postgres` measures PostgreSQL instead of SQLite, and `--rows=5000000` so many messages.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from timeit import timeit
from uuid import UUID

import orjson
from attrs import evolve

from _hosts import QUICK, cpu_in_short, stays_below
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sql.constants import POSITION_BITS
from messaging_adapters.storage.sql.rows.documents import DOCUMENT, WITH_DOCUMENT
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer.session import opened
from messaging_adapters.storage.transfer.tables import TABLES
from messaging_core import Channel, MessageQuery, Messenger, Status, html, text
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
from messaging_core.testing.recording import RecordingTransport
from messaging_core.wire import dump_page
from messaging_core.wire.stored.page_token import encode_page_token

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import PostgresServer, Schemas, postgres_binaries

ON_POSTGRES = "--postgres" in sys.argv
clock = perf_counter if ON_POSTGRES else cpu_in_short  # the work is done in another process
AnyStorage = SqliteStorage | PostgresStorage
START = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 5 if QUICK else 25
MADE = 100_000
"""How many messages are made one by one for PostgreSQL; more repeat them."""
REPEATED = {
    "subjects": ("position", "workspace", "words"),
    "subject_words": ("workspace", "word", "position"),
}
DEEP, DEEP_SUBJECT, WORST_MS = 1.5, 2.5, 5.0
JSON_LIMIT = 3.0  # times reading the stored bytes of a page and joining them
_PAGE = f"SELECT {DOCUMENT}, state FROM messaging_messages m {WITH_DOCUMENT} WHERE m.position = ?"
_POSITIONS = (
    "SELECT position FROM messaging_messages WHERE platform = 'email'"
    " ORDER BY position DESC LIMIT 1000"
)

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
    "reference": MessageQuery(reference="order-500000"),
    "time": MessageQuery(start_at=START + timedelta(hours=5), end_at=START + timedelta(hours=20)),
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


def multiply(storage: PostgresStorage, times: int) -> None:
    """Repeat all messages later and later, in the server: the engine would take hours."""
    with opened(storage) as session:
        native = session._cursor.native  # noqa: SLF001 - no store does this
        low, high = native("SELECT min(position), max(position) FROM messaging_messages").fetchone()
        step = ((high - low) >> POSITION_BITS) + 1000 << POSITION_BITS
        others = {table.name: table.columns for table in TABLES if "position" in table.columns}
        for name in ("messages", "documents", "tags", "people", "subjects", "subject_words"):
            columns = REPEATED.get(name) or others[f"messaging_{name}"]
            later = {
                "position": "position + k * $2::bigint",
                "id": "substr(id, 1, 8) || int8send(k)",  # which begin with a time each
                "created_at": "created_at + (k * $2::bigint >> 15) * 1000",
            }
            values = ", ".join(later.get(column, column) for column in columns)
            native(
                f"INSERT INTO messaging_{name} ({', '.join(columns)}) SELECT {values}"
                f" FROM messaging_{name}, generate_series(1, $1::bigint) k"
                + ("" if "id" in columns else " WHERE $2::bigint > 0"),
                (times - 1, step),
            )
            print(":", end="", flush=True)


def last_page(messenger: Messenger, storage: AnyStorage, query: MessageQuery) -> MessageQuery:
    """Return the query for the page at the far end of a listing."""
    page = messenger.find(evolve(query, reverse=not query.reverse))
    if not page.results:
        return query
    newest = page.results[-1].id
    with opened(storage) as session:
        (position,) = session._cursor.execute(  # noqa: SLF001 - positions are private
            "SELECT position FROM messaging_messages WHERE workspace = ? AND id = ?",
            (query.workspace.bytes, newest.bytes),
        ).fetchone()
    before = position - 1 if query.reverse else position + 1
    return evolve(query, page_token=encode_page_token(query, before))


def best(messenger: Messenger, queries: list[MessageQuery]) -> list[float]:
    """Return the best time of each query in microseconds; they take turns."""
    times = [float("inf")] * len(queries)
    for _ in range(ROUNDS):
        for place, query in enumerate(queries):
            start = clock()
            messenger.find(query)
            times[place] = min(times[place], clock() - start)
    return [seconds * 1e6 for seconds in times]


def compare_json(messenger: Messenger, storage: SqliteStorage) -> float:
    """Print how a page of 1000 mails becomes JSON, and return the ratio to joining its bytes."""
    query = MessageQuery(platform="email", limit=1000)
    connection = storage._connection  # noqa: SLF001 - the bytes as they are stored
    positions = connection.execute(_POSITIONS).fetchall()

    def join() -> bytes:
        rows = [connection.execute(_PAGE, position).fetchone() for position in positions]
        return b"[%b]" % b",".join(
            [b"%b,%b" % (document[:-1], state.encode()[1:]) for document, state in rows]
        )

    def decode() -> bytes:
        return orjson.dumps(dump_page(messenger.find(query)))

    def splice() -> bytes:
        return messenger.find_json(query)

    assert orjson.loads(splice()) == orjson.loads(decode())
    works = (join, splice, decode)
    rounds = [[timeit(work, number=1) * 1000 for work in works] for _ in range(ROUNDS)]
    joined, spliced, decoded = map(min, zip(*rounds, strict=True))
    print(f"page of 1000 mails as JSON: stored bytes joined {joined:.2f} ms,", end=" ")
    print(f"find_json {spliced:.2f} ms, find and dump_page {decoded:.1f} ms")
    return spliced / joined


@contextmanager
def storages() -> Iterator[AnyStorage]:
    """Yield a new storage: a file, or on a server of its own."""
    if not ON_POSTGRES:
        with (
            tempfile.TemporaryDirectory() as folder,
            SqliteStorage(
                Path(folder) / "messages.db", exclusive=True, synchronous="NORMAL"
            ) as file,
        ):
            yield file
        return
    server = PostgresServer(postgres_binaries(), "fsync=off", "max_wal_size=8GB", "jit=off")
    try:
        server.start()
        with PostgresStorage(Schemas(server.dsn()).take()) as storage:
            yield storage
    finally:
        server.remove()


def settle_statistics(storage: AnyStorage) -> None:
    """Let PostgreSQL look at what is there, as `autovacuum` does soon."""
    if isinstance(storage, PostgresStorage):
        with opened(storage) as session:
            session._cursor.native("ANALYZE")  # noqa: SLF001


def main(count: int) -> int:
    """Print every figure; fail when one misses its limit."""
    missed = 0
    with storages() as storage:
        transport = RecordingTransport()
        channels = {SMS: transport, OTP: transport, MAIL: transport}
        messenger = Messenger(storage=storage, channels=channels)
        made = min(count, MADE) if isinstance(storage, PostgresStorage) else count
        fill(storage, made)
        if isinstance(storage, PostgresStorage) and made < count:
            multiply(storage, count // made)
        settle_statistics(storage)
        if isinstance(storage, SqliteStorage):
            ratio = compare_json(messenger, storage)
            missed += not stays_below("page as JSON, of its stored bytes", ratio, JSON_LIMIT)
        for limit in (10, 1000):
            print(f"page of {limit:32} first    last   ratio")
            for name, query in SINGLE.items():
                first = evolve(query, limit=limit)
                times = best(messenger, [first, last_page(messenger, storage, first)])
                ratio, allowed = times[1] / times[0], DEEP_SUBJECT if "subject" in name else DEEP
                print(f"  {name:34}{times[0]:8.0f}{times[1]:8.0f}{ratio:8.2f}")
                missed += not stays_below(f"{name}, last page of first", ratio, allowed)
        print("hostile combinations, the worst page of 10:")
        for name, query in HOSTILE.items():
            (worst,) = best(messenger, [query])
            missed += not stays_below(f"  {name}", worst / 1000, WORST_MS, "ms")
    return 1 if missed else 0


if __name__ == "__main__":
    sizes = [int(text.partition("=")[2]) for text in sys.argv if text.startswith("--rows=")]
    sys.exit(main(sizes[0] if sizes else 20_000 if QUICK else 1_000_000))
