"""Measure pages of many messages: the first and the last, with every filter.

Prints microseconds a page, the best of several rounds in which first and last page take turns.
`--database=postgres` measures PostgreSQL, and `--rows=5000000` so many messages.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from timeit import timeit
from typing import Any

import orjson
import psycopg
from attrs import evolve

from _databases import AnyStorage, databases, open_storage
from _hosts import QUICK, cpu_in_short, stays_below
from _list_data import HOSTILE, MADE, MAIL, OTP, SMS, check, fill_place, singles
from _report import Comparison, Report, option, rounds
from messaging_adapters.storage.postgres import PostgresStorage
from messaging_adapters.storage.sql.rows.documents import DOCUMENT, WITH_DOCUMENT
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.transfer.session import opened
from messaging_core import MessageQuery, Messenger
from messaging_core.testing.recording import RecordingTransport
from messaging_core.wire import dump_page
from messaging_core.wire.stored.page_token import encode_page_token

DATABASE = option("database", "sqlite")
clock = cpu_in_short if DATABASE == "sqlite" else perf_counter  # or another process does the work
COUNT = int(option("rows", "20000" if QUICK else "1000000"))
ROUNDS = rounds(5 if QUICK else 25)
DEEP, DEEP_SUBJECT, WORST_MS = 1.5, 2.5, 5.0
OPTIONS = {"sqlite": {"exclusive": True, "synchronous": "NORMAL"}, "postgres": {}}
DATABASE_NAME = {"sqlite": "SQLite", "postgres": "PostgreSQL"}[DATABASE]
JSON_LIMIT = 3.0  # times reading the stored bytes of a page and joining them
_PAGE = f"SELECT {DOCUMENT}, state FROM messaging_messages m {WITH_DOCUMENT} WHERE m.position = ?"
_POSITIONS = (
    "SELECT position FROM messaging_messages WHERE platform = 'email'"
    " ORDER BY position DESC LIMIT 1000"
)


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


def times_of(messenger: Messenger, queries: list[MessageQuery]) -> list[list[float]]:
    """Return the microseconds of each query in each round; they take turns."""
    times: list[list[float]] = [[] for _ in queries]
    for _ in range(ROUNDS):
        for place, query in enumerate(queries):
            start = clock()
            messenger.find(query)
            times[place].append((clock() - start) * 1e6)
    return times


def indexes_of(messenger: Messenger, storage: AnyStorage, query: MessageQuery) -> str:
    """Return the indexes through which a page finds its messages."""
    noted = noted_in_file if isinstance(storage, SqliteStorage) else noted_on_server
    with noted(storage) as walks:
        messenger.find(query)
    return ", ".join(dict.fromkeys(name.removeprefix("messaging_") for name in walks))


@contextmanager
def noted_in_file(storage: SqliteStorage) -> Iterator[list[str]]:
    """Yield the indexes of what is walked in a block; filled when it ends."""
    connection, statements = storage._connection, []  # noqa: SLF001 - no port explains
    names: list[str] = []
    connection.set_trace_callback(statements.append)
    yield names
    connection.set_trace_callback(None)
    for statement in filter(is_walk, statements):
        for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall():
            names += names_of(step[3])


def names_of(step: str) -> Iterator[str]:
    """Yield the index that a step of SQLite's plan reads, and through which columns."""
    if index := re.search(r"USING (?:COVERING )?INDEX (\w+)", step):
        yield index[1]
    elif table := re.search(r"(\w+) USING (?:INTEGER )?PRIMARY KEY", step):
        yield f"{table[1]}_pkey"
    elif table := re.search(r"SCAN (\w+)( VIRTUAL TABLE INDEX)?", step):
        yield f"{table[1]}{'' if table[2] else '_pkey'}"


@contextmanager
def noted_on_server(storage: PostgresStorage) -> Iterator[list[str]]:
    """Do the same for PostgreSQL."""
    statements: list[tuple[str, Any]] = []
    names: list[str] = []
    execute = psycopg.RawCursor.execute

    def noted(self: Any, text: str, values: Any = (), **options: Any) -> Any:
        statements.append((text, values))
        return execute(self, text, values, **options)

    psycopg.RawCursor.execute = noted  # type: ignore[method-assign,assignment] # only notes
    try:
        yield names
    finally:
        psycopg.RawCursor.execute = execute  # type: ignore[method-assign]
    with opened(storage) as session:
        native = session._cursor.native  # noqa: SLF001 - no port explains
        for text, values in statements:
            if is_walk(text):
                ((plan,),) = native(f"EXPLAIN (FORMAT JSON) {text}", values).fetchall()
                plan = plan if isinstance(plan, list) else orjson.loads(plan)
                names += index_names(plan[0]["Plan"])


def is_walk(statement: str) -> bool:
    """Return whether a statement reads positions in their order."""
    return "ORDER BY position" in statement


def index_names(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the indexes of a plan of PostgreSQL; a table that is read as a whole is named so."""
    if "Index Name" in plan:
        yield plan["Index Name"]
    elif plan["Node Type"] == "Seq Scan":
        yield f"all of {plan['Relation Name'].removeprefix('messaging_')}"
    for inner in plan.get("Plans", ()):
        yield from index_names(inner)


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


def compare_pages(
    report: Report, messenger: Messenger, storage: AnyStorage, limit: int
) -> Iterator[bool]:
    """Print the pages with each filter, add them to the report, and yield whether all is well."""
    print(f"page of {limit:32} first    last   ratio")
    for name, query in singles(COUNT).items():
        first = evolve(query, limit=limit)
        firsts, lasts = times_of(messenger, [first, last_page(messenger, storage, first)])
        ratio, allowed = min(lasts) / min(firsts), DEEP_SUBJECT if "subject" in name else DEEP
        print(f"  {name:34}{min(firsts):8.0f}{min(lasts):8.0f}{ratio:8.2f}")
        report.add(
            Comparison(
                table=f"List: {DATABASE_NAME}, {COUNT:,} messages, pages of {limit}",
                case=name,
                unit="µs",
                ours=lasts,
                peer="page 1",
                theirs=firsts,
                at_most=DEEP,
                remark=indexes_of(messenger, storage, first),
                name="last page",
            ),
            quietly=True,
        )
        yield stays_below(f"{name}, last page of first", ratio, allowed)


def compare_hostile(report: Report, messenger: Messenger) -> Iterator[bool]:
    """Do the same with filters that hardly ever meet, whose pages must end soon all the same."""
    print("hostile combinations, the worst page of 10:")
    for name, query in HOSTILE.items():
        (times,) = times_of(messenger, [query])
        report.add(
            Comparison(
                table=f"List: {DATABASE_NAME}, {COUNT:,} messages, filters together, pages of 10",
                case=name,
                unit="ms",
                ours=[time / 1000 for time in times],
                peer="limit",
                theirs=[WORST_MS],
                at_most=1,
            ),
            quietly=True,
        )
        yield stays_below(f"  {name}", min(times) / 1000, WORST_MS, "ms")


def main() -> int:
    """Print every figure; fail when one misses its limit."""
    report = Report()
    settings = ("fsync=off", "full_page_writes=off", "max_wal_size=4GB", "jit=off")
    with databases(DATABASE, *settings) as made:
        report.note(made.notes)
        place, options = made.new(), OPTIONS[DATABASE]
        start = perf_counter()
        fill_place(place, COUNT, **options)
        print(f"filled in {perf_counter() - start:.0f} s")
        with open_storage(place, **options) as storage:
            transport = RecordingTransport()
            channels = {SMS: transport, OTP: transport, MAIL: transport}
            messenger = Messenger(storage=storage, channels=channels)
            checks = []
            if isinstance(storage, SqliteStorage):
                ratio = compare_json(messenger, storage)
                checks.append(stays_below("page as JSON, of its stored bytes", ratio, JSON_LIMIT))
            for limit in (10, 1000):
                checks += compare_pages(report, messenger, storage, limit)
            checks += compare_hostile(report, messenger)
            if COUNT > MADE:
                check(storage)
    report.write()
    return 0 if all(checks) else 1


if __name__ == "__main__":
    sys.exit(main())
