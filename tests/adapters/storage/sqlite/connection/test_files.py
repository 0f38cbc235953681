"""A storage never goes on with another file than the one that it opened."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import sleep

import pytest

from messaging_adapters.storage.sqlite import SqliteStorage, wal_is_safe
from messaging_core.errors import ConfigurationError, StorageBusyError, StorageError
from messaging_core.testing import a_new_message
from messaging_core.testing.contracts.storage.steps import add, ids, walk

SOON = timedelta(milliseconds=100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture(params=[False, True], ids=["shared", "exclusive"])
def storage(request: pytest.FixtureRequest, path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path, exclusive=request.param, busy_timeout=SOON) as storage:
        add(storage, a_new_message())
        yield storage


def delete(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    SqliteStorage.migrate(other)
    other.replace(path)


@pytest.mark.parametrize(
    ("change", "text"), [(delete, "deleted or moved"), (move, "deleted"), (replace, "replaced")]
)
def test_a_file_that_is_gone_or_another_one_is_refused_for_good(
    storage: SqliteStorage, path: Path, change: Callable[[Path], None], text: str
) -> None:
    change(path)

    for _ in range(3):
        with pytest.raises(StorageError, match=text) as raised:
            add(storage, a_new_message())
        assert str(path) in str(raised.value)
        with pytest.raises(StorageError, match=text):
            walk(storage)

    assert path.exists() == (change is replace)


def test_a_file_that_is_put_back_goes_on(storage: SqliteStorage, path: Path) -> None:
    move(path)
    with pytest.raises(StorageError):
        add(storage, a_new_message())

    path.with_name("moved.db").rename(path)
    add(storage, a_new_message())

    assert len(walk(storage)) == 2


def test_a_file_is_never_made_again_after_an_error_of_the_disk(
    storage: SqliteStorage, path: Path
) -> None:
    storage._own.give_up(sqlite3.OperationalError("disk I/O error"))
    path.unlink()

    for _ in range(2):
        with pytest.raises(StorageError, match="deleted or moved"):
            add(storage, a_new_message())

    assert not path.exists()


def test_a_write_ahead_log_that_is_deleted_is_noticed(path: Path) -> None:
    with SqliteStorage(path, exclusive=True) as storage:
        add(storage, a_new_message())
        path.with_name("shop.db-wal").unlink()
        sleep(0.1)  # it is looked at twenty times a second

        with pytest.raises(StorageError, match=r"shop\.db-wal was deleted"):
            add(storage, a_new_message())


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("exclusive", [False, True], ids=["shared", "exclusive"])
def test_a_file_that_is_moved_behind_its_link_is_refused(
    path: Path, *, exclusive: bool, is_folder: bool
) -> None:
    (real := path.with_name("real")).mkdir()
    link, target = (path.with_name("link"), real) if is_folder else (path, real / path.name)
    link.symlink_to(target)
    name = link / path.name if is_folder else path

    with SqliteStorage(name, exclusive=exclusive, busy_timeout=SOON) as storage:
        add(storage, a_new_message())
        (moved := path.with_name("moved")).mkdir()
        (real / path.name).rename(moved / path.name)
        link.unlink()
        link.symlink_to(moved if is_folder else moved / path.name)

        # Its write-ahead log would stay behind.
        with pytest.raises(StorageError, match="deleted or moved"):
            add(storage, a_new_message())


def test_the_write_ahead_log_of_a_linked_file_is_watched(path: Path) -> None:
    path.symlink_to("real.db")
    with SqliteStorage(path, exclusive=True) as storage:
        add(storage, a_new_message())
        path.with_name("real.db-wal").unlink()
        sleep(0.1)  # it is looked at twenty times a second

        with pytest.raises(StorageError, match=r"real\.db-wal was deleted"):
            add(storage, a_new_message())


def test_a_file_that_is_emptied_is_refused(storage: SqliteStorage, path: Path) -> None:
    with path.open("w"):
        pass

    with pytest.raises(StorageError, match=r"was emptied|no such table"):
        add(storage, a_new_message())


@pytest.mark.parametrize("name", ["/", ".", "/dev/null"])
def test_what_is_no_file_is_a_configuration_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="a folder or a device"):
        SqliteStorage(tmp_path / name)


def test_a_lone_surrogate_in_a_name_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="can be written as UTF-8"):
        SqliteStorage("shop-\ud800.db")


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", ":memory", "a\0b", "file:shop.db", "FILE:shop.db?mode=ro", "file::memory:"),
        *("sqlite:///shop.db", "postgresql://ada:secret@host/shop", "https://x.example/shop.db"),
    ],
)
def test_what_names_no_file_is_a_configuration_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match=r"^path takes the name of a file") as raised:
        SqliteStorage(name)

    assert "secret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a?b#c%41.db", "späť.db", "a b.db", "C-drive.db"])
def test_any_other_name_is_that_of_a_file_also_when_it_is_opened_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new = a_new_message()
    with SqliteStorage(name) as storage:
        add(storage, new)
        storage._own.give_up(sqlite3.OperationalError("disk I/O error"))

        assert walk(storage) == ids([new])

    assert (tmp_path / name).exists()


@pytest.mark.skipif(
    wal_is_safe(sqlite3.sqlite_version_info[:3]), reason="the storage wants WAL itself"
)
class TestJournalModeOfTheHost:
    @pytest.fixture
    def shared(self, path: Path) -> Iterator[SqliteStorage]:
        with SqliteStorage(path) as storage, closing(sqlite3.connect(path)) as host:
            host.execute("PRAGMA journal_mode = WAL")
            yield storage

    def test_it_is_logged_once(
        self, shared: SqliteStorage, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(3):
            add(shared, a_new_message())

        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "journal mode WAL" in caplog.text
        assert str(shared.path) in caplog.text

    def test_the_error_of_a_second_process_names_it(self, shared: SqliteStorage) -> None:
        add(shared, a_new_message())

        with pytest.raises(StorageBusyError, match="journal mode WAL, which another connection"):
            SqliteStorage(shared.path, busy_timeout=SOON)


class TestForgottenConnection:
    @pytest.fixture
    def host(self, path: Path) -> Iterator[sqlite3.Connection]:
        SqliteStorage.migrate(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield connection

    def test_the_error_says_to_pass_the_connection(
        self, host: sqlite3.Connection, path: Path
    ) -> None:
        with SqliteStorage(path, busy_timeout=SOON) as storage:
            host.execute("BEGIN IMMEDIATE")

            with pytest.raises(StorageBusyError, match="pass it as connection="):
                add(storage, a_new_message())

    def test_a_host_that_only_reads_keeps_a_commit_away(
        self, host: sqlite3.Connection, path: Path
    ) -> None:
        with SqliteStorage(path, busy_timeout=SOON, journal_mode="TRUNCATE") as storage:
            host.execute("BEGIN")
            host.execute("SELECT count(*) FROM messaging_messages").fetchone()

            with pytest.raises(StorageBusyError, match="pass it as connection="):
                add(storage, a_new_message())
            host.execute("COMMIT")

            assert walk(storage) == []

    def test_a_storage_that_is_made_inside_a_transaction_says_so(
        self, host: sqlite3.Connection, path: Path
    ) -> None:
        host.execute("BEGIN IMMEDIATE")

        with pytest.raises(StorageBusyError, match="make the storage before it begins"):
            SqliteStorage(path, busy_timeout=SOON)
