"""Messages shown on the console, for development."""

import sys
import threading
from collections.abc import Iterator
from typing import TextIO

import attrs
from attrs import define, field

from messaging_core.arguments import a_text, checked_init, optional, part
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import Accepted, Outcome, Unknown
from messaging_core.models.messages.envelope import Address, EmailContent, Envelope, SmsContent
from messaging_core.ports.transport import Capabilities, Handoff, Transport

_RULE = "─" * 72


@checked_init(
    stream=optional(part("a stream", "write", remedy="write stream=sys.stderr")), name=a_text
)
@define(eq=False)
class ConsoleTransport(Transport):
    """Print each message, with addresses and content, instead of sending it.

    Blocks of several threads do not mix, and control characters of a message do not reach the
    terminal.

    Attributes:
        stream: Where to print; by default standard output, as it is when a message comes.
    """

    stream: TextIO | None = field(default=None, repr=False)
    name: str = field(default="console", kw_only=True)
    capabilities: Capabilities = field(factory=Capabilities, init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        stream = self.stream or sys.stdout
        block = _printable("\n".join(_lines(envelope)), stream)
        handoff()
        try:
            with self._lock:
                stream.write(block)
                stream.flush()
        except (OSError, ValueError) as error:  # a broken pipe, a closed stream
            return self._in_doubt(error)
        return Accepted(references=(str(envelope.message_id),))

    def _in_doubt(self, error: Exception) -> Outcome:
        failure = Failure(
            code=FailureCode.IN_DOUBT,
            description="the console broke off",
            source=FailureSource(code=type(error).__name__, name=self.name),
            retry=Retry.AMBIGUOUS,
        )
        return Unknown(failure=failure)


def _lines(envelope: Envelope) -> Iterator[str]:
    channel = envelope.channel
    yield _RULE
    yield f"{channel.platform} · {channel.name} · try {envelope.attempt} · {envelope.message_id}"
    if envelope.sender is not None:
        yield f"From: {_shown(envelope.sender)}"
    for receiver in envelope.receivers:
        yield f"{receiver.type.capitalize()}: {_shown(receiver)}"
    yield from _content(envelope)
    yield _RULE
    yield ""


def _shown(address: Address) -> str:
    return f"{address.name} <{address.value}>" if address.name else address.value


def _content(envelope: Envelope) -> Iterator[str]:
    match envelope.content:
        case SmsContent(sms=sms):
            yield f"Parts: {sms.count} ({sms.encoding})"
            yield from ("", sms.text)
        case EmailContent() as email:
            yield from _email(email)
        case other:
            for name in attrs.fields_dict(type(other)):
                if (value := getattr(other, name)) not in (None, ()):
                    yield f"{name.replace('_', ' ').capitalize()}: {value}"


def _email(email: EmailContent) -> Iterator[str]:
    yield f"Subject: {email.subject}"
    yield from (f"{name}: {value}" for name, value in email.headers.items())
    yield from (f"Attachment: {attachment.filename}" for attachment in email.attachments)
    yield from ("", email.text if email.text is not None else email.html or "")


def _printable(text: str, stream: TextIO) -> str:
    """Return a text that the terminal prints and does not obey."""
    shown = "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
    encoding = stream.encoding or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)
