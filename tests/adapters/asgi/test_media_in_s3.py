"""Media in S3 over HTTP: forms of S3 itself, and uploads through the application."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any, Final
from uuid import UUID

import httpx
import pytest
from attrs import frozen

from messaging_adapters.asgi.access import Access, AccessKeyTable, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.media_stores.s3 import S3MediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.linked import LinkedMedia
from messaging_adapters.uploads.presigned import Uploads
from messaging_adapters.uploads.source import UploadedMedia
from messaging_core import Channel, Messenger, Worker
from messaging_core.testing import RecordingTransport
from peers.s3 import KEY_ID, REGION, keys_of, make_bucket, s3_server, unfinished_in
from peers.s3 import SECRET as S3_SECRET
from tests import plain_http
from tests.adapters.asgi.conftest import MAIL, ORDERS, PUBLIC, SECRET, path_of, serving

PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
BUCKETS: Final = (f"served-{number}" for number in count())
KEY: Final = {"Authorization": "AccessKey everything"}


@frozen(kw_only=True)
class Served:
    """An application with uploads in a bucket of its own."""

    url: str
    uploads: Uploads
    bucket: str
    transport: RecordingTransport
    messenger: Messenger

    def form(self, channel: Channel = MAIL) -> dict[str, Any]:
        answer = plain_http.post(
            f"{self.url}{path_of(channel)}/presigned-upload",
            json={"contentType": "image/png"},
            headers=KEY,
        )
        assert answer.status_code == 200, answer.text
        form: dict[str, Any] = answer.json()
        return form

    def upload(self, form: dict[str, Any], content: bytes = PICTURE) -> httpx.Response:
        target = form["uploadUrl"].replace(PUBLIC, self.url)
        return plain_http.post(target, data=form["uploadFormData"], files={"file": content})

    def send(self, media_url: str, channel: Channel = MAIL) -> httpx.Response:
        text = {"text": "hi", "attachments": [{"mediaUrl": media_url, "filename": "a.png"}]}
        request = {
            "receiver": {"contacts": [{"identifierValue": "ada@b.example"}]},
            "body": {"type": "text", "text": text},
        }
        return plain_http.post(
            f"{self.url}{path_of(channel, '/messages')}", json=request, headers=KEY
        )

    def link(self, form: dict[str, Any]) -> str:
        file_id = self.uploads.file_id_of(form["mediaUrl"])
        assert file_id is not None
        return self.uploads.link(file_id).replace(PUBLIC, self.url)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def serve(server: str) -> Iterator[Callable[..., Served]]:
    with ExitStack() as stack:

        def serve(**options: Any) -> Served:
            bucket = next(BUCKETS)
            make_bucket(bucket)
            store = S3MediaStore(
                bucket,
                region=REGION,
                endpoint_url=server,
                access_key_id=KEY_ID,
                secret_access_key=S3_SECRET,
            )
            uploads = Uploads(store=store, secret=SECRET, base_url=PUBLIC, **options)
            transport = RecordingTransport()
            messenger = Messenger(
                storage=MemoryStorage(),
                channels=dict.fromkeys((MAIL, ORDERS), LinkedMedia(transport, uploads)),
                media_check=uploads,
            )
            stack.callback(messenger.close)
            access = AccessKeyTable({hash_of_key("everything"): Access(name="everything")})
            url = stack.enter_context(serving(make_app(messenger, access=access, uploads=uploads)))
            return Served(
                url=url,
                uploads=uploads,
                bucket=bucket,
                transport=transport,
                messenger=messenger,
            )

        yield serve


def test_a_file_goes_to_s3_and_its_message_carries_a_link(
    serve: Callable[..., Served], server: str
) -> None:
    served = serve()
    form = served.form()
    assert form["uploadUrl"].startswith(server), "the content does not come through us"
    assert served.send(form["mediaUrl"]).status_code == 422, "nothing was uploaded yet"
    assert served.upload(form).status_code == 204

    answer = served.send(form["mediaUrl"])

    assert answer.status_code == 202, answer.text
    Worker(served.messenger).drain()
    (envelope,) = served.transport.sent
    link = envelope.content.attachments[0].media_url.replace(PUBLIC, served.url)  # type: ignore[union-attr]
    fetched = plain_http.get(link)
    assert (fetched.content, fetched.headers["content-type"]) == (PICTURE, "image/png")
    source = UploadedMedia(uploads=served.uploads, channels=(MAIL,))
    assert source.read(form["mediaUrl"], len(PICTURE)).content == PICTURE


def test_a_file_never_changes_once_a_message_was_accepted_with_it(
    serve: Callable[..., Served],
) -> None:
    served = serve()
    form = served.form()
    served.upload(form)
    assert served.send(form["mediaUrl"]).status_code == 202

    served.upload(form, b"another picture")

    assert plain_http.get(served.link(form)).content == PICTURE
    assert served.send(form["mediaUrl"]).status_code == 202
    assert plain_http.get(served.link(form)).content == PICTURE


def test_a_file_for_one_channel_is_refused_for_another(serve: Callable[..., Served]) -> None:
    served = serve()
    form = served.form(ORDERS)
    served.upload(form)

    assert served.send(form["mediaUrl"]).status_code == 422


def test_a_link_may_redirect_to_s3(serve: Callable[..., Served], server: str) -> None:
    served = serve(direct_downloads=True)
    form = served.form()
    assert plain_http.get(served.link(form)).status_code == 404
    served.upload(form)

    answer = plain_http.get(served.link(form))

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(server)
    followed = plain_http.get(answer.headers["location"])
    assert (followed.content, followed.headers["content-disposition"]) == (PICTURE, "attachment")
    assert plain_http.head(served.link(form)).headers["content-length"] == str(len(PICTURE))


@pytest.mark.parametrize("size", [len(PICTURE), 11_000_000])
def test_a_file_goes_through_the_application_where_s3_is_not_public(
    serve: Callable[..., Served], size: int
) -> None:
    served = serve(direct_uploads=False)
    form, content = served.form(), PICTURE + bytes(size - len(PICTURE))
    assert form["uploadUrl"] == f"{PUBLIC}/uploads"

    answers = [served.upload(form, content).status_code for _ in range(2)]

    assert answers == [204, 409]
    assert plain_http.get(served.link(form)).content == content
    assert keys_of(served.bucket) == [f"files/{form['uploadFormData']['key']}"]
    assert unfinished_in(served.bucket) == 0


def test_many_uploads_of_one_form_through_the_application_keep_one(
    serve: Callable[..., Served],
) -> None:
    served = serve(direct_uploads=False)
    form = served.form()
    target = form["uploadUrl"].replace(PUBLIC, served.url)

    async def upload_all() -> list[int]:
        async with plain_http.AsyncClient(timeout=30) as caller:
            files = [{"file": bytes([number]) * 10_000} for number in range(8)]
            answers = await asyncio.gather(
                *(caller.post(target, data=form["uploadFormData"], files=file) for file in files)
            )
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(upload_all()) == [204] + [409] * 7


def test_a_file_that_is_too_large_leaves_nothing_in_the_bucket(
    serve: Callable[..., Served],
) -> None:
    served = serve(direct_uploads=False, max_bytes=6_000_000)

    assert served.upload(served.form(), bytes(6_000_001)).status_code == 413

    assert (keys_of(served.bucket), unfinished_in(served.bucket)) == ([], 0)


def test_without_credentials_there_is_no_form(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    served.uploads.store = S3MediaStore("media", region=REGION)

    answer = plain_http.post(
        f"{served.url}{path_of(MAIL)}/presigned-upload",
        json={"contentType": "image/png"},
        headers=KEY,
    )

    assert (answer.status_code, answer.json()["code"]) == (503, "Unavailable")
    assert served.uploads.store is not None
    assert served.uploads.check(served.uploads.media_url(UUID(int=1)), MAIL) is None
