"""The commands about one message, and the one about the configuration."""

from argparse import Namespace
from uuid import UUID

from messaging_adapters.cli.config.engine import CONFIG, Engine, looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.tables import Facts, content_facts, event_cells
from messaging_adapters.cli.output.timestamps import moment
from messaging_adapters.cli.usage import UsageError
from messaging_adapters.config.file import load_config
from messaging_adapters.config.sandbox import reach_of
from messaging_adapters.config.settings import Settings
from messaging_core.decisions.content.rendering import content_of
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.messages.message import Message
from messaging_core.wire import encode


def show(options: Namespace) -> int:
    """Show everything about one message."""
    screen = Screen()
    with looking_engine(options) as engine:
        message = engine.messenger.get(message_id(options.id))
        with engine.storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message.id)
        if options.json:
            screen.json(encode(message))
            return 0
        for label, value in _facts(engine, message, delivery):
            for number, line in enumerate(value.splitlines() or [""]):
                screen.line(f"{'' if number else label:<12}{line}")
    return 0


def timeline(options: Namespace) -> int:
    """Show everything that happened to one message, in order."""
    screen = Screen()
    with looking_engine(options) as engine:
        events = engine.messenger.timeline(message_id(options.id))
    if options.json:
        for event in events:
            screen.json(encode(event))
        return 0
    names = ("time", "event", "status", "outcome")
    columns = [*(Column(name) for name in names), Column("details", wraps=True)]
    screen.table(columns, [event_cells(event) for event in events])
    return 0


def cancel(options: Namespace) -> int:
    """Withdraw a message that waits."""
    screen = Screen()
    with looking_engine(options) as engine:
        chosen_id = message_id(options.id)
        if engine.messenger.cancel(chosen_id):
            screen.line(f"{chosen_id} is cancelled: it will not be sent")
            return 0
        message = engine.messenger.get(chosen_id)
    screen.remark(f"messaging: too late: {chosen_id} is {message.status}")
    return 1


def channels(options: Namespace) -> int:
    """Show what the configuration says, which also checks it."""
    screen = Screen()
    config = load_config(options.config or CONFIG)
    screen.line(f"{config.path}: database {options.database or config.database}")
    names = ("channel", "platform", "type", "sender")
    columns = [*(Column(name) for name in names), Column("transport", wraps=True)]
    rows = [
        (
            f"{name}{'' if channel.active else ' (inactive)'}",
            f"{channel.platform}{', mms' if channel.mms else ''}",
            channel.message_type,
            f"{len(channel.senders.senders)} senders" if channel.senders else channel.sender or "",
            _adapter(config.transports[name]),
        )
        for name, channel in config.channels.items()
    ]
    screen.table(columns, rows)
    for name, channel in config.channels.items():
        if channel.senders:
            pool = ", ".join(f"{sender} = {weight}" for sender, weight in channel.senders.weights)
            screen.line(f"senders of {name} with their weights: {pool}")
    if config.is_sandboxed():
        screen.line(f"the sandbox is on: {reach_of(config.sandbox)}")
    if config.webhooks:
        parsers = [(name, _adapter(settings)) for name, settings in config.webhooks.items()]
        screen.table([Column("webhook"), Column("receipt parser", wraps=True)], parsers)
    return 0


def _facts(engine: Engine, message: Message, delivery: Delivery | None) -> Facts:
    yield "id", str(message.id)
    yield "channel", engine.name_of(message.channel_id)
    yield from _status_facts(message)
    yield "accepted", moment(message.created_at)
    if delivery:
        yield "due", f"{moment(delivery.due_at)}, valid until {moment(delivery.expires_at)}"
        yield "attempts", str(delivery.attempts)
    yield from _some("from", message.sender.address)
    for contact in message.receiver.contacts:
        yield contact.type or "to", contact.address or contact.id or ""
    yield from _some("tags", ", ".join(message.tags))
    yield from _some("reference", message.reference)
    yield from _some("provider", ", ".join(message.references))
    route = engine.messenger.route(message.channel_id)
    if message.body and route:
        yield from content_facts(content_of(message.body, message.meta, route[0]))


def _status_facts(message: Message) -> Facts:
    yield "status", f"{message.status} since {moment(message.last_status_at)}"
    yield from _some("reason", message.reason)
    yield from _some("details", message.details)
    if failure := message.failure:
        source = failure.source
        provider = f", {source.name} {source.code}".rstrip() if source else ""
        yield "failure", f"{failure.description} ({failure.code}{provider})"


def _some(name: str, value: str | None) -> Facts:
    if value:
        yield name, value


def _adapter(settings: Settings) -> str:
    """Say which transport or receipt parser it is and its options, without secrets."""
    shown = settings.shown()
    kind = shown.pop("type", "")
    return ", ".join([*filter(None, [kind]), *(f"{key} {value}" for key, value in shown.items())])


def message_id(text: str) -> UUID:
    """Read a message id.

    Raises:
        UsageError: It is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no message id; messaging list shows them in full") from None
