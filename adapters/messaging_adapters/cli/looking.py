"""The commands that look messages up, and the one that withdraws one."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from attrs import evolve

from messaging_adapters.cli.config import load_config
from messaging_adapters.cli.engine import CONFIG, Engine, looking_engine
from messaging_adapters.cli.moments import moment, read_moment
from messaging_adapters.cli.screen import Column, Screen
from messaging_adapters.cli.tables import Facts, content_facts, receivers
from messaging_adapters.cli.usage import UsageError
from messaging_core.decisions.rendering import content_of
from messaging_core.models.channel import DEFAULT_WORKSPACE
from messaging_core.models.delivery import Delivery
from messaging_core.models.message import Message
from messaging_core.models.query import MAX_LIMIT, MessageQuery
from messaging_core.wire import encode

_FILTERS = {
    "status": "status",
    "platform": "platform",
    "tag": "tag",
    "to": "receiver",
    "from": "sender",
    "reference": "reference",
    "country": "country_code",
}


def list_messages(options: Namespace) -> int:
    """List messages as a table, or as JSON lines in the shape of the Bird Channels API."""
    screen = Screen()
    with looking_engine(options) as engine:
        found = _Found(engine, _query(options, engine))
        if options.json:
            for message in found:
                screen.json(encode(message))
        else:
            _show_table(screen, engine, list(found))
    if found.next_page_token:
        screen.remark(f"there are more: --page-token {found.next_page_token}")
    return 0


def show(options: Namespace) -> int:
    """Show everything about one message."""
    screen = Screen()
    with looking_engine(options) as engine:
        message = engine.messenger.get(_id(options.id))
        with engine.storage.begin(read_only=True) as tx:
            delivery = tx.outbox.delivery(DEFAULT_WORKSPACE, message.id)
        if options.json:
            screen.json(encode(message))
            return 0
        for label, value in _facts(engine, message, delivery):
            for number, line in enumerate(value.splitlines() or [""]):
                screen.line(f"{'' if number else label:<12}{line}")
    return 0


def cancel(options: Namespace) -> int:
    """Withdraw a message that waits."""
    screen = Screen()
    with looking_engine(options) as engine:
        message_id = _id(options.id)
        if engine.messenger.cancel(message_id):
            screen.line(f"{message_id} is cancelled: it will not be sent")
            return 0
        message = engine.messenger.get(message_id)
    screen.remark(f"messaging: too late: {message_id} is {message.status}")
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
            channel.sender or "",
            _transport(config.transports[name]),
        )
        for name, channel in config.channels.items()
    ]
    screen.table(columns, rows)
    return 0


class _Found:
    """Messages from as many pages as it takes to reach the limit."""

    def __init__(self, engine: Engine, query: MessageQuery) -> None:
        self._engine = engine
        self._query = query
        self.next_page_token: str | None = None

    def __iter__(self) -> Iterator[Message]:
        left, token = self._query.limit, self._query.page_token
        while True:
            # The engine judges a limit that is none at all.
            limit = min(left, MAX_LIMIT)
            page = self._engine.messenger.find(evolve(self._query, limit=limit, page_token=token))
            yield from page.results
            left -= len(page.results)
            token = self.next_page_token = page.next_page_token
            if not token or not left:
                return


def _query(options: Namespace, engine: Engine) -> MessageQuery:
    now = engine.messenger.clock.now()
    chosen = {
        field: getattr(options, name) for name, field in _FILTERS.items() if getattr(options, name)
    }
    return MessageQuery(
        **chosen,
        channel_id=[engine.channel(name).id for name in options.channel or ()],
        direction=options.direction,
        email_subject=options.subject,
        start_at=read_moment(options.since, now) if options.since else None,
        end_at=read_moment(options.until, now) if options.until else None,
        limit=options.limit,
        page_token=options.page_token,
        reverse=options.reverse,
    )


def _show_table(screen: Screen, engine: Engine, messages: list[Message]) -> None:
    if not messages:
        screen.remark("no messages")
        return
    columns = [Column("id"), Column("accepted"), Column("status")]
    rows = [
        (
            str(one.id),
            moment(one.created_at)[:16],
            one.status,
            engine.name_of(one.channel_id),
            receivers(one),
        )
        for one in messages
    ]
    screen.table([*columns, Column("channel", yields=True), Column("to", yields=True)], rows)


def _facts(engine: Engine, message: Message, delivery: Delivery | None) -> Facts:
    yield "id", str(message.id)
    yield "channel", engine.name_of(message.channel_id)
    yield from _status_facts(message)
    yield "accepted", moment(message.created_at)
    if delivery:
        yield "due", f"{moment(delivery.due_at)}, valid until {moment(delivery.expires_at)}"
        yield "attempts", str(delivery.attempts)
    connector = message.sender.connector
    yield from _some("from", connector.identifier_value if connector else None)
    for one in message.receiver.contacts:
        yield one.type or "to", one.platform_address or one.identifier_value or one.id or ""
    yield from _some("tags", ", ".join(message.tags))
    yield from _some("reference", message.reference)
    yield from _some("provider", ", ".join(part.platform_reference for part in message.parts))
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


def _transport(table: Mapping[str, Any]) -> str:
    """Say which transport it is and where to; what is secret never stands in the table."""
    settings = (f"{key} {value}" for key, value in table.items() if key != "type")
    return ", ".join([table["type"], *settings])


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise UsageError(f"{text!r} is no message id; messaging list shows them in full") from None
