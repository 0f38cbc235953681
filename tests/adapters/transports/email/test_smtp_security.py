"""No mail and no password goes over a connection that is not what it should be."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from messaging_adapters.transports.email.smtp import SmtpSecurity, SmtpTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.failure import Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import EmailContent
from messaging_core.testing.contracts.transport import Leave, an_envelope


@pytest.fixture
def sent(closing: ExitStack) -> Callable[..., Outcome]:
    """Return what sends one mail, and remembers whether leave was asked."""

    def send(port: int, **options: Any) -> Outcome:
        transport = closing.enter_context(SmtpTransport("localhost", port, **options))
        return transport.send(an_envelope("email", EmailContent(text="Hello")), Leave())

    return send


def login(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = data == LoginPassword("käthe".encode(), "gehe1m·".encode())
    return AuthResult(success=right, handled=False)


def failure(outcome: Outcome) -> tuple[Retry, str]:
    assert isinstance(outcome, Deferred)
    assert outcome.failure.source is not None
    return outcome.failure.retry, outcome.failure.source.code


def test_starttls_with_a_certificate_that_is_trusted(
    start: Any, sent: Any, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    server = start(tls_context=server_tls, require_starttls=True)

    assert isinstance(sent(server.port, ssl_context=client_tls), Accepted)


def test_tls_from_the_first_byte_with_a_certificate_that_is_trusted(
    start: Any, sent: Any, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    server = start(tls=server_tls)

    assert isinstance(sent(server.port, security="tls", ssl_context=client_tls), Accepted)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_issuer_is_refused(
    start: Any, sent: Any, server_tls: ssl.SSLContext, security: str
) -> None:
    options = {"tls": server_tls} if security == "tls" else {"tls_context": server_tls}
    server = start(**options)

    outcome = sent(server.port, security=security)

    assert failure(outcome) == (Retry.CONFIGURATION, "SSLCertVerificationError")
    assert server.envelopes == []


def test_a_certificate_of_another_host_is_refused(
    start: Any, closing: ExitStack, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    server = start(tls=server_tls)
    transport = closing.enter_context(
        SmtpTransport("127.0.0.1", server.port, security="tls", ssl_context=client_tls)
    )

    outcome = transport.send(an_envelope("email", EmailContent(text="Hello")), Leave())

    assert failure(outcome) == (Retry.CONFIGURATION, "SSLCertVerificationError")


def test_without_starttls_nothing_is_sent(scripted: Any, sent: Any) -> None:
    server = scripted()

    outcome = sent(server.port, username="u", password="p")

    assert failure(outcome) == (Retry.CONFIGURATION, "STARTTLS")
    assert [line.split(" ")[0] for line in server.talk] == ["EHLO"]


def test_a_refused_starttls_is_no_reason_to_go_on_in_the_clear(scripted: Any, sent: Any) -> None:
    server = scripted({"EHLO": "250-x\n250 STARTTLS", "STARTTLS": "502 not today"})

    outcome = sent(server.port)

    assert failure(outcome) == (Retry.CONFIGURATION, "502")
    assert server.mails == []


def test_a_server_that_hangs_up_on_starttls_may_be_tried_again(scripted: Any, sent: Any) -> None:
    outcome = sent(scripted({"EHLO": "250-x\n250 STARTTLS", "STARTTLS": ""}).port)

    assert isinstance(outcome, Deferred)


def test_tls_with_a_server_that_speaks_in_the_clear_is_a_wrong_set_up(
    scripted: Any, sent: Any
) -> None:
    outcome = sent(scripted().port, security="tls")

    assert failure(outcome) == (Retry.CONFIGURATION, "SSLError")


@pytest.mark.parametrize("without", [[], ["PLAIN"]])
def test_a_login_is_tried_with_what_the_server_takes(
    start: Any, sent: Any, server_tls: Any, client_tls: Any, without: list[str]
) -> None:
    server = start(
        tls_context=server_tls,
        authenticator=login,
        auth_required=True,
        auth_exclude_mechanism=without,
    )

    outcome = sent(server.port, ssl_context=client_tls, username="käthe", password="gehe1m·")

    assert isinstance(outcome, Accepted)


def test_a_wrong_password_is_a_wrong_set_up(
    start: Any, sent: Any, server_tls: Any, client_tls: Any
) -> None:
    server = start(tls_context=server_tls, authenticator=login, auth_required=True)

    outcome = sent(server.port, ssl_context=client_tls, username="käthe", password="wrong")

    assert failure(outcome) == (Retry.CONFIGURATION, "535 5.7.8")


def test_a_server_that_wants_a_login_and_gets_none_is_a_wrong_set_up(
    start: Any, sent: Any, server_tls: Any, client_tls: Any
) -> None:
    server = start(tls_context=server_tls, authenticator=login, auth_required=True)

    outcome = sent(server.port, ssl_context=client_tls)

    assert failure(outcome) == (Retry.CONFIGURATION, "530 5.7.0")


def test_a_server_that_takes_no_login_is_a_wrong_set_up(scripted: Any, sent: Any) -> None:
    outcome = sent(scripted().port, security="none", username="u", password="p")

    assert failure(outcome) == (Retry.CONFIGURATION, "AUTH")


def test_a_password_goes_to_this_machine_without_tls(scripted: Any, sent: Any) -> None:
    server = scripted({"EHLO": "250-x\n250 AUTH PLAIN LOGIN", "AUTH": "235 2.7.0 Welcome"})

    outcome = sent(server.port, security="none", username="u", password="p")

    assert isinstance(outcome, Accepted)
    assert server.talk[1] == "AUTH PLAIN AHUAcA=="


@pytest.mark.parametrize(
    "options",
    [
        {"host": "mail.example", "username": "u", "password": "p"},
        {"host": "192.0.2.1", "username": "u", "password": "p"},
        {"host": "127.0.0.1", "username": "u"},
        {"host": "127.0.0.1", "password": "p"},
        {"host": "a b"},
        {"host": ""},
        {"host": "localhost", "local_hostname": "x\r\nMAIL FROM:<>"},
    ],
)
def test_a_set_up_that_would_give_something_away_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SmtpTransport(port=25, security="none", **options)


def test_a_password_without_tls_can_be_asked_for() -> None:
    transport = SmtpTransport(
        "mail.example", 25, security="none", username="u", password="p", clear_text_login=True
    )

    assert transport.security is SmtpSecurity.NONE


def test_neither_user_name_nor_password_is_shown() -> None:
    shown = repr(SmtpTransport("mail.example", username="user-7", password="secret-7"))

    assert "-7" not in shown
    assert "mail.example" in shown


def test_a_check_tells_a_wrong_password_and_certificate_from_a_server_that_is_away(
    start: Any, closing: ExitStack, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    server = start(tls_context=server_tls, authenticator=login, auth_required=True)

    def check(port: int, tls: ssl.SSLContext, password: str) -> tuple[str, bool]:
        transport = SmtpTransport(
            "localhost", port, username="käthe", password=password, ssl_context=tls
        )
        checked = closing.enter_context(transport).check()
        return checked.status, checked.failure is None

    assert check(server.port, client_tls, "gehe1m·") == ("ok", True)
    assert check(server.port, client_tls, "wrong") == ("bad_credentials", False)
    assert check(server.port, ssl.create_default_context(), "gehe1m·") == ("bad_setup", False)
    assert check(1, client_tls, "gehe1m·") == ("unreachable", False)
    assert server.envelopes == []
