"""The contract of media stores: tests that the tests of every store inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.errors import MediaError
from messaging_core.models.common.channel import Channel
from messaging_core.ports.media_store import MediaFile, MediaStore
from messaging_core.testing.contracts.bounds import nothing_left_open, within

_ORDERS: Final = Channel(name="orders", platform="sms")
_NEWS: Final = Channel(name="news", platform="sms")
_FOREIGN: Final = Channel(name="orders", platform="sms", workspace=UUID(int=9))
_FILE: Final = MediaFile(
    id=UUID(int=1),
    content_type='text/plain; charset="utf-8"',
    workspace=_ORDERS.workspace,
    channel=_ORDERS.id,
)
_LIMIT: Final = 1024 * 1024
_MANY: Final = 8


class MediaStoreContract:
    """Inherit this in a test class, and return an empty store.

    ```python
    class TestBucket(MediaStoreContract):
        def make_store(self) -> MediaStore:
            return BucketMediaStore(an_empty_bucket())
    ```

    - `patience`: seconds in which every call must end.
    """

    patience: float = 30.0

    def make_store(self) -> MediaStore:
        """Return a store without files."""
        raise NotImplementedError

    def write(
        self, store: MediaStore, *chunks: bytes, file: MediaFile = _FILE, limit: int = _LIMIT
    ) -> bool:
        """Write a file; fails if that does not end within `patience`."""

        def call() -> bool:
            writer = store.begin(file, limit)
            try:
                for chunk in chunks:
                    writer.write(chunk)
                return writer.commit()
            finally:
                writer.abort()

        return within(self.patience, call)

    def read(self, store: MediaStore, file_id: UUID = _FILE.id) -> bytes:
        """Read a file; fails if that does not end within `patience`."""
        return within(self.patience, lambda: b"".join(store.read(file_id)))

    def test_a_file_is_read_as_it_was_written(self) -> None:
        store = self.make_store()

        assert self.write(store, b"one ", b"", b"two")

        assert self.read(store) == b"one two"
        assert store.find(_FILE.id) == evolve(_FILE, size=7), "with its size, type and channel"

    def test_a_large_file_is_read_in_pieces(self) -> None:
        store, piece = self.make_store(), bytes(range(256)) * 1024
        self.write(store, *[piece] * 20, limit=20 * len(piece))

        pieces = list(store.read(_FILE.id))

        assert b"".join(pieces) == piece * 20
        assert max(map(len, pieces)) <= _LIMIT, "a piece has at most 1 MiB"

    def test_an_empty_file_is_a_file(self) -> None:
        store = self.make_store()

        assert self.write(store)

        assert self.read(store) == b""
        assert store.find(_FILE.id) == _FILE

    def test_each_id_has_its_own_file(self) -> None:
        store = self.make_store()
        files = [evolve(_FILE, id=UUID(int=number), channel=None) for number in range(_MANY)]

        with ThreadPoolExecutor(_MANY) as pool:
            list(pool.map(lambda file: self.write(store, b"%d" % file.id.int, file=file), files))

        assert [self.read(store, file.id) for file in files] == [b"%d" % n for n in range(_MANY)]
        assert store.find(files[0].id) == evolve(files[0], size=1)

    def test_a_file_does_not_exist_before_it_is_complete(self) -> None:
        store = self.make_store()
        writer = store.begin(_FILE, _LIMIT)
        writer.write(b"one")

        assert store.find(_FILE.id) is None
        assert self._refused(store).permanent

        writer.abort()

        assert store.find(_FILE.id) is None
        assert self.write(store, b"two"), "an aborted file leaves its id free"
        assert self.read(store) == b"two"

    def test_a_file_never_changes(self) -> None:
        store = self.make_store()
        self.write(store, b"first")

        assert not self.write(store, b"second", file=evolve(_FILE, content_type="image/png"))

        assert self.read(store) == b"first"
        assert store.find(_FILE.id) == evolve(_FILE, size=5)

    def test_one_of_several_writers_of_an_id_is_the_first(self) -> None:
        for _ in range(5):
            store = self.make_store()

            with ThreadPoolExecutor(_MANY) as pool:
                contents = [b"%d" % number * 1000 for number in range(_MANY)]
                kept = list(pool.map(lambda content: self.write(store, content), contents))  # noqa: B023 - ended before the next

            assert sum(kept) == 1, "exactly one writer is told that its file is kept"
            assert self.read(store) == contents[kept.index(True)]
            store.delete(_FILE.id)

    def test_a_file_of_the_limit_is_kept_and_one_byte_more_is_refused_for_good(self) -> None:
        store = self.make_store()

        assert self.write(store, b"123", b"45", limit=5)
        other = evolve(_FILE, id=UUID(int=2))
        try:
            self.write(store, b"123", b"456", file=other, limit=5)
        except MediaError as error:
            assert error.permanent, "a file that is too large now is too large again"  # noqa: PT017 - a kit needs no pytest
        else:
            raise AssertionError("a file above its limit was written")
        assert store.find(other.id) is None

    def test_a_deleted_file_does_not_exist(self) -> None:
        store = self.make_store()
        self.write(store, b"one")

        assert store.delete(_FILE.id)

        assert store.find(_FILE.id) is None
        assert self._refused(store).permanent
        assert not store.delete(_FILE.id)

    def test_a_restricted_file_serves_its_channel_only(self) -> None:
        store = self.make_store()
        self.write(store, b"one")
        self.write(store, b"two", file=evolve(_FILE, id=UUID(int=2), channel=None))

        restricted, free = store.find(_FILE.id), store.find(UUID(int=2))

        assert restricted is not None
        assert free is not None
        channels = (_ORDERS, _NEWS, _FOREIGN)
        assert [restricted.serves(channel) for channel in channels] == [True, False, False]
        assert [free.serves(channel) for channel in channels] == [True, True, False]

    def test_many_files_leave_nothing_open(self) -> None:
        store = self.make_store()
        self.write(store, b"one")
        with nothing_left_open():
            for _ in range(_MANY):
                self.read(store)
                self.write(store, b"two")
                self._refused(store, UUID(int=2))

    def _refused(self, store: MediaStore, file_id: UUID = _FILE.id) -> MediaError:
        try:
            content = self.read(store, file_id)
        except MediaError as error:
            return error
        raise AssertionError(f"a file that does not exist gave {len(content)} bytes")
