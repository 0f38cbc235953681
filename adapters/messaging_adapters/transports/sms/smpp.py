"""SMS handed to a message centre over SMPP 3.4."""

import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta, tzinfo
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from attrs import define, field

from messaging_adapters.providers.error_table import ErrorTable
from messaging_adapters.smpp.bind import Account, BindMode, open_session
from messaging_adapters.smpp.failures import NOT_SENT, failed_check, not_sent
from messaging_adapters.smpp.inbox import Inbox, Listener, Receive
from messaging_adapters.smpp.message_ids import IdNotation, MessageIds
from messaging_adapters.smpp.pdu import Command, Pdu
from messaging_adapters.smpp.provider_words import status_table
from messaging_adapters.smpp.receipts import Reading
from messaging_adapters.smpp.requests import Part, Style, parts_of
from messaging_adapters.smpp.session import Session, Terms
from messaging_adapters.smpp.sessions import Sessions
from messaging_adapters.smpp.submission import Centre, Progress, Submission
from messaging_adapters.smpp.text import Alphabet, Concatenation
from messaging_core.arguments import (
    a,
    a_text,
    checked_init,
    choice,
    flag,
    function,
    optional,
    span,
    whole,
)
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock
from messaging_core.ports.transport import Capabilities, Handoff, Transport
from messaging_core.rules.formats.sms import MAX_SMS_PARTS

_HOST: Final = re.compile(r"[!-~]{1,255}")
_LIMITS: Final = {"system_id": 15, "password": 8, "system_type": 12, "service_type": 5}
_LATE: Final = 10_000  # references that are remembered
_A_CHANNEL: Final = a((Channel, UUID), "a Channel or its id", "pass the channel itself")
_PRINTABLE: Final = re.compile(r"[ -~]*")


class SmppSecurity(StrEnum):
    """Choose how the connection is encrypted; whatever is chosen is never done without."""

    TLS = "tls"
    NONE = "none"


_PORTS: Final = {SmppSecurity.TLS: 3550, SmppSecurity.NONE: 2775}  # IANA: ssmpp, smpp


@checked_init(
    host=a_text,
    port=optional(whole(1, 65535)),
    name=a_text,
    system_id=a_text,
    password=a_text,
    system_type=a_text,
    security=choice(*SmppSecurity, case=str.lower),
    ssl_context=optional(a(ssl.SSLContext, "an SSLContext", "use ssl.create_default_context()")),
    bind=choice(*BindMode, case=str.lower),
    window=whole(1, 10_000),
    timeout=span(),
    response_timeout=span(),
    idle=span(),
    longest_wait=span(),
    alphabet=choice(*Alphabet, case=str.lower),
    concatenation=choice(*Concatenation, case=str.lower),
    service_type=a_text,
    source_ton=optional(whole(0, 255)),
    source_npi=optional(whole(0, 255)),
    destination_ton=optional(whole(0, 255)),
    destination_npi=optional(whole(0, 255)),
    receipts=flag,
    validity=flag,
    message_ids=choice(*MessageIds, case=str.lower),
    zone=optional(a(tzinfo, "a tzinfo", 'use zoneinfo.ZoneInfo("Europe/Paris")')),
    errors=a(Mapping, "a mapping", 'write {0x0B: {"retry": "transient"}}'),
    clock=a_clock,
)
@define(eq=False)
class SmppTransport(Transport):
    """Hand SMS to a message centre, over a session that is kept.

    The session is opened by the first message, or by `start`, and opened again when it was lost.
    The point of no return is the first request of a message (`submit_sm`); a request that is not
    answered, because the answer was too late or the connection was lost, leaves it in doubt. A
    long text goes in parts, each with its own answer and receipt: it is accepted when all parts
    are, and those that were taken are not sent again by the same process.

    Call `start` with `messenger.receive` to get receipts and messages that people send; each is
    acknowledged only when it is stored. Use the transport as a context manager, or call `close`,
    to wait for open answers and take leave of the centre.

    Attributes:
        host: Name of the centre; its certificate must carry it.
        port: By default 3550 with TLS and 2775 without.
        system_id: The login, of at most 15 characters.
        password: At most 8 characters.
        system_type: As agreed with the centre, mostly empty.
        security: `tls`, or `none` for a connection in clear text, as in a private network.
        ssl_context: By default one that verifies certificates and host names.
        bind: `transceiver`; `transmitter` for a process that only sends.
        window: How many requests may be unanswered at once.
        timeout: The longest wait for connecting, the login, a place in the window, or the answer
            to a probe of the link.
        response_timeout: The longest wait for the answer to a message.
        idle: After so long a silence the link is probed (`enquire_link`).
        longest_wait: Between two tries to connect; the first wait is a second, each next one twice
            as long.
        alphabet: What the centre takes `data_coding` 0 for.
        concatenation: How the parts of a long text are tied together.
        service_type: As agreed with the centre, mostly empty.
        source_ton: Type of number of every sender; by default 1 for a number with `+`, 5 for a
            name, else 0.
        source_npi: Its numbering plan; by default 1 for a number with `+`, else 0.
        destination_ton: Type of number of every receiver; by default 1 for a number with `+`.
        destination_npi: Its numbering plan.
        receipts: Whether to ask for receipts.
        validity: Whether to tell the centre how long the message may wait.
        message_ids: How the centre writes its ids in receipts.
        zone: Of the centre's clock; without it receipts are dated when they come.
        errors: Other meanings of some `command_status`: `{0x0B: {"retry": "transient"}}`.

    Raises:
        ConfigurationError: A login or host that cannot be one, or an unknown word in `errors`.
    """

    host: str
    port: int | None = None
    name: str = field(default="smpp", kw_only=True)
    system_id: str = field(kw_only=True)
    password: str = field(kw_only=True, repr=False)
    system_type: str = field(default="", kw_only=True)
    security: SmppSecurity = field(default=SmppSecurity.TLS, converter=SmppSecurity, kw_only=True)
    ssl_context: ssl.SSLContext | None = field(default=None, kw_only=True, repr=False)
    bind: BindMode = field(default=BindMode.TRANSCEIVER, converter=BindMode, kw_only=True)
    window: int = field(default=10, kw_only=True)
    timeout: timedelta = field(default=timedelta(seconds=10), kw_only=True)
    response_timeout: timedelta = field(default=timedelta(seconds=60), kw_only=True)
    idle: timedelta = field(default=timedelta(seconds=30), kw_only=True)
    longest_wait: timedelta = field(default=timedelta(seconds=60), kw_only=True)
    alphabet: Alphabet = field(default=Alphabet.GSM, converter=Alphabet, kw_only=True)
    concatenation: Concatenation = field(
        default=Concatenation.UDH_8, converter=Concatenation, kw_only=True
    )
    service_type: str = field(default="", kw_only=True)
    source_ton: int | None = field(default=None, kw_only=True)
    source_npi: int | None = field(default=None, kw_only=True)
    destination_ton: int | None = field(default=None, kw_only=True)
    destination_npi: int | None = field(default=None, kw_only=True)
    receipts: bool = field(default=True, kw_only=True)
    validity: bool = field(default=True, kw_only=True)
    message_ids: MessageIds = field(default=MessageIds.AUTO, converter=MessageIds, kw_only=True)
    zone: tzinfo | None = field(default=None, kw_only=True)
    errors: Mapping[Any, Any] = field(factory=dict, kw_only=True, repr=False)
    clock: Clock = field(factory=SystemClock, kw_only=True, repr=False)
    capabilities: Capabilities = field(init=False, repr=False)
    _statuses: ErrorTable = field(init=False, repr=False)
    _style: Style = field(init=False, repr=False)
    _sessions: Sessions = field(init=False, repr=False)
    _inbox: Inbox = field(init=False, repr=False)
    _centre: Centre = field(init=False, repr=False)
    _late: dict[str, UUID] = field(factory=dict, init=False, repr=False)
    _progress: Progress = field(factory=Progress, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        _check_login(self)
        self.capabilities = Capabilities(
            platforms=frozenset({SMS}),
            media=False,
            max_parts=MAX_SMS_PARTS,
            max_recipients=1,
            receipts=self.receipts,
        )
        self._statuses = status_table(self.errors)
        ids = IdNotation(self.message_ids)
        reading = Reading(
            source=self.name, alphabet=self.alphabet, ids=ids, zone=self.zone, late=self._late
        )
        self._inbox = Inbox(reading, self.clock)
        self._style = _style_of(self)
        self._centre = Centre(
            name=self.name,
            statuses=self._statuses,
            ids=ids,
            timeout=self.timeout.total_seconds(),
            response_timeout=self.response_timeout.total_seconds(),
            on_late_answer=self._take_late_answer,
        )
        self._sessions = Sessions(self._connect, self.longest_wait.total_seconds())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        receive: Receive,
        *,
        channel: Channel | UUID | None = None,
        numbers: Mapping[str, Channel | UUID] | None = None,
    ) -> None:
        """Bind now, stay bound, and hand over what the centre sends.

        Args:
            receive: `messenger.receive`; for another workspace than the default one
                `functools.partial(messenger.receive, workspace=…)`. It is called on a thread of
                the transport. What it raises lets the centre send the same again later.
            channel: The channel that incoming messages belong to.
            numbers: The channels of some numbers, where there are several.
        """
        by_number = {
            number.removeprefix("+"): _id_of(served, "numbers")
            for number, served in (numbers or {}).items()
        }
        default = None if channel is None else _id_of(channel, "channel")
        function(receive, "receive")
        self._inbox.listen(Listener(receive=receive, channels=by_number, channel=default))
        self._sessions.keep()

    def close(self) -> None:
        """Wait for open answers, at most `timeout`, and unbind; nothing is sent afterwards."""
        limit = self.timeout.total_seconds()
        self._inbox.close(limit)
        self._sessions.close(limit)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        try:
            parts = parts_of(envelope, self._style, self.clock.now())
            session = self._sessions.current()
            session.reserve(self._centre.timeout)
        except NOT_SENT as error:
            return not_sent(error, self.name, self._statuses)
        return self._submit(session, envelope, parts, handoff)

    def check(self) -> TransportCheck:
        """Log in, or probe the session that there is."""
        try:
            self._sessions.current(at_once=True).call(Pdu(command=Command.ENQUIRE_LINK))
        except NOT_SENT as error:
            return failed_check(error, self.name, self._statuses)
        return TransportCheck(status=CheckStatus.OK)

    def _submit(
        self, session: Session, envelope: Envelope, parts: list[Part], handoff: Handoff
    ) -> Outcome:
        message_id = envelope.message_id
        fingerprint = hash(tuple(part.pdu.content for part in parts))
        submission = Submission(
            centre=self._centre,
            message_id=message_id,
            address=envelope.to,
            parts=parts,
            taken=self._progress.take(message_id, fingerprint),
        )
        try:
            outcome = submission.run(session, handoff)
        finally:
            if submission.taken and len(submission.taken) < len(parts):
                self._progress.keep(message_id, fingerprint, submission.taken)
        return outcome

    def _connect(self, on_end: Any) -> Session:
        terms = Terms(
            window=self.window,
            timeout=self.timeout.total_seconds(),
            idle=self.idle.total_seconds(),
        )
        return open_session(self._account(), terms, on_message=self._inbox.put, on_end=on_end)

    def _account(self) -> Account:
        is_encrypted = self.security is SmppSecurity.TLS
        return Account(
            host=self.host,
            port=self.port or _PORTS[self.security],
            tls=(self.ssl_context or ssl.create_default_context()) if is_encrypted else None,
            mode=self.bind,
            system_id=self.system_id,
            password=self.password,
            system_type=self.system_type,
        )

    def _take_late_answer(self, message_id: UUID, references: Sequence[str]) -> None:
        """Tell the engine that a message in doubt was taken."""
        for reference in references:
            self._late[reference] = message_id
        while len(self._late) > _LATE:
            self._late.pop(next(iter(self._late)), None)
        self._inbox.report(
            StatusReceipt(
                source=self.name,
                at=self.clock.now(),
                status=ReceiptStatus.SENT,
                provider_status="late submit_sm_resp",
                reference=references[0] if len(references) == 1 else None,
                message_id=message_id,
                key=f"late:{message_id.hex}:{','.join(references)}",
            )
        )


def _check_login(transport: SmppTransport) -> None:
    if not _HOST.fullmatch(transport.host):
        raise ConfigurationError("an SMPP host name is printable ASCII without blanks")
    for name, limit in _LIMITS.items():
        value = getattr(transport, name)
        if len(value) > limit or not _PRINTABLE.fullmatch(value):
            raise ConfigurationError(
                f"{name} is at most {limit} characters of ASCII (SMPP 3.4 §5.2)"
            )
    if not transport.system_id:
        raise ConfigurationError("system_id is empty; it is the login at the message centre")


def _style_of(transport: SmppTransport) -> Style:
    return Style(
        alphabet=transport.alphabet,
        concatenation=transport.concatenation,
        service_type=transport.service_type,
        source_ton=transport.source_ton,
        source_npi=transport.source_npi,
        destination_ton=transport.destination_ton,
        destination_npi=transport.destination_npi,
        receipts=transport.receipts,
        validity=transport.validity,
    )


def _id_of(channel: Channel | UUID, name: str) -> UUID:
    _A_CHANNEL(channel, name)
    return channel.id if isinstance(channel, Channel) else channel
