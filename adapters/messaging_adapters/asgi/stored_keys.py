"""Access keys on the storage: made, listed and revoked while the server runs."""

import asyncio
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from attrs import field, frozen

from messaging_adapters.asgi.access import (
    EVERYTHING,
    Access,
    AccessKeys,
    Policy,
    hash_of_key,
    policy_of,
)
from messaging_core.arguments import a_text, checked, id_of, optional, refuse, uuid
from messaging_core.errors import StorageError
from messaging_core.models.common.access_key import AccessKey
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.storage.transaction import Storage

KEY_BYTES: Final = 32
CACHED_FOR: Final = timedelta(seconds=1)
"""How long a key may still be accepted by other processes after it was revoked."""

_MOST_CACHED: Final = 10_000
_USED_EVERY: Final = timedelta(hours=1)
_MOST_NAME: Final = 200

# The id of a key is part of its token, so a row is looked up by what is no secret, and the time
# of the index tells nothing about the secret; then whole digests are compared. Other texts are
# refused without a transaction, and scanners of source code know a token by its form.
_TOKEN: Final = re.compile("mk_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


@frozen(kw_only=True)
class NewAccessKey:
    """A key that was made just now.

    Attributes:
        token: What its owner sends; it is not stored, so nothing shows it again.
    """

    key: AccessKey
    token: str = field(repr=False)


def _name(value: Any, name: str) -> Any:
    value = a_text(value, name)
    if not value.isprintable() or not 0 < len(value) <= _MOST_NAME:
        allowed = f"1 to {_MOST_NAME} printable characters"
        raise refuse(name, allowed, value, 'write who uses the key, such as "dashboard"')
    return value


class StoredAccessKeys(AccessKeys):
    """Make access keys, and know those that are stored; of a token, only its hash is stored.

    A revoked key is refused by this object at once, and by those of other processes within
    `CACHED_FOR`. It may be used from many threads.

    Args:
        storage: Where the keys are.
        clock: Tells when a key was made and used.
    """

    def __init__(self, storage: Storage, *, clock: Clock | None = None) -> None:
        self._storage = storage
        self._clock = clock or SystemClock()
        self._monotonic: Callable[[], float] = time.monotonic
        self._cache: dict[str, tuple[Access, float]] = {}

    @checked(name=_name, workspace=uuid)
    def create(
        self,
        name: str,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        policies: Collection[Policy] = EVERYTHING,
    ) -> NewAccessKey:
        """Make a key, and return it with its token: nothing shows the token again.

        Args:
            name: Who uses it, for logs.
            workspace: The only one that the key allows.
            policies: What it allows there; without any it allows nothing.

        Raises:
            ArgumentError: The name is empty, long or not printable.
        """
        key = AccessKey(
            id=uuid4(),
            workspace_id=workspace,
            name=name,
            policies=tuple(map(str, policies)),
            created_at=self._clock.now(),
        )
        token = f"mk_{key.id.hex}_{secrets.token_urlsafe(KEY_BYTES)}"
        with self._storage.begin() as tx:
            tx.access_keys.add(key, digest=hash_of_key(token))
        return NewAccessKey(key=key, token=token)

    @checked(workspace=optional(uuid))
    def all(self, *, workspace: UUID | None = None) -> list[AccessKey]:
        """Return the keys of a workspace, or of all, the earliest first."""
        with self._storage.begin(read_only=True) as tx:
            return tx.access_keys.of_workspace(workspace)

    @checked(key_id=id_of("access key"), workspace=optional(uuid))
    def revoke(self, key_id: UUID, *, workspace: UUID | None = None) -> bool:
        """Delete a key; return false if there is none with this id, in the workspace if given."""
        with self._storage.begin() as tx:
            stored = tx.access_keys.find(key_id)
            if stored is None:
                return False
            deleted = tx.access_keys.delete(workspace or stored[0].workspace_id, key_id)
        self._cache = {}
        return deleted

    def find(self, token: str) -> Access | Awaitable[Access | None] | None:
        """Return what the owner of a token may do; an awaitable if the storage must be asked."""
        if not _TOKEN.fullmatch(token):
            return None
        # The cache is found by the digest: tokens do not stay in memory.
        access, until = self._cache.get(hash_of_key(token), (None, 0.0))
        if access and self._monotonic() < until:
            return access
        return asyncio.to_thread(self.verify, token)

    def verify(self, token: str) -> Access | None:
        """Return what the owner of a token may do, or nothing, as the storage has it now."""
        match, digest = _TOKEN.fullmatch(token), hash_of_key(token)
        if match is None:
            return None
        now, until = self._clock.now(), self._monotonic() + CACHED_FOR.total_seconds()
        with self._storage.begin(read_only=True) as tx:
            key, stored = tx.access_keys.find(UUID(match[1])) or (None, "")
        if key is None or not hmac.compare_digest(digest, stored):
            return None
        if key.used_at is None or not timedelta(0) <= now - key.used_at < _USED_EVERY:
            self._mark_used(key)
        access = Access(
            name=key.name,
            workspace=key.workspace_id,
            policies=tuple(map(policy_of, key.policies)),
        )
        self._remember(digest, access, until)
        return access

    def _mark_used(self, key: AccessKey) -> None:
        with suppress(StorageError), self._storage.begin() as tx:  # the next use writes it then
            tx.access_keys.mark_used(key.workspace_id, key.id, at=self._clock.now())

    def _remember(self, digest: str, access: Access, until: float) -> None:
        if len(self._cache) >= _MOST_CACHED:
            self._cache = {}
        self._cache[digest] = (access, until)
