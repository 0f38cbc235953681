"""The sandbox of a configuration: nothing is sent for real where it was asked for."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.cli import main
from messaging_adapters.config import load_config, messenger_from
from messaging_adapters.config.sandbox import VARIABLE
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Messenger, Status, Worker
from messaging_core.errors import ConfigurationError
from messaging_core.testing import a_request

REACHED, OTHER, QA = "+31612345678", "+31622222222", "+31687654321"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def shop(outbox: Path, **tables: Any) -> dict[str, Any]:
    channel = {"platform": "sms", "sender": "Shop", "transport": f"file:{outbox}"}
    return {"channels": {"orders": channel}, **tables}


def sent(outbox: Path, environment: dict[str, str] | None = None, **tables: Any) -> list[str]:
    """Send to two numbers and return the texts of the files that came out."""
    options = {"storage": MemoryStorage(), "environment": environment}
    with messenger_from(shop(outbox, **tables), **options) as messenger:
        for address in (REACHED, OTHER):
            messenger.send("orders", a_request("hi", to=address))
        assert Worker(messenger, threads=1).drain().sent == 2
    return sorted(
        path.read_text(encoding="utf-8") for path in outbox.glob("**/*") if path.is_file()
    )


def test_without_a_sandbox_everyone_is_reached(tmp_path: Path) -> None:
    assert len(sent(tmp_path)) == 2


def test_a_sandbox_reaches_its_allow_list(tmp_path: Path) -> None:
    (only,) = sent(tmp_path, sandbox={"allow": REACHED})

    assert REACHED in only


def test_a_sandbox_redirects_by_platform(tmp_path: Path) -> None:
    tables = {"allow": ["+31612*"], "redirect_to": {"sms": QA, "email": "qa@shop.example"}}

    texts = sent(tmp_path, sandbox=tables)

    assert len(texts) == 2
    assert sum(f"(for {OTHER})" in text and QA in text for text in texts) == 1


@pytest.mark.parametrize("value", ["on", "ON", "1", "true"])
def test_the_variable_alone_lets_nothing_out(tmp_path: Path, value: str) -> None:
    assert sent(tmp_path, {VARIABLE: value}) == []


def test_the_variable_of_the_process_counts_beside_other_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "on")

    assert sent(tmp_path, {"TOKEN": "t0ken"}) == []


def test_only_off_overrules_the_table(tmp_path: Path) -> None:
    assert len(sent(tmp_path, {VARIABLE: "off"}, sandbox={})) == 2


@pytest.mark.parametrize("value", ["", " ", "yes please", "onn", "${SANDBOX}"])
@pytest.mark.parametrize("tables", [{}, {"sandbox": {}}])
def test_a_variable_that_says_neither_sends_nothing(
    tmp_path: Path, value: str, tables: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=f"{VARIABLE} must be on or off"):
        sent(tmp_path, {VARIABLE: value}, **tables)

    assert not list(tmp_path.glob("**/*.txt"))


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (3, "sandbox: must be a table"),
        ({"alow": []}, '[sandbox] alow: unknown key (did you mean "allow"?)'),
        ({"allow": ["shop.example"]}, "[sandbox] allow must be an address, a domain"),
        ({"allow": [REACHED, "0612345678"]}, "[sandbox] entry 2 of allow must be an address"),
        ({"redirect_to": {"emial": QA}}, 'not one for "emial" (did you mean "email"?)'),
        ({"allow": ["*"]}, "leave the sandbox out"),
        (
            {"redirect_to": QA},
            "[sandbox] redirect_to: must be a table, not text: write redirect_to = {",
        ),
        ({"redirect_to": {"sms": "qa@shop.example"}}, "[sandbox] redirect_to must be an address"),
        ({"slow_for": "5"}, "[sandbox] slow_for: must be a number of seconds"),
    ],
)
def test_a_fault_of_the_table_is_named_and_sends_nothing(
    tmp_path: Path, table: Any, fault: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_config(shop(tmp_path, sandbox=table))

    assert fault in str(caught.value)


def test_the_platforms_of_the_channels_are_known(tmp_path: Path) -> None:
    config = shop(tmp_path, sandbox={"allow": ["31612345678"], "redirect_to": {"pigeon": "loft"}})
    config["channels"]["orders"] |= {"platform": "pigeon"}
    config["channels"]["orders"].pop("sender")

    assert isinstance(load_config(config).transport("orders"), Sandbox)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "no address is allowed, every message is recorded"),
        ({"allow": []}, "no address is allowed, every message is recorded"),
        ({"redirect_to": {"sms": QA}}, "no address is allowed, every message is redirected or"),
        ({"allow": [REACHED]}, "only its allow-list is reached"),
    ],
)
def test_the_log_says_who_is_reached(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, table: dict[str, Any], words: str
) -> None:
    with caplog.at_level(logging.WARNING):
        load_config(shop(tmp_path, sandbox=table)).make_transports()

    assert words in caplog.text


def test_the_log_says_that_it_is_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_config(shop(tmp_path, sandbox={})).make_transports()

    assert f"in production set {VARIABLE}=off" in caplog.text


def test_channels_share_the_transport_behind_it() -> None:
    channel = {"platform": "email", "sender": "a@shop.example", "transport": "smtp://mail.example"}
    config = {"channels": {"a": channel, "b": dict(channel)}, "sandbox": {}}

    transports = load_config(config).make_transports()

    assert isinstance(transports["a"], Sandbox)
    assert transports["a"] is transports["b"]
    assert isinstance(transports["a"].transports[0], SmtpTransport)


def test_simulated_receivers_report_to_the_messenger(tmp_path: Path) -> None:
    with messenger_from(shop(tmp_path, sandbox={}), storage=MemoryStorage()) as messenger:
        message = messenger.send("orders", a_request(to="+15550000001"))
        Worker(messenger, threads=1).drain()

        assert messenger.get(message.id).status is Status.DELIVERED


def test_the_command_line_obeys_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "messaging.toml"
    config.write_text(
        '[channels.orders]\nplatform = "sms"\nsender = "Shop"\ntransport = "file:outbox"\n'
    )
    monkeypatch.setenv(VARIABLE, "on")

    assert main(["channels", "--config", str(config)]) == 0
    assert "the sandbox is on: no address is allowed, every message is recorded" in (
        capsys.readouterr().out
    )
    requests = tmp_path / "requests.jsonl"
    request = {
        "receiver": {"contacts": [{"identifierValue": OTHER}]},
        "body": {"type": "text", "text": {"text": "hi"}},
    }
    requests.write_text(json.dumps(request))
    assert main(["send", "--channel", "orders", str(requests), "--config", str(config)]) == 0
    assert "1 sent" in capsys.readouterr().out
    assert not list((tmp_path / "outbox").glob("*"))
    with Messenger.from_config(config) as messenger:
        (message,) = messenger.find().results
    assert message.references[0].startswith("sandbox-recorded-")
