"""Serves an ASGI application on a socket of this process, with work on threads beside it."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from messaging_adapters.cli.http_connections import ImpatientProtocol
from messaging_adapters.cli.interrupts import Stop

Work = Callable[[threading.Event], object]
"""Work until the event is set."""

_LAST_REQUESTS: Final = 10
"""Seconds that the requests which run at the end may take."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open a port; 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        # Its connections inherit it. Otherwise an answer waits 40 ms for an acknowledgement:
        # uvicorn writes the body after the headers, and asyncio sets this on its own sockets only.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of an open port."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_app(app: ASGIApp, listener: socket.socket, works: Sequence[Work], stop: Stop) -> None:
    """Serve until a signal or a fault of the work, which is raised."""

    async def look_for_signals() -> None:
        # The server itself knows SIGINT and SIGTERM only.
        server.should_exit = server.should_exit or stop.is_set()

    config = uvicorn.Config(
        app,
        http=ImpatientProtocol,
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_LAST_REQUESTS,
        callback_notify=look_for_signals,
        timeout_notify=1,
    )
    server = uvicorn.Server(config)
    _allow_many_connections()
    with _running(works, server):
        server.run(sockets=[listener])


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system allows: shells often start with 1,024."""
    try:
        import resource  # noqa: PLC0415 - Windows has none, and no such limit
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS refuses a number that it calls unlimited
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _running(works: Sequence[Work], server: uvicorn.Server) -> Iterator[None]:
    """Work on threads beside the server; where work ends by a fault, so does the server."""
    stop, faults = threading.Event(), list[BaseException]()

    def run(work: Work) -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001 - raised by the thread that serves
            faults.append(error)
            server.should_exit = True

    threads = [
        threading.Thread(target=run, args=(work,), name="messaging-worker") for work in works
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]
