"""Media in a bucket of S3: the contract against moto, and what S3 does in the wild."""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from messaging_adapters.media_stores.s3 import S3MediaStore
from messaging_core.errors import ConfigurationError, MediaError
from messaging_core.ports.media_store import DirectMediaStore, MediaFile
from messaging_core.testing import DirectMediaStoreContract
from peers.s3 import (
    KEY_ID,
    REGION,
    SECRET,
    client_of,
    keys_of,
    make_bucket,
    s3_server,
    unfinished_in,
)
from tests import plain_http

FILE = MediaFile(id=UUID(int=1), content_type="image/png", workspace=UUID(int=0))
MEGABYTE = 1024 * 1024
BUCKETS = (f"bucket-{number}" for number in count())


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def make(server: str) -> Iterator[Callable[..., S3MediaStore]]:
    """Make stores of buckets of their own."""
    stores = []

    def make(**options: Any) -> S3MediaStore:
        bucket = options.pop("bucket", None) or next(BUCKETS)
        if "client" not in options:
            make_bucket(bucket)
        given = {"region": REGION, "endpoint_url": server, "timeout": 5} | options
        given |= {"access_key_id": KEY_ID, "secret_access_key": SECRET}
        stores.append(S3MediaStore(bucket, **given))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


def write(store: S3MediaStore, *chunks: bytes, limit: int = 100 * MEGABYTE) -> bool:
    writer = store.begin(FILE, limit)
    try:
        for chunk in chunks:
            writer.write(chunk)
        return writer.commit()
    finally:
        writer.abort()


class TestS3(DirectMediaStoreContract):
    @pytest.fixture(autouse=True)
    def _make(self, make: Callable[..., S3MediaStore]) -> None:
        self.make = make

    def make_store(self) -> DirectMediaStore:
        return self.make()

    def post(self, url: str, fields: Mapping[str, str], content: bytes) -> bool:
        return plain_http.post(url, data=dict(fields), files={"file": content}).is_success

    def fetch(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        answer = plain_http.get(url).raise_for_status()
        return answer.content, answer.headers


@pytest.mark.parametrize("size", [5 * MEGABYTE, 5 * MEGABYTE + 1, 12 * MEGABYTE])
def test_a_large_file_goes_in_parts_and_leaves_none(
    make: Callable[..., S3MediaStore], size: int
) -> None:
    store = make(prefix="media/")
    content = os.urandom(MEGABYTE) * (size // MEGABYTE + 1)

    assert write(store, content[: size // 3], content[size // 3 : size])
    assert not write(store, content[:size])

    assert b"".join(store.read(FILE.id)) == content[:size]
    assert keys_of(store.bucket) == [f"media/files/{FILE.id}"]
    assert unfinished_in(store.bucket) == 0


def test_a_large_upload_by_form_is_copied_within_s3(make: Callable[..., S3MediaStore]) -> None:
    store = make()
    content = bytes(6 * MEGABYTE)
    form = store.upload_form(FILE, len(content), timedelta(minutes=1))
    assert (
        plain_http.post(form.url, data=dict(form.fields), files={"file": content}).status_code
        == 204
    )

    file = store.find(FILE.id)

    assert file is not None
    assert (file.size, file.content_type) == (len(content), "image/png")
    assert b"".join(store.read(FILE.id)) == content
    assert keys_of(store.bucket) == [f"files/{FILE.id}"]
    assert unfinished_in(store.bucket) == 0


def test_an_interrupted_upload_leaves_no_parts(make: Callable[..., S3MediaStore]) -> None:
    store = make()
    writer = store.begin(FILE, 100 * MEGABYTE)
    writer.write(bytes(6 * MEGABYTE))
    assert unfinished_in(store.bucket) == 1

    writer.abort()

    assert (unfinished_in(store.bucket), keys_of(store.bucket)) == (0, [])


def test_the_policy_of_a_form_fixes_every_field(make: Callable[..., S3MediaStore]) -> None:
    store = make()
    form = store.upload_form(FILE, 1000, timedelta(minutes=1))
    signed = ("policy", "x-amz-signature")
    fields = {name: value for name, value in form.fields.items() if name not in signed}

    conditions = json.loads(base64.b64decode(form.fields["policy"]))["conditions"]

    exact = [{name: value} for name, value in {**fields, "bucket": store.bucket}.items()]
    assert [condition for condition in conditions if condition not in exact] == [
        ["content-length-range", 0, 1000]
    ]
    assert all(condition in conditions for condition in exact)
    assert (fields["Content-Type"], fields["key"]) == ("image/png", f"incoming/{FILE.id}")


def test_a_form_and_a_url_end(make: Callable[..., S3MediaStore]) -> None:
    store = make()
    write(store, b"one")
    form = store.upload_form(FILE, 10, timedelta(seconds=1))
    url = store.signed_url(FILE, timedelta(seconds=1))
    until = plain_http.get(url)
    while plain_http.get(url).is_success:
        assert until.is_success

    assert (
        plain_http.post(form.url, data=dict(form.fields), files={"file": b"1"}).status_code == 403
    )
    assert plain_http.get(url.partition("?")[0]).status_code == 403


class Wrapped:
    """A client of boto3, one method of which does something else first."""

    def __init__(self, client: Any, name: str, call: Callable[..., Any]) -> None:
        self._client, self._name, self._call = client, name, call

    def __getattr__(self, name: str) -> Any:
        own = getattr(self._client, name)
        return (lambda **options: self._call(own, **options)) if name == self._name else own


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret"}}, "Any")


@pytest.fixture
def client(server: str) -> Iterator[Any]:
    client = client_of(server)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("name", "size", "code"),
    [
        ("put_object", 1, "PreconditionFailed"),
        ("complete_multipart_upload", 6 * MEGABYTE, "PreconditionFailed"),
        ("complete_multipart_upload", 6 * MEGABYTE, "NoSuchUpload"),
    ],
)
def test_a_write_whose_answer_was_lost_counts(
    make: Callable[..., S3MediaStore], client: Any, name: str, size: int, code: str
) -> None:
    def lose(call: Callable[..., Any], **options: Any) -> Any:
        call(**options)
        raise refused(code)  # as boto3 sees it, which wrote again

    bucket = next(BUCKETS)
    make_bucket(bucket)
    store = make(bucket=bucket, client=Wrapped(client, name, lose))

    assert write(store, bytes(size))
    assert not write(store, bytes(size)), "and only for the writer of the file"


def test_an_upload_that_replaces_another_while_it_is_copied_is_the_one_that_counts(
    make: Callable[..., S3MediaStore], client: Any
) -> None:
    bucket, times = next(BUCKETS), iter([True])
    make_bucket(bucket)

    def upload_again(call: Callable[..., Any], **options: Any) -> Any:
        if "IfMatch" in options and next(times, False):
            plain_http.post(form.url, data=dict(form.fields), files={"file": b"second"})
        return call(**options)

    store = make(bucket=bucket, client=Wrapped(client, "get_object", upload_again))
    form = store.upload_form(FILE, 10, timedelta(minutes=1))
    plain_http.post(form.url, data=dict(form.fields), files={"file": b"first"})

    file = store.find(FILE.id)

    assert file is not None
    assert file.size == len(b"second")
    assert b"".join(store.read(FILE.id)) == b"second"


def test_a_bucket_that_is_not_available_is_no_lasting_failure(
    make: Callable[..., S3MediaStore], server: str, client: Any
) -> None:
    nowhere = make(endpoint_url="http://127.0.0.1:1")
    missing = make(bucket="no-such-bucket", client=client)
    for store, code in ((nowhere, "EndpointConnectionError"), (missing, "NoSuchBucket")):
        with pytest.raises(MediaError) as caught:
            write(store, b"one")
        assert not caught.value.permanent, "the caller may try again"
        assert caught.value.reason == f"the bucket of media is not available: {code}"
        assert server not in str(caught.value)


def test_an_object_of_another_program_is_not_served(
    make: Callable[..., S3MediaStore], client: Any
) -> None:
    store = make()
    client.put_object(Bucket=store.bucket, Key=f"files/{FILE.id}", Body=b"one")

    with pytest.raises(MediaError, match="not written by this store"):
        store.find(FILE.id)


def test_no_secret_is_shown(make: Callable[..., S3MediaStore]) -> None:
    assert SECRET not in repr(make())


def test_a_process_that_was_forked_opens_connections_of_its_own(
    make: Callable[..., S3MediaStore],
) -> None:
    store = make()
    write(store, b"one")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.write(writer, b"".join(store.read(FILE.id)))
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)

    assert os.read(reader, 10) == b"one"
    os.close(reader)
    assert b"".join(store.read(FILE.id)) == b"one"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"bucket": "Shop media"}, "bucket"),
        ({"bucket": 5}, "bucket"),
        ({"prefix": "a b"}, "prefix"),
        ({"region": 5}, "region"),
        ({"timeout": 0}, "timeout"),
        ({"client": "s3"}, "client"),
        ({"access_key_id": "a"}, "give both or neither"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        S3MediaStore(**({"bucket": "media"} | options))
