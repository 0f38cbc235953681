"""The command that serves the HTTP surface."""

from argparse import Namespace
from datetime import timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from messaging_adapters.asgi.access import AccessKeyChain, AccessKeys, AccessKeyTable
from messaging_adapters.asgi.app import make_app
from messaging_adapters.asgi.stored_keys import StoredAccessKeys
from messaging_adapters.cli.config.engine import CONFIG
from messaging_adapters.cli.http_server import listening, serve_app, url_of
from messaging_adapters.cli.interrupts import stoppable
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.usage import UsageError
from messaging_adapters.config.database import AnyStorage, open_storage
from messaging_adapters.config.file import Config, load_config
from messaging_adapters.config.telemetry import make_telemetry
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.viewer.local_only import LocalOnly
from messaging_core.messenger import Messenger
from messaging_core.worker import Worker

_PATIENCE: Final = timedelta(seconds=10)  # with receivers of webhooks
_VIEWER: Final = "/viewer"
_NO_KEYS: Final = "there are no access keys: messaging keys create NAME makes one"


def serve(options: Namespace) -> int:
    """Serve the channels of the configuration, deliver, and send webhooks, until a signal."""
    path = options.config or CONFIG
    config = load_config(path)
    uploads, telemetry = config.make_uploads(), make_telemetry(config.telemetry)
    with (
        listening(options.host, options.port) as listener,
        open_storage(options.database or config.database, config.driver) as storage,
        Messenger.from_config(
            path,
            storage=storage,
            clock=options.clock,
            media_check=uploads,
            telemetry=telemetry,
        ) as messenger,
        Urllib3Client(timeout=_PATIENCE, allows=is_public) as client,
        stoppable() as stop,
    ):
        if telemetry is not None:
            telemetry.watch(messenger)
        host, port = listener.getsockname()[:2]
        access = _access(config, storage)
        app: ASGIApp = make_app(
            messenger,
            access=access,
            public_url=config.public_url,
            uploads=uploads,
            rate=config.request_rate,
        )
        if options.viewer:
            app = _with_viewer(app, messenger, access, config, (host, port))
        also = f", its viewer at {_VIEWER}/" if options.viewer else ""
        Screen().remark(f"serving {url_of(listener)}{also}; Ctrl-C stops")
        sender = messenger.webhook_sender(client)
        works = [sender.run] if options.no_worker else [sender.run, Worker(messenger).run]
        serve_app(app, listener, works, stop)
    return stop.status if stop.number else 0


def _with_viewer(
    app: ASGIApp,
    messenger: Messenger,
    access: AccessKeys,
    config: Config,
    address: tuple[str, int],
) -> ASGIApp:
    """Return an application that also shows what was sent, below `/viewer`."""
    from messaging_adapters.viewer.app import viewer  # noqa: PLC0415 - needs another extra

    host, port = address
    name_of_host = f"[{host}]" if ":" in host else host  # RFC 3986 §3.2.2
    public = config.public_url or f"http://{name_of_host}:{port}"
    pages: ASGIApp = viewer(messenger, access=access, public_url=f"{public}{_VIEWER}")
    if config.public_url is None:
        names = {name_of_host, "localhost", "[::1]"}
        pages = LocalOnly(pages, [f"{name}:{port}" for name in names])
    return Starlette(routes=[Mount(_VIEWER, pages), Mount("/", app)])


def _access(config: Config, storage: AnyStorage) -> AccessKeys:
    """Return the keys of the configuration and those that are stored."""
    stored = StoredAccessKeys(storage)
    if config.access_keys:
        return AccessKeyChain(AccessKeyTable(config.access_keys), stored)
    if not stored.all():
        raise UsageError(_NO_KEYS)
    return stored
