import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

import pytest
import trustme

from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.media.http import HttpMediaSource
from messaging_core.errors import ConfigurationError, MediaError
from messaging_core.ports.media import Media

PUBLIC = "93.184.215.14"
OK = "HTTP/1.1 200 OK\r\n"
CDN = ("cdn.example",)
TOKEN = "Basic c2VjcmV0"


class Server(ThreadingHTTPServer):
    """Answer each request with the same bytes, over TLS if given a context."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Sequence[bytes | float], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.tls = tls
        self.requests: list[bytes] = []

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        connection.settimeout(5)
        if self.tls:
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, *_: Any) -> None:
        """Say nothing: a client that refuses our certificate is what some tests want."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def handle(self) -> None:
        lines = iter(self.rfile.readline, b"\r\n")
        self.server.requests.append(b"".join(line for line in lines if line))
        for piece in self.server.answer:
            if isinstance(piece, float):
                sleep(piece)
            else:
                self.wfile.write(piece)


class Network:
    """Resolve every name as told, and connect to the test's server whatever the address."""

    def __init__(self, *addresses: str, port: int = 0) -> None:
        self.addresses = addresses
        self.port = port
        self.dialled: list[tuple[str, int]] = []
        self.down: set[str] = set()

    def resolve(self, _host: str, _port: int) -> Sequence[str]:
        return self.addresses

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.dialled.append(address)
        if address[0] in self.down:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.port), timeout)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def serve(closing: ExitStack, authority: trustme.CA) -> Callable[..., Server]:
    def started(*answer: bytes | float | str, host: str = "m.example", tls: bool = True) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host, *CDN).configure_cert(context)
        pieces = [piece.encode() if isinstance(piece, str) else piece for piece in answer]
        server = Server(pieces, context if tls else None)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        closing.callback(thread.join, 10)
        closing.callback(server.server_close)
        closing.callback(server.shutdown)
        return server

    return started


@pytest.fixture
def source(authority: trustme.CA) -> Callable[..., tuple[HttpMediaSource, Network]]:
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def made(server: Server, *addresses: str, **options: Any) -> tuple[HttpMediaSource, Network]:
        network = Network(*(addresses or (PUBLIC,)), port=server.server_address[1])
        given: dict[str, Any] = {"ssl_context": context, "timeout": timedelta(seconds=3)}
        return (
            HttpMediaSource(resolve=network.resolve, connect=network.connect, **given | options),
            network,
        )

    return made


class Turns:
    """Answers that a server gives one after the other."""

    def __init__(self, *answers: str) -> None:
        self._answers = iter(answers)

    def __iter__(self) -> Iterator[bytes]:
        yield next(self._answers).encode()


def redirect(location: str) -> str:
    return f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"


def sent(server: Server) -> list[tuple[str, str | None]]:
    """Return the host of each request, and the credentials that it had."""
    shown = []
    for request in server.requests:
        lines = request.decode().split("\r\n")[1:-1]
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        shown.append((headers["host"], headers.get("authorization")))
    return shown


def refusal(source: HttpMediaSource, url: str, limit: int = 100) -> MediaError:
    with pytest.raises(MediaError) as caught:
        source.read(url, limit)
    assert "example" not in caught.value.reason
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        OK + "Content-Type: Image/PNG; x=y\r\nContent-Length: 5\r\n\r\nhello",
        OK + "Content-Type: image/png\r\n\r\nhello",
        OK + "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_a_file_is_fetched_from_the_address_that_was_checked(
    serve: Any, source: Any, answer: str
) -> None:
    server = serve(answer)
    media, network = source(server)

    file = media.read("https://m.example/a%20b/ü.png?x=1&y=/", 5)

    assert file == Media(content=b"hello", content_type="image/png")
    assert network.dialled == [(PUBLIC, 443)]
    request, host, *_ = server.requests[0].split(b"\r\n")
    assert request == b"GET /a%20b/%C3%BC.png?x=1&y=/ HTTP/1.1"
    assert host == b"Host: m.example"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127。0。0。1/",
    ],
)
def test_urls_into_the_private_network_are_refused(url: str) -> None:
    def never(*_: Any) -> socket.socket:
        raise AssertionError

    error = refusal(HttpMediaSource(connect=never), url)

    assert error.permanent
    assert error.reason == "the URL leads into a private network"


@pytest.mark.parametrize(
    "address",
    [
        *["0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1"],  # noqa: S104
        *["172.16.0.1", "192.168.0.1", "198.18.0.1", "203.0.113.1"],
        *["192.0.0.8", "192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16"],
        *["224.0.0.1", "240.0.0.1", "255.255.255.255", "nonsense", ""],
        *["::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "ff02::1"],
        *["2001:db8::1", "100::1", "4000::1", "64:ff9b:1::1"],
        *["::ffff:10.0.0.1", "::ffff:224.0.0.1", "::10.0.0.1", "64:ff9b::a00:1"],
        *["2002:a00:1::1", "2001:0:808:808::f5ff:fffe"],
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "8.8.8.8", "2606:2800:21f::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("private", ["127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"])
def test_one_private_address_among_public_ones_is_enough(
    serve: Any, source: Any, private: str
) -> None:
    media, network = source(serve(), PUBLIC, private)

    assert refusal(media, "https://m.example/").permanent
    assert network.dialled == []


def test_no_address_at_all_is_refused() -> None:
    media = HttpMediaSource(resolve=lambda _host, _port: [])

    assert refusal(media, "https://m.example/").permanent


@pytest.mark.parametrize(
    "url",
    [
        "http://m.example/",
        "ftp://m.example/",
        "file:///etc/passwd",
        "https:///a",
        "https://m.example:8443/",
        "https://m.example:99999/",
        "https://m.example:x/",
        "https://u:p@m.example/",
        "https://@m.example/",
        "https://m.example/\r\nHost: x",
        "https://m.example/a b",
        "https://m.exa\tmple/",
        "https://m.example\\@x/",
        "https://[::1/",
        "https://ä\u0301\u2028.example/",
        "//m.example/",
        "",
    ],
)
def test_urls_of_another_kind_are_refused(url: str) -> None:
    def never(*_: Any) -> Sequence[str]:
        raise AssertionError

    assert refusal(HttpMediaSource(resolve=never), url).permanent


def test_a_name_that_no_resolver_takes_is_refused() -> None:
    assert refusal(HttpMediaSource(), f"https://{'a' * 70}.example/").permanent


@pytest.mark.parametrize(
    ("errno", "permanent"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)]
)
def test_a_name_that_is_not_known(errno: int, *, permanent: bool) -> None:
    def unknown(*_: Any) -> Sequence[str]:
        raise socket.gaierror(errno, "unknown")

    error = refusal(HttpMediaSource(resolve=unknown), "https://m.example/")

    assert error.permanent is permanent


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\n\r\n", True),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", True),
        ("HTTP/1.1 404 Not Found\r\n\r\n", True),
        ("HTTP/1.1 429 Slow Down\r\n\r\n", False),
        ("HTTP/1.1 503 Busy\r\n\r\n", False),
        ("HTTP/1.1 204 No Content\r\n\r\n", True),
        (OK + "Content-Length: 101\r\n\r\n" + "x" * 101, True),
        (OK + "\r\n" + "x" * 101, True),
        (OK + "Transfer-Encoding: chunked\r\n\r\n" + ("40\r\n" + "x" * 64 + "\r\n") * 2, True),
        (OK + "Content-Encoding: gzip\r\n\r\nx", True),
        (OK + "Content-Length: 10\r\n\r\nshort", False),
        ("SSH-2.0-x\r\n", False),
        ("", False),
    ],
)
def test_answers_that_are_not_the_file(
    serve: Any, source: Any, answer: str, *, permanent: bool
) -> None:
    server = serve(answer)
    media, network = source(server)

    assert refusal(media, "https://m.example/").permanent is permanent
    assert len(network.dialled) == len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        (10.0,),
        (OK + "Content-Length: 50\r\n\r\n", *([b"x", 0.1] * 50)),
        (*([b"H", 0.1] * 50),),
    ],
    ids=["silence", "a body that trickles", "a head that trickles"],
)
def test_a_slow_server_does_not_hold_us_up(serve: Any, source: Any, answer: Any) -> None:
    media, _ = source(serve(*answer), timeout=timedelta(seconds=0.3))
    began = monotonic()

    error = refusal(media, "https://m.example/")

    assert error.reason == "the server took too long"
    assert not error.permanent
    assert monotonic() - began < 2


def test_a_certificate_of_another_name_is_refused(serve: Any, source: Any) -> None:
    media, _ = source(serve(OK + "\r\nhi", host="other.example"))

    assert refusal(media, "https://m.example/").reason == "the server's certificate is not accepted"


def test_a_certificate_of_an_unknown_issuer_is_refused(serve: Any, source: Any) -> None:
    media, _ = source(serve(OK + "\r\nhi"), ssl_context=ssl.create_default_context())

    assert refusal(media, "https://m.example/").permanent


def test_the_next_address_is_tried_where_one_is_down(serve: Any, source: Any) -> None:
    media, network = source(serve(OK + "\r\nhi"), "8.8.8.8", PUBLIC)
    network.down = {"8.8.8.8"}

    assert media.read("https://m.example/", 10).content == b"hi"
    assert network.dialled == [("8.8.8.8", 443), (PUBLIC, 443)]


def test_a_server_that_is_down_is_no_lasting_failure(serve: Any, source: Any) -> None:
    media, network = source(serve())
    network.down = {PUBLIC}

    assert not refusal(media, "https://m.example/").permanent


def test_clear_text_and_other_ports_can_be_allowed(serve: Any, source: Any) -> None:
    server = serve(OK + "\r\nhi", tls=False)
    media, network = source(server, allow_http=True, ports=(443, 8080))

    assert media.read("http://m.example/", 10).content == b"hi"
    assert media.read("http://m.example:8080", 10).content == b"hi"
    assert network.dialled == [(PUBLIC, 80), (PUBLIC, 8080)]
    assert b"Host: m.example:8080\r\n" in server.requests[1]


def test_proxies_of_the_environment_are_not_used(
    serve: Any, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    media, _ = source(serve(OK + "\r\nhi"))

    assert media.read("https://m.example/", 10).content == b"hi"


def test_a_literal_ipv6_address_is_named_in_brackets(serve: Any, source: Any) -> None:
    server = serve(OK + "\r\nhi", tls=False)
    media, _ = source(server, "2606:2800:21f::1", allow_http=True)

    media.read("http://[2606:2800:21f::1]/", 10)

    assert b"Host: [2606:2800:21f::1]\r\n" in server.requests[0]


def test_credentials_go_to_their_own_host_and_follow_no_redirect_to_another(
    serve: Any, source: Any
) -> None:
    server = serve()
    server.answer = Turns(
        redirect("/second"),
        redirect("https://cdn.example/third"),
        OK + "Content-Type: image/png\r\nContent-Length: 5\r\n\r\nhello",
    )
    media, _ = source(server, max_redirects=2, credentials={"m.example": TOKEN})

    file = media.read("https://m.example/first", 5)

    assert file == Media(content=b"hello", content_type="image/png")
    assert sent(server) == [("m.example", TOKEN), ("m.example", TOKEN), ("cdn.example", None)]
    assert [request.split()[1] for request in server.requests] == [b"/first", b"/second", b"/third"]


def test_credentials_may_be_made_for_each_request(serve: Any, source: Any) -> None:
    server, tokens = serve(OK + "\r\nhi"), iter(["Bearer 1", "Bearer 2"])
    media, _ = source(server, credentials={"m.example": lambda: next(tokens)})

    for _ in range(2):
        media.read("https://m.example/", 5)

    assert sent(server) == [("m.example", "Bearer 1"), ("m.example", "Bearer 2")]


def test_credentials_never_go_over_plain_http_or_to_another_port(serve: Any, source: Any) -> None:
    for url, tls in (("http://m.example/", False), ("https://m.example:8443/", True)):
        server = serve(OK + "\r\nhi", tls=tls)
        options: Any = {"allow_http": True, "ports": (443, 8443)}
        media, _ = source(server, credentials={"m.example": TOKEN}, **options)

        media.read(url, 5)

        assert [credentials for _, credentials in sent(server)] == [None]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("https://127.0.0.1/", "the URL leads into a private network"),
        ("http://cdn.example/", "the URL is not https"),
        ("https://cdn.example:22/", "the URL names a port that is not allowed"),
        ("https://user@cdn.example/", "the URL is malformed"),
        ("/again", "the server redirects too often, or to nowhere"),
    ],
)
def test_a_redirect_is_checked_like_the_url_and_followed_only_so_often(
    serve: Any, source: Any, target: str, reason: str
) -> None:
    server = serve(redirect(target))
    media, network = source(server, max_redirects=3)
    network.resolve = lambda host, _port: [host if host[0].isdigit() else PUBLIC]
    media = HttpMediaSource(
        resolve=network.resolve,
        connect=network.connect,
        ssl_context=media.ssl_context,
        max_redirects=3,
    )

    error = refusal(media, "https://m.example/")

    assert (error.reason, error.permanent) == (reason, True)
    assert len(server.requests) == (4 if target == "/again" else 1)


@pytest.mark.parametrize(
    "credentials",
    [
        TOKEN,
        {"https://m.example": TOKEN},
        {"M.example": TOKEN},
        {"m.example": ""},
        {"m.example": "a\r\nb: c"},
        {"m.example": None},
        {7: TOKEN},
    ],
)
def test_credentials_that_no_request_could_carry_are_refused(credentials: Any) -> None:
    with pytest.raises(ConfigurationError, match="credentials") as caught:
        HttpMediaSource(credentials=credentials)

    assert TOKEN not in str(caught.value) or credentials == TOKEN
    assert TOKEN not in repr(HttpMediaSource(credentials={"m.example": TOKEN}))
