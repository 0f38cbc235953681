"""The command that lists messages."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Final

from attrs import evolve

from messaging_adapters.cli.config.engine import Engine, looking_engine
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.tables import receivers
from messaging_adapters.cli.output.timestamps import moment, read_moment
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.wire import encode

_FILTERS: Final = {
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
        messages = _Found(engine, _query(options, engine))
        if options.json:
            for message in messages:
                screen.json(encode(message))
        else:
            _show_table(screen, engine, list(messages))
    if messages.next_page_token:
        screen.remark(f"there are more: --page-token {messages.next_page_token}")
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
            str(message.id),
            moment(message.created_at)[:16],
            message.status,
            engine.name_of(message.channel_id),
            receivers(message),
        )
        for message in messages
    ]
    screen.table([*columns, Column("channel", yields=True), Column("to", yields=True)], rows)
