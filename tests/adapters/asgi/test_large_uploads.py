"""Large uploads and downloads in little memory, into a folder and into S3.

`MESSAGING_UPLOAD_MB=1024` uploads 1 GB.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from messaging_adapters.media_stores.memory import MemoryMediaStore
from messaging_adapters.uploads.presigned import Uploads
from peers.s3 import KEY_ID, REGION, make_bucket, s3_server
from peers.s3 import SECRET as S3_SECRET
from tests import plain_http
from tests.adapters.asgi.conftest import SECRET

SERVER = """
import sys
import uvicorn
from messaging_adapters.asgi.app import make_app
from messaging_adapters.config.settings import Settings
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.uploads.presigned import Uploads
from messaging_core import Channel, Messenger
from messaging_core.ports.configuration import MEDIA_STORES
from messaging_core.testing import RecordingTransport
from pathlib import Path

store, secret, port = sys.argv[1:]
store = Settings(group=MEDIA_STORES, given=store).make(
    folder=Path(), environment={}, channels={}, defaults={}
)
uploads = Uploads(
    store=store, secret=secret, base_url="http://x", max_bytes=2**31, direct_uploads=False
)
orders = Channel(name="orders", platform="sms", sender="Shop")
messenger = Messenger(storage=MemoryStorage(), channels={orders: RecordingTransport()})
app = make_app(messenger, access=lambda _: None, uploads=uploads)
uvicorn.run(app, port=int(port), log_level="error", lifespan="off")
"""
MEGABYTE: Final = 1024 * 1024
SIZE: Final = int(os.environ.get("MESSAGING_UPLOAD_MB", "64")) * MEGABYTE
PATIENCE: Final = 60 + SIZE // MEGABYTE
MOST_GROWTH: Final = 24 * MEGABYTE


@contextmanager
def server_of(store: str) -> Iterator[tuple[str, int]]:
    """Run a server of its own, whose memory can be measured."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-c", SERVER, store, SECRET, str(port)]
    # glibc keeps freed memory for each thread of the pool: up to a part of an upload each.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - our own
        try:
            url = f"http://127.0.0.1:{port}"
            end = monotonic() + 60
            while not is_up(url):
                assert monotonic() < end, "the server did not start"
                sleep(0.05)
            yield url, process.pid
        finally:
            process.terminate()


def is_up(url: str) -> bool:
    try:
        return plain_http.get(url).status_code == 404
    except httpx.TransportError:
        return False


@pytest.fixture(params=["folder", "s3"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int]]:
    with ExitStack() as stack:
        store = f"folder:{tmp_path / 'media'}"
        if request.param == "s3":
            url = stack.enter_context(s3_server())
            make_bucket("large")
            secret = S3_SECRET.replace(" ", "%20")
            store = f"s3://{KEY_ID}:{secret}@large?region={REGION}&endpoint_url={url}"
        yield stack.enter_context(server_of(store))


def memory_of(process_id: int, name: str) -> int:
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def curl(tmp_path: Path, size: int) -> Callable[..., Any]:
    """Return what uploads a file of a size with a form."""
    command = shutil.which("curl")
    assert command, "curl is needed: install it"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)

    def upload(url: str, fields: Any) -> None:
        arguments = [command, "-sS", "--fail", "--max-time", str(PATIENCE)]
        for name, value in fields.items():
            arguments += ["-F", f"{name}={value}"]
        subprocess.run(  # noqa: S603 - our own
            [*arguments, "-F", "file=@large", f"{url}/uploads"], cwd=tmp_path, check=True
        )

    return upload


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the memory")
def test_a_large_file_goes_through_in_flat_memory(
    server: tuple[str, int], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    url, process_id = server
    uploads = Uploads(store=MemoryMediaStore(), secret=SECRET, base_url="http://x", max_bytes=2**31)

    def send(size: int) -> UUID:
        fields = uploads.create("video/mp4").upload_form_data
        curl(tmp_path, size)(url, fields)
        return UUID(fields["key"])

    def fetch(file_id: UUID) -> int:
        link = uploads.link(file_id).replace("http://x", url)
        with plain_http.stream("GET", link, timeout=PATIENCE) as answer:
            return sum(map(len, answer.iter_bytes()))

    small = 12 * MEGABYTE  # so large that it goes into S3 in parts
    assert fetch(send(small)) == small
    before = memory_of(process_id, "VmHWM")
    began = monotonic()
    large = send(SIZE)
    uploaded = monotonic() - began
    assert fetch(large) == SIZE
    after = memory_of(process_id, "VmHWM")
    record_property("figures", f"peak {before} before, {after} after, {uploaded:.1f} s")
    print(f"{SIZE // MEGABYTE} MB: peak {before >> 20} -> {after >> 20} MB, up in {uploaded:.1f} s")  # noqa: T201 - the figures of the long form
    assert after - before < MOST_GROWTH
