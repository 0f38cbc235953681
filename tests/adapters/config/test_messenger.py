"""A messenger from a configuration: DSNs, variables, secrets, and types found by name."""

import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging_adapters.config import load_config, messenger_from
from messaging_adapters.config.discovery import adapter_type, names_of, offered
from messaging_adapters.config.options import options_of
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.telemetry.open_telemetry import OpenTelemetry
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Messenger, Worker
from messaging_core.errors import ArgumentError, ConfigurationError
from messaging_core.models import Escalation, PlatformRules
from messaging_core.ports.configuration import RECEIPTS, TRANSPORTS
from messaging_core.ports.guarded_telemetry import GuardedTelemetry
from messaging_core.ports.telemetry import NO_TELEMETRY
from messaging_core.testing import a_request

SECRET = "s3cr3t/with@signs"
ENVIRONMENT = {"SMTP_PASSWORD": SECRET, "TWILIO_AUTH_TOKEN": "t0ken", "PRICE": "5"}


def mail(transport: Any) -> dict[str, Any]:
    """Return a configuration with one email channel."""
    channel = {"platform": "email", "sender": "a@shop.example", "transport": transport}
    return {"channels": {"a": channel}}


def smtp_of(transport: Any, **environment: str) -> SmtpTransport:
    """Make the transport of one email channel."""
    made = load_config(mail(transport)).transport("a", ENVIRONMENT | environment)
    assert isinstance(made, SmtpTransport)
    return made


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call()
    return str(caught.value)


def test_a_dsn_and_a_table_make_the_same_transport() -> None:
    by_dsn = smtp_of("smtp+tls://support:${SMTP_PASSWORD}@mail.shop.example:4650?timeout=7.5")
    by_table = smtp_of(
        {
            "type": "smtp",
            "security": "tls",
            "username": "support",
            "password_env": "SMTP_PASSWORD",
            "host": "mail.shop.example",
            "port": 4650,
            "timeout": 7.5,
        }
    )

    names = ("host", "port", "security", "username", "password", "timeout")
    assert [getattr(by_dsn, name) for name in names] == [getattr(by_table, name) for name in names]
    assert by_dsn.password == SECRET


@pytest.mark.parametrize(
    ("dsn", "port"),
    [
        ("smtp://mail.example", 587),
        ("smtp+starttls://mail.example", 587),
        ("smtp+tls://mail.example/", 465),
        ("SMTP+NONE://[::1]", 25),
        ("smtp://mail.example?security=none", 25),
    ],
)
def test_the_usual_port_goes_with_the_variant(dsn: str, port: int) -> None:
    assert smtp_of(dsn).port == port


def test_a_secret_may_stand_in_a_dsn_with_its_signs_escaped() -> None:
    transport = smtp_of("smtp://user:s3cr3t%2Fwith%40signs@mail.example")

    assert (transport.username, transport.password) == ("user", SECRET)


def test_a_whole_dsn_may_be_a_variable() -> None:
    transport = smtp_of("${MAIL_DSN}", MAIL_DSN="smtp://user:pass@mail.example")

    assert (transport.host, transport.password) == ("mail.example", "pass")


def test_a_dollar_is_written_twice() -> None:
    assert smtp_of("smtp://user:$${PRICE}@mail.example").password == "${PRICE}"
    assert smtp_of("smtp://user:$$SET@mail.example", SET="x").password == "$SET"


def test_a_variable_without_braces_is_refused_and_another_dollar_stays() -> None:
    dsn = "smtp://user:$SMTP_SECRET@mail.example"

    said = refused(lambda: smtp_of(dsn, SMTP_SECRET="x"))

    assert "password: $SMTP_SECRET is no variable here: write ${SMTP_SECRET}" in said
    assert smtp_of(dsn).password == "$SMTP_SECRET"


@pytest.mark.parametrize(
    ("transport", "fault"),
    [
        ("mail.example", "this is no DSN: write type://username:password@host"),
        ("pigeon://loft", '"pigeon" is not one of '),
        ("smpt://mail.example", '(did you mean "smtp"?)'),
        (
            "pigeon://loft",
            "; your package offers its own type in the group messaging_core.transports",
        ),
        ("smtp+ssl://mail.example", "unknown variant of the type in the DSN; allowed: +starttls"),
        (
            "smtp://mail.example?sizes=3",
            'unknown key (did you mean "max_size"?); allowed: type, host, port',
        ),
        ("smtp://mail.example?port=3&port=4", "port: given twice"),
        ("smtp://mail.example:70000", "port: must be 1 to 65535, not 70000"),
        ("smtp://mail.example:many", "port: must be a whole number, not text"),
        ("smtp://", "host: missing"),
        ("smtp://user:pass?word@mail.example", "in a password write %3F for ?"),
        ("smtp://user@mail.example", "username and password_env: give both or neither"),
        ("file://box/out", "this type has no host in its DSN"),
        ("smtp://mail.example?timeout=no", "timeout: must be a number of seconds, not text"),
        ("smtp://mail.example?fetch_media=2", "fetch_media: must be true or false, not text"),
        ({"type": "smtp", "host": "x", "max_size": -1}, "max_size: must be 0 to"),
        ("twilio://AC1:${TOKEN}@", "type: twilio carries sms only"),
        ("bird://:${TOKEN}@", "workspace_id: missing; it is a UUID in quotes"),
        ({"type": "smtp", "host": "x", "password_env": 3}, "password_env: must be text in quotes"),
        ({"type": "smtp", "host": "x", 3: 4}, "a key must be text, not 3"),
        (["smtp"], "transport: must be a DSN in quotes, or a table, not a list"),
    ],
)
def test_a_fault_names_its_place_and_the_options(transport: Any, fault: str) -> None:
    said = refused(lambda: load_config(mail(transport)))

    assert said.startswith("configuration: [channels.a")
    assert fault in said


@pytest.mark.parametrize(
    ("channels", "fault"),
    [
        ({1: {}}, "[channels.1] name must be text, not 1"),
        ({"a": {"sender": "\ud800"}}, "[channels.a] sender"),
        ({"a": {3: "x"}}, "[channels.a] a key must be text, not 3"),
    ],
)
def test_a_mapping_may_hold_what_no_file_can(channels: Any, fault: str) -> None:
    usual = {"platform": "email", "sender": "a@shop.example", "transport": "console:"}
    tables = {name: usual | table for name, table in channels.items()}

    assert fault in refused(lambda: load_config({"channels": tables}))


@pytest.mark.parametrize(
    "transport",
    [
        f"smtp://user:{SECRET}@mail example",
        f"smtp://user:{SECRET}@mail.example?hosts=1",
        f"smtp://user:{SECRET}@mail.example:{SECRET}",
        f"smtp://user:{SECRET}@mail.example?port={SECRET}",
        f"smtp://user:700001?{SECRET}@mail.example",
        f"smtp://user:x?y={SECRET}&{SECRET}=z@mail.example",
        f"smtp://user:{SECRET}@mail.example?security={SECRET}x",
        {"type": "smtp", "host": "x", "username": "u", "password": SECRET, "pasword": SECRET},
        {"type": "smtp", "host": "h h", "username": "u", "password": SECRET},
    ],
)
def test_no_error_and_no_repr_shows_a_secret(transport: Any) -> None:
    config = mail(transport)

    said = refused(lambda: messenger_from(config, storage=MemoryStorage()))

    assert "s3cr3t" not in said


def test_repr_and_what_is_shown_hide_secrets() -> None:
    config = load_config(mail(f"smtp://user:{SECRET.replace('/', '%2F')}@mail.example"))

    assert "s3cr3t" not in repr(config)
    assert config.transports["a"].shown()["password"] == "…"
    assert "s3cr3t" not in repr(config.transport("a"))


def test_a_missing_variable_is_named_with_its_place_and_remedy() -> None:
    config = load_config(mail("smtp://user:${NO_SUCH}@mail.example"))

    said = refused(lambda: config.transport("a", {}))

    assert said == (
        "configuration: [channels.a.transport] password: "
        "the environment has no variable NO_SUCH; set it: export NO_SUCH=…"
    )


def test_a_mapping_may_hold_a_secret_and_a_file_may_not(tmp_path: Path) -> None:
    table = {"type": "smtp", "host": "x", "username": "u", "password": SECRET}
    file = tmp_path / "messaging.toml"
    file.write_text(
        "[channels.a]\nplatform = 'email'\nsender = 'a@shop.example'\n[channels.a.transport]\n"
        f"type = 'smtp'\nhost = 'x'\nusername = 'u'\npassword = '{SECRET}'\n"
    )

    assert smtp_of(table).password == SECRET
    assert "password: never write a secret into this file" in refused(lambda: load_config(file))


def test_from_config_sends_what_the_file_describes(tmp_path: Path) -> None:
    file = tmp_path / "messaging.toml"
    file.write_text(
        'database = "shop.db"\n[channels.parcels]\nplatform = "sms"\nsender = "Shop"\n'
        'transport = "file:outbox"\n'
    )

    with Messenger.from_config(file) as messenger:
        messenger.send("parcels", a_request())
        Worker(messenger).drain()

    assert (tmp_path / "shop.db").exists()
    assert len(list((tmp_path / "outbox").iterdir())) == 1


def test_from_config_takes_the_other_arguments_of_a_messenger() -> None:
    class Own(Messenger):
        pass

    storage = MemoryStorage()

    messenger = Own.from_config(mail("console:"), storage=storage, default_channels=["a"])

    assert isinstance(messenger, Own)
    assert messenger.storage is storage


def test_a_platform_of_the_hosts_own_has_its_rules() -> None:
    chat = {"platform": "pigeon-chat", "transport": "console:"}
    rules = {"max_text": 4096, "body_types": ["text"], "address": "@[a-z]+"}
    config = {"channels": {"chat": chat}, "platforms": {"pigeon-chat": rules}}

    loaded = load_config(config).channels["chat"].rules

    assert loaded == PlatformRules(max_text=4096, body_types=("text",), address="@[a-z]+")


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ({"max_txt": 1}, '[platforms.pigeon-chat] max_txt: unknown key (did you mean "max_text"?)'),
        ({"max_text": 0}, "[platforms.pigeon-chat] max_text: must be 1 to"),
        ({"address": "["}, "[platforms.pigeon-chat] address must be a regular expression"),
        ({"body_types": ["hologram"]}, "[platforms.pigeon-chat] body_types: types of body are"),
        (3, "[platforms.pigeon-chat] must be a table"),
    ],
)
def test_a_rule_with_a_fault_is_named(rules: Any, fault: str) -> None:
    assert fault in refused(
        lambda: load_config(mail("console:") | {"platforms": {"pigeon-chat": rules}})
    )


def pushes(**escalation: Any) -> dict[str, Any]:
    """Return a configuration whose push channel has an escalation."""
    app = {"platform": "push", "transport": "console:", "escalation": escalation}
    texts = {"platform": "sms", "sender": "Shop", "transport": "console:"}
    return {"channels": {"app": app, "texts": texts}}


def test_a_channel_escalates_to_another_one() -> None:
    config = pushes(channel="texts", after=300)

    assert load_config(config).channels["app"].escalation == Escalation(
        channel="texts", after=timedelta(minutes=5)
    )
    messenger = Messenger.from_config(config, storage=MemoryStorage())
    assert messenger.context.channels.escalates


@pytest.mark.parametrize(
    ("escalation", "fault"),
    [
        ({"channel": "texts"}, "escalation.after: missing; it is a number of seconds"),
        ({"channel": "texts", "after": 0}, "escalation.after: must be 1 to"),
        ({"channel": "texts", "after": "5m"}, "escalation.after: must be a number of seconds"),
        (
            {"channel": "text", "after": 300},
            'escalation.channel: there is no channel "text" (did you mean "texts"?)',
        ),
        ({"channel": "app", "after": 300}, "channel: another channel takes over"),
        ({"channel": "texts", "after": 9**8}, "after: from 1 second to 35 days"),
        ({"to": "texts"}, "escalation.to: unknown key"),
    ],
)
def test_an_escalation_with_a_fault_is_named(escalation: Any, fault: str) -> None:
    assert f"[channels.app] {fault}" in refused(lambda: load_config(pushes(**escalation)))


@pytest.mark.parametrize("kind", ["router", "Failover", "round-robin", "circuit-breaker"])
def test_a_wrapper_as_a_type_says_that_wrappers_are_made_in_code(kind: str) -> None:
    for transport in ({"type": kind}, f"{kind}:"):
        said = refused(lambda given=transport: load_config(mail(given)))  # type: ignore[misc]

        assert "wrappers are made in code: describe a channel for each transport" in said


def test_wrappers_with_a_table_of_their_own_are_named() -> None:
    assert "write [limits.NAME]" in refused(lambda: load_config(mail({"type": "throttled"})))
    assert "write [sandbox]" in refused(lambda: load_config(mail({"type": "sandbox"})))


def test_an_argument_that_the_configuration_gives_is_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"^channels must be left out, not a dict: .*load_config"
    ):
        Messenger.from_config(mail("console:"), channels={})
    with pytest.raises(ArgumentError, match=r"^make must be left out, .*your own class"):
        Messenger.from_config(mail("console:"), make=Messenger)


def test_channels_with_equal_settings_share_a_transport() -> None:
    config = mail("smtp://mail.example")
    config["channels"]["b"] = dict(config["channels"]["a"], sender="b@shop.example")
    config["channels"]["c"] = dict(config["channels"]["a"], transport="smtp://other.example")

    transports = load_config(config).make_transports()

    assert transports["a"] is transports["b"]
    assert transports["a"] is not transports["c"]


def test_incoming_mail_belongs_to_the_first_channel_that_sends_from_its_address() -> None:
    config: dict[str, Any] = mail("console:")
    config["channels"] = {
        "news": {"platform": "email", "sender": "Shop@shop.example", "transport": "console:"},
        "orders": {"platform": "email", "sender": "shop@shop.example", "transport": "console:"},
    }
    config["webhooks"] = {"postmark": {"type": "postmark", "secret": "s3cret"}}

    loaded = load_config(config)
    (parser,) = loaded.make_webhooks({})

    assert parser.channels == {"shop@shop.example": loaded.channels["news"].id}  # type: ignore[attr-defined]


def test_a_list_of_senders_means_equal_weights() -> None:
    senders = ["+31600000001", "+31600000002"]
    channel = {"platform": "sms", "sender": senders[0], "transport": "console:"}
    config: dict[str, Any] = {"channels": {"orders": {**channel, "senders": senders}}}

    pool = load_config(config).channels["orders"].senders

    assert pool is not None
    assert pool.weights == (("+31600000001", 1), ("+31600000002", 1))
    config["channels"]["orders"]["senders"] = [*senders, senders[0]]
    assert "senders: a sender is there twice" in refused(lambda: load_config(config))
    config["channels"]["orders"]["senders"] = 3
    assert "senders: must be a table of senders with their weights, or a list" in refused(
        lambda: load_config(config)
    )


def test_an_answer_to_a_sender_of_two_pools_belongs_to_the_first_channel() -> None:
    channel = {"platform": "sms", "sender": "+31600000001", "transport": "console:"}
    shared = {"senders": ["+31600000001", "+31600000002"]}
    config: dict[str, Any] = {
        "channels": {
            "orders": {**channel, **shared},
            "offers": {**channel, **shared, "sender": "+31600000002"},
        },
        "webhooks": {"twilio": {"type": "twilio", "auth_token_env": "TWILIO_AUTH_TOKEN"}},
    }

    loaded = load_config(config)
    (parser,) = loaded.make_webhooks(ENVIRONMENT)

    assert set(parser.channels.values()) == {loaded.channels["orders"].id}  # type: ignore[attr-defined]


def test_webhooks_make_receipt_parsers_that_know_the_channels() -> None:
    config: dict[str, Any] = {
        "channels": {
            "sms": {"platform": "sms", "sender": "+31201234567", "transport": "console:"},
        },
        "webhooks": {
            "twilio": {"type": "twilio", "auth_token_env": "TWILIO_AUTH_TOKEN"},
            "other": "twilio://:${TWILIO_AUTH_TOKEN}@",
        },
    }

    loaded = load_config(config)
    first, second = loaded.make_webhooks(ENVIRONMENT)

    assert (first.name, second.name) == ("twilio", "other")
    assert first.channels == {"31201234567": loaded.channels["sms"].id}  # type: ignore[attr-defined]
    assert "t0ken" not in repr(first)


@pytest.mark.parametrize(
    ("webhooks", "fault"),
    [
        ({"x": {"type": "nothing"}}, '[webhooks.x] type: "nothing" is not one of '),
        ({"x": 3}, "[webhooks.x] must be a table or a DSN in quotes"),
        ({"x": {"type": "twilio"}}, "[webhooks.x] auth_token: missing"),
        ({"x": {"type": "twilio", "auth_token": "t", "chanels": 3}}, "chanels: unknown key (did"),
    ],
)
def test_a_webhook_with_a_fault_is_named(webhooks: Any, fault: str) -> None:
    config = mail("console:") | {"webhooks": webhooks}

    assert fault in refused(lambda: load_config(config))


@pytest.mark.parametrize(
    ("group", "name"),
    [(group, name) for group in (TRANSPORTS, RECEIPTS) for name in names_of(group)],
)
def test_each_type_of_ours_can_be_loaded_and_keeps_its_secrets(group: str, name: str) -> None:
    adapter = adapter_type(group, name)

    options = options_of(adapter)

    assert adapter.secrets & options.keys() or not adapter.password
    assert {adapter.username, adapter.password, adapter.host, adapter.path} - {None} <= {*options}


def test_every_type_is_in_the_guide() -> None:
    guide = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "configure.md"
    rows = set(re.findall(r"^\| `([\w-]+)` \|", guide.read_text("utf-8"), re.MULTILINE))

    assert {*names_of(TRANSPORTS), *names_of(RECEIPTS)} <= rows


def test_providers_over_http_are_described_in_a_line() -> None:
    sid, uuid = "AC" + "0" * 32, "01890a5d-ac96-774b-bcce-b302099a8057"
    dsns = {
        "twilio": f"twilio://{sid}:${{TOKEN}}@?status_callback=https%3A%2F%2Fshop.example%2Fhook",
        "vonage": "vonage://key:${TOKEN}@",
        "bird": f"bird://:${{TOKEN}}@?workspace_id={uuid}&channel_id={uuid}",
    }
    channels = {
        name: {"platform": "sms", "sender": "+31201234567", "transport": dsn}
        for name, dsn in dsns.items()
    }

    made: Any = load_config({"channels": channels}).make_transports({"TOKEN": "t0ken"})

    assert (made["twilio"].account_sid, made["twilio"].auth_token) == (sid, "t0ken")
    assert made["twilio"].status_callback == "https://shop.example/hook"
    assert (made["vonage"].api_key, made["vonage"].api_secret) == ("key", "t0ken")
    assert (str(made["bird"].workspace_id), made["bird"].access_key) == (uuid, "t0ken")
    assert "t0ken" not in repr(made)


def test_an_smpp_centre_is_described_in_a_line() -> None:
    dsn = "smpp+tls://shop:${PASS}@smsc.example:3600?window=20&zone=Europe/Paris&timeout=5"
    channel = {"platform": "sms", "sender": "Shop", "transport": dsn}

    made: Any = load_config({"channels": {"a": channel}}).transport("a", {"PASS": "pass"})

    assert (made.host, made.port) == ("smsc.example", 3600)
    assert (made.system_id, made.password) == ("shop", "pass")
    assert (made.window, made.timeout.total_seconds(), str(made.zone)) == (20, 5, "Europe/Paris")


PACKAGE = """
from messaging_core.ports.configuration import AdapterType
from messaging_core.testing import RecordingTransport


class Pager(RecordingTransport):
    def __init__(self, host: str, api_key: str, *, retries: int = 0) -> None:
        super().__init__(name="pager")
        self.settings = (host, api_key, retries)


def bare(host: str, api_key):
    return Pager(host, api_key)


PAGER = AdapterType(make=Pager, secrets=frozenset({"api_key"}), username=None, password="api_key")
"""


@pytest.fixture
def pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a package with two transports, one of which fails when it is imported."""
    (tmp_path / "pager.py").write_text(PACKAGE)
    (tmp_path / "broken.py").write_text("raise RuntimeError('never import me')")
    info = tmp_path / "pager-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{TRANSPORTS}]\npager = pager:PAGER\nplain = pager:Pager\nbroken = broken:BROKEN\n"
        "text = pager:__name__\nbare = pager:bare\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    adapter_type.cache_clear()
    offered.cache_clear()
    yield tmp_path
    adapter_type.cache_clear()
    offered.cache_clear()
    sys.modules.pop("pager", None)


@pytest.mark.usefixtures("pager")
def test_a_transport_of_another_package_is_found_by_its_name_and_no_other_is_loaded() -> None:
    config = load_config(mail("pager://:k3y@pager.example?retries=2"))

    transport = config.transport("a")

    assert transport.settings == ("pager.example", "k3y", 2)  # type: ignore[attr-defined]
    assert "broken" not in sys.modules


@pytest.mark.usefixtures("pager")
def test_a_class_alone_is_enough() -> None:
    table = {"type": "plain", "host": "h", "api_key": "${KEY}"}
    config = load_config(mail(table))

    transport = config.transport("a", {"KEY": "k3y"})

    assert transport.settings == ("h", "k3y", 0)  # type: ignore[attr-defined]
    assert config.transports["a"].shown()["api_key"] == "${KEY}"


@pytest.mark.usefixtures("pager")
@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("broken", "broken of pager cannot be loaded: RuntimeError"),
        ("text", "text of pager is neither an AdapterType nor a class"),
        ("bare", "with an annotation: write api_key: str in bare"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_named(kind: str, fault: str) -> None:
    assert fault in refused(lambda: load_config(mail({"type": kind})))


def test_two_packages_with_one_name_are_refused(pager: Path) -> None:
    info = pager / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{TRANSPORTS}]\npager = other:PAGER\n")
    offered.cache_clear()

    said = refused(lambda: load_config(mail("pager://h")))

    assert "several packages offer pager: other, pager" in said


def test_the_domain_of_short_links_comes_from_the_configuration() -> None:
    shop = {
        "short_link_domain": "go.example",
        "channels": {"texts": {"platform": "sms", "sender": "Shop", "transport": "console:"}},
    }
    with Messenger.from_config(shop, storage=MemoryStorage()) as messenger:
        assert messenger.acceptor.linking.default_domain == "go.example"


def test_a_configuration_names_the_telemetry() -> None:
    data = mail("console:")
    plain = messenger_from(data, storage=MemoryStorage())
    observed = messenger_from({**data, "telemetry": "opentelemetry"}, storage=MemoryStorage())

    assert plain.context.telemetry is NO_TELEMETRY
    assert isinstance(observed.context.telemetry, GuardedTelemetry)
    assert isinstance(observed.context.telemetry.telemetry, OpenTelemetry)
    fault = refused(lambda: load_config({**data, "telemetry": "otel"}))
    assert 'telemetry: "otel" is not' in fault
