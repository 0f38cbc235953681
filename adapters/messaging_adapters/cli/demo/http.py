"""The demonstration over HTTP: a server for its database, and requests that it answers."""

import secrets
from datetime import timedelta
from functools import partial
from signal import SIGINT
from threading import Event
from typing import Any, Final
from uuid import UUID

import orjson
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from messaging_adapters.asgi.access import Access, AccessKeyTable, hash_of_key
from messaging_adapters.asgi.app import make_app
from messaging_adapters.cli.commands.view import local_viewer
from messaging_adapters.cli.demo.show import Show
from messaging_adapters.cli.http_server import Work, listening, serve_app, url_of
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.tables import receivers
from messaging_adapters.cli.request_lines import Line
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core.lazy import frozen
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.messages.message import Message
from messaging_core.ports.clock import SystemClock
from messaging_core.ports.http import HttpClient, HttpRequest
from messaging_core.worker import Worker

_HOST: Final = "127.0.0.1"
_VIEWER: Final = "/viewer"
_PATIENCE: Final = timedelta(seconds=30)
_COLUMNS: Final = (
    Column("line", is_number=True),
    Column("channel"),
    Column("to", yields=True),
    Column("answer", is_number=True),
    Column("status"),
)


def demo_app(messenger: Messenger, token: str, url: str) -> ASGIApp:
    """Return everything that the demonstration serves: the routes, and the viewer beside them."""
    access = AccessKeyTable({hash_of_key(token): Access(name="demo")})
    port = int(url.rpartition(":")[2])
    pages = local_viewer(messenger, f"{url}{_VIEWER}", port=port)
    return Starlette(routes=[Mount(_VIEWER, pages), Mount("/", make_app(messenger, access=access))])


def serve(show: Show) -> int:
    """Send an example of each channel over HTTP, and serve until a signal; return the status."""
    registry = show.engine.messenger.channels
    # From here on the time is that of the machine: curl and browsers know no other.
    messenger = Messenger(
        storage=show.engine.storage,
        channels=dict(filter(None, map(registry.route, registry.by_id))),
        clock=SystemClock(),
    )
    token = secrets.token_urlsafe()
    with listening(_HOST, 0) as listener, Urllib3Client(timeout=_PATIENCE) as client:
        caller = _Caller(client=client, url=url_of(listener), token=token)
        works: list[Work] = [Worker(messenger).run, partial(_present, show, caller)]
        serve_app(demo_app(messenger, token, caller.url), listener, works, show.stop)
    # Ctrl-C is the way to end it, and no failure.
    return 0 if show.stop.number == SIGINT else show.stop.status


@frozen(kw_only=True)
class _Caller:
    """A program that knows nothing but a URL and an access key."""

    client: HttpClient
    url: str
    token: str

    def send(self, message: Message, line: Line) -> tuple[int, Any]:
        """Send an example, and return the answer."""
        body = line.request if isinstance(line.request, bytes) else orjson.dumps(line.request)
        request = HttpRequest(
            method="POST",
            url=f"{self.url}{_path_of(message)}",
            headers={
                "Authorization": f"AccessKey {self.token}",
                "Content-Type": "application/json",
            },
            body=body,
        )
        answer = self.client.send(request)
        return answer.status, orjson.loads(answer.body)


def _path_of(message: Message) -> str:
    """Return where messages of the channel of an example are sent and listed."""
    return f"/workspaces/{DEFAULT_WORKSPACE}/channels/{message.channel_id}/messages"


def _present(show: Show, caller: _Caller, stop: Event) -> None:
    """Show what is answered to examples, and what to try."""
    show.screen.heading("The same database over HTTP: one example of each channel is sent again")
    rows = []
    for line, message in _one_of_each_channel(show):
        if stop.is_set():
            return
        status, document = caller.send(message, line)
        name = show.engine.name_of(message.channel_id)
        said = document.get("status") or document["code"]
        rows.append((str(line.number), name, receivers(message), str(status), said))
    show.screen.table(_COLUMNS, rows)
    _advise(show.screen, caller, _path_of(show.sent[-1][1]))


def _one_of_each_channel(show: Show) -> list[tuple[Line, Message]]:
    """Return the first example of each channel that names no time: those times are past."""
    pairs: dict[UUID, tuple[Line, Message]] = {}
    for line, message in show.sent:
        if message.scheduled_for is None:
            pairs.setdefault(message.channel_id, (line, message))
    return list(pairs.values())


def _advise(screen: Screen, caller: _Caller, path: str) -> None:
    authorization = f"-H 'Authorization: AccessKey {caller.token}'"
    screen.heading("Try these in another terminal")
    screen.line(f"  curl {authorization} '{caller.url}{path}?limit=1'")
    screen.line(f"  curl {caller.url}/openapi.json")
    screen.line()
    screen.line(f"See every message in a browser: {caller.url}{_VIEWER}/messages?since=ever")
    screen.line()
    screen.remark(f"serving {caller.url}; Ctrl-C stops")
