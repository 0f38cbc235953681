"""The command that checks transports, the store of media and the database, without sending."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack

from messaging_adapters.cli.config.engine import CONFIG, looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.config.file import Config, load_config
from messaging_adapters.uploads.presigned import Uploads
from messaging_adapters.uploads.store_check import check_media_store
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.ports.transport import Transport, check_transport, close_transports
from messaging_core.receipts.incoming_media import IncomingMedia

_NO_CHECK = "cannot be checked"
_MOST_NAMED = 100
_MEDIA = "[media]"
_STORE = "store"
_INCOMING = "incoming"


def check(options: Namespace) -> int:
    """Ask the provider of every channel if it knows the credentials, and name damaged rows.

    A file is written to the store of media, and deleted.
    """
    screen = Screen()
    config = load_config(options.config or CONFIG)
    with ExitStack() as stack:
        uploads = config.make_uploads()
        transports, _ = config.make(uploads=uploads)
        stack.callback(close_transports, transports.values())
        rows = list(_checked(transports))
        if uploads is not None:
            stack.callback(uploads.close)
            rows.append(_media_row(uploads))
        incoming = config.incoming_media(uploads, transports.values())
        if incoming is not None:
            rows.append(_incoming_row(incoming))
    columns = [*(Column(name) for name in ("channel", "transport", "result"))]
    screen.table([*columns, Column("reason", wraps=True)], [row for row, _ in rows])
    is_sound = _shows_no_damage(screen, options, config)
    return 0 if is_sound and all(is_ok for _, is_ok in rows) else 1


def _shows_no_damage(screen: Screen, options: Namespace, config: Config) -> bool:
    """Name the rows of the database that could not be read, if there is a database."""
    if not (options.database or config.database).exists():
        return True
    with looking_engine(options) as engine:
        damaged = engine.messenger.damaged_rows(limit=_MOST_NAMED)
    for position in damaged.events:
        screen.line(f"event {position} of the log cannot be read, and was put aside")
    for delivery_id in damaged.webhooks:
        screen.line(f"webhook {delivery_id} cannot be read, and is not sent")
    for message_id in damaged.messages:
        screen.line(f"message {message_id} cannot be read, and was put aside")
    return not (damaged.events or damaged.webhooks or damaged.messages)


def _checked(transports: dict[str, Transport]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield a row for each transport of each channel; channels that share one check it once."""
    checks: dict[int, list[tuple[str, TransportCheck | None]]] = {}
    for channel, transport in transports.items():
        if id(transport) not in checks:
            checks[id(transport)] = check_transport(transport)
        for name, result in checks[id(transport)]:
            yield _row(channel, name, result)


def _media_row(uploads: Uploads) -> tuple[tuple[str, ...], bool]:
    error = check_media_store(uploads.store, clock=uploads.clock, ids=uploads.ids)
    status = CheckStatus.OK if error is None else CheckStatus.BAD_SETUP
    reason = "" if error is None else error.reason
    return (_MEDIA, _STORE, status.replace("_", " "), reason), error is None


def _incoming_row(incoming: IncomingMedia) -> tuple[tuple[str, ...], bool]:
    """Return whose media are fetched with credentials: only a file itself would check them."""
    hosts = ", ".join(getattr(incoming.source, "hosts", ())) or "no host"
    return (_MEDIA, _INCOMING, _NO_CHECK, f"fetched with credentials from {hosts}"), True


def _row(channel: str, name: str, result: TransportCheck | None) -> tuple[tuple[str, ...], bool]:
    if result is None:
        return (channel, name, _NO_CHECK, ""), True
    reason = ""
    if failure := result.failure:
        source = failure.source
        code = f" ({source.name} {source.code})".replace(" )", ")") if source else ""
        reason = f"{failure.description}{code}"
    return (channel, name, result.status.replace("_", " "), reason), result.status is CheckStatus.OK
