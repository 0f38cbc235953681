"""A provider of SMS over HTTP that notes when how many parts arrive, and answers as Twilio does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qs

from messaging_core.rules.formats.sms import split_sms


class CountingProvider(ThreadingHTTPServer):
    """Take messages, and note each.

    Args:
        seconds: How long an answer takes.

    Attributes:
        arrivals: When how many parts came, in order.
        most: How many calls were under way at the same time, at most.
        is_down: Answer 503.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.arrivals: list[tuple[float, int]] = []
        self.most = self._under_way = 0
        self.is_down = False
        self.numbers = count(1)
        self._lock = Lock()

    def begin(self, body: str) -> None:
        """Note a call that arrives."""
        parts = split_sms(parse_qs(body)["Body"][0]).count
        with self._lock:
            self.arrivals.append((monotonic(), parts))
            self._under_way += 1
            self.most = max(self.most, self._under_way)

    def end(self) -> None:
        """Note a call that is about to be answered."""
        with self._lock:
            self._under_way -= 1

    def most_parts_within(self, seconds: float) -> int:
        """Return how many parts came at most in any span."""
        first, held, most = 0, 0, 0
        for at, parts in self.arrivals:
            held += parts
            while self.arrivals[first][0] <= at - seconds:
                held -= self.arrivals[first][1]
                first += 1
            most = max(most, held)
        return most

    def parts_between(self, since: float, until: float) -> int:
        """Return how many parts came in a time."""
        return sum(parts for at, parts in self.arrivals if since <= at < until)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: CountingProvider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.begin(body)
        if self.server.seconds:
            sleep(self.server.seconds)
        self.server.end()
        sid = f"SM{next(self.server.numbers):032x}"
        answer = json.dumps({"sid": sid, "status": "queued", "num_segments": "1"}).encode()
        self.send_response(503 if self.server.is_down else 201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def counting_provider(seconds: float = 0.0) -> Iterator[CountingProvider]:
    """Run a provider for a block."""
    provider = CountingProvider(seconds)
    thread = Thread(target=provider.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        thread.join()
        provider.server_close()
