"""Mail handed to a submission server over SMTP (RFC 5321, RFC 6409)."""

import re
import ssl
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final, Self

from attrs import define, evolve, field

from messaging_adapters.mail.compose import Mail, compose
from messaging_adapters.mail.failures import unsendable
from messaging_adapters.mail.pool import IdleSessions
from messaging_adapters.mail.replies import CLOSING, Reply, Stage, outcome_of_reply
from messaging_adapters.mail.report_request import (
    Notify,
    ReportRequest,
    Returned,
    report_request,
)
from messaging_adapters.mail.return_path import ReturnPath
from messaging_adapters.mail.session import RefusalError, Session
from messaging_adapters.mail.verdicts import NOT_SENT, failed_check, for_each, in_doubt, not_sent
from messaging_core.arguments import (
    a,
    a_text,
    checked_init,
    choice,
    flag,
    members,
    optional,
    span,
    whole,
)
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.outcome import Accepted, Outcome, SingleOutcome
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.ports.components import A_MEDIA_SOURCE
from messaging_core.ports.media import MediaSource
from messaging_core.ports.transport import Capabilities, Handoff, Transport

_CAPABILITIES: Final = Capabilities(
    platforms=frozenset({EMAIL}),
    media=True,
    # A server that relays rewrites no links and adds no picture.
    lacks=frozenset({"click_tracking", "initial_open_tracking", "open_tracking"}),
    known_references=True,
)
_HOSTNAME: Final = re.compile(r"[!-~]{1,255}")


class SmtpSecurity(StrEnum):
    """Choose how the connection is encrypted; whatever is chosen is never done without."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@checked_init(
    host=a_text,
    port=whole(1, 65535),
    name=a_text,
    security=choice(*SmtpSecurity, case=str.lower),
    username=optional(a_text),
    password=optional(a_text),
    clear_text_login=flag,
    timeout=span(),
    data_timeout=span(),
    ssl_context=optional(a(ssl.SSLContext, "an SSLContext", "use ssl.create_default_context()")),
    media=optional(A_MEDIA_SOURCE),
    max_size=whole(),
    local_hostname=optional(a_text),
    max_idle=whole(0),
    idle_for=span(timedelta(0)),
    return_path=optional(a_text),
    return_path_secret=optional(a_text),
    notify=members(Notify),
    returned=choice(*Returned, case=str.lower),
    dkim_domain=optional(a_text),
    dkim_selector=optional(a_text),
    dkim_key=optional(a_text),
)
@define(eq=False)
class SmtpTransport(Transport):
    """Hand mail to a submission server, over connections that are kept for the next mail.

    The point of no return is the final dot: everything before it is undone by hanging up, so only
    a connection that is lost between the dot and the reply leaves a mail in doubt. A mail that
    would not arrive as it was meant, such as one with a line break in a header, is refused before
    any connection is made. `Accepted.references` holds the `Message-ID`, the same at every try.

    Use it as a context manager, or call `close`, to take leave of the server.

    Attributes:
        host: Name of the server; its certificate must carry it.
        port: 587 for STARTTLS, 465 for TLS from the first byte (RFC 8314).
        security: How the connection is encrypted. With `starttls` a server that does not offer it
            gets no mail.
        username: Where the server wants one; sent under TLS only, or to this machine.
        password: Beside it.
        clear_text_login: Log in without TLS to another machine all the same.
        timeout: The longest wait for connecting, any whole reply, or sending 64 KB.
        data_timeout: The longest wait for the reply to the final dot; a short one makes
            duplicates (RFC 5321 §4.5.3.2.6, RFC 1047).
        ssl_context: By default one that verifies certificates and host names.
        media: Where attachments come from that are named by URL; without it they are refused.
        max_size: The most bytes of a finished mail, whatever the server would take.
        local_hostname: Who to say that we are (EHLO); by default the address we come from.
        max_idle: The most connections that wait for their next mail.
        idle_for: How long they wait.
        return_path: The mailbox that takes the reports on our mail: `bounces@shop.example` for
            what comes to `bounces+anything@shop.example`. By default the sender gets them.
        return_path_secret: Proves in the address of a report that it is about our mail;
            `MailReports` needs it, too.
        notify: What a server that offers DSN (RFC 3461) reports. A report of `success` becomes a
            delivery; it is one more mail for each receiver.
        returned: How much of the mail such a report of a failure gives back.
        dkim_domain: The domain that signs the mail (DKIM); it needs the extra `dkim`.
        dkim_selector: Names its key in the DNS.
        dkim_key: The text of the PEM file with its RSA key.

    Raises:
        ConfigurationError: A password without TLS, a host that is none, or a part of a return path
            or of a DKIM key that is missing or wrong.
    """

    host: str
    port: int = 587
    name: str = field(default="smtp", kw_only=True)
    security: SmtpSecurity = field(
        default=SmtpSecurity.STARTTLS, converter=SmtpSecurity, kw_only=True
    )
    username: str | None = field(default=None, kw_only=True, repr=False)
    password: str | None = field(default=None, kw_only=True, repr=False)
    clear_text_login: bool = field(default=False, kw_only=True)
    timeout: timedelta = field(default=timedelta(seconds=60), kw_only=True)
    data_timeout: timedelta = field(default=timedelta(seconds=600), kw_only=True)
    ssl_context: ssl.SSLContext | None = field(default=None, kw_only=True, repr=False)
    media: MediaSource | None = field(default=None, kw_only=True, repr=False)
    max_size: int = field(default=25_000_000, kw_only=True)
    local_hostname: str | None = field(default=None, kw_only=True)
    max_idle: int = field(default=8, kw_only=True)
    idle_for: timedelta = field(default=timedelta(seconds=60), kw_only=True)
    return_path: str | None = field(default=None, kw_only=True, repr=False)
    return_path_secret: str | None = field(default=None, kw_only=True, repr=False)
    notify: Iterable[str] = field(default=(Notify.FAILURE, Notify.DELAY), kw_only=True)
    returned: Returned = field(default=Returned.HEADERS, converter=Returned, kw_only=True)
    dkim_domain: str | None = field(default=None, kw_only=True)
    dkim_selector: str | None = field(default=None, kw_only=True)
    dkim_key: str | None = field(default=None, kw_only=True, repr=False)
    capabilities: Capabilities = field(default=_CAPABILITIES, init=False, repr=False)
    _path: ReturnPath | None = field(init=False, repr=False)
    _reports: ReportRequest = field(init=False, repr=False)
    _signer: Any = field(init=False, repr=False)  # of an optional library
    _idle: IdleSessions = field(init=False, repr=False)
    _tls: ssl.SSLContext = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work or would give the password away."""
        for hostname in (self.host, self.local_hostname):
            if hostname is not None and not _HOSTNAME.fullmatch(hostname):
                raise ConfigurationError("an SMTP host name is printable ASCII without blanks")
        if (self.username is None) != (self.password is None):
            raise ConfigurationError("an SMTP login needs a user name and a password")
        if self.username is not None and not self._may_log_in():
            raise ConfigurationError("an SMTP password is not sent without TLS")
        self._path = _return_path(self.return_path, self.return_path_secret)
        if self._path:
            self.capabilities = evolve(_CAPABILITIES, receipts=True)
        self._reports = report_request(self.notify, self.returned)
        self._signer = _signer(self.dkim_domain, self.dkim_selector, self.dkim_key)
        self._idle = IdleSessions(self.max_idle, self.idle_for)
        self._tls = self.ssl_context or ssl.create_default_context()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take leave of the server; a mail that is under way is finished first."""
        self._idle.close()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        try:
            mail = self._compose(envelope)
            session, refused = self._addressed(mail)
        except NOT_SENT as error:
            return not_sent(error, self.name)
        if len(refused) == len(mail.recipients):
            self._keep_after_reset(session)
            return for_each(mail.recipients, refused, None, self.name)
        outcome = self._hand_over(session, mail, refused, handoff)
        return for_each(mail.recipients, refused, outcome, self.name)

    def check(self) -> TransportCheck:
        """Connect, log in, and keep the connection for the next mail."""
        try:
            session = self._connect()
        except NOT_SENT as error:
            outcome = not_sent(error, self.name)
            is_login = isinstance(error, RefusalError) and error.stage is Stage.LOGIN
            return failed_check(outcome, is_login=is_login)
        self._idle.give(session)
        return TransportCheck(status=CheckStatus.OK)

    def _compose(self, envelope: Envelope) -> Mail:
        if not isinstance(envelope.content, EmailContent):
            raise unsendable("SMTP carries email only", FailureCode.UNSUPPORTED_TYPE)
        mail = compose(
            envelope,
            envelope.content,
            media=self.media,
            limit=self.max_size,
            return_path=self._path,
        )
        return evolve(mail, content=self._signer.sign(mail.content)) if self._signer else mail

    def _addressed(self, mail: Mail) -> tuple[Session, dict[str, Reply]]:
        """Return a session that knows sender and recipients, and those recipients it refused."""
        waiting = self._idle.take()
        if waiting is not None:
            try:
                return waiting, _address(waiting, mail, self._reports)
            except OSError:
                pass  # The server hung up meanwhile: that says nothing about this mail.
            except RefusalError as error:
                if error.reply.code != CLOSING:
                    raise
        fresh = self._connect()
        return fresh, _address(fresh, mail, self._reports)

    def _connect(self) -> Session:
        tls = self._tls if self.security is SmtpSecurity.TLS else None
        session = Session.open(self.host, self.port, timeout=self.timeout.total_seconds(), tls=tls)
        try:
            session.hello(self.local_hostname)
            if self.security is SmtpSecurity.STARTTLS:
                session.start_tls(self._tls)
            if self.username is not None and self.password is not None:
                session.login(self.username, self.password)
        except BaseException:
            session.abort()
            raise
        return session

    def _hand_over(
        self, session: Session, mail: Mail, refused: Mapping[str, Reply], handoff: Handoff
    ) -> SingleOutcome:
        try:
            session.write(mail.content)
        except NOT_SENT as error:
            session.abort()
            return not_sent(error, self.name)
        try:
            handoff(references=(mail.message_id,))
        except BaseException:
            session.abort()  # without the dot: the server throws away what it has
            raise
        return self._finish(session, mail, alone=len(mail.recipients) - len(refused) == 1)

    def _finish(self, session: Session, mail: Mail, *, alone: bool) -> SingleOutcome:
        try:
            reply = session.finish(self.data_timeout.total_seconds())
        except OSError as error:
            session.abort()
            return in_doubt(type(error).__name__, self.name)
        if reply.code == CLOSING or not reply.is_final:
            session.abort()
        else:
            self._idle.give(session)
        if reply.is_ok:
            return Accepted(references=(mail.message_id,), raw=reply.shown)
        if not reply.is_final:
            return in_doubt(reply.codes, self.name)
        return outcome_of_reply(reply, Stage.MESSAGE, name=self.name, alone=alone)

    def _keep_after_reset(self, session: Session) -> None:
        try:
            session.reset()
        except (RefusalError, OSError):
            session.abort()
        else:
            self._idle.give(session)

    def _may_log_in(self) -> bool:
        """Say whether the password cannot be read on the way (RFC 4954 §4)."""
        encrypted = self.security is not SmtpSecurity.NONE
        return encrypted or self.clear_text_login or _is_this_machine(self.host)


def _address(session: Session, mail: Mail, reports: ReportRequest) -> dict[str, Reply]:
    try:
        return session.address(mail, reports)
    except BaseException:
        session.abort()
        raise


def _return_path(address: str | None, secret: str | None) -> ReturnPath | None:
    if address is None and secret is None:
        return None
    if address is None or secret is None or not secret.strip():
        raise ConfigurationError("a return path needs both return_path and return_path_secret")
    return ReturnPath(address=address, secret=secret)


def _signer(domain: str | None, selector: str | None, key: str | None) -> Any:
    """Return what signs mail; its library is loaded only then."""
    if domain is None and selector is None and key is None:
        return None
    if domain is None or selector is None or key is None:
        raise ConfigurationError("DKIM needs dkim_domain, dkim_selector and dkim_key")
    from messaging_adapters.mail.dkim_signature import DkimSigner  # noqa: PLC0415 - optional

    return DkimSigner(domain=domain, selector=selector, key=key)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
