"""The HTTP/2 client against servers of another hand: nghttpd, and nghttpx before an HTTP/1.1 peer.

What they cannot be made to do, such as REFUSED_STREAM and a GOAWAY that excludes a request, is in
`test_h2_client.py`, with a server made of `h2`.
"""

import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import trustme

from messaging_adapters.http_clients.h2_client import H2Client
from messaging_core.errors import HttpError
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer, Misbehaviour
from nghttp2 import Nghttp2, trusting


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start(closing: ExitStack, tmp_path: Path) -> Callable[..., Nghttp2]:
    (tmp_path / "index.html").write_bytes(b"hello")

    def started(program: str, *options: str, **more: Any) -> Nghttp2:
        return closing.enter_context(Nghttp2(program, *options, folder=tmp_path, **more))

    return started


@pytest.fixture
def client(closing: ExitStack, authority: trustme.CA) -> Callable[..., H2Client]:
    def made(**options: Any) -> H2Client:
        given = {"timeout": timedelta(seconds=10), "ssl_context": trusting(authority)}
        return closing.enter_context(H2Client(**given | options))

    return made


def a_post(server: Nghttp2, body: bytes) -> HttpRequest:
    return HttpRequest(method="POST", url=f"{server.url}/index.html", body=body)


def at_once(client: H2Client, server: Nghttp2, count: int, *, turns: int = 1) -> Counter[Any]:
    def send(_: int) -> list[Any]:
        return [outcome(client, a_post(server, b"x" * 3_000)) for _ in range(turns)]

    with ThreadPoolExecutor(count) as pool:
        return Counter(result for results in pool.map(send, range(count)) for result in results)


def outcome(client: H2Client, request: HttpRequest) -> Any:
    """Return the status, or whether a request that failed may have been sent."""
    try:
        return client.send(request).status
    except HttpError as error:
        return error.may_be_sent


def eventually(is_so: Callable[[], bool]) -> None:
    patience = monotonic() + 5
    while not is_so() and monotonic() < patience:
        sleep(0.02)
    assert is_so()


@pytest.mark.parametrize("tls", [False, True])
def test_nghttpd_answers(start: Any, client: Any, authority: trustme.CA, *, tls: bool) -> None:
    server = start(
        "nghttpd", "--echo-upload", "--trailer=x: y", authority=authority if tls else None
    )
    own = client()

    page = own.send(HttpRequest(method="GET", url=f"{server.url}/index.html?a=b%20c"))
    missing = own.send(HttpRequest(method="GET", url=f"{server.url}/missing"))

    assert (page.status, page.body, page.headers["server"][:7]) == (200, b"hello", "nghttpd")
    assert missing.status == 404
    for body in (b"a", b"x" * 16_384, b"y" * 300_000):
        assert own.send(a_post(server, body)).body == body
    assert server.log.read_text().count("HTTP Upgrade") == 0


def test_nghttpd_with_small_windows_and_padding(start: Any, client: Any) -> None:
    server = start("nghttpd", "--echo-upload", "--window-bits=8", "--padding=200")

    for body in (b"x" * 20_000, b"y"):
        assert client().send(a_post(server, body)).body == body


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_the_stream_limit_of_nghttpd_is_kept(start: Any, client: Any, limit: int) -> None:
    server = start("nghttpd", f"--max-concurrent-streams={limit}")

    assert at_once(client(), server, 24, turns=4) == {200: 96}

    log = server.log.read_text()
    assert f"SETTINGS_MAX_CONCURRENT_STREAMS(0x03):{limit}" in log
    assert "REFUSED_STREAM" not in log
    assert "GOAWAY" not in log
    assert set(re.findall(r"\[id=(\d+)\]", log)) == {"1", "2"}, "the test's look and one connection"


def test_what_nghttpd_had_when_it_died_is_in_doubt(start: Any, client: Any) -> None:
    server, own = start("nghttpd"), client()
    own.send(a_post(server, b"x"))
    server.process.send_signal(signal.SIGSTOP)

    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(outcome, own, a_post(server, b"x")) for _ in range(8)]
        sleep(0.3)
        server.process.kill()

        assert [answer.result() for answer in sent] == [True] * 8
    assert outcome(own, a_post(server, b"x")) is False


def test_nghttpx_that_shuts_down_answers_what_is_under_way(start: Any, client: Any) -> None:
    go = threading.Event()

    def answer(request: HttpRequest) -> HttpResponse:
        go.wait(5)
        return HttpResponse(status=200, body=request.body)

    with HttpPeer(answer) as peer:
        server, own = start("nghttpx", backend=peer.port), client()
        with ThreadPoolExecutor(8) as pool:
            sent = [pool.submit(own.send, a_post(server, b"%d" % number)) for number in range(8)]
            eventually(lambda: peer.begun == 8)
            server.process.send_signal(signal.SIGQUIT)
            sleep(0.3)
            late = outcome(own, a_post(server, b"late"))
            go.set()

            assert [answer.result().body for answer in sent] == [b"%d" % n for n in range(8)]
        assert late is False, "after its GOAWAY it takes no connection either"
        assert len(peer.exchanges) == 8


def test_nghttpx_that_goes_away_all_the_time_loses_and_repeats_nothing(
    start: Any, client: Any
) -> None:
    with HttpPeer(lambda _: HttpResponse(status=200)) as peer:
        server = start("nghttpx", "--frontend-max-requests=7", backend=peer.port)

        results = at_once(client(), server, 16, turns=20)

        answered, in_doubt = results[200], results[True]
        assert answered + in_doubt + results[False] == 320
        assert answered <= len(peer.exchanges) <= answered + in_doubt, "what failed was not sent"
        assert answered >= 300


def test_nghttpx_ends_connections_that_are_idle(start: Any, client: Any) -> None:
    with HttpPeer(lambda _: HttpResponse(status=200)) as peer:
        server, own = (
            start("nghttpx", "--frontend-http2-read-timeout=1s", backend=peer.port),
            client(),
        )
        for _ in range(2):
            assert own.send(a_post(server, b"x")).status == 200
            sleep(1.6)

        assert own.send(a_post(server, b"x")).status == 200
        assert len(peer.exchanges) == 3


def test_what_happens_behind_nghttpx_ends_one_stream(start: Any, client: Any) -> None:
    def answer(request: HttpRequest) -> Any:
        return {b"reset": Misbehaviour.RESET, b"endless": Misbehaviour.ENDLESS}.get(
            request.body, HttpResponse(status=200)
        )

    with HttpPeer(answer) as peer:
        server, own = start("nghttpx", backend=peer.port), client()

        assert outcome(own, a_post(server, b"reset")) in {502, True}
        assert outcome(own, a_post(server, b"endless")) is True
        assert outcome(own, a_post(server, b"x")) == 200
