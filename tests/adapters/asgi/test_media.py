"""Uploads and downloads of media over HTTP, by real clients."""

import asyncio
import shutil
import socket
import subprocess
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.upload_form import FORM_OVERHEAD
from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.presigned import Uploads
from messaging_core import Messenger
from messaging_core.testing import RecordingTransport
from tests import plain_http
from tests.adapters.asgi.conftest import (
    FOREIGN,
    MAIL,
    ORDERS,
    OTHER,
    PUBLIC,
    SECRET,
    Service,
    path_of,
    serving,
    sms,
)

WORKSPACE: Final = f"/workspaces/{ORDERS.workspace}"
PICTURE: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100


def presigned(client: httpx.Client, path: str, kind: str = "image/png") -> dict[str, Any]:
    answer = client.post(f"{path}/presigned-upload", json={"contentType": kind})
    assert answer.status_code == 200
    upload: dict[str, Any] = answer.json()
    return upload


def upload(service: Service, form: dict[str, Any], content: bytes = PICTURE) -> httpx.Response:
    target = form["uploadUrl"].replace(PUBLIC, service.url)
    return plain_http.post(target, data=form["uploadFormData"], files={"file": ("a.png", content)})


def test_a_file_is_uploaded_and_fetched_by_a_signed_link(
    service: Service, client: httpx.Client
) -> None:
    form = presigned(client, f"{WORKSPACE}/channel-media")
    assert form["uploadMethod"] == "POST"
    assert upload(service, form).status_code == 204

    file_id = service.uploads.file_id_of(form["mediaUrl"])
    assert file_id is not None
    link = service.uploads.link(file_id).replace(PUBLIC, service.url)
    answer = plain_http.get(link)
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    head = plain_http.head(link)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(PICTURE)))


def test_a_link_works_for_a_while_and_for_its_file_only(
    service: Service, client: httpx.Client
) -> None:
    forms = [presigned(client, f"{WORKSPACE}/channel-media") for _ in range(2)]
    first, second = (service.uploads.file_id_of(form["mediaUrl"]) for form in forms)
    for form in forms:
        upload(service, form)
    assert first is not None
    link = service.uploads.link(first).replace(PUBLIC, service.url)

    changed = [
        link.partition("?")[0],
        link.replace(str(first), str(second)),
        link.replace("expires=", "expires=9"),
        link[:-1],
        link + "é",
    ]
    assert [plain_http.get(url).status_code for url in changed] == [403] * 5
    assert plain_http.get(f"{service.url}/media/{{{first}}}").status_code == 404
    service.clock.advance(service.uploads.link_lifetime - timedelta(seconds=1))
    assert plain_http.get(link).status_code == 200
    service.clock.advance(seconds=1)
    assert plain_http.get(link).status_code == 403


def test_a_link_to_a_file_that_was_deleted_is_404(service: Service, client: httpx.Client) -> None:
    form = presigned(client, f"{WORKSPACE}/channel-media")
    file_id = service.uploads.file_id_of(form["mediaUrl"])
    assert file_id is not None
    link = service.uploads.link(file_id).replace(PUBLIC, service.url)
    assert plain_http.get(link).status_code == 404
    upload(service, form)
    assert service.uploads.store.delete(file_id)
    assert plain_http.get(link).json()["code"] == "NotFound"


@pytest.mark.parametrize("name", ["Content-Type", "key", "workspace", "channel", "expires",
                                  "max-bytes", "signature"])  # fmt: skip
def test_a_form_with_a_field_changed_or_missing_is_refused(
    service: Service, client: httpx.Client, name: str
) -> None:
    form = presigned(client, path_of(ORDERS))
    fields = form["uploadFormData"]
    other = presigned(client, path_of(MAIL), "image/gif")["uploadFormData"]
    changed = {**fields, name: other[name] if other[name] != fields[name] else "99999999999"}
    missing = {key: value for key, value in fields.items() if key != name}
    for wrong in (changed, missing):
        answer = upload(service, {**form, "uploadFormData": wrong})
        assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")
    assert service.uploads.store.find(UUID(fields["key"])) is None
    assert upload(service, form).status_code == 204


def test_a_form_with_one_field_more_is_refused(service: Service, client: httpx.Client) -> None:
    form = presigned(client, f"{WORKSPACE}/channel-media")
    fields = {**form["uploadFormData"], "channel": str(ORDERS.id)}
    assert upload(service, {**form, "uploadFormData": fields}).status_code == 403


def test_a_form_serves_once(service: Service, client: httpx.Client) -> None:
    form = presigned(client, f"{WORKSPACE}/channel-media")
    assert upload(service, form).status_code == 204
    answer = upload(service, form, b"another picture")
    assert (answer.status_code, answer.json()["code"]) == (409, "Conflict")
    file_id = UUID(form["uploadFormData"]["key"])
    assert b"".join(service.uploads.store.read(file_id)) == PICTURE


def test_a_form_serves_until_it_expires(service: Service, client: httpx.Client) -> None:
    early, late = (presigned(client, f"{WORKSPACE}/channel-media") for _ in range(2))
    service.clock.advance(service.uploads.lifetime - timedelta(seconds=1))
    assert upload(service, early).status_code == 204
    service.clock.advance(seconds=1)
    answer = upload(service, late)
    assert answer.status_code == 403
    assert "expired" in answer.json()["message"]


def test_a_file_as_large_as_allowed_is_kept_and_one_byte_more_is_413(
    service: Service, client: httpx.Client
) -> None:
    service.uploads.max_bytes = 1000
    forms = [presigned(client, f"{WORKSPACE}/channel-media") for _ in range(3)]
    answers = [
        upload(service, form, bytes(size))
        for form, size in zip(forms, (1000, 1001, 5_000_000), strict=True)
    ]
    assert [answer.status_code for answer in answers] == [204, 413, 413]
    for form in forms[1:]:
        assert service.uploads.store.find(UUID(form["uploadFormData"]["key"])) is None


def test_a_presigned_upload_needs_a_content_type_and_a_channel_of_the_caller(
    client: httpx.Client,
) -> None:
    paths = (f"{WORKSPACE}/channel-media", path_of(ORDERS))
    for path in paths:
        for body in ({}, {"contentType": ""}, {"contentType": "no type"}, {"contentType": 1}):
            answer = client.post(f"{path}/presigned-upload", json=body)
            assert answer.status_code == 422
            assert list(answer.json()["details"]) == ["contentType"]
    unknown = f"{WORKSPACE}/channels/{uuid4()}"
    foreign = f"{WORKSPACE}/channels/{FOREIGN.id}"
    for path in (unknown, foreign, path_of(FOREIGN)):
        answer = client.post(f"{path}/presigned-upload", json={"contentType": "image/png"})
        assert answer.status_code == 404


def test_without_uploads_there_are_no_such_routes() -> None:
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    with serving(make_app(messenger, access=lambda _: None)) as url:
        asked = [
            plain_http.post(f"{url}{WORKSPACE}/channel-media/presigned-upload"),
            plain_http.post(f"{url}{path_of(ORDERS)}/presigned-upload"),
            plain_http.post(f"{url}/uploads"),
            plain_http.get(f"{url}/media/{ORDERS.id}"),
        ]
        described = plain_http.get(f"{url}/openapi.json").json()["paths"]
    assert [answer.status_code for answer in asked] == [404] * 4
    assert not [path for path in described if "media" in path or "upload" in path]


def image(url: str) -> dict[str, Any]:
    return {
        "receiver": {"contacts": [{"identifierValue": "ada@b.example"}]},
        "body": {
            "type": "text",
            "text": {"text": "hi", "attachments": [{"mediaUrl": url, "filename": "a.png"}]},
        },
    }


def test_the_media_of_a_message_are_located_or_redirected_to(
    service: Service, client: httpx.Client
) -> None:
    form, other = (presigned(client, path_of(MAIL)) for _ in range(2))
    for named in (form, other):
        upload(service, named)
    sent = client.post(path_of(MAIL, "/messages"), json=image(form["mediaUrl"]))
    assert sent.status_code == 202, sent.text
    path = f"{WORKSPACE}/messages/{sent.json()['id']}/media/"
    file_id = form["uploadFormData"]["key"]

    answer = client.get(path + file_id)
    assert answer.status_code == 200
    location = answer.json()["location"]
    assert plain_http.get(location.replace(PUBLIC, service.url)).content == PICTURE
    redirect = client.get(path + file_id, params={"redirect": "true"})
    assert (redirect.status_code, redirect.headers["location"]) == (302, location)
    assert client.get(path + file_id, params={"redirect": "maybe"}).status_code == 422
    assert client.get(path + other["uploadFormData"]["key"]).status_code == 404
    assert client.get(f"{WORKSPACE}/messages/{uuid4()}/media/{file_id}").status_code == 404
    with service.client("foreign") as foreign:
        assert foreign.get(path + file_id).status_code == 404


@pytest.mark.parametrize("place", ["reference", "text"])
def test_a_url_in_a_text_opens_no_file_of_another_workspace_or_channel(
    service: Service, client: httpx.Client, place: str
) -> None:
    with service.client("foreign") as foreign:
        forms = [
            presigned(foreign, f"/workspaces/{OTHER}/channel-media"),
            presigned(foreign, path_of(FOREIGN)),
            presigned(client, path_of(MAIL)),
            presigned(client, path_of(ORDERS)),
        ]
    answers = []
    for form in forms:
        upload(service, form)
        url = form["mediaUrl"]
        request = sms(url) if place == "text" else {**sms(), "reference": url}
        sent = client.post(path_of(ORDERS, "/messages"), json=request).json()
        path = f"{WORKSPACE}/messages/{sent['id']}/media/{form['uploadFormData']['key']}"
        answers.append(client.get(path).status_code)
    assert answers == [404, 404, 404, 200]


def test_a_file_that_was_not_uploaded_or_belongs_elsewhere_is_refused_at_send(
    service: Service, client: httpx.Client
) -> None:
    missing, elsewhere = presigned(client, path_of(MAIL)), presigned(client, path_of(ORDERS))
    upload(service, elsewhere)
    for form in (missing, elsewhere):
        answer = client.post(path_of(MAIL, "/messages"), json=image(form["mediaUrl"]))
        assert answer.status_code == 422
        assert list(answer.json()["details"]) == ["body.text.attachments.0.mediaUrl"]


BOUNDARY: Final = "boundary"
FORM_TYPE: Final = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, value: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + value + b"\r\n"


def parts(form: dict[str, Any]) -> bytes:
    fields = form["uploadFormData"].items()
    return b"".join(part(name, value.encode()) for name, value in fields)


END: Final = f"--{BOUNDARY}--\r\n".encode()
FILE: Final = part("file", PICTURE)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (lambda _: b"", 400),
        (lambda _: b"no form at all", 400),
        (lambda _: END, 400),
        (lambda form: parts(form) + END, 400),
        (lambda form: parts(form) + FILE, 400),
        (lambda form: parts(form) + FILE[:-20], 400),
        (lambda form: parts(form) + FILE + FILE + END, 400),
        (lambda form: parts(form) + FILE + part("late", b"1") + END, 400),
        (lambda form: parts(form) + part("key", b"1") + FILE + END, 400),
        (lambda form: part("key", b"\xff") + parts(form) + FILE + END, 400),
        (lambda form: part("file", b"1") + parts(form) + END, 400),
        (lambda form: parts(form) + part("more", b"1") + FILE + END, 403),
        (lambda form: parts(form) + part("more", bytes(FORM_OVERHEAD + 1)) + FILE + END, 413),
        (lambda form: parts(form) + FILE + END + bytes(2_000_000), 413),
        (lambda form: parts(form) + FILE + END, 204),
        (lambda form: parts(form) + FILE + END + b"\r\n", 204),
    ],
)
def test_forms_that_are_malformed_are_refused_and_keep_nothing(
    service: Service, client: httpx.Client, body: Any, status: int
) -> None:
    service.uploads.max_bytes = 1_000_000
    form = presigned(client, f"{WORKSPACE}/channel-media")
    content = body(form)
    answer = plain_http.post(
        f"{service.url}/uploads", content=content, headers={"Content-Type": FORM_TYPE}
    )
    assert answer.status_code == status
    file = service.uploads.store.find(UUID(form["uploadFormData"]["key"]))
    assert (file is not None) == (status == 204)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 415),
        ("multipart/form-data", 415),
        ("multipart/mixed; boundary=b", 415),
        ("", 415),
        (f"multipart/form-data; boundary={'b' * 5000}", 400),
    ],
)
def test_a_request_that_is_no_form_is_refused(service: Service, kind: str, status: int) -> None:
    answer = plain_http.post(f"{service.url}/uploads", content=b"x", headers={"Content-Type": kind})
    assert answer.status_code == status
    assert plain_http.get(f"{service.url}/uploads").status_code == 405


def test_curl_uploads_a_form(service: Service, client: httpx.Client, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    assert curl, "curl is needed: install it"
    (tmp_path / "a.png").write_bytes(PICTURE)
    form = presigned(client, path_of(ORDERS))
    fields = [f"{name}={value}" for name, value in form["uploadFormData"].items()]
    command = [curl, "-sS", "-o", "answer", "-w", "%{http_code}"]
    for field in (*fields, "file=@a.png"):
        command += ["-F", field]
    command.append(form["uploadUrl"].replace(PUBLIC, service.url))
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert ran.stdout == "204"
    file = service.uploads.store.find(UUID(form["uploadFormData"]["key"]))
    assert file is not None
    assert (file.size, file.content_type, file.channel) == (len(PICTURE), "image/png", ORDERS.id)


@pytest.fixture
def folder(tmp_path: Path) -> FolderMediaStore:
    return FolderMediaStore(tmp_path / "media")


def partial_of(store: FolderMediaStore) -> list[Path]:
    folder = store.root / "partial"
    return list(folder.iterdir()) if folder.exists() else []


def opened(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def head(length: int) -> bytes:
    lines = ("POST /uploads HTTP/1.1", "Host: x", f"Content-Type: {FORM_TYPE}")
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def as_dict(uploads: Uploads) -> dict[str, Any]:
    created = uploads.create("image/png")
    return {"uploadFormData": created.upload_form_data}


def test_a_client_that_goes_away_keeps_nothing(folder: FolderMediaStore) -> None:
    uploads = Uploads(store=folder, secret=SECRET, base_url=PUBLIC)
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    with serving(make_app(messenger, access=lambda _: None, uploads=uploads)) as url:
        form = as_dict(uploads)
        body = parts(form) + FILE
        with opened(url) as connection:
            connection.sendall(head(len(body) + 10_000_000) + body)
            wait_until(lambda: len(partial_of(folder)) == 1)
        wait_until(lambda: partial_of(folder) == [])
        answer = plain_http.post(
            f"{url}/uploads", content=body + END, headers={"Content-Type": FORM_TYPE}
        )
        assert answer.status_code == 204, "the form serves the next attempt"


def test_a_slow_client_is_sent_away_when_its_form_expires(folder: FolderMediaStore) -> None:
    uploads = Uploads(store=folder, secret=SECRET, base_url=PUBLIC, lifetime=timedelta(seconds=2))
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    with serving(make_app(messenger, access=lambda _: None, uploads=uploads)) as url:
        body = parts(as_dict(uploads)) + FILE
        began = monotonic()
        with opened(url) as silent, opened(url) as trickling:
            silent.sendall(head(1000))
            trickling.sendall(head(len(body) + 1000) + body)
            answers = [connection.recv(1000) for connection in (silent, trickling)]
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
        assert monotonic() - began < 10
        wait_until(lambda: partial_of(folder) == [])


def test_a_store_that_fails_is_503_and_the_form_still_serves(tmp_path: Path) -> None:
    (tmp_path / "media").write_bytes(b"no folder")
    uploads = Uploads(
        store=FolderMediaStore(tmp_path / "media" / "below"), secret=SECRET, base_url=PUBLIC
    )
    messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
    with serving(make_app(messenger, access=lambda _: None, uploads=uploads)) as url:
        body = parts(as_dict(uploads)) + FILE + END
        headers = {"Content-Type": FORM_TYPE}
        answer = plain_http.post(f"{url}/uploads", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (503, "Unavailable")
        assert str(tmp_path) not in answer.text
        (tmp_path / "media").unlink()
        assert plain_http.post(f"{url}/uploads", content=body, headers=headers).status_code == 204


def test_many_uploads_of_one_form_at_once_keep_one(service: Service, client: httpx.Client) -> None:
    form = presigned(client, f"{WORKSPACE}/channel-media")
    target = form["uploadUrl"].replace(PUBLIC, service.url)

    async def upload_all() -> list[int]:
        async with plain_http.AsyncClient(timeout=30) as caller:
            answers = await asyncio.gather(
                *(
                    caller.post(
                        target, data=form["uploadFormData"], files={"file": bytes([n]) * 10_000}
                    )
                    for n in range(8)
                )
            )
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(upload_all()) == [204] + [409] * 7


def wait_until(condition: Any, seconds: float = 10) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not come true in time"
