"""Access keys on the storage: what is stored of them, who is let in, and for how long."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from inspect import isawaitable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from messaging_adapters.asgi.access import (
    EVERYTHING,
    Access,
    AccessKeyChain,
    AccessKeys,
    AccessKeyTable,
    Policy,
    hash_of_key,
    resolved,
)
from messaging_adapters.asgi.stored_keys import CACHED_FOR, StoredAccessKeys
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core.errors import ArgumentError, StorageError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.testing import ManualClock
from tests.adapters.asgi.conftest import FOREIGN, ORDERS, Service, path_of

VIEW = Policy("view", "/workspaces/*/channels/**")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def storage(file: Path) -> Iterator[SqliteStorage]:
    with closing(SqliteStorage(file)) as storage:
        yield storage


def find(keys: AccessKeys, token: str) -> Access | None:
    async def ask() -> Access | None:
        return await resolved(keys.find(token))

    return asyncio.run(ask())


def test_a_key_lets_its_owner_in_with_its_policies(storage: SqliteStorage) -> None:
    clock = ManualClock()
    keys = StoredAccessKeys(storage, clock=clock)
    mine = keys.create("dashboard", policies=[VIEW])
    theirs = keys.create("crm", workspace=FOREIGN.workspace)

    assert find(keys, mine.token) == Access(name="dashboard", policies=(VIEW,))
    assert find(keys, theirs.token) == Access(
        name="crm", workspace=FOREIGN.workspace, policies=EVERYTHING
    )
    assert [key.id for key in keys.all(workspace=DEFAULT_WORKSPACE)] == [mine.key.id]
    assert {key.id for key in keys.all()} == {mine.key.id, theirs.key.id}
    assert mine.key.created_at == clock.now()


def test_what_is_not_the_token_of_a_key_is_refused(storage: SqliteStorage) -> None:
    keys = StoredAccessKeys(storage)
    first, second = (keys.create(name).token for name in ("first", "second"))
    last = "B" if first[-1] == "A" else "A"
    wrong = (
        "",
        "mk_",
        first[:-1],
        f"{first} ",
        f"{first}A",
        first[:-1] + last,
        first.upper(),
        first[:35] + second[35:],  # the id of one key with the secret of another
        f"mk_{uuid4().hex}_{first[36:]}",
        hash_of_key(first),
        "\ud800",
    )
    for token in wrong:
        assert find(keys, token) is None
        assert keys.verify(token) is None


def test_a_text_of_another_form_does_not_reach_the_storage(storage: SqliteStorage) -> None:
    keys = StoredAccessKeys(storage)
    storage.close()

    assert keys.find("a token of the configuration") is None
    with pytest.raises(StorageError):
        find(keys, f"mk_{'0' * 32}_{'x' * 43}")


def test_no_token_is_stored_shown_or_logged(
    storage: SqliteStorage, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = StoredAccessKeys(storage)

    new = keys.create("shop")
    find(keys, new.token)

    secret = new.token.removeprefix(f"mk_{new.key.id.hex}_")
    shown = [repr(new), repr(keys), repr(keys.all()), repr(vars(keys)), caplog.text]
    assert not any(secret in text for text in shown)
    storage.close()
    stored = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert secret.encode() not in stored
    assert hash_of_key(new.token).encode() in stored


def test_a_revoked_key_is_refused_at_once_and_soon_by_other_processes(
    storage: SqliteStorage, file: Path
) -> None:
    with closing(SqliteStorage(file)) as another:
        here, there = StoredAccessKeys(storage), StoredAccessKeys(another)
        there._monotonic = lambda: time
        time = 100.0
        new = here.create("shop")
        assert find(here, new.token)
        assert find(there, new.token)
        assert not isawaitable(there.find(new.token))

        assert here.revoke(new.key.id)

        assert find(here, new.token) is None
        assert there.verify(new.token) is None
        time += CACHED_FOR.total_seconds()
        assert find(there, new.token) is None
        assert not here.revoke(new.key.id)
        assert here.all() == []


def test_a_key_is_revoked_only_in_the_workspace_that_is_given(storage: SqliteStorage) -> None:
    keys = StoredAccessKeys(storage)
    new = keys.create("shop")

    assert not keys.revoke(new.key.id, workspace=FOREIGN.workspace)
    assert find(keys, new.token)
    assert keys.revoke(new.key.id, workspace=DEFAULT_WORKSPACE)


def test_the_last_use_is_written_at_most_once_an_hour(storage: SqliteStorage) -> None:
    clock = ManualClock()
    keys = StoredAccessKeys(storage, clock=clock)
    new, unused = keys.create("shop"), keys.create("unused")

    uses = []
    for minutes in (0, 59, 1):
        clock.advance(timedelta(minutes=minutes))
        keys.verify(new.token)
        uses.append({key.id: key.used_at for key in keys.all()}[new.key.id])

    assert uses == [uses[0], uses[0], uses[0] and uses[0] + timedelta(hours=1)]
    assert uses[0] is not None
    assert {key.id: key.used_at for key in keys.all()}[unused.key.id] is None


def test_a_use_that_cannot_be_written_refuses_nothing(storage: SqliteStorage, file: Path) -> None:
    with closing(SqliteStorage(file, busy_timeout=timedelta(0))) as another:
        new = StoredAccessKeys(storage).create("shop")
        with storage.begin():
            assert StoredAccessKeys(another).verify(new.token)
        assert StoredAccessKeys(another).all()[0].used_at is None


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201, 7])
def test_a_name_can_stand_in_a_log(storage: SqliteStorage, name: str) -> None:
    with pytest.raises(ArgumentError):
        StoredAccessKeys(storage).create(name)


def test_keys_of_a_configuration_and_of_a_storage_work_side_by_side(
    storage: SqliteStorage,
) -> None:
    stored = StoredAccessKeys(storage)
    token = stored.create("stored").token
    keys = AccessKeyChain(AccessKeyTable({hash_of_key("t"): Access(name="configured")}), stored)

    names = [access and access.name for access in (find(keys, text) for text in ("t", token, "x"))]

    assert names == ["configured", "stored", None]


def test_a_storage_that_fails_is_no_unknown_key(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("down")

    monkeypatch.setattr(StoredAccessKeys, "verify", fail)
    with service.client(f"mk_{UUID(int=0).hex}_{'x' * 43}") as client:
        assert client.get(path_of(ORDERS, "/messages")).status_code == 503
