"""The contract of HTTP clients: tests that the tests of every client inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import Any, Final

from messaging_core.errors import HttpError, Withdrawn
from messaging_core.ports.http import HttpClient, HttpFault, HttpRequest, HttpResponse
from messaging_core.testing.contracts.bounds import nothing_left_open, within
from messaging_core.testing.contracts.transport.contract import close
from messaging_core.testing.http_peer import Answer, HttpPeer, Misbehaviour

_CREATED: Final = HttpResponse(status=201)
_SECRET: Final = "kerfuffle"  # noqa: S105 - to look for
_BROKEN: Final = (HttpFault.BROKEN, HttpFault.TIMEOUT, HttpFault.TOO_LARGE)
_MANY: Final = 16
_TURNS: Final = 5
_MOST: Final = 1_000  # bytes of an answer
_A_LITTLE: Final = 0.05
_LARGEST_ANSWER: Final = 32 * 1024 * 1024  # bytes, with what waits in the buffers of sockets
_BODIES: Final = (b"", b"a", b"x" * 200_000)
_NO_URLS: Final = (
    *("", "kerfuffle", "ftp://x/", "https:///", "https://a b/", "https://u:p@x/", "https://[::1"),
)


class HttpClientContract:
    """Inherit this in a test class, and say how your client is made.

    ```python
    class TestPagerClient(HttpClientContract):
        def make_client(self) -> HttpClient:
            return PagerClient(timeout=0.5)
    ```

    - `patience`: seconds in which every call must end; give the client a time-out well below.
    """

    patience: float = 10.0

    def make_client(self) -> HttpClient:
        """Return a client that trusts the peers."""
        raise NotImplementedError

    def make_peer(self, answer: Callable[[HttpRequest], Answer]) -> HttpPeer:
        """Start the peer; give another one if the client does not speak HTTP/1.1."""
        return HttpPeer(answer)

    def teardown_method(self) -> None:
        """Close clients and peers; pytest calls it after each test."""
        for client in self.__dict__.pop("clients", []):
            close(client)
        for peer in self.__dict__.pop("peers", []):
            peer.close()

    def client(self) -> HttpClient:
        """Make a client that is closed after the test."""
        client = self.make_client()
        self.__dict__.setdefault("clients", []).append(client)
        return client

    def peer(self, answer: Answer | Callable[[HttpRequest], Answer] = _CREATED) -> HttpPeer:
        """Start a peer that is closed after the test."""
        peer = self.make_peer(answer if callable(answer) else lambda _: answer)
        self.__dict__.setdefault("peers", []).append(peer)
        return peer

    def send(self, client: HttpClient, request: HttpRequest, **options: Any) -> HttpResponse:
        """Send a request; fails if that does not end within `patience`."""
        return within(self.patience, lambda: client.send(request, **options))

    def failure(self, client: HttpClient, request: HttpRequest, **options: Any) -> HttpError:
        """Return the error of a request, which shows neither the URL nor a header."""
        error = _raised(lambda: self.send(client, request, **options))
        assert isinstance(error, HttpError), "an answer that is not complete is an HttpError"
        assert _SECRET not in str(error), "a header or a body in an error"
        assert "localhost" not in str(error), "an address in an error"
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
        return error

    def test_a_request_arrives_as_it_was_made_and_the_answer_comes_back(self) -> None:
        answer = HttpResponse(status=418, headers={"X-Two": "a"}, body=b"\x00\xff" * 9)
        peer = self.peer(answer)

        response = self.send(self.client(), _a_post(peer, "ü=1".encode()))

        assert (response.status, response.body) == (418, answer.body)
        assert response.headers["x-two"] == "a"
        (request,) = [exchange.request for exchange in peer.exchanges]
        assert (request.method, request.url) == ("POST", f"{peer.url}/x?y=z%20")
        assert request.body == "ü=1".encode()
        assert request.headers["authorization"] == _SECRET
        assert request.headers["content-length"] == "4"

    def test_bodies_of_every_size_arrive(self) -> None:
        peer, client = (
            self.peer(lambda request: HttpResponse(status=200, body=request.body)),
            self.client(),
        )

        for body in _BODIES:
            assert self.send(client, _a_post(peer, body)).body == body

    def test_a_request_without_a_body_is_sent(self) -> None:
        peer = self.peer(HttpResponse(status=204))

        response = self.send(self.client(), HttpRequest(method="GET", url=f"{peer.url}/"))

        assert (response.status, response.body) == (204, b"")

    def test_a_redirect_is_an_answer(self) -> None:
        elsewhere = self.peer()
        headers = {"location": f"{elsewhere.url}/elsewhere"}
        peer = self.peer(HttpResponse(status=307, headers=headers))

        response = self.send(self.client(), _a_post(peer))

        assert (response.status, response.headers["location"]) == (307, headers["location"])
        assert not elsewhere.exchanges

    def test_proxies_of_the_environment_are_not_used(self) -> None:
        names = ("http_proxy", "https_proxy", "ALL_PROXY", "HTTPS_PROXY")
        with _environment(dict.fromkeys(names, "http://127.0.0.1:1")):
            assert self.send(self.client(), _a_post(self.peer())).status == 201  # noqa: PLR2004

    def test_the_mark_is_made_once_and_before_the_body(self) -> None:
        for body in _BODIES:
            peer = self.peer()
            marks: list[int] = []

            def mark(peer: HttpPeer = peer, marks: list[int] = marks) -> None:
                sleep(_A_LITTLE)
                marks.append(peer.begun)

            self.send(self.client(), _a_post(peer, body), before_body=mark)

            assert marks == [0], "called once, and before the first byte of the body"

    def test_no_mark_is_made_without_a_connection(self) -> None:
        peer, marks = self.peer(), []
        peer.close()

        error = self.failure(self.client(), _a_post(peer), before_body=lambda: marks.append(1))

        assert (error.may_be_sent, error.fault, marks) == (False, HttpFault.UNREACHABLE, [])

    def test_what_the_mark_raises_passes_and_no_body_leaves(self) -> None:
        peer, client = self.peer(), self.client()
        self.send(client, _a_post(peer))

        for error in (
            Withdrawn("expired"),
            ConnectionResetError(),
            HttpError("", may_be_sent=True),
        ):

            def refuse(error: Exception = error) -> None:
                raise error

            sending = partial(self.send, client, _a_post(peer), before_body=refuse)
            assert _raised(sending) is error, "what before_body raises passes through"
        self.send(client, _a_post(peer))

        assert [exchange.request.body for exchange in peer.exchanges] == [b"a=1", b"a=1"]

    def test_what_breaks_after_the_body_may_have_been_sent(self) -> None:
        for misbehaviour in Misbehaviour:
            peer = self.peer(misbehaviour)

            error = self.failure(self.client(), _a_post(peer))

            assert error.may_be_sent, misbehaviour
            assert error.fault in _BROKEN
            assert len(peer.exchanges) == 1, "a request that may be processed is not repeated"
            assert peer.sent < _LARGEST_ANSWER, "bound the size of an answer"

    def test_an_answer_that_is_too_large_is_an_error_with_its_status(self) -> None:
        peer = self.peer(HttpResponse(status=400, body=b"x" * 10 * _MOST))

        error = self.failure(self.client(), _a_post(peer), max_answer=_MOST)

        assert (error.may_be_sent, error.fault) == (True, HttpFault.TOO_LARGE)
        assert error.status == 400  # noqa: PLR2004 - the status

    def test_an_answer_of_just_the_size_is_read(self) -> None:
        peer = self.peer(HttpResponse(status=200, body=b"x" * _MOST))

        assert len(self.send(self.client(), _a_post(peer), max_answer=_MOST).body) == _MOST

    def test_a_connection_that_the_server_closed_is_replaced(self) -> None:
        peer, client, marks = self.peer(), self.client(), []
        self.send(client, _a_post(peer))
        peer.hang_up()
        sleep(_A_LITTLE)

        self.send(client, _a_post(peer), before_body=lambda: marks.append(1))

        assert (len(peer.exchanges), marks) == (2, [1])

    def test_a_connection_that_is_closed_while_the_mark_is_made_is_replaced(self) -> None:
        peer, client, marks = self.peer(), self.client(), []
        self.send(client, _a_post(peer))

        def mark() -> None:
            marks.append(1)
            peer.hang_up()
            sleep(_A_LITTLE)

        self.send(client, _a_post(peer), before_body=mark)

        assert marks == [1]
        assert [exchange.request.body for exchange in peer.exchanges] == [b"a=1", b"a=1"]

    def test_what_breaks_on_a_used_connection_after_the_body_is_not_repeated(self) -> None:
        answers: list[Answer] = [HttpResponse(status=200), Misbehaviour.RESET]
        peer, client = self.peer(lambda _: answers.pop(0)), self.client()
        self.send(client, _a_post(peer))

        assert self.failure(client, _a_post(peer)).may_be_sent
        assert len(peer.exchanges) == 2  # noqa: PLR2004 - one each

    def test_a_url_that_leads_nowhere_is_a_wrong_setup(self) -> None:
        for url in _NO_URLS:
            error = self.failure(self.client(), HttpRequest(method="GET", url=url))

            assert (error.may_be_sent, error.fault) == (False, HttpFault.UNKNOWN_HOST)

    def test_a_header_that_is_none_is_not_sent(self) -> None:
        peer = self.peer()
        for headers in ({"x": "a\r\nb: c"}, {"x": "a\nb"}, {"a b": "c"}, {"a\r\n": "c"}):
            request = HttpRequest(method="POST", url=peer.url, headers=headers, body=b"x")

            assert not self.failure(self.client(), request).may_be_sent
        assert not peer.exchanges

    def test_each_thread_gets_its_own_answer(self) -> None:
        def answer(request: HttpRequest) -> HttpResponse:
            sleep(len(request.body) % 3 / 100)
            return HttpResponse(status=200, body=request.body)

        peer, client = self.peer(answer), self.client()
        wrong: list[object] = []

        def work(number: int) -> None:
            for turn in range(_TURNS):
                body = b"%d/%d" % (number, turn) * (number * 500 + 1)
                try:
                    got: object = client.send(_a_post(peer, body)).body
                except HttpError as error:
                    got = error
                if got != body:
                    wrong.append(got)

        within(self.patience, lambda: _at_once(work))

        assert not wrong
        assert len(peer.exchanges) == _MANY * _TURNS

    def test_one_that_falls_silent_holds_up_no_other(self) -> None:
        def answer(request: HttpRequest) -> Answer:
            return Misbehaviour.SILENT if request.body == b"0" else HttpResponse(status=200)

        peer, client = self.peer(answer), self.client()
        results: dict[int, object] = {}

        def work(number: int) -> None:
            try:
                results[number] = client.send(_a_post(peer, b"%d" % number)).status
            except HttpError as error:
                results[number] = error.may_be_sent

        within(self.patience, lambda: _at_once(work))

        assert results == {0: True} | dict.fromkeys(range(1, _MANY), 200)

    def test_a_child_opens_connections_of_its_own(self) -> None:
        if not hasattr(os, "fork"):
            return
        peer, client = self.peer(), self.client()
        self.send(client, _a_post(peer))

        assert _child_succeeds(lambda: client.send(_a_post(peer)))
        assert self.send(client, _a_post(peer)).status == 201  # noqa: PLR2004 - as answered

    def test_failures_leave_nothing_open(self) -> None:
        answers: dict[bytes, Answer] = {
            b"0": Misbehaviour.SILENT,
            b"1": HttpResponse(status=200, body=b"x" * 2_000_000),
            b"2": HttpResponse(status=500),
        }
        peer, client = self.peer(lambda request: answers[request.body]), self.client()
        self.send(client, _a_post(peer, b"2"))
        with nothing_left_open():
            for body in (b"0", b"1", b"0"):
                self.failure(client, _a_post(peer, body))
            close(client)

    def test_the_time_of_the_whole_exchange_is_bounded(self) -> None:
        began = monotonic()

        for misbehaviour in (Misbehaviour.SILENT, Misbehaviour.DRIPPING):
            error = self.failure(self.client(), _a_post(self.peer(misbehaviour)))
            assert error.fault == HttpFault.TIMEOUT

        assert monotonic() - began < self.patience


def _a_post(peer: HttpPeer, body: bytes = b"a=1") -> HttpRequest:
    headers = {"Authorization": _SECRET, "content-type": "text/plain"}
    return HttpRequest(method="POST", url=f"{peer.url}/x?y=z%20", headers=headers, body=body)


def _raised(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error
    return None


def _at_once(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(_MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _child_succeeds(action: Callable[[], object]) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
