"""What every storage promises about access keys."""
# ruff: noqa: S101, D102 - asserts, names that are sentences

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.models.common.access_key import AccessKey
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.storage.transaction import Storage
from messaging_core.testing.contracts.storage.messages import OTHER_WORKSPACE
from messaging_core.testing.contracts.storage.steps import AT, MICROSECOND, raised

_DIGEST: Final = "0123456789abcdef" * 4
_LATER: Final = AT + timedelta(hours=1) + MICROSECOND


class AccessKeysContract:
    """Inherit `StorageContract`, which has all of this."""

    def make_storage(self) -> Storage:
        """Return a new, empty storage."""
        raise NotImplementedError

    def test_a_key_is_found_by_its_id_with_its_digest(self) -> None:
        storage = self.make_storage()
        mine, theirs = an_access_key(1), an_access_key(2, workspace=OTHER_WORKSPACE, used_at=_LATER)

        _add(storage, mine, theirs)

        with storage.begin(read_only=True) as tx:
            assert tx.access_keys.find(mine.id) == (mine, _DIGEST)
            assert tx.access_keys.find(theirs.id) == (theirs, _DIGEST)
            assert tx.access_keys.find(UUID(int=3)) is None

    def test_keys_are_listed_for_one_workspace_or_for_all(self) -> None:
        storage = self.make_storage()
        second, third, first = (
            an_access_key(3),
            an_access_key(9),
            an_access_key(5, at=AT - MICROSECOND),
        )
        theirs = an_access_key(1, workspace=OTHER_WORKSPACE)

        _add(storage, second, third, theirs, first)

        with storage.begin(read_only=True) as tx:
            assert tx.access_keys.of_workspace(DEFAULT_WORKSPACE) == [first, second, third]
            assert tx.access_keys.of_workspace(OTHER_WORKSPACE) == [theirs]
            assert tx.access_keys.of_workspace(None) == [first, theirs, second, third]
            assert tx.access_keys.of_workspace(UUID(int=77)) == []

    def test_the_last_use_of_a_key_is_stored(self) -> None:
        storage = self.make_storage()
        first, second = an_access_key(1), an_access_key(2)
        _add(storage, first, second)

        with storage.begin() as tx:
            tx.access_keys.mark_used(DEFAULT_WORKSPACE, first.id, at=_LATER)
            tx.access_keys.mark_used(OTHER_WORKSPACE, second.id, at=_LATER)
            tx.access_keys.mark_used(DEFAULT_WORKSPACE, UUID(int=3), at=_LATER)

        used = evolve(first, used_at=_LATER)
        with storage.begin(read_only=True) as tx:
            assert tx.access_keys.find(first.id) == (used, _DIGEST)
            assert tx.access_keys.of_workspace(DEFAULT_WORKSPACE) == [used, second]

    def test_a_deleted_key_is_not_there(self) -> None:
        storage = self.make_storage()
        first, second = an_access_key(1), an_access_key(2)
        _add(storage, first, second)

        with storage.begin() as tx:
            deleted = [
                tx.access_keys.delete(workspace, key_id)
                for workspace, key_id in (
                    (OTHER_WORKSPACE, first.id),
                    (DEFAULT_WORKSPACE, UUID(int=3)),
                    (DEFAULT_WORKSPACE, first.id),
                    (DEFAULT_WORKSPACE, first.id),
                )
            ]

        assert deleted == [False, False, True, False]
        with storage.begin(read_only=True) as tx:
            assert tx.access_keys.find(first.id) is None
            assert tx.access_keys.of_workspace(None) == [second]

    def test_changes_of_keys_are_rolled_back(self) -> None:
        storage, first = self.make_storage(), an_access_key(1)
        _add(storage, first)

        def block() -> None:
            with storage.begin() as tx:
                tx.access_keys.add(an_access_key(2), digest=_DIGEST)
                tx.access_keys.mark_used(DEFAULT_WORKSPACE, first.id, at=_LATER)
                tx.access_keys.delete(DEFAULT_WORKSPACE, first.id)
                raise KeyError

        raised(KeyError, block)

        with storage.begin(read_only=True) as tx:
            assert tx.access_keys.of_workspace(None) == [first]


def _add(storage: Storage, *keys: AccessKey) -> None:
    with storage.begin() as tx:
        for key in keys:
            tx.access_keys.add(key, digest=_DIGEST)


def an_access_key(
    number: int,
    *,
    workspace: UUID = DEFAULT_WORKSPACE,
    at: datetime = AT,
    used_at: datetime | None = None,
) -> AccessKey:
    """Return a key with an id that is a number."""
    return AccessKey(
        id=UUID(int=number),
        workspace_id=workspace,
        name=f"caf\u00e9 {number}",
        policies=("view /workspaces/*/channels/**", "* /**"),
        created_at=at,
        used_at=used_at,
    )
