"""Uploaders that stop, lie, trickle or keep silent: refused, and nothing is left behind."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from attrs import frozen

from messaging_adapters.asgi.app import make_app
from messaging_adapters.media_stores.folder import FolderMediaStore
from messaging_adapters.media_stores.s3 import S3MediaStore
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.presigned import PresignedUpload, Uploads
from messaging_core import Messenger
from messaging_core.testing import RecordingTransport
from peers.s3 import KEY_ID, REGION, keys_of, make_bucket, s3_server, unfinished_in
from peers.s3 import SECRET as S3_SECRET
from tests import plain_http
from tests.adapters.asgi.conftest import ORDERS, PUBLIC, SECRET, serving

BOUNDARY: Final = "boundary"
LARGE: Final = bytes(6 * 1024 * 1024)
"""So large that a part of it is in S3 before the end is missing."""

END: Final = f"\r\n--{BOUNDARY}--\r\n".encode()


@frozen(kw_only=True)
class Service:
    """A running application, and what its store holds."""

    url: str
    uploads: Uploads
    contents: Callable[[], tuple[int, int]]
    """How many files there are, and how many parts of unfinished ones."""

    def connect(self) -> socket.socket:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return socket.create_connection((parts.hostname, parts.port), timeout=30)

    def becomes(self, files: int, unfinished: int) -> None:
        until = monotonic() + 20
        while self.contents() != (files, unfinished):
            assert monotonic() < until, f"the store has {self.contents()}"
            sleep(0.02)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


def in_folder(root: Path) -> tuple[FolderMediaStore, Callable[[], tuple[int, int]]]:
    def contents() -> tuple[int, int]:
        return len(list(root.glob("files/*"))), len(list(root.glob("partial/*")))

    return FolderMediaStore(root), contents


def in_bucket(url: str, name: str) -> tuple[S3MediaStore, Callable[[], tuple[int, int]]]:
    make_bucket(name)
    store = S3MediaStore(
        name,
        region=REGION,
        endpoint_url=url,
        access_key_id=KEY_ID,
        secret_access_key=S3_SECRET,
    )
    return store, lambda: (len(keys_of(name)), unfinished_in(name))


@pytest.fixture(params=["folder", "s3"])
def serve(
    request: pytest.FixtureRequest, s3: str, tmp_path: Path
) -> Iterator[Callable[..., Service]]:
    name = "".join(letter for letter in tmp_path.name.replace("_", "-") if letter not in "[]")
    with ExitStack() as stack:

        def serve(**options: timedelta) -> Service:
            store, contents = (
                in_folder(tmp_path) if request.param == "folder" else in_bucket(s3, name[-60:])
            )
            uploads = Uploads(
                store=store, secret=SECRET, base_url=PUBLIC, direct_uploads=False, **options
            )
            stack.callback(uploads.close)
            messenger = Messenger(storage=MemoryStorage(), channels={ORDERS: RecordingTransport()})
            app = make_app(messenger, access=lambda _: None, uploads=uploads)
            return Service(
                url=stack.enter_context(serving(app)), uploads=uploads, contents=contents
            )

        yield serve


def body_of(form: PresignedUpload, content: bytes) -> bytes:
    """Return a form up to the end of its file."""
    parts = [*form.upload_form_data.items(), ("file", "")]
    heads = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in parts
    )
    return "\r\n".join(heads).encode() + content


def head(*lines: str) -> bytes:
    kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    return "\r\n".join(["POST /uploads HTTP/1.1", "Host: x", kind, *lines, "", ""]).encode()


def answer_of(connection: socket.socket) -> int:
    """Return the status of the answer, or 0 where the connection is closed without one."""
    try:
        line = connection.recv(65_536).split(b" ")
    except ConnectionResetError:
        return 0
    return int(line[1]) if len(line) > 1 else 0


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


@contextmanager
def others_served(service: Service) -> Iterator[list[float]]:
    """Ask for something else all the time, and yield how long each answer took."""
    times: list[float] = []
    stop = Event()

    def ask() -> None:
        with plain_http.Client() as client:
            while not stop.wait(0.02):
                began = monotonic()
                assert client.get(f"{service.url}/openapi.json").status_code == 200
                times.append(monotonic() - began)

    thread = Thread(target=ask)
    thread.start()
    try:
        yield times
    finally:
        stop.set()
        thread.join()


def test_an_uploader_that_stops_half_way_leaves_nothing(serve: Callable[..., Service]) -> None:
    service = serve()
    form = service.uploads.create("image/png")
    body = body_of(form, LARGE)
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {2 * len(body)}") + body)
        service.becomes(0, 1)
    service.becomes(0, 0)


def test_an_uploader_that_lies_about_the_length_leaves_nothing(
    serve: Callable[..., Service],
) -> None:
    service = serve()
    whole = body_of(service.uploads.create("image/png"), LARGE) + END
    with service.connect() as too_long:
        too_long.sendall(head(f"Content-Length: {len(whole) + 1000}") + whole)
        too_long.shutdown(socket.SHUT_WR)
        assert answer_of(too_long) in {0, 400}
    service.becomes(0, 0)
    whole = body_of(service.uploads.create("image/png"), LARGE) + END
    with service.connect() as too_short:
        too_short.sendall(head(f"Content-Length: {len(whole) - 100}") + whole)
        assert answer_of(too_short) == 400
    service.becomes(0, 0)


@pytest.mark.parametrize("ending", [b"zz\r\n", b"-5\r\n", b""], ids=["letters", "negative", "none"])
def test_an_uploader_whose_chunks_are_broken_leaves_nothing(
    serve: Callable[..., Service], ending: bytes
) -> None:
    service = serve()
    body = body_of(service.uploads.create("image/png"), LARGE)
    with service.connect() as connection:
        connection.sendall(head("Transfer-Encoding: chunked") + chunk(body) + ending)
        connection.shutdown(socket.SHUT_WR)
        assert answer_of(connection) in {0, 400}
    service.becomes(0, 0)


def test_silent_and_trickling_uploaders_time_out_while_others_are_served(
    serve: Callable[..., Service],
) -> None:
    service = serve(idle_timeout=timedelta(seconds=1), lifetime=timedelta(seconds=4))
    length = "Content-Length: 100000000"
    bodies = [body_of(service.uploads.create("image/png"), bytes(300_000)) for _ in range(20)]
    with ExitStack() as stack, others_served(service) as times:
        silent = [stack.enter_context(service.connect()) for _ in range(20)]
        for connection, body in zip(silent, [b"", *bodies[1:]], strict=True):
            connection.sendall(head(length) + body)
        trickling = stack.enter_context(service.connect())
        began = monotonic()
        trickling.sendall(head(length) + body_of(service.uploads.create("image/png"), b""))
        answers = [answer_of(connection) for connection in silent]
        trickling.settimeout(0.2)
        while not (answer := trickled(trickling)):
            assert monotonic() - began < 20, "a trickling uploader never ends"
        assert monotonic() - began > 1, "it is not silent, so its form ends it"

    assert answers == [408] * len(silent)
    assert answer == 408
    service.becomes(0, 0)
    assert len(times) > 2
    assert max(times) < 5


def trickled(connection: socket.socket) -> int:
    """Send one byte, and return the status of an answer, if there is one yet."""
    try:
        connection.sendall(b"x")
        return answer_of(connection)
    except TimeoutError:
        return 0


def test_a_form_serves_after_an_upload_that_failed(serve: Callable[..., Service]) -> None:
    service = serve()
    form = service.uploads.create("image/png")
    body = body_of(form, LARGE)
    with service.connect() as connection:
        connection.sendall(head(f"Content-Length: {2 * len(body)}") + body)
        service.becomes(0, 1)

    answer = plain_http.post(
        f"{service.url}/uploads",
        content=body + END,
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        timeout=30,
    )

    assert answer.status_code == 204
    service.becomes(1, 0)
    assert service.uploads.store.find(UUID(form.upload_form_data["key"])) is not None
