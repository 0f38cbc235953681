"""The contract of transports that send one HTTP request, with the peer that it needs."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import sleep
from typing import Final
from urllib.parse import unquote_plus

from messaging_core.models.common.failure import Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome, Unknown
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.testing.contracts.bounds import nothing_left_open
from messaging_core.testing.contracts.transport.contract import close
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.peer import PeerContract
from messaging_core.testing.http_peer import Answer, HttpPeer, Misbehaviour

_LARGEST_ANSWER: Final = 32 * 1024 * 1024  # bytes, with what waits in the buffers of sockets
_PAUSE: Final = timedelta(seconds=7)
_A_LITTLE: Final = 0.05


class HttpPeerContract(PeerContract):
    """Inherit this for a transport that sends a message as one HTTP/1.1 request.

    The kit starts the peer; you say what the provider answers:

    ```python
    class TestPagerTransport(HttpPeerContract):
        platform, content = CONTENTS[1]

        def transport_to(self, url: str) -> Transport:
            return PagerTransport(url, timeout=0.5)

        def accepted(self, number: int) -> HttpResponse:
            return HttpResponse(status=202, body=b'{"id": "pager-%d"}' % number)

        def rejected(self, words: str) -> HttpResponse:
            return HttpResponse(status=400, body=f"bad number {words}".encode())
    ```

    - `gives_references`: False where the provider's answer names no id of the message.
    """

    gives_references: bool = True

    def transport_to(self, url: str) -> Transport:
        """Return a transport to a provider at this URL, with a time-out of about a second."""
        raise NotImplementedError

    def accepted(self, number: int) -> HttpResponse:
        """Return the provider's answer to a message that it takes, with an id of its own."""
        raise NotImplementedError

    def rejected(self, words: str) -> HttpResponse:
        """Return an answer that refuses for good, and repeats what the message said."""
        raise NotImplementedError

    def busy(self, words: str) -> HttpResponse:
        """Return an answer that refuses for now; by default a 429 to be tried in 7 seconds."""
        headers = {"retry-after": f"{_PAUSE.total_seconds():.0f}"}
        return HttpResponse(status=429, headers=headers, body=words.encode())

    def peer(self, answer: Callable[[HttpRequest], Answer]) -> HttpPeer:
        """Start a peer that is closed after the test."""
        peer = HttpPeer(answer)
        self._peers.append(peer)
        return peer

    def transport_of(self, peer: HttpPeer) -> Transport:
        """Return a transport to a peer that is closed after the test, if it can be."""
        transport = self.transport_to(peer.url)
        self._transports.append(transport)
        return transport

    @property
    def _peers(self) -> list[HttpPeer]:
        peers: list[HttpPeer] = self.__dict__.setdefault("started_peers", [])
        return peers

    @property
    def _transports(self) -> list[Transport]:
        transports: list[Transport] = self.__dict__.setdefault("made_transports", [])
        return transports

    def teardown_method(self) -> None:
        """Close transports and peers; pytest calls it after each test."""
        while self._transports:
            close(self._transports.pop())
        while self._peers:
            self._peers.pop().close()

    def make_transport(self) -> Transport:
        return self.transport_of(self.peer(self._accept))

    def make_rejected(self) -> Transport:
        return self.transport_of(self.peer(lambda request: self.rejected(_said(request))))

    def make_busy(self) -> Transport:
        return self.transport_of(self.peer(lambda request: self.busy(_said(request))))

    def make_silent(self) -> Transport:
        return self._to(Misbehaviour.SILENT)

    def make_reset(self) -> Transport:
        return self._to(Misbehaviour.RESET)

    def make_unreachable(self) -> Transport:
        peer = self.peer(self._accept)
        peer.close()
        return self.transport_of(peer)

    def received(self) -> Sequence[str]:
        return [_said(request) for peer in self._peers for request in peer.taken]

    def attempts(self) -> int:
        return sum(len(peer.exchanges) for peer in self._peers)

    def test_no_byte_of_the_body_goes_before_leave_is_given(self) -> None:
        transport = self.make_transport()

        def begun() -> int:
            sleep(_A_LITTLE)
            return self._peers[0].begun

        leave = Leave(look=begun)
        self.send(transport, self.make_envelope(), leave)

        assert leave.seen == [0], "the body had begun before leave was given"

    def test_an_acceptance_carries_the_reference_of_its_answer(self) -> None:
        transport, envelope = self.make_transport(), self.make_numbered(1)

        outcome = self.send(transport, envelope, Leave())

        self.check_answers([(envelope, outcome)])

    def test_a_connection_that_the_peer_closed_is_opened_again(self) -> None:
        transport = self.make_transport()
        self.send(transport, self.make_envelope(), Leave())
        self._peers[0].hang_up()
        sleep(_A_LITTLE)

        self.send(transport, self.make_envelope(), Leave())
        outcome = self.send(transport, self.make_envelope(), Leave())

        assert isinstance(outcome, Accepted)

    def test_a_time_to_wait_is_read(self) -> None:
        answer = self.busy("")
        seconds = answer.headers.get("retry-after")

        outcome = self.answered(self.make_busy(), Leave())

        assert isinstance(outcome, Deferred)
        if seconds is not None and seconds.isdigit():
            assert outcome.retry_after == timedelta(seconds=int(seconds))
        if answer.status == 429:  # noqa: PLR2004 - Too Many Requests
            assert outcome.failure.retry is Retry.THROTTLED

    def test_a_gateway_that_gives_up_leaves_doubt(self) -> None:
        for status in (502, 504):
            transport = self._to(HttpResponse(status=status, body=b"<html>bad gateway</html>"))
            leave = Leave()

            outcome = self.answered(transport, leave)

            is_certain = transport.capabilities.deduplicates_for is None
            assert isinstance(outcome, Unknown if is_certain else Deferred | Unknown)

    def test_a_redirect_is_not_followed(self) -> None:
        elsewhere = self.peer(self._accept)
        answer = HttpResponse(status=307, headers={"location": f"{elsewhere.url}/elsewhere"})

        outcome = self.answered(self._to(answer), Leave())

        assert not isinstance(outcome, Accepted)
        assert not elsewhere.exchanges, "a redirect carries the message and the secrets elsewhere"

    def test_an_answer_that_cannot_be_read_leaves_doubt(self) -> None:
        for body in (b"", b"\xff\x00", b"[]", b'{"id": null}', b"<html></html>", b"{" * 5000):
            outcome = self.answered(self._to(HttpResponse(status=200, body=body)), Leave())

            assert isinstance(outcome, Accepted | Unknown), "the peer may have taken the message"

    def test_an_answer_that_is_no_http_leaves_doubt(self) -> None:
        outcome = self.answered(self._to(Misbehaviour.GARBAGE), Leave())

        assert isinstance(outcome, Unknown)

    def test_an_answer_without_end_is_given_up_in_size(self) -> None:
        outcome = self.answered(self._to(Misbehaviour.ENDLESS), Leave())

        assert isinstance(outcome, Accepted | Unknown)
        assert self._peers[0].sent < _LARGEST_ANSWER, "bound the size of an answer"

    def test_an_answer_without_end_is_given_up_in_time(self) -> None:
        outcome = self.answered(self._to(Misbehaviour.DRIPPING), Leave())

        assert isinstance(outcome, Accepted | Unknown)

    def test_time_outs_leave_nothing_open(self) -> None:
        transport = self.make_silent()
        self.send(transport, self.make_envelope(), Leave())
        with nothing_left_open():
            self.send(transport, self.make_envelope(), Leave())
            self.send(transport, self.make_envelope(), Leave())
            close(transport)

    def check_answers(self, answers: Sequence[tuple[Envelope, Outcome]]) -> None:
        super().check_answers(answers)
        for envelope, outcome in answers:
            assert isinstance(outcome, Accepted)
            if self.gives_references:
                assert outcome.references, "the provider named the message: keep its reference"
            exchanged = self._exchanged(envelope)
            assert all(reference in exchanged for reference in outcome.references), (
                "a reference is not that of the answer to this message"
            )

    def _exchanged(self, envelope: Envelope) -> str:
        """Return what was sent and answered for a message."""
        address = envelope.to.lstrip("+")
        return " ".join(
            f"{_said(exchange.request)} {_answered(exchange.answer)}"
            for peer in self._peers
            for exchange in peer.exchanges
            if address in _said(exchange.request)
        )

    def _to(self, answer: Answer) -> Transport:
        return self.transport_of(self.peer(lambda _: answer))

    def _accept(self, _: HttpRequest) -> HttpResponse:
        with _NUMBERS_LOCK:
            number = self.__dict__.setdefault("answers_given", 0) + 1
            self.__dict__["answers_given"] = number
        return self.accepted(number)


_NUMBERS_LOCK: Final = threading.Lock()


def _said(request: HttpRequest) -> str:
    """Return the words of a request: its target, headers and body, as they are decoded."""
    body = request.body.decode("utf-8", "replace")
    headers = " ".join(request.headers.values())
    return " ".join([unquote_plus(request.url), headers, body, unquote_plus(body)])


def _answered(answer: Answer) -> str:
    if isinstance(answer, HttpResponse):
        return " ".join([*answer.headers.values(), answer.body.decode("utf-8", "replace")])
    return ""
