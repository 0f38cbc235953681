"""The contract of media stores that callers reach without the application."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.ports.media_store import DirectMediaStore, DirectUpload, MediaFile
from messaging_core.testing.contracts.media_store import MediaStoreContract

_FILE: Final = MediaFile(
    id=UUID(int=7),
    content_type='text/plain; charset="utf-8"',
    workspace=UUID(int=3),
    channel=UUID(int=4),
)
_LIMIT: Final = 1024
_LIFETIME: Final = timedelta(minutes=5)
_MANY: Final = 8


class DirectMediaStoreContract(MediaStoreContract):
    """Inherit this in a test class, and say how a caller reaches the server of the store."""

    def make_store(self) -> DirectMediaStore:
        """Return a store without files."""
        raise NotImplementedError

    def post(self, url: str, fields: Mapping[str, str], content: bytes) -> bool:
        """Send a form with a file in the field `file`, and return whether it is accepted."""
        raise NotImplementedError

    def fetch(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        """Return the content and the headers, by their names in lower case, of a signed URL."""
        raise NotImplementedError

    def test_a_file_that_a_form_uploads_is_read_as_it_was_sent(self) -> None:
        store = self.make_store()
        form = store.upload_form(_FILE, _LIMIT, _LIFETIME)
        assert store.find(_FILE.id) is None

        assert self._upload(form, b"one")

        assert store.find(_FILE.id) == evolve(_FILE, size=3), "with its size, type and channel"
        assert self.read(store, _FILE.id) == b"one"

    def test_a_file_without_a_channel_comes_by_a_form_too(self) -> None:
        store, free = self.make_store(), evolve(_FILE, channel=None)

        assert self._upload(store.upload_form(free, _LIMIT, _LIFETIME), b"")

        assert self.read(store, free.id) == b""
        assert store.find(free.id) == free

    def test_a_file_that_was_found_never_changes(self) -> None:
        for is_found in (True, False):
            store = self.make_store()
            form = store.upload_form(_FILE, _LIMIT, _LIFETIME)
            self._upload(form, b"first")
            if is_found:
                store.find(_FILE.id)
            else:
                self.read(store, _FILE.id)

            self._upload(form, b"second")

            assert self.read(store, _FILE.id) == b"first"
            assert store.find(_FILE.id) == evolve(_FILE, size=5)
            assert store.delete(_FILE.id)

    def test_many_that_look_at_once_see_the_same_file(self) -> None:
        store = self.make_store()
        self._upload(store.upload_form(_FILE, _LIMIT, _LIFETIME), b"one")

        with ThreadPoolExecutor(_MANY) as pool:
            files = list(pool.map(store.find, [_FILE.id] * _MANY))

        assert files == [evolve(_FILE, size=3)] * _MANY

    def test_a_form_takes_a_file_of_its_limit_and_no_larger_one(self) -> None:
        store = self.make_store()
        form = store.upload_form(_FILE, _LIMIT, _LIFETIME)

        assert not self._upload(form, bytes(_LIMIT + 1))
        assert store.find(_FILE.id) is None
        assert self._upload(form, bytes(_LIMIT))

    def test_a_form_with_a_field_changed_left_out_or_added_is_refused(self) -> None:
        store = self.make_store()
        form = store.upload_form(_FILE, _LIMIT, _LIFETIME)
        wrong = [{**form.fields, name: f"{value}0"} for name, value in form.fields.items()]
        wrong += [
            {name: value for name, value in form.fields.items() if name != left_out}
            for left_out in form.fields
        ]
        wrong.append({**form.fields, "Cache-Control": "no-store"})

        assert not any(self.post(form.url, fields, b"one") for fields in wrong)

        assert store.find(_FILE.id) is None
        assert self._upload(form, b"one"), "the form as it was given serves yet"

    def test_a_deleted_upload_does_not_exist(self) -> None:
        store = self.make_store()
        self._upload(store.upload_form(_FILE, _LIMIT, _LIFETIME), b"one")

        assert store.delete(_FILE.id)

        assert store.find(_FILE.id) is None

    def test_a_signed_url_gives_a_file_that_no_browser_shows(self) -> None:
        store = self.make_store()
        self._upload(store.upload_form(_FILE, _LIMIT, _LIFETIME), b"one")
        file = store.find(_FILE.id)
        assert file is not None
        self.write(store, b"two", file=evolve(_FILE, id=UUID(int=8)))

        content, headers = self.fetch(store.signed_url(file, _LIFETIME))

        assert content == b"one"
        assert headers["content-type"] == _FILE.content_type
        assert headers["content-disposition"] == "attachment"
        other = store.signed_url(evolve(_FILE, id=UUID(int=8)), _LIFETIME)
        assert self.fetch(other)[0] == b"two"

    def test_nothing_signed_is_shown(self) -> None:
        form = self.make_store().upload_form(_FILE, _LIMIT, _LIFETIME)

        assert not any(value in repr(form) for value in form.fields.values())

    def _upload(self, form: DirectUpload, content: bytes) -> bool:
        return self.post(form.url, form.fields, content)
