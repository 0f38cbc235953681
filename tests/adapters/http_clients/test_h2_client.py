import logging
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
import trustme
from h2.events import RequestReceived
from h2.exceptions import H2Error
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from http2_peer import Http2Peer, Http2ServerConnection
from messaging_adapters.http_clients import _http2_connection
from messaging_adapters.http_clients._http2_protocol import Http2Protocol
from messaging_adapters.http_clients.h2_client import H2Client
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_core.errors import ConfigurationError, HttpError, Withdrawn
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.testing import HttpClientContract, HttpPeer, Misbehaviour
from messaging_core.testing.http_peer import Answer

OK = HttpResponse(status=201)
SHORT = timedelta(seconds=0.8)
AUTHORITY = trustme.CA()


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    return context


def client_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestH2Client(HttpClientContract):
    def make_client(self) -> HttpClient:
        return H2Client(timeout=SHORT)

    def make_peer(self, answer: Callable[[HttpRequest], Answer]) -> Any:
        return Http2Peer(answer)


class TestH2ClientWithTls(TestH2Client):
    def make_client(self) -> HttpClient:
        return H2Client(timeout=SHORT, ssl_context=client_tls())

    def make_peer(self, answer: Callable[[HttpRequest], Answer]) -> Any:
        return Http2Peer(answer, tls=server_tls())


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(closing: ExitStack) -> Callable[..., Http2Peer]:
    def started(answer: Any = OK, **options: Any) -> Http2Peer:
        find = answer if isinstance(answer, Script) else lambda _: answer
        peer = Http2Peer(find, **options)
        closing.callback(peer.close)
        return peer

    return started


@pytest.fixture
def client(closing: ExitStack) -> Callable[..., H2Client]:
    def made(**options: Any) -> H2Client:
        return closing.enter_context(H2Client(**{"timeout": timedelta(seconds=5)} | options))

    return made


class Script:
    """Answer requests by their bodies, and all others with 201."""

    def __init__(self, answers: Mapping[bytes, Any]) -> None:
        self.answers = answers

    def __call__(self, request: HttpRequest) -> Any:
        answer = self.answers.get(request.body, OK)
        return answer(request) if isinstance(answer, Later) else answer


class Later:
    """Answer when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, _: HttpRequest) -> HttpResponse:
        self.go.wait(5)
        return OK


def a_post(peer: Http2Peer, body: bytes = b"a=1") -> HttpRequest:
    return HttpRequest(method="POST", url=f"{peer.url}/x", body=body)


def failure(client: H2Client, request: HttpRequest, **options: Any) -> HttpError:
    with pytest.raises(HttpError) as caught:
        client.send(request, **options)
    return caught.value


def at_once(client: H2Client, peer: Http2Peer, bodies: Sequence[bytes]) -> list[Any]:
    """Send requests in a thread each, and return each status or error."""

    def send(body: bytes) -> Any:
        try:
            return client.send(a_post(peer, body)).status
        except HttpError as error:
            return error

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(send, bodies))


def status_of_child(client: H2Client, request: HttpRequest) -> int:
    child = os.fork()
    if child == 0:
        os._exit(0 if client.send(request).status == 201 else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def eventually(is_so: Callable[[], bool]) -> None:
    patience = monotonic() + 5
    while not is_so() and monotonic() < patience:
        sleep(0.01)
    assert is_so()


def test_requests_of_many_threads_share_one_connection(serve: Any, client: Any) -> None:
    def answer(connection: Http2ServerConnection, stream: int) -> None:
        connection.peer.loop.call_later(0.3, connection.give, stream, None, OK)

    peer = serve(answer)

    statuses = at_once(client(), peer, [b"%d" % number for number in range(40)])

    assert statuses == [201] * 40
    assert peer.connections == 1
    assert peer.most_open == 40


def test_no_more_are_under_way_than_the_server_allows(serve: Any, client: Any) -> None:
    peer = serve(max_streams=3)
    own = client()

    assert at_once(own, peer, [b"x" * 30_000] * 24) == [201] * 24
    assert (peer.connections, peer.most_open <= 3) == (1, True)


def test_a_limit_that_the_server_changes_is_kept(serve: Any, client: Any) -> None:
    peer = serve(max_streams=1)
    own = client()
    own.send(a_post(peer))

    def allow(connection: Http2ServerConnection) -> None:
        connection.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 20})
        connection.flush()

    peer.each_connection(allow)
    sleep(0.05)
    later = Later()
    peer.answer_to = later
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(own.send, a_post(peer)) for _ in range(8)]
        eventually(lambda: peer.most_open == 8)
        later.go.set()
        assert {answer.result().status for answer in sent} == {201}


def test_a_request_that_finds_no_free_stream_in_time_is_not_sent(serve: Any, client: Any) -> None:
    peer = serve(Script({b"slow": Misbehaviour.SILENT}), max_streams=1)
    own, quick = client(timeout=timedelta(seconds=1)), []
    slow = threading.Thread(target=lambda: quick.append(failure(own, a_post(peer, b"slow"))))
    slow.start()
    eventually(lambda: peer.begun == 1)
    own.timeout = SHORT
    marks: list[int] = []

    error = failure(own, a_post(peer), before_body=lambda: marks.append(1))
    slow.join()

    assert (error.may_be_sent, error.fault, marks) == (False, "timeout", [])
    assert quick[0].may_be_sent
    assert own.send(a_post(peer)).status == 201
    assert (peer.connections, peer.cancelled) == (1, [1])


def test_a_time_out_ends_one_stream_and_no_other(serve: Any, client: Any) -> None:
    later = Later()
    peer = serve(Script({b"slow": Misbehaviour.SILENT, b"later": later}))
    own = client()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(own.send, a_post(peer, b"later"))
        eventually(lambda: peer.begun == 1)
        own.timeout = SHORT
        error = failure(own, a_post(peer, b"slow"))
        later.go.set()

        assert sent.result().status == 201
    assert (error.may_be_sent, error.fault) == (True, "timeout")
    assert (peer.connections, peer.cancelled) == (1, [3])


def test_each_ends_with_its_own_deadline(serve: Any, client: Any) -> None:
    peer = serve(Misbehaviour.SILENT)
    own = client(timeout=timedelta(seconds=4))
    patient = threading.Thread(target=lambda: failure(own, a_post(peer)))
    patient.start()  # it reads for the other, and for longer
    eventually(lambda: peer.begun == 1)
    own.timeout = SHORT
    began = monotonic()

    failure(own, a_post(peer))

    assert monotonic() - began < 2
    peer.hang_up()
    patient.join()


def test_a_lost_connection_gives_each_request_its_own_answer(serve: Any, client: Any) -> None:
    """Of many that share it: answered, answered in part, under way, and waiting for a stream."""
    lost = HttpResponse(status=503, body=b"")

    def begin(connection: Http2ServerConnection, stream: int) -> None:
        connection.begin(stream, 503)

    peer = serve(Script({b"0": OK, b"1": begin}), max_streams=3)
    peer.answer_to = lambda request: {b"0": OK, b"1": begin, b"2": Misbehaviour.SILENT}.get(
        request.body, Misbehaviour.SILENT
    )
    own = client()
    assert own.send(a_post(peer, b"0")).status == 201
    with ThreadPoolExecutor(6) as pool:
        under_way = [pool.submit(failure, own, a_post(peer, b)) for b in (b"1", b"2", b"2")]
        eventually(lambda: len(peer.exchanges) == 4)
        waiting = [pool.submit(own.send, a_post(peer, b"0")) for _ in range(3)]
        sleep(0.1)
        peer.hang_up()

        errors = [future.result() for future in under_way]
        assert [answer.result().status for answer in waiting] == [201] * 3
    assert [error.may_be_sent for error in errors] == [True] * 3
    assert [error.status for error in errors] == [lost.status, None, None]
    assert peer.connections == 2


def goes_away(before: int, code: int = 0) -> Callable[[Http2ServerConnection, int], None]:
    """Send GOAWAY that excludes what has a stream beyond one, and hang up."""

    def act(connection: Http2ServerConnection, stream: int) -> None:
        connection.go_away(stream + before, code, b'{"reason":"Shutdown"}')
        connection.transport.close()

    return act


@pytest.mark.parametrize("code", [0, 2, 11])
def test_what_goaway_excludes_goes_once_more_over_another_connection(
    serve: Any, client: Any, code: int
) -> None:
    answers = [OK, goes_away(-2, code), OK]
    peer = serve()
    peer.answer_to = lambda _: answers.pop(0)
    own, marks = client(), []
    own.send(a_post(peer))

    response = own.send(a_post(peer), before_body=lambda: marks.append(1))

    assert (response.status, marks) == (201, [1])
    assert (peer.connections, len(peer.exchanges)) == (2, 3)


def test_a_server_that_always_goes_away_is_not_tried_for_ever(serve: Any, client: Any) -> None:
    peer = serve(goes_away(-1))
    own = client()

    errors = [failure(own, a_post(peer)) for _ in range(2)]

    assert [(error.may_be_sent, error.fault) for error in errors] == [(False, "broken")] * 2
    assert peer.connections == 2


def test_what_goaway_does_not_exclude_is_in_doubt(serve: Any, client: Any) -> None:
    peer = serve(goes_away(0))

    error = failure(client(), a_post(peer))

    assert (error.may_be_sent, error.fault) == (True, "broken")
    assert len(peer.exchanges) == 1


def test_after_goaway_what_is_under_way_is_answered(serve: Any, client: Any) -> None:
    later = Later()
    peer = serve(Script({b"later": later}))
    own = client()
    own.send(a_post(peer))
    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(own.send, a_post(peer, b"later")) for _ in range(2)]
        eventually(lambda: peer.begun == 3)
        peer.each_connection(lambda connection: connection.go_away(2**31 - 1))
        peer.each_connection(lambda connection: connection.go_away(5))
        sleep(0.1)

        assert own.send(a_post(peer)).status == 201
        assert peer.connections == 2
        later.go.set()
        assert [answer.result().status for answer in under_way] == [201, 201]


def test_a_refused_stream_was_not_sent_and_the_connection_goes_on(serve: Any, client: Any) -> None:
    peer = serve(Script({b"refused": lambda connection, stream: connection.reset(stream, 7)}))
    own = client()
    own.send(a_post(peer))

    error = failure(own, a_post(peer, b"refused"))

    assert (error.may_be_sent, error.fault) == (False, "broken")
    assert own.send(a_post(peer)).status == 201
    assert (peer.connections, len(peer.exchanges)) == (1, 3)


@pytest.mark.parametrize("code", [0, 1, 2, 8, 11, 13, 4711])
def test_any_other_reset_is_in_doubt(serve: Any, client: Any, code: int) -> None:
    peer = serve(lambda connection, stream: connection.reset(stream, code))
    own = client()

    error = failure(own, a_post(peer))

    assert (error.may_be_sent, error.fault) == (True, "broken")
    assert (peer.connections, len(peer.exchanges)) == (1, 1)


def test_an_answer_before_the_whole_body_was_read_counts(serve: Any, client: Any) -> None:
    class Hasty(Http2ServerConnection):
        def handle(self, event: Any) -> None:
            if isinstance(event, RequestReceived):
                self.act(event.stream_id, HttpResponse(status=413))
                self.reset(event.stream_id, 0)

    peer = serve(connection=Hasty)
    own = client()

    for _ in range(2):
        assert own.send(a_post(peer, b"x" * 1_000_000)).status == 413
    assert peer.connections == 1


def test_interim_answers_and_trailers_are_not_the_answer(serve: Any, client: Any) -> None:
    def answer(connection: Http2ServerConnection, stream: int) -> None:
        for status in (100, 103):
            connection.begin(stream, status, {"link": "</x>"})
        connection.begin(stream, 202, {"x": "1"})
        connection.h2.send_data(stream, b"{}")
        connection.h2.send_headers(stream, [("grpc", "0")], end_stream=True)

    response = client().send(a_post(serve(answer)))

    assert (response.status, response.body, dict(response.headers)) == (202, b"{}", {"x": "1"})


def test_a_repeated_header_is_joined(serve: Any, client: Any) -> None:
    def answer(connection: Http2ServerConnection, stream: int) -> None:
        headers = [(":status", "200"), ("x", "a"), ("x", "b")]
        connection.h2.send_headers(stream, headers, end_stream=True)

    assert client().send(a_post(serve(answer))).headers["x"] == "a, b"


def test_a_server_that_takes_little_at_once_gets_the_whole_body(serve: Any, client: Any) -> None:
    peer = serve(settings={SettingCodes.INITIAL_WINDOW_SIZE: 100})

    assert at_once(client(), peer, [b"x" * 5_000] * 8) == [201] * 8
    assert {len(exchange.request.body) for exchange in peer.exchanges} == {5_000}


def raw(data: bytes) -> Callable[[Http2ServerConnection, int], None]:
    return lambda connection, _: connection.write(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", id="a frame of 16 MB"),
        pytest.param(b"\x00\x00\x04\x01\x04\x00\x00\x00\x01\xff\xff\xff\xff", id="no HPACK"),
        pytest.param(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00" + b"\0" * 4, id="a window of 0"),
        pytest.param(b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x88" * 2, id="headers without an end"),
        pytest.param(b"\x00\x00\x01\x00\x01\x00\x00\x00\x01x", id="a body without a head"),
        pytest.param(b"\x00\x00\x01\x01\x05\x00\x00\x00\x01\x82", id="headers of a request"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="HTTP/1.1"),
    ],
)
def test_what_is_no_http2_breaks_the_connection_and_the_next_goes_over_another(
    serve: Any, client: Any, data: bytes
) -> None:
    peer = serve(Script({b"raw": raw(data)}))
    own = client()

    error = failure(own, a_post(peer, b"raw"))

    assert (error.may_be_sent, error.fault) == (True, "broken")
    assert own.send(a_post(peer)).status == 201


@pytest.mark.parametrize("status", ["abc", "20", "2000", "-20", "٢٠٠"])
def test_a_status_that_is_none_breaks_the_connection(serve: Any, client: Any, status: Any) -> None:
    def answer(connection: Http2ServerConnection, stream: int) -> None:
        connection.h2.send_headers(stream, [(":status", status)], end_stream=True)

    error = failure(client(), a_post(serve(answer)))

    assert (error.may_be_sent, error.fault) == (True, "broken")


def test_a_server_that_pings_and_takes_no_answers_is_left(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http2_connection, "_MOST_UNREAD", 20_000)

    def connect(address: tuple[str, int], seconds: float) -> socket.socket:
        connection = socket.create_connection(address, seconds)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        return connection

    ping = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"x" * 8
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def flood() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
                while True:
                    connection.sendall(ping * 4_000)

        threading.Thread(target=flood, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        own = client(timeout=timedelta(seconds=9), connect=connect)

        error = failure(own, HttpRequest(method="POST", url=url, body=b"x"))

    assert error.fault in {"broken", "unreachable"}, "not only when the time is over"


def test_a_limit_that_is_lowered_while_the_mark_is_made_is_kept(serve: Any, client: Any) -> None:
    peer, own = serve(), client()
    own.send(a_post(peer))
    marks: list[int] = []

    def lower(connection: Http2ServerConnection) -> None:
        connection.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
        connection.flush()

    def mark() -> None:
        marks.append(1)
        peer.each_connection(lower)
        sleep(0.05)

    assert own.send(a_post(peer), before_body=mark).status == 201
    assert (marks, peer.connections) == ([1], 2)


@given(data=st.binary(min_size=1, max_size=200))
def test_any_bytes_end_in_an_answer_or_an_error(data: bytes) -> None:
    protocol = Http2Protocol()
    protocol.queued()

    for byte in data:
        try:
            protocol.receive(bytes([byte]))
        except H2Error:
            return


def test_a_server_that_says_nothing_is_not_sent_anything(client: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        request = HttpRequest(method="POST", url=f"http://127.0.0.1:{port}/", body=b"x")

        error = failure(client(timeout=SHORT), request, before_body=pytest.fail)

    assert (error.may_be_sent, error.fault) == (False, "timeout")


def test_a_server_without_http2_is_a_wrong_setup(serve: Any, client: Any) -> None:
    peer = serve(tls=server_tls(), protocols=["http/1.1"])
    with HttpPeer(lambda _: OK) as other:
        plain = failure(client(), HttpRequest(method="GET", url=other.url))

    error = failure(client(ssl_context=client_tls()), a_post(peer))

    assert (error.may_be_sent, error.fault) == (False, "no_tls")
    assert (plain.may_be_sent, plain.fault) == (False, "unreachable")
    assert peer.exchanges == []


def test_a_certificate_that_is_not_accepted_is_a_wrong_setup(serve: Any, client: Any) -> None:
    peer = serve(tls=server_tls())
    other = HttpRequest(method="POST", url=peer.url.replace("localhost", "127.0.0.1"), body=b"x")

    errors = [failure(client(), a_post(peer)), failure(client(ssl_context=client_tls()), other)]

    assert [(error.may_be_sent, error.fault) for error in errors] == [(False, "untrusted")] * 2


def test_a_handshake_that_drips_ends_with_the_time(client: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"\x16\x03\x03\x40\x00")
                while True:
                    connection.sendall(b"x")
                    sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://localhost:{listener.getsockname()[1]}/"
        began = monotonic()

        error = failure(client(timeout=SHORT), HttpRequest(method="POST", url=url, body=b"x"))

    assert (error.may_be_sent, error.fault) == (False, "timeout")
    assert monotonic() - began < 2


def test_a_guard_keeps_from_addresses_that_are_not_public(serve: Any, client: Any) -> None:
    peer = serve()

    error = failure(client(allows=is_public), a_post(peer))

    assert (error.may_be_sent, error.fault, peer.connections) == (False, "forbidden_address", 0)


def test_a_context_that_verifies_nothing_is_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False

    with pytest.raises(ConfigurationError, match="does not verify"):
        H2Client(ssl_context=context)


def test_headers_that_http2_does_not_have_are_not_sent(serve: Any, client: Any) -> None:
    peer = serve()
    for name in ("connection", "Transfer-Encoding", "upgrade", "te", "keep-alive", ":path"):
        request = HttpRequest(method="POST", url=peer.url, headers={name: "x"}, body=b"x")
        assert not failure(client(), request).may_be_sent
    assert peer.exchanges == []


def test_an_idle_connection_is_not_used_for_ever(serve: Any, client: Any) -> None:
    peer = serve()
    own = client(idle_for=timedelta(0))

    for _ in range(2):
        own.send(a_post(peer))
        sleep(0.01)

    assert peer.connections == 2
    eventually(lambda: len(peer.open) == 1)


def test_idle_connections_of_many_servers_are_bounded(serve: Any, client: Any) -> None:
    peers = [serve() for _ in range(4)]
    own = client(max_idle=2)

    for peer in peers:
        own.send(a_post(peer))

    eventually(lambda: sum(len(peer.open) for peer in peers) <= 3)
    assert own.send(a_post(peers[0])).status == 201


def test_a_closed_client_finishes_what_is_under_way_and_keeps_nothing(
    serve: Any, client: Any
) -> None:
    later = Later()
    peer, own = serve(Script({b"later": later})), client()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(own.send, a_post(peer, b"later"))
        eventually(lambda: peer.begun == 1)
        own.close()
        later.go.set()
        assert sent.result().status == 201

    assert own.send(a_post(peer)).status == 201
    assert peer.connections == 2
    eventually(lambda: not peer.open)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_that_forks_under_load_sends_over_its_own_connection(
    serve: Any, client: Any
) -> None:
    peer, own = serve(), client()
    stopped = threading.Event()

    def work() -> None:
        while not stopped.is_set():
            own.send(a_post(peer))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        children = [status_of_child(own, a_post(peer)) for _ in range(5)]
    finally:
        stopped.set()
        for thread in threads:
            thread.join()

    assert children == [0] * 5


def test_no_header_is_logged_unless_the_host_asks_for_it(
    serve: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    peer = serve()
    request = HttpRequest(method="GET", url=f"{peer.url}/s3cret", headers={"x": "s3cret"})

    client().send(request)
    assert "s3cret" not in caplog.text
    caplog.set_level(logging.DEBUG, "hpack")
    client().send(request)
    assert "s3cret" in caplog.text


def test_a_thread_that_reads_is_woken_when_a_stream_comes_free(serve: Any, client: Any) -> None:
    peer, own = serve(max_streams=1), client()
    withdrawn, waits = threading.Event(), threading.Event()

    def withdraw() -> None:
        waits.set()
        withdrawn.wait(5)
        raise Withdrawn("expired")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(own.send, a_post(peer), before_body=withdraw)
        waits.wait(5)
        second = pool.submit(own.send, a_post(peer))
        sleep(0.2)  # it waits for the stream, and reads: no other thread does
        began = monotonic()
        withdrawn.set()

        assert second.result().status == 201
        assert monotonic() - began < 2
        assert isinstance(first.exception(), Withdrawn)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_no_thread_waits_for_what_another_thread_has_read(
    serve: Any, client: Any, limit: int
) -> None:
    peer = serve(max_streams=limit)
    own = client(timeout=timedelta(seconds=30))
    began = monotonic()

    for _ in range(8):
        assert at_once(own, peer, [b"x"] * 12) == [201] * 12

    assert monotonic() - began < 20
