import os
import pickle
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
import trustme

from messaging_adapters.http_clients._connections import Connection
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.ports.http import HttpRequest
from messaging_core.testing import HttpClientContract
from wire_peer import (
    Behaviour,
    Wire,
    WirePeer,
    answering,
    dripping,
    endless,
    hanging_up_after_the_body,
    resetting_after_the_body,
    silent,
    writing,
)

SECRET = "s3cret"
SHORT = timedelta(seconds=0.4)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(closing: ExitStack, authority: trustme.CA) -> Callable[..., WirePeer]:
    def started(*behaviours: Behaviour, tls: str = "") -> WirePeer:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(tls).configure_cert(context)
        peer = WirePeer(list(behaviours) or [answering()], context)
        closing.callback(peer.close)
        return peer

    return started


@pytest.fixture
def client(closing: ExitStack, authority: trustme.CA) -> Callable[..., Urllib3Client]:
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def made(**options: Any) -> Urllib3Client:
        given = {"ssl_context": context, "timeout": timedelta(seconds=5)}
        return closing.enter_context(Urllib3Client(**given | options))

    return made


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
class TestContract(HttpClientContract):
    def make_client(self) -> Urllib3Client:
        return Urllib3Client(timeout=SHORT)


def keeping_open(*pieces: bytes | float) -> Behaviour:
    write = writing(*pieces)

    def behave(wire: Wire) -> bool:
        write(wire)
        return True

    return behave


def eventually(is_so: Callable[[], bool]) -> None:
    patience = monotonic() + 5
    while not is_so() and monotonic() < patience:
        threading.Event().wait(0.01)


def a_post(peer: WirePeer, body: bytes = b"a=1", path: str = "/x?y=z") -> HttpRequest:
    headers = {"authorization": SECRET, "content-type": "text/plain"}
    return HttpRequest(method="POST", url=peer.url + path, headers=headers, body=body)


def failure(client: Urllib3Client, request: HttpRequest, **options: Any) -> HttpError:
    with pytest.raises(HttpError) as caught:
        client.send(request, **options)
    error = caught.value
    assert SECRET not in str(error)
    assert "localhost" not in str(error)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (copy.problem, copy.may_be_sent, copy.fault, copy.status) == (
        error.problem,
        error.may_be_sent,
        error.fault,
        error.status,
    )
    return error


@pytest.mark.parametrize("tls", ["", "localhost"])
def test_a_request_arrives_as_it_was_made_and_the_answer_comes_back(
    serve: Any, client: Any, tls: str
) -> None:
    peer = serve(answering(b'{"sid":"1"}', 201, Content_Type="text/json", X_Two="a"), tls=tls)

    answer = client().send(a_post(peer, "ü=1".encode()))

    assert (answer.status, answer.body) == (201, b'{"sid":"1"}')
    assert answer.headers["content-type"] == "text/json"
    (request,) = peer.requests
    assert request.line == "POST /x?y=z HTTP/1.1"
    assert request.body == "ü=1".encode()
    assert request.headers["host"] == f"localhost:{peer.port}"
    assert request.headers["authorization"] == SECRET
    assert request.headers["content-length"] == "4"


def test_a_repeated_header_is_joined(serve: Any, client: Any) -> None:
    peer = serve(writing(b"HTTP/1.1 200 OK\r\nX: a\r\nX: b\r\nContent-Length: 0\r\n\r\n"))

    assert client().send(a_post(peer)).headers["x"] == "a, b"


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_an_interim_answer_is_not_the_answer(serve: Any, client: Any, status: bytes) -> None:
    interim = b"HTTP/1.1 " + status + b"\r\nLink: </x>\r\n\r\n"
    final = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
    peer, sender = serve(keeping_open(interim * 3, 0.05, final)), client()

    answers = [sender.send(a_post(peer)) for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(201, b"{}")] * 2
    assert "link" not in answers[0].headers
    assert peer.connections == 1


def test_a_connection_that_switches_its_protocol_is_not_used_again(serve: Any, client: Any) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    peer, sender = serve(keeping_open(switching)), client()

    for _ in range(2):
        assert sender.send(a_post(peer)).status == 101

    assert peer.connections == 2


@pytest.mark.parametrize("body", [b"", b"a", b"x" * 200_000])
@pytest.mark.parametrize("tls", ["", "localhost"])
def test_the_mark_is_made_once_on_a_connection_that_stands_and_before_the_body(
    serve: Any, client: Any, body: bytes, tls: str
) -> None:
    peer = serve(answering(), tls=tls)
    marks: list[int] = []

    def mark() -> None:
        eventually(lambda: peer.connections > 0)
        marks.append(peer.connections)

    client().send(a_post(peer, body), before_body=mark)

    assert marks == [1]
    assert peer.requests[0].body == body


@pytest.mark.parametrize(
    ("behaviour", "fault", "status"),
    [
        (resetting_after_the_body, "broken", None),
        (hanging_up_after_the_body, "broken", None),
        (silent, "timeout", None),
        (dripping, "timeout", None),
        (endless, "too_large", 201),
        (answering(b"x" * 10_000_000), "too_large", 201),
        (answering(b"x" * 1_001, 400), "too_large", 400),
        (writing(b"SSH-2.0\r\n"), "broken", None),
        (writing(b"HTTP/1.1 999999 x\r\n\r\n"), "broken", None),
        (writing(b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nx"), "broken", 200),
        (writing(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "broken", 200),
        (writing(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nx"), "broken", 200),
        (writing(b"HTTP/1.1 200 x\r\n" + b"X: y\r\n" * 200), "broken", None),
        (writing(b"HTTP/1.1 200 x\r\nX: " + b"y" * 70_000), "broken", None),
        (writing(b"HTTP/1.1 100 Continue\r\n\r\n" * 5, b"\x00" * 50), "broken", None),
    ],
)
def test_what_breaks_after_the_body_may_have_been_sent(
    serve: Any, client: Any, behaviour: Behaviour, fault: str, status: int | None
) -> None:
    peer = serve(behaviour)
    began = monotonic()

    error = failure(client(timeout=SHORT, max_answer=1_000), a_post(peer))

    assert (error.may_be_sent, error.fault, error.status) == (True, fault, status)
    assert monotonic() - began < 3


def test_a_trickle_of_a_body_ends_with_the_time(serve: Any, client: Any) -> None:
    pieces = [b"x", 0.1] * 30
    peer = serve(writing(b"HTTP/1.1 400 x\r\nContent-Length: 50\r\n\r\n", *pieces))

    error = failure(client(timeout=SHORT), a_post(peer))

    assert (error.may_be_sent, error.fault, error.status) == (True, "timeout", 400)


def test_an_answer_before_the_whole_body_was_read_counts(serve: Any, client: Any) -> None:
    def refuse(wire: Wire) -> None:
        wire.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        wire.connection.shutdown(socket.SHUT_WR)
        wire.stopped.wait(0.3)

    peer = serve(refuse)

    assert client().send(a_post(peer, b"x" * 30_000_000)).status == 413


def test_a_server_that_does_not_begin_tls_is_not_sent(serve: Any, client: Any) -> None:
    peer = serve(writing(b"HTTP/1.1 200 OK\r\n\r\n"))
    url = peer.url.replace("http:", "https:")

    error = failure(client(timeout=SHORT), HttpRequest(method="POST", url=url, body=b"x"))

    assert (error.may_be_sent, error.fault) == (False, "timeout")
    assert peer.requests == [] or peer.requests[0].body == b""


@pytest.mark.parametrize(
    ("host", "trusted", "problem"),
    [("other.example", True, "of another host"), ("localhost", False, "certificate")],
)
def test_a_certificate_that_is_not_accepted_is_a_wrong_setup(
    serve: Any, client: Any, host: str, problem: str, *, trusted: bool
) -> None:
    peer = serve(tls=host)
    options = {} if trusted else {"ssl_context": ssl.create_default_context()}
    marks: list[int] = []

    error = failure(client(**options), a_post(peer), before_body=lambda: marks.append(1))

    assert (error.may_be_sent, error.fault, marks) == (False, "untrusted", [])
    assert problem in error.problem
    assert peer.requests == []


def test_a_name_that_is_not_known_is_a_wrong_setup(client: Any) -> None:
    def unknown(*_: Any) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    def later(*_: Any) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "again")

    request = HttpRequest(method="POST", url="https://api.example/", body=b"x")

    error = failure(client(resolve=unknown), request)
    assert error.fault == "unknown_host"
    assert error.problem.endswith("not known: it is wrong, or there is no network")
    assert failure(client(resolve=later), request).fault == "unreachable"
    for url in ("", "ftp://x/", "https:///", "https://a b/", "https://u:p@x/", "https://[::1"):
        wrong = HttpRequest(method="GET", url=url)
        assert failure(client(), wrong).problem == "the URL is malformed"


def test_a_guard_keeps_from_addresses_that_are_not_public(serve: Any, client: Any) -> None:
    peer = serve()

    error = failure(client(allows=is_public), a_post(peer))

    assert (error.may_be_sent, error.fault) == (False, "forbidden_address")
    assert peer.connections == 0


def test_a_connection_that_was_closed_while_it_waited_is_replaced(serve: Any, client: Any) -> None:
    peer = serve()
    own = client()
    own.send(a_post(peer))
    peer.hang_up()
    marks: list[int] = []

    assert own.send(a_post(peer), before_body=lambda: marks.append(1)).status == 201
    assert (peer.connections, len(peer.requests), marks) == (2, 2, [1])


def test_a_connection_that_is_closed_while_the_mark_is_made_is_replaced(
    serve: Any, client: Any
) -> None:
    peer = serve()
    own = client()
    own.send(a_post(peer))
    marks: list[int] = []

    def mark() -> None:
        marks.append(1)
        peer.hang_up()
        threading.Event().wait(0.05)

    assert own.send(a_post(peer), before_body=mark).status == 201
    assert (peer.connections, marks) == (2, [1])
    assert [request.body for request in peer.requests] == [b"a=1", b"a=1"]


def test_a_connection_does_not_wait_for_ever(serve: Any, client: Any) -> None:
    peer = serve()
    own = client(idle_for=timedelta(0))

    for _ in range(2):
        own.send(a_post(peer))

    assert peer.connections == 2


def test_connections_of_a_burst_are_closed_when_they_have_waited_too_long(
    serve: Any, client: Any
) -> None:
    peer = serve(answering(delay=0.2))
    own = client(idle_for=timedelta(seconds=0.3))
    threads = [threading.Thread(target=own.send, args=(a_post(peer),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    threading.Event().wait(0.5)
    own.send(a_post(peer))

    assert own._idle._count == 1
    assert [len(waiting) for waiting in own._idle._waiting.values()] == [1]


def test_a_server_that_hangs_up_after_each_answer(serve: Any, client: Any) -> None:
    peer = serve(answering(b"x", Connection="close"))
    own = client()

    assert [own.send(a_post(peer)).body for _ in range(2)] == [b"x", b"x"]
    assert peer.connections == 2


def test_what_comes_unasked_is_no_answer_to_the_next_request(serve: Any, client: Any) -> None:
    def smuggle(wire: Wire) -> bool:
        wire.read_body()
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 666 Mine\r\n\r\n")
        return True

    peer = serve(smuggle, answering())
    own = client()
    own.send(a_post(peer))
    threading.Event().wait(0.05)

    assert own.send(a_post(peer)).status == 201


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_opens_connections_of_its_own(serve: Any, client: Any) -> None:
    peer = serve()
    own = client()
    own.send(a_post(peer))

    child = os.fork()
    if child == 0:
        os._exit(0 if own.send(a_post(peer)).status == 201 else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert own.send(a_post(peer)).status == 201
    assert peer.connections == 2


def test_a_closed_client_keeps_nothing(serve: Any, client: Any) -> None:
    peer = serve()
    own = client()
    own.close()

    for _ in range(2):
        own.send(a_post(peer))

    assert peer.connections == 2


def test_a_context_that_verifies_nothing_is_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False

    with pytest.raises(ConfigurationError, match="does not verify"):
        Urllib3Client(ssl_context=context)


def test_a_body_that_cannot_be_written_is_not_sent(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = serve()
    own = client()
    own.send(a_post(peer))
    monkeypatch.setattr(Connection, "is_connected", True)  # the check comes a moment too early
    peer.hang_up()
    threading.Event().wait(0.05)
    (waiting,) = own._idle._waiting.values()
    waiting[0][1].sock._raw.shutdown(socket.SHUT_WR)

    assert own.send(a_post(peer)).status == 201


def test_requests_and_answers_show_no_secret() -> None:
    request = HttpRequest(method="POST", url="https://x/?k=s3cret", headers={"a": "s3cret"})

    assert SECRET not in repr(request)
