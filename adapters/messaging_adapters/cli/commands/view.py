"""The command that shows the messages of this machine in a browser."""

import getpass
import threading
import webbrowser
from argparse import Namespace
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.types import ASGIApp

from messaging_adapters.cli.config.engine import check_exists, viewing_engine
from messaging_adapters.cli.http_server import listening, serve_app
from messaging_adapters.cli.interrupts import stoppable
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.app import viewer
from messaging_adapters.viewer.local_only import LocalOnly
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, Channel

_HOST: Final = "127.0.0.1"


def view(options: Namespace) -> int:
    """Show the messages of the configuration's database, until a signal; nothing is delivered."""
    if options.database:
        check_exists(options.database)
    with (
        listening(_HOST, options.port) as listener,
        viewing_engine(options) as engine,
        stoppable() as stop,
    ):
        port = listener.getsockname()[1]
        url = f"http://{_HOST}:{port}"
        workspaces = _workspaces(engine.config.channels)
        app = local_viewer(engine.messenger, url, port=port, workspaces=workspaces)
        Screen().remark(f"showing {url}/; Ctrl-C stops")
        if not options.no_browser:
            threading.Thread(target=webbrowser.open, args=(f"{url}/",), daemon=True).start()
        serve_app(app, listener, [], stop)
    return stop.status if stop.number else 0


def local_viewer(
    messenger: Messenger,
    public_url: str,
    *,
    port: int,
    workspaces: Mapping[UUID, str] | None = None,
) -> ASGIApp:
    """Return the viewer for the user of this machine, who has every right.

    Args:
        messenger: Whose messages it shows.
        public_url: Where the browser finds it.
        port: Of this machine; other names of a host are refused.
        workspaces: Which it shows, each with a name or an empty one; by default that of hosts with
            one tenant.
    """
    shown = workspaces or {DEFAULT_WORKSPACE: ""}
    visitor = Visitor(name=_user(), workspaces=shown, may=frozenset(Right))

    def admit(_request: Request) -> Visitor:
        return visitor

    pages = viewer(
        messenger,
        access=admit,
        environment="development",
        public_url=public_url,
        development=True,
    )
    return LocalOnly(pages, local_hosts(port))


def local_hosts(port: int) -> Collection[str]:
    """Return what a browser on this machine may send as `Host`."""
    return [f"{name}:{port}" for name in (_HOST, "localhost", "[::1]")]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without names
        return "developer"


def _workspaces(channels: Mapping[str, Channel]) -> dict[UUID, str]:
    """Return the workspaces of the channels, the one of hosts with one tenant first."""
    others = sorted({channel.workspace for channel in channels.values()} - {DEFAULT_WORKSPACE})
    return dict.fromkeys([DEFAULT_WORKSPACE, *others], "")
