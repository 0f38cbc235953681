"""The tables can be made by the host, and every difference from them is named."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.config import Config
from attrs import evolve
from sqlalchemy import create_engine, text
from sqlite_utils import Database

from messaging_adapters.storage.sql.rows.columns import to_micros
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.sqlite.schema import check, script
from messaging_adapters.storage.sqlite.schema.constants import LOG, MIGRATION_NAMES, MIGRATION_SET
from messaging_adapters.storage.sqlite.schema.migrations import migrations
from messaging_core.errors import ConfigurationError, SchemaError
from messaging_core.models import Identifier, SuppressionScope
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.webhook import WebhookClaim, WebhookDelivery
from messaging_core.models.messages.status import Status
from messaging_core.testing import a_message, a_new_message
from messaging_core.testing.builders import a_contact, a_suppression
from messaging_core.testing.contracts.storage.steps import add, claim, ids, walk
from messaging_core.wire import encode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def problems(path: Path) -> list[str]:
    """Return what is found wrong with a file that is opened without migrating it."""
    try:
        SqliteStorage(path, migrate=False).close()
    except SchemaError as error:
        return list(error.problems)
    return []


def works(path: Path) -> bool:
    """Return whether a message can be kept, found by its subject, and given out."""
    new = a_new_message(a_message(tags=("a",)), key="k")
    with SqliteStorage(path, migrate=False) as storage:
        add(storage, new)
        storage.check_schema()
        return ids(claim(storage)) == walk(storage) == ids([new])


def tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'messaging%'")
    return [name for (name,) in rows]


class TestOwnMigrations:
    def test_the_whole_script_makes_the_tables(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        connection.executescript(SqliteStorage.schema_sql())

        assert works(path)

    def test_so_does_each_statement_by_itself_in_one_transaction(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        connection.execute("BEGIN")
        for statement in SqliteStorage.schema_statements():
            connection.execute(statement)
        connection.execute("COMMIT")

        assert works(path)

    def test_they_are_the_tables_that_the_storage_makes_itself(
        self, path: Path, tmp_path: Path
    ) -> None:
        SqliteStorage(path).close()
        with closing(sqlite3.connect(tmp_path / "own.db")) as own:
            own.executescript(SqliteStorage.schema_sql())

        with (
            closing(sqlite3.connect(path)) as first,
            closing(sqlite3.connect(own_of(path))) as other,
        ):
            dumps = [
                [line for line in connection.iterdump() if "[_sql" not in line]
                for connection in (first, other)
            ]

        assert without_times(dumps[0]) == without_times(dumps[1])

    def test_a_host_that_uses_sqlite_utils_itself_keeps_its_own_migrations(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        connection.execute(
            "CREATE TABLE _sqlite_migrations"
            " (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
        )
        connection.execute("INSERT INTO _sqlite_migrations VALUES (1, 'hosts', '0001_own', 'now')")

        connection.executescript(SqliteStorage.schema_sql())

        rows = connection.execute("SELECT migration_set FROM _sqlite_migrations").fetchall()
        assert {name for (name,) in rows} == {"hosts", "messaging"}
        assert works(path)

    def test_what_the_host_made_is_not_made_again(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        connection.executescript(SqliteStorage.schema_sql())

        SqliteStorage.migrate(path)

        assert works(path)


class TestWebhooksOfOlderVersions:
    def test_those_that_wait_and_those_that_were_given_up_stay(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        migrations.apply(Database(path), stop_before="0018_request_webhooks")
        at = datetime(2026, 3, 1, tzinfo=UTC)
        waiting, dead = [
            WebhookDelivery(
                id=UUID(int=number),
                subscription_id=UUID(int=7),
                workspace_id=DEFAULT_WORKSPACE,
                message_id=UUID(int=9),
                status=Status.SENT,
                created_at=at,
                due_at=at,
                expires_at=at,
                is_dead=number > 1,
            )
            for number in (1, 2)
        ]
        for delivery in (waiting, dead):
            connection.execute(
                "INSERT INTO messaging_webhook_deliveries VALUES (?, ?, ?, ?, ?, 3, ?)",
                (
                    delivery.id.bytes,
                    UUID(int=7).bytes,
                    DEFAULT_WORKSPACE.bytes,
                    delivery.is_dead,
                    to_micros(at),
                    encode(delivery),
                ),
            )

        with SqliteStorage(path) as storage, storage.begin() as tx:
            span = timedelta(minutes=1)
            whose = (DEFAULT_WORKSPACE, UUID(int=7))
            claim = tx.webhooks.claim(*whose, now=at, lease=span, longest=span)
            assert claim == WebhookClaim(delivery=waiting, fence=4)
            assert tx.webhooks.dead(DEFAULT_WORKSPACE, limit=9) == [dead]


class TestIdentifiersOfOlderVersions:
    """They were compared exactly, and suppressed numbers only without punctuation."""

    def test_spellings_become_one_and_no_refusal_is_lost(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        migrations.apply(Database(path), stop_before="0010_identities")
        ada = a_contact("ada", "ada@x.example", subscriptions={"sms": True})
        twin = a_contact("twin", "Ada@x.example", subscriptions={"email": False, "sms": True})
        bob = a_contact("bob", "Bob@x.example", "+541123456789")
        stop = a_suppression(
            "+541123456789", scope=SuppressionScope.SENDER, sender="+5215512345678"
        )
        for contact in (ada, twin, bob):
            row = (contact.workspace_id.bytes, contact.id)
            document = (*row, encode(contact))
            connection.execute("INSERT INTO messaging_contacts VALUES (?, ?, ?)", document)
            for identifier in contact.featured_identifiers:
                connection.execute(
                    "INSERT INTO messaging_contact_identifiers VALUES (?, ?, ?, ?)",
                    (row[0], identifier.key, identifier.value, contact.id),
                )
        connection.execute(
            "INSERT INTO messaging_suppressions VALUES (?, 'phonenumber', ?, 'sender', ?, ?, ?)",
            (row[0], stop.identifier_value, stop.sender, stop.cause, encode(stop)),
        )

        with SqliteStorage(path) as storage, storage.begin() as tx:
            addresses = [
                Identifier(identifier_key=key, identifier_value=value)
                for key, value in (
                    ("emailaddress", "ADA@x.example"),
                    ("emailaddress", "bob@x.example"),
                    ("phonenumber", "+5491123456789"),
                )
            ]
            owners = tx.contacts.by_identifiers(DEFAULT_WORKSPACE, addresses)
            suppressed = tx.suppressions.for_addresses(DEFAULT_WORKSPACE, addresses)
            lifted = tx.suppressions.lift(
                DEFAULT_WORKSPACE,
                addresses[2],
                scope=SuppressionScope.SENDER,
                sender="+525512345678",
            )
            ada_now = tx.contacts.get(DEFAULT_WORKSPACE, owners[addresses[0]])

        assert owners == {addresses[0]: "ada", addresses[1]: "bob", addresses[2]: "bob"}
        assert ada_now == evolve(ada, subscriptions={"sms": True, "email": False})
        assert suppressed == {addresses[2]: [stop]}
        assert lifted == 1


ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
"""
REVISION = """
from alembic import op
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.sql.rows.columns import to_micros

revision, down_revision = "1", None


def upgrade():
    op.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY)")
    {body}
"""
BODIES = {
    "statement by statement": "[op.execute(each) for each in SqliteStorage.schema_statements()]",
    "in one call": "SqliteStorage.migrate(op.get_bind())",
}


class TestAlembic:
    @pytest.mark.parametrize("body", BODIES)
    def test_a_revision_makes_the_tables(self, path: Path, body: str) -> None:
        config = self.project(path, BODIES[body])

        command.upgrade(config, "head")

        assert works(path)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
                ("1",)
            ]

    def project(self, path: Path, body: str) -> Config:
        folder = path.parent / "alembic"
        (folder / "versions").mkdir(parents=True)
        (folder / "env.py").write_text(ENVIRONMENT)
        (folder / "versions" / "one.py").write_text(REVISION.format(body=body))
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
        return config


class Pep249(sqlite3.Connection):
    """What connections are known by from Python 3.12 on, with every version."""

    autocommit = False


class TestMigrate:
    def test_a_path_gets_the_tables(self, path: Path) -> None:
        SqliteStorage.migrate(path)

        assert works(path)

    @pytest.mark.parametrize("isolation_level", ["", None])
    def test_a_connection_gets_them_in_its_transaction(
        self, path: Path, isolation_level: str | None
    ) -> None:
        with closing(sqlite3.connect(path, isolation_level=isolation_level)) as own:
            own.row_factory = sqlite3.Row
            own.execute("BEGIN")
            SqliteStorage.migrate(own)
            own.rollback()
            rolled_back = own.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            own.execute("BEGIN")
            SqliteStorage.migrate(own)
            own.commit()

            assert own.row_factory is sqlite3.Row
            assert own.execute("PRAGMA recursive_triggers").fetchone()[0] == 0
        assert rolled_back == 0
        assert works(path)

    def test_one_that_commits_by_itself_has_them_at_once(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        SqliteStorage.migrate(connection)

        assert not connection.in_transaction
        assert works(path)

    def test_a_connection_of_pep_249_gets_them_too_and_stays_as_it_is(self, path: Path) -> None:
        with closing(sqlite3.connect(path, factory=Pep249)) as own:
            own.execute("BEGIN")
            SqliteStorage.migrate(own)
            own.commit()

            assert own.autocommit is False
        assert works(path)

    def test_one_that_would_commit_in_the_middle_is_refused(self, path: Path) -> None:
        with closing(sqlite3.connect(path, factory=Pep249)) as own:
            own.autocommit = True

            with pytest.raises(ConfigurationError, match="autocommit=True"):
                SqliteStorage.migrate(own)

            assert not own.in_transaction

    @pytest.mark.parametrize(
        "options", [{}] + [{"autocommit": False}] * (sys.version_info >= (3, 12))
    )
    def test_sqlalchemy_gets_them_in_its_transaction(
        self, path: Path, options: dict[str, bool]
    ) -> None:
        engine = create_engine(f"sqlite:///{path}", connect_args=options)
        with engine.connect() as own:
            SqliteStorage.migrate(own)
            own.rollback()
            rolled_back = own.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one()
            SqliteStorage.migrate(own)
            own.commit()
        engine.dispose()

        assert rolled_back == 0
        assert works(path)


class TestConstants:
    """What is needed to open a file, and known without sqlite-utils."""

    def test_names_are_those_of_the_migrations(self) -> None:
        with closing(sqlite3.connect(":memory:")) as empty:
            names = [migration.name for migration in migrations.pending(Database(empty))]

        assert list(MIGRATION_NAMES) == names
        assert migrations.name == MIGRATION_SET
        assert migrations.migrations_table == LOG

    def test_the_stored_script_is_what_the_migrations_make(self) -> None:
        stored = "".join(f"{statement};\n" for statement in check.statements())

        assert stored == script.script(), f"run python -m {script.__name__}"


LOADED = """
import sys
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.storage.sql.rows.columns import to_micros
with SqliteStorage(sys.argv[1], migrate=sys.argv[2] == "migrate") as storage:
    storage.check_schema()
print("sqlite_utils" in sys.modules)
"""


class TestLoadedModules:
    @pytest.mark.parametrize("how", ["migrate", "look"])
    def test_a_file_that_is_up_to_date_needs_no_sqlite_utils(self, path: Path, how: str) -> None:
        SqliteStorage.migrate(path)

        assert self.loads(path, how) == "False"

    def test_a_new_file_does(self, path: Path) -> None:
        assert self.loads(path, "migrate") == "True"

    def loads(self, path: Path, how: str) -> str:
        run = subprocess.run(  # noqa: S603 - our own interpreter and our own program
            [sys.executable, "-I", "-c", LOADED, str(path), how],
            capture_output=True,
            check=True,
            text=True,
        )
        return run.stdout.strip()


DRIFTS = {
    "DROP TABLE messaging_tags": ["table messaging_tags is missing"],
    "DROP TABLE messaging_subjects_fts": [
        "table messaging_subjects_fts is missing",
    ],
    "ALTER TABLE messaging_outbox DROP COLUMN progress": [
        "column messaging_outbox.progress is missing"
    ],
    "ALTER TABLE messaging_outbox ADD COLUMN hosts_own TEXT": [
        "column messaging_outbox.hosts_own is unknown"
    ],
    "ALTER TABLE messaging_outbox RENAME COLUMN lane TO queue": [
        "column messaging_outbox.lane is missing",
        "column messaging_outbox.queue is unknown",
        "index messaging_outbox_due of messaging_outbox is defined differently",
    ],
    "ALTER TABLE messaging_outbox DROP COLUMN attempts;"
    "ALTER TABLE messaging_outbox ADD COLUMN attempts TEXT": [
        "column messaging_outbox.attempts is defined differently"
    ],
    "DROP INDEX messaging_outbox_due": [
        "index messaging_outbox_due of messaging_outbox is missing"
    ],
    "DROP INDEX messaging_outbox_due;"
    "CREATE INDEX messaging_outbox_due ON messaging_outbox (due_at)": [
        "index messaging_outbox_due of messaging_outbox is defined differently"
    ],
    "DROP TRIGGER messaging_subjects_ai": [
        "trigger messaging_subjects_ai of messaging_subjects is missing"
    ],
    "DELETE FROM _sqlite_migrations": [
        f"migration {name} is not applied" for name in MIGRATION_NAMES
    ],
    "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('messaging', '9999_later')": [
        "migration 9999_later is of a newer version of this library"
    ],
}


class TestCheck:
    @pytest.mark.parametrize("change", DRIFTS)
    def test_a_difference_is_named(
        self, path: Path, connection: sqlite3.Connection, change: str
    ) -> None:
        SqliteStorage.migrate(path)
        connection.executescript(change)

        assert set(DRIFTS[change]) <= set(problems(path))
        if "ALTER" not in change and "fts" not in change:
            assert problems(path) == DRIFTS[change]

    def test_all_differences_are_named_at_once(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        SqliteStorage.migrate(path)
        connection.executescript("DROP TABLE messaging_tags; DROP INDEX messaging_outbox_due")

        assert problems(path) == [
            "table messaging_tags is missing",
            "index messaging_outbox_due of messaging_outbox is missing",
        ]

    def test_an_empty_file_is_told_how_to_get_the_tables(self, path: Path) -> None:
        with pytest.raises(SchemaError, match=r"SqliteStorage\.migrate\(\)") as raised:
            SqliteStorage(path, migrate=False)

        assert "table messaging_messages is missing" in raised.value.problems
        assert "migration 0001_messages is not applied" in raised.value.problems
        assert isinstance(raised.value, ConfigurationError)

    def test_looking_changes_nothing(self, path: Path, connection: sqlite3.Connection) -> None:
        assert problems(path)

        assert tables(connection) == []

    def test_what_is_beside_our_tables_is_the_hosts_own(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        SqliteStorage.migrate(path)
        connection.executescript(
            "CREATE TABLE orders (id INTEGER); CREATE INDEX own ON messaging_messages (created_at)"
        )

        assert problems(path) == []

    def test_a_storage_that_is_open_can_be_asked_again(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        with SqliteStorage(path) as storage:
            storage.check_schema()
            connection.execute("DROP TABLE messaging_tags")

            with pytest.raises(SchemaError, match="messaging_tags is missing"):
                storage.check_schema()
            with pytest.raises(SchemaError, match="messaging_tags is missing"):
                storage.check_schema(connection)

    def test_a_file_of_a_newer_version_is_refused_and_left_alone(
        self, path: Path, connection: sqlite3.Connection
    ) -> None:
        SqliteStorage.migrate(path)
        connection.executescript(
            "UPDATE _sqlite_migrations SET name = '9999_later' WHERE name = '0001_messages'"
        )

        for way in (SqliteStorage, SqliteStorage.migrate):
            with pytest.raises(SchemaError, match="9999_later is of a newer version"):
                way(path)

        rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE name LIKE '0001%'")
        assert rows.fetchall() == []


def own_of(path: Path) -> Path:
    return path.with_name("own.db")


def without_times(lines: list[str]) -> list[str]:
    return sorted(line for line in lines if "_sqlite_migrations" not in line)
