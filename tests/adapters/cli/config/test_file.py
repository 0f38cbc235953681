import pytest

from messaging_adapters.config.toml_file import EXAMPLE

CHANNEL = '[channels.a]\nplatform = "sms"\n'
TRANSPORT = 'transport = { type = "console" }\n'
MAIL = '[channels.a]\nplatform = "email"\nsender = "a@shop.example"\n[channels.a.transport]\n'


@pytest.fixture
def faults(run, shop):
    """Write a configuration and return what is said about it."""

    def faults(text: str) -> str:
        (shop / "messaging.toml").write_text(text, encoding="utf-8")
        ran = run("channels")
        assert (ran.status, ran.out) == (2, "")
        return ran.err

    return faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "messaging.toml: channels: missing; it is a table"),
        ("a = ", "messaging.toml: this is not TOML: Invalid value (at"),
        ("databse = 'x'\n", 'databse: unknown key (did you mean "database"?); allowed: database,'),
        ("driver = 'apsw'\n", 'driver: "apsw" is not one of sqlite3, pysqlite3'),
        (CHANNEL + TRANSPORT + "sendr = 'x'", '[channels.a] sendr: unknown key (did you mean "se'),
        (CHANNEL, "[channels.a] transport: missing; it is a DSN in quotes, or a table"),
        ("[channels]\na = 3", "[channels.a] must be a table"),
        ("[channels.a]\n" + TRANSPORT, "[channels.a] platform: missing; it is text in quotes"),
        (CHANNEL + TRANSPORT + "mms = 'yes'", "[channels.a] mms: must be true or false, not text"),
        (CHANNEL + TRANSPORT + "sender = ''", "[channels.a] sender: must not be empty"),
        (CHANNEL + TRANSPORT + "sender = '?!'", "[channels.a] sender: a sender is an E.164 number"),
        (CHANNEL + TRANSPORT + "id = 'x'", '[channels.a] id: "x" is not a UUID'),
        (
            "[channels.a]\nplatform = 'emial'\n" + TRANSPORT,
            '[channels.a] platform: "emial" is not one of sms, email, push (did you mean "email"?)',
        ),
        (
            CHANNEL + TRANSPORT + "message_type = '2-fa'",
            'message_type: "2-fa" is not one of promotional, conversational, transactional, 2fa (d',
        ),
        (MAIL + "host = 'x'", "[channels.a.transport] type: missing; one of apns, "),
        (
            MAIL + "type = 'smpt'",
            '[channels.a.transport] type: "smpt" is not one of apns, ',
        ),
        (MAIL + "type = 3", "[channels.a.transport] type: must be text in quotes, not 3"),
        (MAIL + "type = 'smtp'", "[channels.a.transport] host: missing; it is text in quotes"),
        (
            MAIL + "type = 'smtp'\nhost = 'x'\nport = 70000",
            "[channels.a.transport] port: must be 1 to 65535, not 70000",
        ),
        (
            MAIL + "type = 'smtp'\nhost = 'x'\nport = true",
            "[channels.a.transport] port: must be a whole number, not true",
        ),
        (
            MAIL + "type = 'smtp'\nhost = 'x'\nusername = 'u'",
            "[channels.a.transport] username and password_env: give both or neither",
        ),
        (
            CHANNEL + "transport = { type = 'smtp', host = 'x' }",
            '[channels.a.transport] type: smtp carries email only, and the platform is "sms"',
        ),
    ],
)
def test_a_fault_is_named_with_its_file_table_and_key(faults, text, fault):
    said = faults(text)

    assert said.startswith("messaging: messaging.toml: ")
    assert fault in said


def test_all_faults_are_named_at_once(faults):
    said = faults("x = 1\n[channels.a]\ny = 1\n[channels.b]\n[channels.b.transport]\nz = 1\n")

    assert len(said.splitlines()) > 4


def test_a_secret_in_the_file_is_refused_and_not_repeated(faults):
    said = faults(MAIL + "type = 'smtp'\nhost = 'x'\npassword = 'hunter2'")

    assert "[channels.a.transport] password: never write a secret into this file" in said
    assert "password_env" in said
    assert "hunter2" not in said


def test_a_missing_file_shows_one_to_copy_that_works(run, shop):
    (shop / "messaging.toml").unlink()

    ran = run("channels")

    assert ran.status == 2
    assert ran.err.startswith("messaging: there is no messaging.toml")
    example = ran.err.partition("\n\n")[2]
    (shop / "messaging.toml").write_text(example)
    assert example.strip() == EXAMPLE.strip()
    assert run("channels").status == 0


def test_a_file_that_is_not_utf8_is_named(run, shop):
    (shop / "messaging.toml").write_bytes(b"# \xff")

    assert run("channels").err == "messaging: messaging.toml: this is not UTF-8 text\n"


def test_channels_shows_what_is_configured_and_where_secrets_come_from(run, shop, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    text = MAIL + "type = 'smtp'\nhost = 'x'\nusername = 'u'\npassword_env = 'SMTP_PASSWORD'"
    (shop / "messaging.toml").write_text(text)

    ran = run("channels")

    assert ran.status == 0
    assert "${SMTP_PASSWORD}" in ran.out
    assert "hunter2" not in ran.out + ran.err


def test_channels_shows_the_senders_of_a_pool_with_their_weights(run, shop):
    pool = 'sender = "Shop"\nsenders = { Shop = 3, Store = 0 }\n'
    same = '[channels.b]\nplatform = "sms"\nsender = "Shop"\nsenders = ["Shop", "Store"]\n'
    text = CHANNEL + pool + TRANSPORT + same + TRANSPORT
    (shop / "messaging.toml").write_text(text, encoding="utf-8")

    ran = run("channels")

    assert "senders of a with their weights: Shop = 3, Store = 0\n" in ran.out
    assert "senders of b with their weights: Shop = 1, Store = 1\n" in ran.out


def test_paths_in_the_file_start_from_its_folder(run, shop, write, sms):
    (shop / "conf").mkdir()
    (shop / "messaging.toml").rename(shop / "conf" / "shop.toml")

    run("send", "--config", "conf/shop.toml", "--channel", "parcels", write(sms()))

    assert (shop / "conf" / "shop.db").exists()
    assert (shop / "conf" / "sms").is_dir()


def test_a_password_without_tls_is_refused_with_its_place(run, shop, write, sms, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    text = (
        MAIL + "type = 'smtp'\nhost = 'mail.shop.example'\nsecurity = 'none'\nusername = 'u'\n"
        "password_env = 'SMTP_PASSWORD'"
    )
    (shop / "messaging.toml").write_text(text)

    ran = run("send", write(sms(to="ada@shop.example")))

    assert ran.status == 2
    assert ran.err.startswith("messaging: messaging.toml: [channels.a.transport] an SMTP password")


def test_the_configuration_is_named_before_or_after_the_command(run, shop):
    (shop / "other.toml").write_text(CHANNEL + TRANSPORT, encoding="utf-8")

    before = run("--config", "other.toml", "--database", "x.db", "channels")
    after = run("channels", "--config", "other.toml", "--database", "x.db")
    last = run("--config", "missing.toml", "--database", "x.db", "channels", "--config=other.toml")

    assert before.out.startswith("other.toml: database x.db")
    assert before == after == last


def test_channels_shows_the_webhooks_without_their_secrets(run, shop):
    webhook = '[webhooks.calls]\ntype = "twilio"\nauth_token_env = "TWILIO_AUTH_TOKEN"\n'
    (shop / "messaging.toml").write_text(CHANNEL + TRANSPORT + webhook, encoding="utf-8")

    shown = run("channels").out

    assert "calls    twilio, auth_token ${TWILIO_AUTH_TOKEN}" in shown
