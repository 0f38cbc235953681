"""A configuration names a SQLite file or a PostgreSQL server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.cli import main
from messaging_adapters.config.database import PostgresServer, database_of, open_storage
from messaging_adapters.config.file import load_config
from messaging_core import Messenger
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from postgres_server import Schemas

DSN = "postgresql://shop:${SHOP_PASSWORD}@db.example/shop"


@pytest.fixture
def dsn(postgres_schemas: Schemas) -> Iterator[str]:
    dsn = postgres_schemas.new()
    yield dsn
    postgres_schemas.drop(dsn)


@pytest.fixture
def url(dsn: str) -> str:
    return url_of(dsn)


def url_of(dsn: str) -> str:
    """Return a DSN of `name=value` pairs as a URL."""
    from urllib.parse import urlencode  # noqa: PLC0415 - here alone

    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - an extra

    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return f"postgresql://?{urlencode(parts).replace('+', '%20')}"


def configuration(database: str) -> dict[str, Any]:
    channel = {"platform": "sms", "sender": "Shop", "transport": {"type": "console"}}
    return {"database": database, "channels": {"orders": channel}}


def test_a_url_is_a_server_and_all_else_a_file_beside_the_configuration(tmp_path: Path) -> None:
    assert database_of("shop.db", tmp_path) == tmp_path / "shop.db"
    assert database_of(DSN, tmp_path) == PostgresServer(DSN)
    assert load_config(configuration(DSN)).database == PostgresServer(DSN)


def test_a_variable_is_encoded_as_a_url_needs_it() -> None:
    filled = PostgresServer(DSN).filled({"SHOP_PASSWORD": "p@ss/word"})

    assert filled == "postgresql://shop:p%40ss%2Fword@db.example/shop"
    with pytest.raises(ConfigurationError, match="no variable SHOP_PASSWORD"):
        PostgresServer(DSN).filled({})


@pytest.mark.parametrize(
    "dsn", ["postgresql://shop:secret@db/shop", "postgresql:///shop?user=a&password=secret"]
)
def test_no_password_is_shown(dsn: str) -> None:
    assert "secret" not in f"{PostgresServer(dsn)} {PostgresServer(dsn)!r}"


def test_a_messenger_of_a_configuration_keeps_its_messages_on_the_server(url: str) -> None:
    with Messenger.from_config(configuration(url)) as messenger:
        message = messenger.send("orders", to="+31612345678", text="hi")

    with open_storage(PostgresServer(url)) as storage, storage.begin(read_only=True) as tx:
        assert tx.messages.get(DEFAULT_WORKSPACE, message.id) == message


def test_the_command_line_shows_what_is_there(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "messaging.toml"
    path.write_text(
        f'database = "{url}"\n[channels.orders]\nplatform = "sms"\nsender = "Shop"\n'
        'transport = { type = "console" }\n'
    )

    with Messenger.from_config(path) as messenger:
        message = messenger.send("orders", to="+31612345678", text="hello")

    assert main(["--config", str(path), "show", str(message.id)]) == 0
    assert main(["--database", url, "list"]) == 0
    assert capsys.readouterr().out.count("+31612345678") > 1
